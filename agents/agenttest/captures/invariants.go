package captures

import (
	"slices"
	"testing"
)

// Exception lets violations of a rule pass. One that is not needed is an error.
type Exception struct {
	Rule Rule
	// Recording is the only one that it holds for; empty for all.
	Recording string
	// Times is how often that recording violates the rule.
	Times int
	// Reason says why that is right.
	Reason string
}

// Invariants replays every recording and checks all rules.
func (r *Recordings) Invariants(t *testing.T) {
	t.Helper()
	ran, needed := 0, map[Exception]bool{}
	for name, lines := range r.Lines(t) {
		t.Run(name, func(t *testing.T) {
			ran++
			var faults []fault
			c := newChecker(func(f fault) { faults = append(faults, f) })
			c.follow(r.Play(t, name, lines))
			faults, used, misses := except(r.Exceptions, name, faults)
			for _, e := range used {
				needed[e] = true
			}
			for _, e := range misses {
				t.Errorf("the exception holds for another number of times: %+v", e)
			}
			for _, f := range faults {
				t.Errorf("%s: %s", f.rule, f.text)
			}
		})
	}
	for _, e := range r.Exceptions {
		if !needed[e] && ran == r.Count {
			t.Errorf("the exception is not needed: %+v", e)
		}
	}
}

// except returns the faults of a recording that no exception lets pass, the
// exceptions that were used, and those that miss the number of faults.
func except(exceptions []Exception, name string, faults []fault) (left []fault, used, misses []Exception) {
	times := map[Rule]int{}
	for _, f := range faults {
		times[f.rule]++
	}
	passed := map[Rule]bool{}
	for _, e := range exceptions {
		n := times[e.Rule]
		switch {
		case e.Recording == "" && n > 0, e.Recording == name && n == e.Times:
			used = append(used, e)
			passed[e.Rule] = true
		case e.Recording == name:
			misses = append(misses, e)
		}
	}
	left = slices.DeleteFunc(faults, func(f fault) bool { return passed[f.rule] })
	return left, used, misses
}

// Checker returns a checker for a conversation with the agent itself. It fails
// the test for each violation as it sees it. The exceptions for all recordings
// hold, and those that are given.
func (r *Recordings) Checker(t testing.TB, more ...Exception) *Checker {
	exceptions := slices.Concat(r.Exceptions, more)
	return newChecker(func(f fault) {
		t.Helper()
		if left, _, _ := except(exceptions, "", []fault{f}); len(left) > 0 {
			t.Errorf("%s: %s", f.rule, f.text)
		}
	})
}

package conformance

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/protocol"
)

const (
	// scenarioTime bounds one scenario, without its clean-up.
	scenarioTime = 2 * time.Minute
	// atOnce is how many scenarios are driven at a time: an agent takes a core
	// to start.
	atOnce = 2
	// longestFault is how much of a fault is told, in bytes.
	longestFault = 400
)

// Result is what driving an agent showed of a capability.
type Result string

// The results.
const (
	// Proven is a capability all of whose scenarios held.
	Proven Result = "proven"
	// NotProven is one that is claimed, and a scenario did not hold.
	NotProven Result = "not_proven"
	// NotClaimed is one that the agent is not said to have.
	NotClaimed Result = "not_claimed"
)

// Verdict is the result for one capability.
type Verdict struct {
	Capability string `json:"capability"`
	Result     Result `json:"result"`
	// Scenarios are those that were driven for it.
	Scenarios []string `json:"scenarios,omitempty"`
	// Fault is the first thing that did not hold, in one line.
	Fault string `json:"fault,omitempty"`
}

// Step tells how far Prove is.
type Step struct {
	// Done scenarios of All are over; Scenario is the last of them.
	Done, All int
	Scenario  string
	// Fault is what did not hold in it; empty if all did.
	Fault string
}

// Prove drives the executable that the locator finds through the scenarios of
// all that is claimed, as a client in JSON, and returns a verdict for every
// capability. The agent has a home and a model of its own: neither its files
// nor its vendor are touched. tell, if not nil, is called after each scenario,
// never by two goroutines at a time.
//
// When ctx ends, what runs is ended and cleaned up, and its error is returned.
func Prove(ctx context.Context, a Adapter, l *agents.Locator, claims protocol.Capabilities, tell func(Step)) ([]Verdict, error) {
	scenarios := slices.DeleteFunc(a.Claimed(claims), func(s agenttest.Scenario) bool { return len(s.Proves) == 0 })
	faults := make([]string, len(scenarios))
	next := make(chan int)
	var workers sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for range atOnce {
		workers.Go(func() {
			for i := range next {
				s := &scenarios[i]
				faults[i] = oneLine(try(ctx, scenarioTime, func(t agenttest.T) { Check(t, a.Place(t, l), s, protocol.FormatJSON) }))
				mu.Lock()
				done++
				if tell != nil && ctx.Err() == nil {
					tell(Step{Done: done, All: len(scenarios), Scenario: s.Name, Fault: faults[i]})
				}
				mu.Unlock()
			}
		})
	}
	for i := range scenarios {
		if ctx.Err() == nil {
			next <- i
		}
	}
	close(next)
	workers.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return verdicts(claims, scenarios, faults), nil
}

// verdicts judges each capability by the faults of its scenarios.
func verdicts(claims protocol.Capabilities, scenarios []agenttest.Scenario, faults []string) []Verdict {
	claimed := capabilities(claims)
	all := make([]Verdict, 0, len(marks))
	for _, m := range marks {
		v := Verdict{Capability: m.name, Result: NotClaimed}
		if slices.Contains(claimed, m.name) {
			v.Result, v.Fault = NotProven, "no scenario proves it"
		}
		for i, s := range scenarios {
			if !slices.Contains(s.Proves, m.name) {
				continue
			}
			if len(v.Scenarios) == 0 {
				v.Result, v.Fault = Proven, ""
			}
			v.Scenarios = append(v.Scenarios, s.Name)
			if faults[i] != "" && v.Fault == "" {
				v.Result, v.Fault = NotProven, s.Name+": "+faults[i]
			}
		}
		all = append(all, v)
	}
	return all
}

// oneLine is the first of the faults, as people read it.
func oneLine(faults []string) string {
	if len(faults) == 0 {
		return ""
	}
	text := strings.Join(strings.Fields(faults[0]), " ")
	if len(text) > longestFault {
		text = strings.ToValidUTF8(text[:longestFault], "") + "..."
	}
	return text
}

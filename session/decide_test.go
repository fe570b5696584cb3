package session

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// asked starts a turn in which the agent asks for a permission.
func asked(b *bench) (*Session, *scriptedConn) {
	b.t.Helper()
	s, c := b.running()
	c.say(&protocol.ItemStarted{Item: protocol.Item{ID: "tool1", Kind: protocol.KindToolCall, Tool: &protocol.Tool{Name: "Bash"}}})
	p := bash("r1")
	p.ItemID = "tool1"
	p.Tool.Input = []byte(`{ "command": "ls" }`)
	p.Title = "run \x1b[31m\u202elz"
	c.say(&protocol.PermissionRequested{Permission: p})
	b.until(s, is(protocol.TypePermissionRequested))
	return s, c
}

func TestDecide(t *testing.T) {
	b := newBench(t)
	s, c := asked(b)
	st := s.State()
	if st.Status != protocol.StatusWaiting || len(st.Permissions) != 1 {
		t.Fatalf("state %+v", st)
	}
	p := st.Permissions[0]
	if p.PermissionID != "p1" || p.ItemID != "i1" || p.InputSHA256 != hexSHA256([]byte(`{"command":"ls"}`)) {
		t.Errorf("permission %+v", p)
	}
	for _, r := range p.Title {
		if r == 0x1b || r == 0x202e {
			t.Errorf("the title %q holds a control character", p.Title)
		}
	}
	for _, tt := range []struct {
		name string
		c    protocol.PermissionDecide
		code protocol.Code
	}{
		{"unknown permission", protocol.PermissionDecide{PermissionID: "p9", Decision: protocol.Allow}, protocol.CodePermissionClosed},
		{"unknown option", protocol.PermissionDecide{PermissionID: "p1", OptionID: "nope"}, protocol.CodeInvalidRequest},
		{"scope not offered", protocol.PermissionDecide{PermissionID: "p1", Decision: protocol.Allow, Scope: protocol.ScopeAlways}, protocol.CodeInvalidRequest},
		{"P-06 other input", protocol.PermissionDecide{PermissionID: "p1", Decision: protocol.Allow, InputSHA256: "00"}, protocol.CodeInputMismatch},
		{"edit that is no object", protocol.PermissionDecide{PermissionID: "p1", Decision: protocol.Allow, Input: json.RawMessage(`[]`)}, protocol.CodeInvalidRequest},
		{"edit with deny", protocol.PermissionDecide{PermissionID: "p1", Decision: protocol.Deny, Input: json.RawMessage(`{}`)}, protocol.CodeInvalidRequest},
	} {
		if r := b.try(s, "bad "+tt.name, &tt.c); r.OK || r.Error.Code != tt.code {
			t.Errorf("%s: %+v", tt.name, r)
		}
	}
	b.do(s, "d1", &protocol.PermissionDecide{
		PermissionID: "p1", Decision: protocol.Allow, InputSHA256: p.InputSHA256, Input: json.RawMessage(`{"command":"pwd"}`), Message: "go on",
	})
	d := command[*agents.Decide](b, c)
	if d.PermissionID != "r1" || d.Option.ID != "once" || string(d.Input) != `{"command":"pwd"}` {
		t.Errorf("the agent got %+v", d)
	}
	got := last[*protocol.PermissionResolved](t, b.until(s, is(protocol.TypePermissionResolved)))
	if got.Outcome != protocol.PermissionDecided || got.Delivered != protocol.DeliveredTrue || !got.InputEdited || got.By.ClientID != "c-d1" {
		t.Errorf("resolved %+v", got)
	}
	r := b.try(s, "d2", &protocol.PermissionDecide{PermissionID: "p1", Decision: protocol.Deny})
	if r.OK || r.Error.Code != protocol.CodeAlreadyDecided {
		t.Errorf("a second decision: %+v", r)
	}
	if left, err := b.store.Decisions(t.Context(), "s1"); err != nil || len(left) != 0 {
		t.Errorf("decisions left behind: %v %v", left, err)
	}
}

// P-01: of many that decide at once exactly one wins, and all others are told
// who.
func TestP01_OneWinner(t *testing.T) {
	b := newBench(t)
	s, c := asked(b)
	var wg sync.WaitGroup
	var mu sync.Mutex
	winners := map[string]int{}
	wins := 0
	for i := range 50 {
		wg.Go(func() {
			d := protocol.Allow
			if i%2 == 0 {
				d = protocol.Deny
			}
			r := b.try(s, fmt.Sprint("d", i), &protocol.PermissionDecide{PermissionID: "p1", Decision: d})
			mu.Lock()
			defer mu.Unlock()
			if r.OK {
				wins++
				return
			}
			if r.Error.Code != protocol.CodeAlreadyDecided {
				t.Errorf("a loser got %v", r.Error)
				return
			}
			var w protocol.Winner
			if err := json.Unmarshal(r.Error.Details, &w); err != nil {
				t.Error(err)
			}
			winners[w.By.ClientID+string(w.Decision)]++
		})
	}
	wg.Wait()
	if wins != 1 || len(winners) != 1 {
		t.Errorf("%d wins, winners %v", wins, winners)
	}
	sent := command[*agents.Decide](b, c)
	got := last[*protocol.PermissionResolved](t, b.until(s, is(protocol.TypePermissionResolved)))
	if got.Decision != sent.Option.Decision || winners[got.By.ClientID+string(got.Decision)] != 49 {
		t.Errorf("resolved %+v, sent %+v, winners %v", got, sent, winners)
	}
	if len(c.commands) != 0 {
		t.Error("the agent got more than one answer")
	}
}

// P-04: when the turn is interrupted or the agent dies, the permission is
// cancelled, and a decision after that is refused and goes nowhere.
func TestP04_ClosedPermission(t *testing.T) {
	t.Run("interrupt", func(t *testing.T) {
		b := newBench(t)
		s, c := asked(b)
		b.do(s, "i1", &protocol.TurnInterrupt{})
		command[*agents.Interrupt](b, c)
		got := last[*protocol.PermissionResolved](t, b.until(s, is(protocol.TypePermissionResolved)))
		if got.Outcome != protocol.PermissionCancelled || got.Reason != "turn_interrupted" || got.Delivered != protocol.DeliveredFalse {
			t.Errorf("resolved %+v", got)
		}
		r := b.try(s, "d1", &protocol.PermissionDecide{PermissionID: "p1", Decision: protocol.Allow})
		if r.OK || r.Error.Code != protocol.CodePermissionClosed {
			t.Errorf("a late decision: %+v", r)
		}
		if len(c.commands) != 0 {
			t.Error("the late decision reached the agent")
		}
	})
	t.Run("exit", func(t *testing.T) {
		b := newBench(t)
		s, c := asked(b)
		c.exit(1)
		b.until(s, is(protocol.TypeAgentExited))
		r := b.try(s, "d1", &protocol.PermissionDecide{PermissionID: "p1", Decision: protocol.Allow})
		if r.OK || r.Error.Code != protocol.CodePermissionClosed {
			t.Errorf("a late decision: %+v", r)
		}
	})
	t.Run("agent withdraws", func(t *testing.T) {
		b := newBench(t)
		s, c := asked(b)
		c.say(&protocol.PermissionResolved{PermissionID: "r1", Outcome: protocol.PermissionCancelled})
		got := last[*protocol.PermissionResolved](t, b.until(s, is(protocol.TypePermissionResolved)))
		if got.Reason != "agent_withdrew" || got.By.Kind != "agent" {
			t.Errorf("resolved %+v", got)
		}
	})
}

func TestDecisionNotDelivered(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		want protocol.Delivered
	}{
		{"refused", protocol.Errorf(protocol.CodeAgentNotRunning, "gone"), protocol.DeliveredFalse},
		{"unknown", errors.New("broken pipe"), protocol.DeliveredUnknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			s, c := asked(b)
			c.sendErr = tt.err
			b.do(s, "d1", &protocol.PermissionDecide{PermissionID: "p1", Decision: protocol.Allow})
			got := last[*protocol.PermissionResolved](t, b.until(s, is(protocol.TypePermissionResolved)))
			if got.Outcome != protocol.PermissionDecided || got.Delivered != tt.want {
				t.Errorf("resolved %+v", got)
			}
		})
	}
}

func TestQuestion(t *testing.T) {
	b := newBench(t)
	s, c := b.running()
	ask := func(id string) {
		c.say(&protocol.QuestionRequested{Question: protocol.Question{QuestionID: id, Questions: []protocol.QuestionItem{{Text: "Which?"}}}})
	}
	ask("n1")
	b.until(s, is(protocol.TypeQuestionRequested))
	if r := b.try(s, "a0", &protocol.QuestionAnswer{QuestionID: "q1", Answers: [][]string{}}); r.OK || r.Error.Code != protocol.CodeInvalidRequest {
		t.Errorf("too few answers: %+v", r)
	}
	b.do(s, "a1", &protocol.QuestionAnswer{QuestionID: "q1", Answers: [][]string{{"this"}}})
	if a := command[*agents.Answer](b, c); a.QuestionID != "n1" || a.Answers[0][0] != "this" {
		t.Errorf("the agent got %+v", a)
	}
	ask("n2")
	b.until(s, nth(2, protocol.TypeQuestionRequested))
	b.do(s, "a2", &protocol.QuestionReject{QuestionID: "q2", Message: "no"})
	if a := command[*agents.RejectQuestion](b, c); a.QuestionID != "n2" || a.Message != "no" {
		t.Errorf("the agent got %+v", a)
	}
	if q := last[*protocol.QuestionResolved](t, b.until(s, nth(2, protocol.TypeQuestionResolved))); q.Outcome != protocol.QuestionRejected {
		t.Errorf("resolved %+v", q)
	}
}

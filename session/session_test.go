package session

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

func message(id, text string) protocol.Item {
	return protocol.Item{ID: id, Kind: protocol.KindMessage, Role: "assistant", Content: []protocol.Part{protocol.TextPart(text)}}
}

func bash(id string) protocol.Permission {
	return protocol.Permission{
		PermissionID: id, Kind: protocol.PermitCommand, Title: "Bash", Editable: true,
		Tool: &protocol.Tool{Name: "Bash", Kind: protocol.ToolExecute, Input: []byte(`{"command":"ls"}`)},
		Options: []protocol.PermissionOption{
			{ID: "once", Decision: protocol.Allow, Scope: protocol.ScopeOnce, Label: "Allow"},
			{ID: "session", Decision: protocol.Allow, Scope: protocol.ScopeSession, Label: "Allow in this session"},
			{ID: "deny", Decision: protocol.Deny, Scope: protocol.ScopeOnce, Label: "Deny"},
		},
	}
}

func TestOneTurn(t *testing.T) {
	b := newBench(t)
	s := b.create("s1")
	r := b.do(s, "c1", &protocol.Prompt{Text: "hello"})
	c := b.conn()
	p := command[*agents.Prompt](b, c)
	if p.PromptID != "m1" || p.Steer || len(p.Content) != 1 || p.Content[0].Text != "hello" {
		t.Errorf("the agent got %+v", p)
	}
	if string(r.Data) != `{"prompt_id":"m1","delivery":"queue","position":0,"seq":2}` {
		t.Errorf("result %s", r.Data)
	}
	c.say(&protocol.SessionUpdated{NativeSessionID: new("native-1")},
		&protocol.ItemStarted{Item: message("a", "")},
		&protocol.ItemDelta{ItemID: "a", Kind: protocol.DeltaText, Text: "Hi "},
		&protocol.ItemDelta{ItemID: "a", Kind: protocol.DeltaText, Text: "there"},
		&protocol.ItemCompleted{Item: message("a", "Hi there")},
		&protocol.TurnEnded{Outcome: protocol.OutcomeCompleted})
	events := b.until(s, is(protocol.TypeTurnEnded))
	wantTypes(t, events, "session.started", "prompt.accepted", "turn.started", "agent.started",
		"item.started", "item.delta", "item.delta", "item.completed", "turn.ended")
	done := last[*protocol.ItemCompleted](t, events).Item
	if done.ID != "i1" || done.NativeID != "a" || done.Status != protocol.ItemDone || done.Content[0].Text != "Hi there" {
		t.Errorf("item %+v", done)
	}
	for _, e := range events[4:] {
		if e.TurnID != "t1" && e.Data.EventType() != protocol.TypeSessionUpdated {
			t.Errorf("%s is in turn %q", e.Data.EventType(), e.TurnID)
		}
	}
	if st := s.State(); st.Status != protocol.StatusIdle || st.Turn != nil || len(st.Items) != 0 {
		t.Errorf("state %+v", st)
	}
	if info := s.Info(); info.NativeSessionID != "native-1" || info.AgentVersion != "1.0" || info.Head != uint64(len(events)) {
		t.Errorf("info %+v", info)
	}
}

// The agent may be as untidy as it likes; the ledger closes what it leaves
// open and drops what comes twice.
func TestUntidyAgent(t *testing.T) {
	tests := []struct {
		name string
		say  []protocol.Data
		want []string
		text string // of the last completed item
		stat protocol.ItemStatus
	}{
		{
			"delta without start",
			[]protocol.Data{&protocol.ItemDelta{ItemID: "a", Kind: protocol.DeltaText, Text: "x"}},
			[]string{"item.started", "item.delta", "item.completed"},
			"x", protocol.ItemDone,
		},
		{
			"completion without start",
			[]protocol.Data{&protocol.ItemCompleted{Item: message("a", "whole")}},
			[]string{"item.started", "item.completed"},
			"whole", protocol.ItemDone,
		},
		{
			"everything twice",
			[]protocol.Data{
				&protocol.ItemStarted{Item: message("a", "")}, &protocol.ItemStarted{Item: message("a", "")},
				&protocol.ItemCompleted{Item: message("a", "x")}, &protocol.ItemCompleted{Item: message("a", "x")},
				&protocol.ItemStarted{Item: message("a", "")}, &protocol.ItemDelta{ItemID: "a", Kind: protocol.DeltaText, Text: "x"},
			},
			[]string{"item.started", "item.completed"},
			"x", protocol.ItemDone,
		},
		{
			"completed text beyond the deltas",
			[]protocol.Data{
				&protocol.ItemDelta{ItemID: "a", Kind: protocol.DeltaText, Text: "one"},
				&protocol.ItemCompleted{Item: message("a", "one two")},
			},
			[]string{"item.started", "item.delta", "item.delta", "item.completed"},
			"one two", protocol.ItemDone,
		},
		{
			"completed text other than the deltas",
			[]protocol.Data{
				&protocol.ItemDelta{ItemID: "a", Kind: protocol.DeltaText, Text: "seen"},
				&protocol.ItemCompleted{Item: message("a", "other")},
			},
			[]string{"item.started", "item.delta", "item.completed"},
			"seen", protocol.ItemDone,
		},
		{
			"forged lifecycle",
			[]protocol.Data{&protocol.SessionEnded{Reason: "completed"}, &protocol.PromptAccepted{PromptID: "m9"}, &protocol.ItemCompleted{Item: message("a", "x")}},
			[]string{"item.started", "item.completed"},
			"x", protocol.ItemDone,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			s, c := b.running()
			c.say(append(tt.say, &protocol.TurnEnded{Outcome: protocol.OutcomeCompleted})...)
			events := b.until(s, is(protocol.TypeTurnEnded))
			want := append([]string{"session.started", "prompt.accepted", "turn.started", "agent.started"}, tt.want...)
			wantTypes(t, events, append(want, "turn.ended")...)
			done := last[*protocol.ItemCompleted](t, events).Item
			if done.Content[0].Text != tt.text || done.Status != tt.stat {
				t.Errorf("completed item %+v", done)
			}
		})
	}
}

// when the agent ends in a turn, the turn ends once, then the exit is
// told; the next prompt starts the agent again with its native session.
func TestA01_ExitInTurn(t *testing.T) {
	b := newBench(t)
	s, c := b.running()
	c.say(&protocol.SessionUpdated{NativeSessionID: new("n1")}, &protocol.ItemDelta{ItemID: "a", Kind: protocol.DeltaText, Text: "half"},
		&protocol.PermissionRequested{Permission: bash("r1")})
	c.exit(3)
	events := b.until(s, is(protocol.TypeAgentExited))
	wantTypes(t, events, "session.started", "prompt.accepted", "turn.started", "agent.started", "item.started", "item.delta",
		"permission.requested", "permission.resolved", "item.completed", "turn.ended", "agent.exited")
	if p := last[*protocol.PermissionResolved](t, events); p.Outcome != protocol.PermissionCancelled || p.Reason != "agent_exited" {
		t.Errorf("permission %+v", p)
	}
	if e := last[*protocol.TurnEnded](t, events); e.Outcome != protocol.OutcomeFailed || e.Error.Code != "agent_exited" {
		t.Errorf("turn ended %+v", e)
	}
	if it := last[*protocol.ItemCompleted](t, events).Item; it.Content[0].Text != "half" || it.Status != protocol.ItemFailed {
		t.Errorf("item %+v", it)
	}
	b.do(s, "c2", &protocol.Prompt{Text: "again"})
	command[*agents.Prompt](b, b.conn())
	if st := b.agent.lastStart(); st.Resume != "n1" || st.Fork {
		t.Errorf("started with %+v", st)
	}
}

// A prompt that comes when the agent's end was told, but its connection has not
// ended yet, goes to the next run of the agent and not to the one that is gone.
func TestA01_PromptRightAfterTheExit(t *testing.T) {
	b := newBench(t)
	s, c := b.running()
	c.say(&protocol.TurnEnded{Outcome: protocol.OutcomeCompleted}, &protocol.AgentExited{ExitCode: new(0)})
	b.until(s, is(protocol.TypeAgentExited))
	b.do(s, "c2", &protocol.Prompt{Text: "again"})
	next := b.conn()
	command[*agents.Prompt](b, next)
	next.say(&protocol.TurnEnded{Outcome: protocol.OutcomeCompleted})
	ended := last[*protocol.TurnEnded](t, b.until(s, nth(2, protocol.TypeTurnEnded)))
	if ended.Outcome != protocol.OutcomeCompleted || len(c.commands) != 0 {
		t.Errorf("ended as %+v, and the run that is gone got %d commands", ended, len(c.commands))
	}
}

func TestOpenFails(t *testing.T) {
	b := newBench(t)
	b.agent.fail = protocol.Errorf(protocol.CodeAgentNotInstalled, "install it first")
	s := b.create("s1")
	b.do(s, "c1", &protocol.Prompt{Text: "go"})
	e := last[*protocol.TurnEnded](t, b.until(s, is(protocol.TypeTurnEnded)))
	if e.Outcome != protocol.OutcomeFailed || e.Error.Code != "agent_not_installed" || e.Error.Message != "install it first" {
		t.Errorf("turn ended %+v", e)
	}
	b.agent.fail = errors.New("secret detail")
	b.do(s, "c2", &protocol.Prompt{Text: "go"})
	e = last[*protocol.TurnEnded](t, b.until(s, nth(2, protocol.TypeTurnEnded)))
	if e.Error.Code != "agent_start_failed" || e.Error.Message == "secret detail" {
		t.Errorf("turn ended %+v", e.Error)
	}
}

func TestIdempotency(t *testing.T) {
	b := newBench(t)
	s := b.create("s1")
	first := b.do(s, "c1", &protocol.Prompt{Text: "hello"})
	again := b.try(s, "c1", &protocol.Prompt{Text: "hello"})
	if !again.OK || !again.Duplicate || string(again.Data) != string(first.Data) {
		t.Errorf("the second answer is %+v", again)
	}
	if r := b.try(s, "c1", &protocol.Prompt{Text: "other"}); r.OK || r.Error.Code != protocol.CodeIdempotencyConflict {
		t.Errorf("another content got %+v", r)
	}
	c := b.conn()
	command[*agents.Prompt](b, c)
	select {
	case got := <-c.commands:
		t.Errorf("the agent also got %T", got)
	default:
	}
	// the id is known after a restart too.
	b.stop()
	b.start()
	if r := b.try(b.get("s1"), "c1", &protocol.Prompt{Text: "hello"}); !r.Duplicate || string(r.Data) != string(first.Data) {
		t.Errorf("after a restart: %+v", r)
	}
}

func TestIdempotencyRace(t *testing.T) {
	b := newBench(t)
	s := b.create("s1")
	var wg sync.WaitGroup
	var mu sync.Mutex
	originals := 0
	for range 50 {
		wg.Go(func() {
			if r := b.try(s, "same", &protocol.Prompt{Text: "hello"}); r.OK && !r.Duplicate {
				mu.Lock()
				originals++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if originals != 1 {
		t.Errorf("%d of 50 were not duplicates", originals)
	}
	if n := len(s.State().Queue); n != 0 {
		t.Errorf("%d prompts are queued", n)
	}
}

func TestQueue(t *testing.T) {
	b := newBench(t)
	s := b.create("s1")
	b.do(s, "c1", &protocol.Prompt{Text: "one"})
	c := b.conn()
	command[*agents.Prompt](b, c)
	for i := range MaxQueue {
		b.do(s, fmt.Sprint("q", i), &protocol.Prompt{Text: fmt.Sprint("queued ", i)})
	}
	if r := b.try(s, "over", &protocol.Prompt{Text: "x"}); r.OK || r.Error.Code != protocol.CodeBusy {
		t.Errorf("a prompt over the limit got %+v", r)
	}
	if r := b.try(s, "rej", &protocol.Prompt{Text: "x", Delivery: protocol.DeliverReject}); r.OK || r.Error.Code != protocol.CodeBusy {
		t.Errorf("a prompt with reject got %+v", r)
	}
	b.do(s, "w", &protocol.PromptWithdraw{PromptID: "m2"})
	if r := b.try(s, "w2", &protocol.PromptWithdraw{PromptID: "m2"}); r.OK || r.Error.Code != protocol.CodeNotFound {
		t.Errorf("a second withdrawal got %+v", r)
	}
	c.say(&protocol.TurnEnded{Outcome: protocol.OutcomeCompleted})
	if p := command[*agents.Prompt](b, c); p.PromptID != "m3" {
		t.Errorf("next came %s", p.PromptID)
	}
	b.do(s, "now", &protocol.Prompt{Text: "now", Delivery: protocol.DeliverInterrupt})
	command[*agents.Interrupt](b, c)
	c.say(&protocol.TurnEnded{Outcome: protocol.OutcomeInterrupted})
	if p := command[*agents.Prompt](b, c); p.Content[0].Text != "now" {
		t.Errorf("after the interrupt came %q", p.Content[0].Text)
	}
}

func TestSteer(t *testing.T) {
	b := newBench(t)
	s := b.create("s1")
	b.do(s, "c1", &protocol.Prompt{Text: "one"})
	c := b.conn()
	command[*agents.Prompt](b, c)
	b.do(s, "c2", &protocol.Prompt{Text: "two", Delivery: protocol.DeliverSteer})
	if p := command[*agents.Prompt](b, c); !p.Steer || p.PromptID != "m2" {
		t.Errorf("the agent got %+v", p)
	}
	// The agent answers the steered prompt in a turn of its own.
	c.say(&protocol.TurnEnded{Outcome: protocol.OutcomeCompleted},
		&protocol.TurnStarted{PromptIDs: []string{"m2"}, Origin: protocol.SourceClient},
		&protocol.TurnEnded{Outcome: protocol.OutcomeCompleted})
	events := b.until(s, nth(2, protocol.TypeTurnEnded))
	if ts := last[*protocol.TurnStarted](t, events); ts.Origin != protocol.SourceClient || len(ts.PromptIDs) != 1 || ts.PromptIDs[0] != "m2" {
		t.Errorf("second turn %+v", ts)
	}
	b.agent.caps.Steer = false
	b.do(s, "c3", &protocol.Prompt{Text: "three"})
	if r := b.try(s, "c4", &protocol.Prompt{Text: "four", Delivery: protocol.DeliverSteer}); r.OK || r.Error.Code != protocol.CodeCapabilityMissing {
		t.Errorf("steering an agent that cannot: %+v", r)
	}
}

func TestInterruptBeforeTheAgentIsUp(t *testing.T) {
	b := newBench(t)
	s := b.create("s1")
	b.do(s, "i0", &protocol.TurnInterrupt{})
	b.do(s, "c1", &protocol.Prompt{Text: "one"})
	b.do(s, "i1", &protocol.TurnInterrupt{})
	e := last[*protocol.TurnEnded](t, b.until(s, func(e protocol.Event) bool {
		d, ok := e.Data.(*protocol.TurnEnded)
		if ok && d.Outcome != protocol.OutcomeInterrupted {
			t.Errorf("turn ended %s", d.Outcome)
		}
		if !ok && is(protocol.TypeAgentStarted)(e) {
			// The agent was faster than the interrupt: it ends the turn itself.
			b.conn().say(&protocol.TurnEnded{Outcome: protocol.OutcomeInterrupted})
		}
		return ok
	}))
	if e.Outcome != protocol.OutcomeInterrupted {
		t.Errorf("turn ended %+v", e)
	}
}

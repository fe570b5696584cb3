package session

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/session/store"
)

// D-01: after a crash every session is there; the open turn has ended as
// failed, once; asks are cancelled; what clients saw is the same; the next
// prompt resumes the agent natively.
func TestD01_CrashInTurn(t *testing.T) {
	b := newBench(t)
	s, c := asked(b)
	c.say(&protocol.SessionUpdated{NativeSessionID: new("n1")}, &protocol.ItemDelta{ItemID: "msg", Kind: protocol.DeltaText, Text: "half"})
	seen := b.until(s, is(protocol.TypeItemDelta))
	b.crash()
	b.start()
	s = b.get("s1")
	events := b.until(s, is(protocol.TypeAgentExited))
	for i, e := range seen {
		was, _ := json.Marshal(e)
		now, _ := json.Marshal(events[i])
		if string(was) != string(now) {
			t.Errorf("event %d was %s and is %s", i+1, was, now)
		}
	}
	wantTypes(t, events, append(typesOf(seen), "permission.resolved", "item.completed", "item.completed", "turn.ended", "agent.exited")...)
	if p := last[*protocol.PermissionResolved](t, events); p.Outcome != protocol.PermissionCancelled || p.Reason != "server_restart" {
		t.Errorf("permission %+v", p)
	}
	if e := last[*protocol.TurnEnded](t, events); e.Outcome != protocol.OutcomeFailed || e.Error.Code != "server_restart" {
		t.Errorf("turn %+v", e)
	}
	if st := s.State(); st.Status != protocol.StatusIdle || st.AgentRunning || len(st.Permissions) != 0 {
		t.Errorf("state %+v", st)
	}
	r := b.do(s, "after", &protocol.Prompt{Text: "go on"})
	var pr protocol.PromptResult
	if err := json.Unmarshal(r.Data, &pr); err != nil || pr.PromptID != "m2" {
		t.Errorf("result %s", r.Data)
	}
	p := command[*agents.Prompt](b, b.conn())
	if st := b.agent.lastStart(); st.Resume != "n1" || p.PromptID != "m2" {
		t.Errorf("started with %+v", st)
	}
	b.until(s, nth(2, protocol.TypeAgentStarted))
	// A second restart adds nothing for the first crash.
	b.crash()
	b.start()
	again := b.until(b.get("s1"), nth(2, protocol.TypeAgentExited))
	if n := count(again, protocol.TypeTurnEnded); n != 2 {
		t.Errorf("%d turns ended", n)
	}
}

func typesOf(events []protocol.Event) []string {
	var out []string
	for _, e := range events {
		if e.Data.EventType() != protocol.TypeSessionUpdated {
			out = append(out, string(e.Data.EventType()))
		}
	}
	return out
}

func count(events []protocol.Event, t protocol.EventType) int {
	n := 0
	for _, e := range events {
		if e.Data.EventType() == t {
			n++
		}
	}
	return n
}

// An accepted prompt that waited in the queue runs after the restart, once;
// the one whose turn was open is never sent again (S25).
func TestQueueSurvivesACrash(t *testing.T) {
	b := newBench(t)
	s := b.create("s1")
	b.do(s, "c1", &protocol.Prompt{Text: "first"})
	command[*agents.Prompt](b, b.conn())
	b.do(s, "c2", &protocol.Prompt{Text: "second"})
	b.crash()
	b.start()
	c := b.conn()
	if p := command[*agents.Prompt](b, c); p.PromptID != "m2" || p.Content[0].Text != "second" {
		t.Errorf("after the restart the agent got %+v", p)
	}
	c.say(&protocol.TurnEnded{Outcome: protocol.OutcomeCompleted})
	b.until(b.get("s1"), nth(2, protocol.TypeTurnEnded))
	if len(c.commands) != 0 {
		t.Error("the agent got more")
	}
}

// A new session's row is open until its first rest: a prompt may be stored
// before that, and a crash then must be mended like any other.
func TestNewSessionIsMended(t *testing.T) {
	b := newBench(t)
	s, stored := b.m.born(b.agent, record{Request: protocol.SessionCreate{SessionID: "s1", Agent: "scripted"}})
	s.flush() // the owner does not run: nothing rests
	if err := <-stored; err != nil {
		t.Fatal(err)
	}
	if row, err := b.store.Session(t.Context(), "s1"); err != nil || !row.Open {
		t.Errorf("before the first rest the row's open is %v, %v", row.Open, err)
	}
}

// D-02: a decision that was durable when the server died, and not yet told, is
// told as decided with delivery unknown, and never sent again.
func TestD02_DecidedNotDelivered(t *testing.T) {
	b := newBench(t)
	s, _ := asked(b)
	d := decision{
		AskID: "p1", Kind: askPermission, By: protocol.Actor{Kind: "client", ClientID: "me"},
		Option: protocol.PermissionOption{ID: "once", Decision: protocol.Allow, Scope: protocol.ScopeOnce},
	}
	rec, _ := json.Marshal(d)
	stored := make(chan error, 1)
	s.change(func(p *pending) {
		p.decisions = append(p.decisions, store.Decision{SessionID: "s1", AskID: "p1", Record: rec})
		p.durable = true
		p.after = append(p.after, func(err error) { stored <- err })
	})
	if err := <-stored; err != nil {
		t.Fatal(err)
	}
	b.crash()
	b.start()
	got := last[*protocol.PermissionResolved](t, b.until(b.get("s1"), is(protocol.TypePermissionResolved)))
	if got.Outcome != protocol.PermissionDecided || got.Decision != protocol.Allow || got.Delivered != protocol.DeliveredUnknown || got.By.ClientID != "me" {
		t.Errorf("resolved %+v", got)
	}
	b.until(b.get("s1"), is(protocol.TypeAgentExited))
	b.stop()
	b.start()
	if left, err := b.store.Decisions(t.Context(), "s1"); err != nil || len(left) != 0 {
		t.Errorf("decisions left behind: %v %v", left, err)
	}
}

func TestShutdown(t *testing.T) {
	b := newBench(t)
	s, _ := asked(b)
	b.do(s, "c2", &protocol.Prompt{Text: "second"})
	r := s.Read(protocol.Cursor{Head: true}, "", ReadOptions{})
	b.stop()
	for {
		if _, err := r.Next(t.Context()); err != nil {
			if err != ErrClosed {
				t.Errorf("the reader ended with %v", err)
			}
			break
		}
	}
	if r, err := s.Do(t.Context(), protocol.ClientFrame{ID: "late", Command: &protocol.TurnInterrupt{}}, protocol.Actor{}); err != nil || r.Error == nil || r.Error.Code != protocol.CodeDraining {
		t.Errorf("a late command: %+v %v", r, err)
	}
	b.start()
	events := b.until(b.get("s1"), nth(2, protocol.TypeTurnStarted))
	if e := last[*protocol.TurnEnded](t, events); e.Error == nil || e.Error.Code != "server_shutdown" {
		t.Errorf("turn ended %+v", e)
	}
	if p := last[*protocol.PermissionResolved](t, events); p.Reason != "shutdown" {
		t.Errorf("permission %+v", p)
	}
}

func TestEnd(t *testing.T) {
	b := newBench(t)
	s, c := asked(b)
	b.do(s, "c2", &protocol.Prompt{Text: "second"})
	b.do(s, "e1", &protocol.SessionEnd{})
	events := b.until(s, is(protocol.TypeSessionEnded))
	if e := last[*protocol.TurnEnded](t, events); e.Outcome != protocol.OutcomeInterrupted {
		t.Errorf("turn ended %+v", e)
	}
	if w := last[*protocol.PromptWithdrawn](t, events); w.PromptID != "m2" {
		t.Errorf("withdrawn %+v", w)
	}
	select {
	case <-c.closed:
	default:
		t.Error("the agent was not stopped")
	}
	if r := b.try(s, "c3", &protocol.Prompt{Text: "more"}); r.OK || r.Error.Code != protocol.CodeInvalidRequest {
		t.Errorf("a prompt after the end: %+v", r)
	}
	if s.Info().Status != protocol.StatusEnded {
		t.Errorf("status %s", s.Info().Status)
	}
	b.stop()
	b.start()
	if r := b.try(b.get("s1"), "c4", &protocol.Prompt{Text: "more"}); r.OK {
		t.Error("a prompt after the end and a restart was taken")
	}
}

func TestDelete(t *testing.T) {
	b := newBench(t)
	s, c := asked(b)
	r := s.Read(protocol.Cursor{Head: true}, "", ReadOptions{})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := b.m.Delete(ctx, "s1", protocol.Actor{Kind: "client"}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-c.closed:
	default:
		t.Error("the agent was not stopped")
	}
	for {
		if _, err := r.Next(ctx); err != nil {
			if err != ErrDeleted {
				t.Errorf("the reader ended with %v", err)
			}
			break
		}
	}
	if _, err := b.m.Get(ctx, "s1"); protocol.CodeOf(err) != protocol.CodeNotFound {
		t.Errorf("get after delete: %v", err)
	}
	if err := b.m.Delete(ctx, "s1", protocol.Actor{}); protocol.CodeOf(err) != protocol.CodeNotFound {
		t.Errorf("delete after delete: %v", err)
	}
	b.create("s1")
}

func TestFork(t *testing.T) {
	b := newBench(t)
	s := b.create("s1")
	if _, err := b.m.Fork(t.Context(), "s1", &protocol.SessionCreate{}, protocol.Actor{}); protocol.CodeOf(err) != protocol.CodeInvalidRequest {
		t.Errorf("a fork of nothing: %v", err)
	}
	b.do(s, "c1", &protocol.Prompt{Text: "one"})
	c := b.conn()
	command[*agents.Prompt](b, c)
	c.say(&protocol.SessionUpdated{NativeSessionID: new("n1")}, &protocol.TurnEnded{Outcome: protocol.OutcomeCompleted})
	b.until(s, is(protocol.TypeTurnEnded))
	info, err := b.m.Fork(t.Context(), "s1", &protocol.SessionCreate{SessionID: "s2", Title: "side"}, protocol.Actor{})
	if err != nil || info.ForkedOf != "s1" || info.Title != "side" {
		t.Fatalf("fork: %+v %v", info, err)
	}
	f := b.get("s2")
	b.do(f, "c1", &protocol.Prompt{Text: "two"})
	c = b.conn()
	command[*agents.Prompt](b, c)
	if st := b.agent.lastStart(); st.Resume != "n1" || !st.Fork {
		t.Errorf("the fork started with %+v", st)
	}
	c.say(&protocol.SessionUpdated{NativeSessionID: new("n2")})
	c.exit(0)
	b.until(f, is(protocol.TypeAgentExited))
	b.do(f, "c2", &protocol.Prompt{Text: "three"})
	command[*agents.Prompt](b, b.conn())
	if st := b.agent.lastStart(); st.Resume != "n2" || st.Fork {
		t.Errorf("the fork went on with %+v", st)
	}
}

func TestConfigure(t *testing.T) {
	b := newBench(t)
	s := b.create("s1")
	b.do(s, "k1", &protocol.SessionConfigure{Title: new("Name"), Model: new("big")})
	if st := s.State(); st.Title != "Name" || st.Model != "big" {
		t.Errorf("state %+v", st)
	}
	if r := b.try(s, "k2", &protocol.SessionConfigure{Model: new("--flag")}); r.OK || r.Error.Code != protocol.CodeInvalidRequest {
		t.Errorf("B-05: a model that is a flag: %+v", r)
	}
	b.do(s, "c1", &protocol.Prompt{Text: "one"})
	c := b.conn()
	command[*agents.Prompt](b, c)
	if st := b.agent.lastStart(); st.Model != "big" {
		t.Errorf("started with %+v", st)
	}
	b.do(s, "k3", &protocol.SessionConfigure{Model: new("small")})
	if k := command[*agents.Configure](b, c); k.Model == nil || *k.Model != "small" || k.Title != nil {
		t.Errorf("the agent got %+v", k)
	}
	c.exit(0)
	b.until(s, is(protocol.TypeAgentExited))
	b.stop()
	b.start()
	if info := b.get("s1").Info(); info.Title != "Name" || info.Model != "small" {
		t.Errorf("after a restart: %+v", info)
	}
	page, err := b.m.List(t.Context(), store.Filter{Limit: 10})
	if err != nil || len(page.Sessions) != 1 || page.Sessions[0].Title != "Name" {
		t.Errorf("list: %+v %v", page, err)
	}
}

func TestCreateRefusals(t *testing.T) {
	b := newBench(t)
	b.create("taken")
	for _, tt := range []struct {
		name string
		req  protocol.SessionCreate
		code protocol.Code
	}{
		{"taken id", protocol.SessionCreate{SessionID: "taken", Agent: "scripted"}, protocol.CodeSessionExists},
		{"B-05 id with a slash", protocol.SessionCreate{SessionID: "a/b", Agent: "scripted"}, protocol.CodeInvalidRequest},
		{"B-05 agent path", protocol.SessionCreate{Agent: "../../bin/sh"}, protocol.CodeAgentUnknown},
		{"B-05 model flag", protocol.SessionCreate{Agent: "scripted", Model: "--dangerously-skip-permissions"}, protocol.CodeInvalidRequest},
		{"B-05 relative directory", protocol.SessionCreate{Agent: "scripted", Directory: "../.."}, protocol.CodeInvalidRequest},
		{"no such folder", protocol.SessionCreate{Agent: "scripted", Directory: "/no/such/folder"}, protocol.CodeInvalidRequest},
		{"B-05 preload", protocol.SessionCreate{Agent: "scripted", Env: map[string]string{"LD_PRELOAD": "x"}}, protocol.CodeInvalidRequest},
	} {
		_, err := b.m.Create(t.Context(), &tt.req, protocol.Actor{})
		if protocol.CodeOf(err) != tt.code {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	b.stop()
	b.start()
	if _, err := b.m.Create(t.Context(), &protocol.SessionCreate{SessionID: "taken", Agent: "scripted"}, protocol.Actor{}); protocol.CodeOf(err) != protocol.CodeSessionExists {
		t.Errorf("after a restart: %v", err)
	}
}

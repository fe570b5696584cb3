package claude

import (
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/protocol"
)

// say sends a text prompt.
func say(t *testing.T, conn agents.Conn, id, text string, steer bool) {
	t.Helper()
	p := &agents.Prompt{PromptID: id, Steer: steer, Content: []agents.Content{{Part: protocol.TextPart(text)}}}
	if err := conn.Send(t.Context(), p); err != nil {
		t.Fatal(err)
	}
}

// The real CLI knows an id that it used before, and not one that it never saw.
func TestRealClaudeOpensAgain(t *testing.T) {
	m := agenttest.NewMessages(t)
	marker := m.On("main", agenttest.Play(agenttest.Say("hello"))).Marker()
	a, home := realAgent(t, m)
	start := agents.Start{SessionID: "s1", Directory: home.Dir, Effort: "low"}
	conn, err := a.Open(t.Context(), start)
	if err != nil {
		t.Fatal(err)
	}
	say(t, conn, "m1", marker, false)
	got := ndjson(t, readUntil(t, conn, protocol.TypeTurnEnded))
	want(t, got, `"effort":"low"`, `"native_session_id":"`+derivedID("session", "s1")+`"`, "hello")
	finish(t, conn)

	conn, err = a.Open(t.Context(), start) // as after a crash before the id was stored
	if err != nil {
		t.Fatal(err)
	}
	say(t, conn, "m2", marker, false)
	want(t, ndjson(t, readUntil(t, conn, protocol.TypeTurnEnded)), `"outcome":"completed"`)
	finish(t, conn)

	start.Resume = "99999999-1111-4222-8333-444444444444"
	_, err = a.Open(t.Context(), start)
	if protocol.CodeOf(err) != protocol.CodeAgentStartFailed || !strings.Contains(err.Error(), "does not know the native session") {
		t.Errorf("an unknown id gives %v", err)
	}
}

// An interrupt that overtakes the begin of a turn ends it all the same, and
// the next prompt runs.
func TestRealClaudeInterruptAtOnce(t *testing.T) {
	m := agenttest.NewMessages(t)
	marker := m.On("main", agenttest.Play(agenttest.Say("hello"))).Marker()
	a, home := realAgent(t, m)
	conn, err := a.Open(t.Context(), agents.Start{SessionID: "s1", Directory: home.Dir})
	if err != nil {
		t.Fatal(err)
	}
	defer finish(t, conn)
	say(t, conn, "m1", marker, false)
	if err := conn.Send(t.Context(), &agents.Interrupt{}); err != nil {
		t.Fatal(err)
	}
	want(t, ndjson(t, readUntil(t, conn, protocol.TypeTurnEnded)), `"prompt_ids":["m1"]`, `"outcome":"interrupted"`)
	say(t, conn, "m2", marker, false)
	want(t, ndjson(t, readUntil(t, conn, protocol.TypeTurnEnded)), `"prompt_ids":["m2"]`, `"outcome":"completed"`)
}

// A prompt that steers while text streams gets a turn of its own, next.
func TestRealClaudeSteers(t *testing.T) {
	m := agenttest.NewMessages(t)
	script := m.On("main", agenttest.Play(agenttest.Say("one")))
	second := m.On("second", agenttest.Play(agenttest.Say("two"))).Marker()
	a, home := realAgent(t, m)
	conn, err := a.Open(t.Context(), agents.Start{SessionID: "s1", Directory: home.Dir})
	if err != nil {
		t.Fatal(err)
	}
	defer finish(t, conn)
	say(t, conn, "m1", script.Marker(), false)
	readUntil(t, conn, protocol.TypeTurnStarted)
	say(t, conn, "m2", second, true)
	got := ndjson(t, readUntil(t, conn, protocol.TypeTurnEnded))
	if strings.Contains(got, `"two"`) {
		return // it came in time for the same turn
	}
	if !strings.Contains(got, `"prompt_ids":["m2"]`) {
		got = ndjson(t, readUntil(t, conn, protocol.TypeTurnStarted))
	}
	want(t, got, `"prompt_ids":["m2"]`)
	want(t, ndjson(t, readUntil(t, conn, protocol.TypeTurnEnded)), "two", `"outcome":"completed"`)
}

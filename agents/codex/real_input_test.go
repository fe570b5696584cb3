package codex

import (
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/protocol"
)

// Bad input gets a stable code and a sentence, and the session lives on.
func TestRealBadInput(t *testing.T) {
	a, m, home := realCodex(t, "", nil)
	c := open(t, a, agents.Start{SessionID: "s", Directory: home.Dir})
	model, effort, mode, permission := "gpt-0", "much", "build", "yolo"
	long := strings.Repeat("x", maxInput+1)
	for _, bad := range []struct {
		command agents.Command
		code    protocol.Code
		say     string
	}{
		{&agents.Configure{Model: &model}, protocol.CodeInvalidRequest, `no model "gpt-0"`},
		{&agents.Configure{Effort: &effort}, protocol.CodeInvalidRequest, `no effort "much"`},
		{&agents.Configure{Mode: &mode}, protocol.CodeModeNotSupported, "take default or plan"},
		{&agents.Configure{PermissionMode: &permission}, protocol.CodeInvalidRequest, "take default"},
		{&agents.Prompt{PromptID: "m1"}, protocol.CodeInvalidRequest, "empty"},
		{textPrompt(long), protocol.CodeTooLarge, "put it into a file"},
	} {
		if err := c.Send(t.Context(), bad.command); protocol.CodeOf(err) != bad.code || !strings.Contains(err.Error(), bad.say) {
			t.Errorf("%T: %v", bad.command, err)
		}
	}
	s := m.On("hello", agenttest.Play(agenttest.Say("Hello.")))
	marker := s.Marker()
	send(t, c, textPrompt(marker+long[:maxInput-len(marker)])) // as long as may be
	want(t, ndjson(t, readUntil(t, c, protocol.TypeTurnEnded, nil)), "Hello.", `"completed"`)
}

// Section 7 and 9: what is tried again is told as a notice, and what the failed
// try has said is closed as discarded; a failure leaves the session as it was.
func TestRealSection9Retries(t *testing.T) {
	a, m, home := realCodex(t, "", nil)
	c := open(t, a, agents.Start{SessionID: "s", Directory: home.Dir})
	cut := m.On("cut", agenttest.Round{Blocks: []agenttest.Block{agenttest.Say("I say it once.")}, Fail: &agenttest.Failure{Cut: true, Times: 1}})
	wrong := m.On("wrong", agenttest.Round{Fail: &agenttest.Failure{Status: 400}})
	next := m.On("next", agenttest.Play(agenttest.Say("Going on.")))
	send(t, c, textPrompt(cut.Marker()))
	got := ndjson(t, readUntil(t, c, protocol.TypeTurnEnded, nil))
	want(t, got, `"item.started"`, `"status":"interrupted"`, `"discarded"`, `"notice"`, `"retrying"`, `"item.started"`, `[{"type":"text","text":"I say it once."}]`, `"completed"`)
	send(t, c, textPrompt(wrong.Marker()))
	want(t, ndjson(t, readUntil(t, c, protocol.TypeTurnEnded, nil)), `"outcome":"failed"`, `"error":{"code":"other"`)
	send(t, c, textPrompt(next.Marker()))
	want(t, ndjson(t, readUntil(t, c, protocol.TypeTurnEnded, nil)), "Going on.", `"completed"`)
}

// Section 4: the compaction runs as a turn of its own, and the next prompt goes
// on behind it.
func TestRealSection4Compact(t *testing.T) {
	a, m, home := realCodex(t, "", nil)
	c := open(t, a, agents.Start{SessionID: "s", Directory: home.Dir})
	first := m.On("first", agenttest.Play(agenttest.Say("First.")), agenttest.Play(agenttest.Say("The summary.")))
	send(t, c, textPrompt(first.Marker()))
	readUntil(t, c, protocol.TypeTurnEnded, nil)
	send(t, c, textPrompt("/compact"))
	want(t, ndjson(t, readUntil(t, c, protocol.TypeTurnEnded, nil)), `"prompt_ids":["m1"]`, `"context compacted"`, `"compacted"`, `"outcome":"completed"`)
	next := m.On("next", agenttest.Play(agenttest.Say("Going on.")))
	send(t, c, textPrompt(next.Marker()))
	want(t, ndjson(t, readUntil(t, c, protocol.TypeTurnEnded, nil)), "Going on.", `"completed"`)
	if strings.Contains(string(next.Requests()[0].Body), `"First."`) {
		t.Error("the model still sees what was summed up")
	}
}

// Section 8: each resume asks for the sandbox, policy, model and folder again:
// a session that was resumed can write where it could before.
func TestRealSection8ResumeKeepsTheSandbox(t *testing.T) {
	a, m, home := realCodex(t, "", nil)
	start := agents.Start{SessionID: "s", Directory: home.Dir, PermissionMode: "acceptEdits"}
	one := m.On("one", agenttest.Play(run("echo 1 >one")), agenttest.Play(agenttest.Say("One.")))
	two := m.On("two", agenttest.Play(run("echo 2 >two && cat one two")), agenttest.Play(agenttest.Say("Two.")))
	c := open(t, a, start)
	send(t, c, textPrompt(one.Marker()))
	start.Resume = nativeID(readUntil(t, c, protocol.TypeTurnEnded, nil))
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := a.supervisor.current.stop(); err != nil {
		t.Fatal(err)
	}
	c = open(t, a, start)
	send(t, c, textPrompt(two.Marker()))
	want(t, ndjson(t, readUntil(t, c, protocol.TypeTurnEnded, nil)), `"resumed":true`, `"permission_mode":"acceptEdits"`, `"exit_code":0,"output":"1\n2\n"`, "Two.", `"completed"`)
}

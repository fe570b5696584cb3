package codex

import (
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// skipping is a hub with the connections of two sessions, whose threads are T
// and V; T has an open turn.
func skipping(t *testing.T) (h *hub, one, other *conn) {
	t.Helper()
	h = newHub()
	h.Open()
	for _, answer := range []string{`{"id":1,"result":{}}`, `{"id":2,"result":{}}`, `{"id":3,"result":{}}`, `{"id":4,"result":{}}`} {
		h.Native([]byte(answer))
	}
	attached := func(config, id, thread string) *conn {
		set, err := newSettings(agents.Start{})
		if err != nil {
			t.Fatal(err)
		}
		c := newConn(&server{}, newTranslator(setup{settings: set}, nil), true, func() {})
		if _, err := h.Command(&attach{c: c}); err != nil {
			t.Fatal(err)
		}
		h.Native([]byte(`{"id":` + config + `,"result":{}}`))
		h.Native([]byte(`{"id":` + id + `,"result":{"thread":{"id":"` + thread + `"},"model":"gpt","cwd":"/w","sandbox":{"type":"workspaceWrite"}}}`))
		return c
	}
	one, other = attached("5", "6", "T"), attached("7", "8", "V")
	if _, err := h.Command(&forward{c: one, Command: textPrompt("go")}); err != nil {
		t.Fatal(err)
	}
	h.Native([]byte(`{"id":9,"result":{"turn":{"id":"U"}}}`))
	h.Native([]byte(turnBegan))
	told(t, one)
	told(t, other)
	return h, one, other
}

// told returns what a connection was told since the last time.
func told(t *testing.T, c *conn) string {
	t.Helper()
	var all []protocol.Data
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.waiting {
		if r.Raw != nil && !strings.HasPrefix(string(r.Raw), "{") {
			t.Errorf("the raw frame is %s", r.Raw)
		}
		all = append(all, r.Events...)
	}
	c.waiting = nil
	return ndjson(t, all)
}

// skip gives the hub the ends of a line.
func skip(h *hub, before, after string) agents.Output {
	line := before + strings.Repeat("x", 1000) + after
	return h.Skipped([]byte(line[:256]), []byte(line[len(line)-256:]))
}

// A turn whose end is over the limit fails, for its session alone.
func TestSkippedTurnEnd(t *testing.T) {
	h, one, other := skipping(t)
	out := skip(h, `{"method":"turn/completed","params":{"threadId":"T","turn":{"id":"U","x":"`, `"}},"emittedAtMs":7}`)
	want(t, told(t, one), `"outcome":"failed"`, `"code":"too_large"`, "prompt again")
	if got := told(t, other); got != "" || out.Broken != "" || !one.t.idle() {
		t.Errorf("the other is told %s, %+v", got, out)
	}
}

func TestSkippedEndOfAnInterruptedTurn(t *testing.T) {
	h, one, _ := skipping(t)
	if _, err := h.Command(&forward{c: one, Command: &agents.Interrupt{}}); err != nil {
		t.Fatal(err)
	}
	skip(h, `{"method":"turn/completed","params":{"threadId":"T","turn":{"id":"U","x":"`, `"}}}`)
	want(t, told(t, one), `"outcome":"interrupted"`)
}

// An approval that is over the limit is refused, or Codex would wait for ever.
func TestSkippedApproval(t *testing.T) {
	h, one, other := skipping(t)
	out := skip(h, `{"method":"item/fileChange/requestApproval","id":0,"params":{"threadId":"T","reason":"`, `"}}`)
	want(t, lines(out.Frames), `{"id":0,"error":{"code":-32600,`)
	want(t, told(t, one), `"type":"error"`, `"code":"too_large"`, "refused: item/fileChange/requestApproval")
	if got := told(t, other); got != "" {
		t.Errorf("the other is told %s", got)
	}
	out = skip(h, `{"method":"mcpServer/elicitation/request","id":"s","params":{"message":"`, `"}}`)
	want(t, lines(out.Frames), `{"id":"s","error":{"code":-32600,`)
	want(t, told(t, other), "refused: mcpServer/elicitation/request")
}

// An answer that is over the limit fails what it answers.
func TestSkippedAnswers(t *testing.T) {
	h, one, other := skipping(t)
	if _, err := h.Command(&forward{c: other, Command: textPrompt("go")}); err != nil {
		t.Fatal(err)
	}
	if out := skip(h, `{"error":{"message":"`, `"},"id":10}`); out.Broken != "" {
		t.Error(out.Broken)
	}
	want(t, told(t, other), `"outcome":"failed"`, "its answer is longer than this server reads")
	if got := told(t, one); got != "" {
		t.Errorf("the other is told %s", got)
	}
	set, err := newSettings(agents.Start{})
	if err != nil {
		t.Fatal(err)
	}
	c := newConn(&server{}, newTranslator(setup{settings: set}, nil), false, func() {})
	if _, err := h.Command(&attach{c: c}); err != nil {
		t.Fatal(err)
	}
	h.Native([]byte(`{"id":11,"result":{}}`))
	skip(h, `{"id":12,"result":{"thread":{"id":"`, `"}}}`)
	<-c.ready
	if c.t.failure == nil || !strings.Contains(c.t.failure.Message, "did not open the thread: its answer is longer") {
		t.Errorf("the opening failed with %v", c.t.failure)
	}
}

// A line that may be what a turn waits for ends the process; one that nobody
// waits for harms nothing.
func TestSkippedAnything(t *testing.T) {
	for name, c := range map[string]struct {
		before, after string
		broken        bool
	}{
		"anything":           {`{"x":{"y":"`, `"}}`, true},
		"the end of a turn":  {`{"method":"turn/completed","params":{"turn":{"id":"U","x":"`, `"}}}`, true},
		"a delta":            {`{"method":"item/agentMessage/delta","params":{"threadId":"T","delta":"`, `"}}`, false},
		"another's turn end": {`{"method":"turn/completed","params":{"threadId":"W","turn":{"x":"`, `"}}}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			h, one, _ := skipping(t)
			if out := skip(h, c.before, c.after); (out.Broken != "") != c.broken || len(out.Frames) > 0 || told(t, one) != "" {
				t.Errorf("it leads to %+v", out)
			}
			h.Native([]byte(turnDone))
			h.Native([]byte(`{"id":10,"result":{}}`))
			if out := skip(h, c.before, c.after); out.Broken != "" {
				t.Errorf("without a turn it leads to %+v", out)
			}
		})
	}
}

// A real line of 20 MiB at the end of a turn ends the turn, and the process
// serves on; one that may be anything ends the process.
func TestLongLines(t *testing.T) {
	conn := open(t, fakeAgent(t, "long"), agents.Start{SessionID: "1"})
	want(t, turnOf(t, conn, "hold"), `"outcome":"failed"`, `"code":"too_large"`)
	want(t, turnOf(t, conn, "next"), `"next"`, `"outcome":"failed"`)
	conn = open(t, fakeAgent(t, "anything"), agents.Start{SessionID: "1"})
	send(t, conn, textPrompt("hold"))
	want(t, ndjson(t, readUntil(t, conn, protocol.TypeAgentExited, nil)), "may be one that a turn waits for")
}

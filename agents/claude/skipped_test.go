package claude

import (
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// skip gives the translator the ends of a frame.
func skip(t *testing.T, tr *translator, before, after string) (events, answers, broken string) {
	t.Helper()
	frame := before + strings.Repeat("x", 1000) + after
	out := tr.Skipped([]byte(frame[:256]), []byte(frame[len(frame)-256:]))
	for _, f := range out.Frames {
		answers += string(f)
	}
	return ndjson(t, out.Events), answers, out.Broken
}

// turning returns a translator with an open turn.
func turning(t *testing.T) *translator {
	t.Helper()
	tr := ready(t)
	give(t, tr, prompt("m1", uuid1, false))
	feed(t, tr, init1)
	return tr
}

// The CLI waits for the answer to a request, however long that is.
func TestSkippedRequests(t *testing.T) {
	for name, c := range map[string]struct{ before, answers, told string }{
		"permission": {
			`{"type":"control_request","request_id":"r","request":{"subtype":"can_use_tool","tool_name":"Write","input":{"content":"`,
			`{"response":{"request_id":"r","response":{"behavior":"deny","message":"This call is too large`, "refused: can_use_tool Write",
		},
		"other": {
			`{"request_id":"r","type":"control_request","request":{"subtype":"mcp_message","x":{"y":"`,
			`{"response":{"error":"not supported by this client","request_id":"r","subtype":"error"}`, "refused: mcp_message",
		},
	} {
		t.Run(name, func(t *testing.T) {
			tr := turning(t)
			events, answers, broken := skip(t, tr, c.before, `"},"tool_use_id":"tu"}}`)
			want(t, events, `"code":"too_large"`, c.told)
			want(t, answers, c.answers)
			if broken != "" {
				t.Error(broken)
			}
			want(t, feed(t, tr, done1), `"outcome":"completed"`)
		})
	}
}

// The order of a result's fields is that of 2.1.330, where its type stands in
// the middle, or another.
func TestSkippedResult(t *testing.T) {
	for name, before := range map[string]string{
		"type first":         `{"type":"result","subtype":"success","result":"`,
		"type in the middle": `{"duration_api_ms":5,"stop_reason":null,"session_id":"s","total_cost_usd":0,"usage":{"x":1},"permission_denials":[{"tool_input":"`,
	} {
		t.Run(name, func(t *testing.T) {
			tr := turning(t)
			events, _, broken := skip(t, tr, before, `"}],"type":"result","model_usage_since_last_result":{"opus":{}}}`)
			want(t, events, `"outcome":"failed"`, `"code":"too_large"`, "prompt again")
			if broken != "" || tr.turn.open {
				t.Errorf("the turn is %+v (%s)", tr.turn, broken)
			}
			tr = turning(t)
			give(t, tr, &agents.Interrupt{})
			events, _, _ = skip(t, tr, before, `"}],"x":{"y":1}}`)
			want(t, events, `"outcome":"interrupted"`)
		})
	}
}

func TestSkippedAnswer(t *testing.T) {
	tr := ready(t)
	give(t, tr, &agents.Configure{Model: new("opus")})
	events, _, _ := skip(t, tr, `{"type":"control_response","response":{"subtype":"success","request_id":"towline-2","response":{"x":"`, `"}}}`)
	want(t, events, `"configure_failed"`, "longer than this server reads")
	if events, answers, broken := skip(t, tr, `{"type":"control_response","response":{"subtype":"success","request_id":"towline-2","response":{"x":"`, `"}}}`); events+answers+broken != "" {
		t.Errorf("the answer to nothing leads to %s%s%s", events, answers, broken)
	}
}

// A frame that may be what is waited for ends the process; others harm nothing.
func TestSkippedAnything(t *testing.T) {
	for name, c := range map[string]struct {
		before string
		breaks bool
	}{
		"anything":           {`{"x":{"y":"`, true},
		"request of no id":   {`{"type":"control_request","request":{"subtype":"can_use_tool","x":"`, true},
		"answer to no id":    {`{"type":"control_response","response":{"response":{"x":"`, true},
		"result of a tool":   {`{"type":"user","message":{"content":"`, false},
		"a piece of message": {`{"type":"stream_event","event":{"x":"`, false},
	} {
		t.Run(name, func(t *testing.T) {
			events, answers, broken := skip(t, turning(t), c.before, `"}}`)
			if events+answers != "" || (broken != "") != c.breaks {
				t.Errorf("it leads to %s%s%s", events, answers, broken)
			}
			if _, _, broken := skip(t, ready(t), c.before, `"}}`); broken != "" {
				t.Errorf("between turns it leads to %s", broken)
			}
		})
	}
}

// Lines of 20 MiB of a program: a permission, then the result.
func TestLongLines(t *testing.T) {
	conn, err := fakeAgent(t, "ANTHROPIC_FAKE=long").Open(t.Context(), agents.Start{SessionID: "s1", Directory: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer finish(t, conn)
	if err := conn.Send(t.Context(), prompt("m1", "", false)); err != nil {
		t.Fatal(err)
	}
	want(t, ndjson(t, readUntil(t, conn, protocol.TypeTurnEnded)), "a line of 2097", "refused: can_use_tool Write", "a line of 2097", `"outcome":"failed"`, `"code":"too_large"`, "denied as it was")
	_, err = fakeAgent(t, "ANTHROPIC_FAKE=long opening").Open(t.Context(), agents.Start{SessionID: "s1", Directory: t.TempDir()})
	if protocol.CodeOf(err) != protocol.CodeAgentStartFailed || !strings.Contains(err.Error(), "answer to the opening is longer than this server reads") {
		t.Errorf("got %v", err)
	}
}

package acp

import (
	"strings"
	"testing"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// shell writes a line of more than the limit: what stands before and after 20
// MiB of text.
func shell(before, after string) string {
	return `printf '%s' '` + before + `"'; head -c 20971520 /dev/zero | tr '\0' x; echo '"` + after + `'; `
}

const (
	waits = `exec cat >/dev/null`
	ends  = `echo '{"jsonrpc":"2.0","id":3,"result":{"stopReason":"end_turn"}}'; exec cat >/dev/null`
)

// A frame over the limit that something waits for is told at once, and nothing
// waits for it any longer.
func TestLongFramesInATurn(t *testing.T) {
	const unclear = "may be one that the turn waits for"
	for name, c := range map[string]struct {
		script string
		last   protocol.EventType
		wants  []string
	}{
		"answer":          {`echo last words >&2; ` + shell(`{"jsonrpc":"2.0","id":3,"result":{"stopReason":"end_turn","x":`, `}}`) + waits, protocol.TypeTurnEnded, []string{`"outcome":"failed"`, `"code":"too_large"`, "prompt again", "last words"}},
		"answer, id last": {shell(`{"jsonrpc":"2.0","error":{"code":1,"message":`, `},"id":3}`) + waits, protocol.TypeTurnEnded, []string{`"outcome":"failed"`, `"code":"too_large"`}},
		"permission": {shell(`{"jsonrpc":"2.0","id":"p","method":"session/request_permission","params":{"sessionId":"s","toolCall":{"toolCallId":"c","rawInput":`, `},"options":[]}}`) +
			`read answer; case "$answer" in *'"id":"p"'*-32600*) ` + ends + `;; esac`, protocol.TypeTurnEnded, []string{`"code":"too_large"`, "refused: session/request_permission", `"outcome":"completed"`}},
		"update":     {shell(`{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"s","update":{"x":`, `}}}`) + ends, protocol.TypeTurnEnded, []string{"a line of", `"outcome":"completed"`}},
		"stray":      {shell(`{"jsonrpc":"2.0","id":9,"result":`, `}`) + ends, protocol.TypeTurnEnded, []string{"a line of", `"outcome":"completed"`}},
		"anything":   {`echo last words >&2; ` + shell(`{"x":{"y":`, `}}`) + waits, protocol.TypeAgentExited, []string{unclear, "last words", "SIGKILL"}},
		"cut object": {`echo last words >&2; ` + shell(`{"jsonrpc":"2.0","result":`, ``) + waits, protocol.TypeAgentExited, []string{unclear, "last words"}},
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, func() time.Duration {
				begin := time.Now()
				want(t, promptScript(t, c.script, c.last), c.wants...)
				return time.Since(begin)
			})
		})
	}
}

// An opening whose answer is over the limit fails, with a sentence.
func TestLongFramesInTheOpening(t *testing.T) {
	const initialize = `echo oops >&2; read line; `
	const initialized = initialize + `echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1}}'; read line; `
	for name, c := range map[string]struct{ script, says string }{
		"initialize": {initialize + shell(`{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1,"x":`, `}}`), "refused to initialize: its answer is longer"},
		"new":        {initialized + shell(`{"jsonrpc":"2.0","id":2,"result":{"sessionId":"s","x":`, `}}`), "cannot begin a session: its answer is longer"},
		"anything":   {initialized + shell(`{"x":{"y":`, `}}`), "longer than this server reads"},
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, func() time.Duration {
				begin := time.Now()
				conn, err := openScript(t, t.Context(), c.script+waits)
				if conn != nil || protocol.CodeOf(err) != protocol.CodeAgentStartFailed || !strings.Contains(err.Error(), c.says) {
					t.Fatalf("got %v, want agent_start_failed with %q", err, c.says)
				}
				return time.Since(begin)
			})
		})
	}
}

// skip gives the translator the ends of a frame.
func skip(t *testing.T, tr *translator, before, after string) (events, answers string, out agents.Output) {
	t.Helper()
	frame := before + strings.Repeat("x", 1000) + after
	out = tr.Skipped([]byte(frame[:256]), []byte(frame[len(frame)-256:]))
	for _, f := range out.Frames {
		answers += string(f) + "\n"
	}
	return ndjson(t, out.Events), answers, out
}

func TestSkippedSetting(t *testing.T) {
	tr := ready(t, Quirks{})
	give(t, tr, &agents.Configure{Mode: new("plan")})
	events, _, _ := skip(t, tr, `{"jsonrpc":"2.0","id":3,"result":{"x":"`, `"}}`)
	want(t, events, `"configure_failed"`, "its answer is longer than this server reads")
	wantNone(t, events, "session.updated")
}

// A session whose earlier one cannot be loaded begins anew.
func TestSkippedLoad(t *testing.T) {
	tr, _ := start(t, setup{Resume: "old"}, `{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1,"agentCapabilities":{"loadSession":true}}}`)
	events, answers, _ := skip(t, tr, `{"jsonrpc":"2.0","id":2,"result":{"x":"`, `"}}`)
	want(t, events, `"resume_failed"`, `"history_lost"`)
	want(t, answers, `"session/new"`)
}

// A turn that is being cancelled counts as interrupted, whatever its answer is.
func TestSkippedAnswerToACancelledPrompt(t *testing.T) {
	tr := running(t, Quirks{})
	give(t, tr, &agents.Interrupt{})
	events, _, _ := skip(t, tr, `{"jsonrpc":"2.0","id":3,"result":{"x":"`, `"}}`)
	want(t, events, `"outcome":"interrupted"`)
}

// Without anything to wait for, a frame that could be anything does no harm.
func TestSkippedBetweenTurns(t *testing.T) {
	if events, answers, out := skip(t, ready(t, Quirks{}), `{"x":{"y":"`, `"}}`); events+answers+out.Broken != "" {
		t.Errorf("it leads to %s%s%s", events, answers, out.Broken)
	}
}

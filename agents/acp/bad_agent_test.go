package acp

import (
	"context"
	"encoding/json"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// inTime fails the test if an agent that cannot work is told of later than
// after 250 ms each of five times. A busy machine spoils some of them; a wait of
// ours would spoil all. The race detector looks at each of 20 million bytes
// several times, so that under it 750 ms do; this test runs without it as well.
func inTime(t *testing.T, do func() time.Duration) {
	t.Helper()
	promptly := 250 * time.Millisecond
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		promptly *= 3
	}
	var took []time.Duration
	for range 5 {
		took = append(took, do())
		if took[len(took)-1] <= promptly {
			t.Logf("it took %v", took)
			return
		}
	}
	t.Errorf("it took %v, each time more than %v", took, promptly)
}

// openScript opens an agent that is a shell script.
func openScript(t *testing.T, ctx context.Context, script string) (agents.Conn, error) {
	t.Helper()
	a := New(Options{Entry: Custom("bad", []string{"/bin/sh", "-c", script}), Environ: func() []string { return []string{"PATH=/usr/bin:/bin"} }})
	return a.Open(ctx, agents.Start{SessionID: "s", Directory: t.TempDir()})
}

// Programs that are no agents end the opening at once, with a sentence that
// says why and the tail of what they wrote to standard error.
func TestNotAnAgent(t *testing.T) {
	for name, c := range map[string]struct{ script, says string }{
		"echoes":             {`echo oops >&2; exec cat`, "answers with what it was sent"},
		"garbage":            {`echo oops >&2; echo Welcome to the shop; exec tail -f /dev/null`, "no message of its protocol"},
		"garbage that looks": {`echo oops >&2; echo '{welcome}'; exec tail -f /dev/null`, "no JSON-RPC message"},
		"json":               {`echo oops >&2; echo '{"hello":1}'; exec tail -f /dev/null`, "no JSON-RPC message"},
		"binary":             {`echo oops >&2; printf '\377\376\n'; exec tail -f /dev/null`, "no message of its protocol"},
		"dies":               {`echo oops >&2; exit 3`, "exit code 3"},
		"dies asking":        {`echo oops >&2; read line; exit 4`, "exit code 4"},
		"dies after":         {`echo oops >&2; read line; echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1}}'; read line; exit 5`, "exit code 5"},
		"refuses":            {`echo oops >&2; echo '{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"no license"}}'; exec tail -f /dev/null`, "no license"},
		"other version":      {`echo oops >&2; echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":7}}'; exec tail -f /dev/null`, "speaks version 7"},
		"no session":         {`echo oops >&2; read line; echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1}}'; read line; echo '{"jsonrpc":"2.0","id":2,"error":{"code":-32603,"message":"disk full"}}'; exec tail -f /dev/null`, "disk full"},
		"nameless":           {`echo oops >&2; read line; echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1}}'; read line; echo '{"jsonrpc":"2.0","id":2,"result":{}}'; exec tail -f /dev/null`, "names no session"},
		"asks the client":    {`echo oops >&2; read line; echo '{"jsonrpc":"2.0","id":0,"method":"fs/read_text_file","params":{"sessionId":"s","path":"/etc/passwd"}}'; read answer; case "$answer" in *-32601*) exit 6;; esac; exec tail -f /dev/null`, "exit code 6"},
		"asks and forgets":   {`echo oops >&2; read line; for m in terminal/create fs/write_text_file no/such; do echo '{"jsonrpc":"2.0","id":"'$m'","method":"'$m'","params":{}}'; read answer; case "$answer" in *-32601*) ;; *) exec tail -f /dev/null;; esac; done; exit 8`, "exit code 8"},
		"deaf to signals":    {`trap '' TERM INT HUP; echo oops >&2; echo garbage; while :; do sleep 1; done`, "no message of its protocol"},
		"long line":          {`echo oops >&2; head -c 20971520 /dev/zero | tr '\0' x; echo; exec tail -f /dev/null`, "no message of its protocol"},
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, func() time.Duration {
				begin := time.Now()
				conn, err := openScript(t, t.Context(), c.script)
				took := time.Since(begin)
				if conn != nil || protocol.CodeOf(err) != protocol.CodeAgentStartFailed || !strings.Contains(err.Error(), c.says) {
					t.Fatalf("got %v, want agent_start_failed with %q", err, c.says)
				}
				if details, _ := json.Marshal(protocol.AsError(err).Details); !strings.Contains(string(details), `"oops"`) {
					t.Errorf("the details are %s", details)
				}
				return took
			})
		})
	}
}

// An agent that never answers is given up with the context.
func TestSilentAgent(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begin := time.Now()
	_, err := openScript(t, ctx, `exec tail -f /dev/null`)
	if protocol.CodeOf(err) != protocol.CodeAgentStartFailed || !strings.Contains(err.Error(), "in time") || time.Since(begin) > 5*time.Second {
		t.Errorf("got %v after %v", err, time.Since(begin))
	}
}

// handshake is a script that opens a session and reads one prompt.
const handshake = `read line; echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1}}'
read line; echo '{"jsonrpc":"2.0","id":2,"result":{"sessionId":"s"}}'
read line; `

// promptScript opens a script, sends a prompt and returns the events to the
// given one.
func promptScript(t *testing.T, script string, last protocol.EventType) string {
	t.Helper()
	conn, err := openScript(t, t.Context(), handshake+script)
	if err != nil {
		t.Fatal(err)
	}
	defer finish(t, conn)
	if err := conn.Send(t.Context(), say("m1", "go")); err != nil {
		t.Fatal(err)
	}
	return ndjson(t, until(t, conn, last, nil))
}

// In a session that works, what is wrong is told and the session goes on.
func TestBadFramesInASession(t *testing.T) {
	const done = `echo '{"jsonrpc":"2.0","id":3,"result":{"stopReason":"end_turn"}}'; cat >/dev/null`
	for name, c := range map[string]struct {
		script string
		wants  []string
	}{
		"garbage":   {`echo what; echo '{"x"'; ` + done, []string{"not a JSON object", `"outcome":"completed"`}},
		"long line": {`head -c 20971520 /dev/zero | tr '\0' x; echo; ` + done, []string{"a line of 20971520 bytes", `"outcome":"completed"`}},
		"not offered": {`echo '{"jsonrpc":"2.0","id":0,"method":"terminal/create","params":{}}'; read answer; ` +
			`echo '{"jsonrpc":"2.0","id":1,"method":"no/such","params":{}}'; read other; ` +
			`case "$answer$other" in *-32601*-32601*) ` + done + `;; esac`, []string{"not offered", `"outcome":"completed"`}},
	} {
		t.Run(name, func(t *testing.T) {
			want(t, promptScript(t, c.script, protocol.TypeTurnEnded), c.wants...)
		})
	}
}

// An agent that dies in a turn is told of with its last words.
func TestDiesInATurn(t *testing.T) {
	inTime(t, func() time.Duration {
		begin := time.Now()
		want(t, promptScript(t, `echo last words >&2; exit 7`, protocol.TypeAgentExited), `"exit_code":7`, "last words")
		return time.Since(begin)
	})
}

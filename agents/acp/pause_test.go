package acp

import (
	"context"
	"testing"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// A prompt behind a turn that failed waits, where the agent needs it.
func TestPromptWaitsAfterAFailure(t *testing.T) {
	t.Parallel()
	const after = 300 * time.Millisecond
	script := handshake + `echo '{"jsonrpc":"2.0","id":3,"error":{"code":-32603,"message":"model gone"}}'
read line; echo '{"jsonrpc":"2.0","id":4,"result":{"stopReason":"end_turn"}}'; cat >/dev/null`
	e := Custom("hasty", []string{"/bin/sh", "-c", script})
	e.Quirks.AfterFailure = after
	a := New(Options{Entry: e, Environ: func() []string { return []string{"PATH=/usr/bin:/bin"} }})
	conn, err := a.Open(t.Context(), agents.Start{SessionID: "s", Directory: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer finish(t, conn)
	if err := conn.Send(t.Context(), say("m1", "go")); err != nil {
		t.Fatal(err)
	}
	begin := time.Now() // before the failure is read
	want(t, ndjson(t, until(t, conn, protocol.TypeTurnEnded, nil)), `"outcome":"failed"`)

	hurried, cancel := context.WithCancel(t.Context())
	cancel()
	if err := conn.Send(hurried, say("m2", "again")); protocol.CodeOf(err) != protocol.CodeTimeout {
		t.Errorf("a prompt that cannot wait: %v", err)
	}
	if err := conn.Send(t.Context(), say("m2", "again")); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took < after {
		t.Errorf("the next prompt was sent after %v, before %v", took, after)
	}
	want(t, ndjson(t, until(t, conn, protocol.TypeTurnEnded, nil)), `"outcome":"completed"`)
}

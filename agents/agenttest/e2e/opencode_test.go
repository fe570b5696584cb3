package e2e_test

import (
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/agenttest/e2e"
	"github.com/towline-dev/towline/agents/agenttest/installed"
	"github.com/towline-dev/towline/agents/opencode"
)

// openCodeAdapter runs the real OpenCode, with a server of each scenario's own.
var openCodeAdapter = e2e.Adapter{
	Name:  "opencode",
	About: "OpenCode " + agents.OpenCodeVersion + ", over its HTTP server, one for all sessions",
	New:   func() agents.Agent { return opencode.New(opencode.Options{}) },
	Place: func(t testing.TB) *e2e.Place {
		installed.OpenCode(t)
		clis <- struct{}{}
		t.Cleanup(func() { <-clis })
		m := agenttest.NewChat(t)
		home := agenttest.OpenCodeHome(t, m.URL())
		a := opencode.New(opencode.Options{
			Locator: &agents.Locator{Dir: installed.Dir(t)}, Environ: home.Env, StateDir: t.TempDir(),
		})
		t.Cleanup(func() { ok(t, a.Close()) })
		// The models are known after the first session.
		conn, err := a.Open(t.Context(), agents.Start{SessionID: "first", Directory: home.Dir})
		ok(t, err)
		ok(t, conn.Close())
		return &e2e.Place{Agent: a, Model: m, Dir: home.Dir}
	},
	Elsewhere: map[string]string{"mcp": "TestSharedMCP", "shared_process": "TestSharedProcess"},
}

// TestOpenCodeConformance proves what the agent claims.
func TestOpenCodeConformance(t *testing.T) { e2e.Run(t, openCodeAdapter) }

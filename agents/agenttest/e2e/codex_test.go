package e2e_test

import (
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/agenttest/e2e"
	"github.com/towline-dev/towline/agents/agenttest/installed"
	"github.com/towline-dev/towline/agents/codex"
)

// codexAdapter runs the real Codex, with a process of each scenario's own.
var codexAdapter = e2e.Adapter{
	Name:  "codex",
	About: "Codex " + agents.CodexVersion + ", over its app-server, one for all sessions",
	New:   func() agents.Agent { return codex.New(codex.Options{}) },
	Place: func(t testing.TB) *e2e.Place {
		path := installed.Codex(t)
		clis <- struct{}{}
		t.Cleanup(func() { <-clis })
		m := agenttest.NewResponses(t)
		home := agenttest.CodexHome(t, m.URL())
		a := codex.New(codex.Options{
			Locator: &agents.Locator{Flags: map[string]string{"codex": path}}, Environ: home.Env, StateDir: t.TempDir(),
		})
		t.Cleanup(func() { ok(t, a.Close()) })
		return &e2e.Place{Agent: a, Model: m, Dir: home.Dir}
	},
	Elsewhere: map[string]string{"mcp": "TestSharedMCP", "shared_process": "TestSharedProcess"},
}

// TestCodexConformance proves what the agent claims.
func TestCodexConformance(t *testing.T) { e2e.Run(t, codexAdapter) }

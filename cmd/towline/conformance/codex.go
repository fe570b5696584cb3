package conformance

import (
	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/codex"
	"github.com/towline-dev/towline/agents/install"
)

// openAICodex drives Codex, with a process of each scenario's own.
func openAICodex() Adapter {
	return Adapter{
		Name:  "codex",
		About: "Codex " + install.CodexVersion + ", over its app-server, one for all sessions",
		New:   func() agents.Agent { return codex.New(codex.Options{}) },
		Place: func(t agenttest.T, l *agents.Locator) *Place {
			m := agenttest.NewResponses(t)
			home := agenttest.CodexHome(t, m.URL())
			a := codex.New(codex.Options{Locator: l, Environ: home.Env, StateDir: t.TempDir()})
			t.Cleanup(func() { ok(t, a.Close()) })
			return &Place{Agent: a, Model: m, Dir: home.Dir}
		},
	}
}

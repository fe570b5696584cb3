package conformance

import (
	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/opencode"
)

// openCode drives OpenCode, with a server of each scenario's own.
func openCode() Adapter {
	return Adapter{
		Name:  "opencode",
		About: "OpenCode " + agents.OpenCodeVersion + ", over its HTTP server, one for all sessions",
		New:   func() agents.Agent { return opencode.New(opencode.Options{}) },
		Place: func(t agenttest.T, l *agents.Locator) *Place {
			m := agenttest.NewChat(t)
			home := agenttest.OpenCodeHome(t, m.URL())
			a := opencode.New(opencode.Options{Locator: l, Environ: home.Env, StateDir: t.TempDir()})
			t.Cleanup(func() { ok(t, a.Close()) })
			// The models are known after the first session.
			conn, err := a.Open(t.Context(), agents.Start{SessionID: "first", Directory: home.Dir})
			ok(t, err)
			ok(t, conn.Close())
			return &Place{Agent: a, Model: m, Dir: home.Dir}
		},
	}
}

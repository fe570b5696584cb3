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
			p := &Place{Agent: a, Model: m, Dir: home.Dir}
			learn(t, p)
			return p
		},
	}
}

// learn opens a session of OpenCode, since its models are known after the
// first.
func learn(t agenttest.T, p *Place) {
	t.Helper()
	conn, err := p.Agent.Open(t.Context(), agents.Start{SessionID: "first", Directory: p.Dir})
	ok(t, err)
	ok(t, conn.Close())
}

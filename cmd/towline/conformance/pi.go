package conformance

import (
	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/install"
	"github.com/towline-dev/towline/agents/pi"
)

// piAgent drives Pi.
func piAgent() Adapter {
	return Adapter{
		Name:  "pi",
		About: "Pi " + install.PiVersion + ", over its RPC mode",
		New:   func() agents.Agent { return pi.New(pi.Options{}) },
		Place: func(t agenttest.T, l *agents.Locator) *Place {
			m := agenttest.NewPiChat(t)
			home := agenttest.PiHome(t, m.URL())
			return &Place{
				Agent: pi.New(pi.Options{Locator: l, Environ: home.Env, StateDir: t.TempDir()}),
				Model: m, Dir: home.Dir,
			}
		},
	}
}

package e2e_test

import (
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/agenttest/e2e"
	"github.com/towline-dev/towline/agents/agenttest/installed"
	"github.com/towline-dev/towline/agents/pi"
)

// piAdapter runs the real Pi.
var piAdapter = e2e.Adapter{
	Name: "pi",
	New:  func() agents.Agent { return pi.New(pi.Options{}) },
	Place: func(t testing.TB) *e2e.Place {
		path := installed.Pi(t)
		clis <- struct{}{}
		t.Cleanup(func() { <-clis })
		m := agenttest.NewPiChat(t)
		home := agenttest.PiHome(t, m.URL())
		return &e2e.Place{
			Agent: pi.New(pi.Options{
				Locator: &agents.Locator{Flags: map[string]string{"pi": path}}, Environ: home.Env, StateDir: t.TempDir(),
			}),
			Model: m, Dir: home.Dir,
		}
	},
}

// TestPiConformance proves what the agent claims.
func TestPiConformance(t *testing.T) { e2e.Run(t, piAdapter) }

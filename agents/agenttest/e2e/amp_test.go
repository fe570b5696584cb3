package e2e_test

import (
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/agenttest/e2e"
	"github.com/towline-dev/towline/agents/amp"
)

// ampAdapter runs the real Amp CLI of April 2026.
var ampAdapter = e2e.Adapter{
	Name: "amp",
	New:  func() agents.Agent { return amp.New(amp.Options{}) },
	Place: func(t testing.TB) *e2e.Place {
		path := agenttest.AmpCLI(t)
		clis <- struct{}{}
		t.Cleanup(func() { <-clis })
		m := agenttest.NewAmp(t)
		home := agenttest.AmpHome(t, m.URL())
		return &e2e.Place{
			Agent: amp.New(amp.Options{
				Locator: &agents.Locator{Flags: map[string]string{"amp": path}}, Environ: home.Env, StateDir: t.TempDir(),
			}),
			Model: m, Dir: home.Dir,
		}
	},
}

// TestAmpConformance proves what the agent claims.
func TestAmpConformance(t *testing.T) { e2e.Run(t, ampAdapter) }

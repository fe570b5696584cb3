package conformance

import (
	"slices"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/amp"
	"github.com/towline-dev/towline/agents/install"
	"github.com/towline-dev/towline/protocol"
)

// ampCLI drives the Amp CLI, of the generation that runs its agent here.
func ampCLI() Adapter {
	return Adapter{
		Name:      "amp",
		About:     "Amp " + install.AmpVersion + ", over its stream-json protocol",
		Scenarios: ampScenarios(),
		New:       func() agents.Agent { return amp.New(amp.Options{}) },
		Place: func(t agenttest.T, l *agents.Locator) *Place {
			m := agenttest.NewAmp(t)
			home := agenttest.AmpHome(t, m.URL())
			return &Place{
				Agent: amp.New(amp.Options{Locator: l, Environ: home.Env, StateDir: t.TempDir()}),
				Model: m, Dir: home.Dir,
			}
		},
	}
}

// ampScenarios are all scenarios, but for what Amp does in its own way. It tries
// nothing again by itself: a fault of the model that would pass ends the turn,
// and the next turn works. And a prompt that joins the turn withdraws what was
// asked for.
func ampScenarios() []agenttest.Scenario {
	prompt := func(script string) agenttest.Step {
		return agenttest.Step{Kind: agenttest.StepPrompt, Script: script, Text: "Do as scripted."}
	}
	await := func(w agenttest.Want) agenttest.Step { return agenttest.Step{Kind: agenttest.StepAwait, Await: w} }
	failed := want(protocol.TypeTurnEnded, fields{"outcome": "failed", "error.retryable": "true"})
	completed := want(protocol.TypeTurnEnded, fields{"outcome": "completed"})
	all := agenttest.Scenarios()
	for i := range all {
		switch s := &all[i]; s.Name {
		case "model_overloaded", "model_rate_limited", "model_cut":
			s.Steps = []agenttest.Step{prompt("main"), await(failed), prompt("next"), await(completed)}
			s.Wants, s.Never = []agenttest.Want{failed, completed}, nil
		case "steer":
			s.Steps = slices.Clone(s.Steps)
			for j, step := range s.Steps {
				if step.Kind == agenttest.StepDecide {
					s.Steps[j] = await(want(protocol.TypePermissionResolved, fields{"outcome": "cancelled"}))
				}
			}
		}
	}
	return all
}

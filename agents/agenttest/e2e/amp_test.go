package e2e_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/agenttest/e2e"
	"github.com/towline-dev/towline/agents/agenttest/installed"
	"github.com/towline-dev/towline/agents/amp"
	"github.com/towline-dev/towline/protocol"
)

// ampAdapter runs the real Amp CLI of April 2026.
var ampAdapter = e2e.Adapter{
	Name:      "amp",
	Scenarios: ampScenarios(),
	New:       func() agents.Agent { return amp.New(amp.Options{}) },
	Place: func(t testing.TB) *e2e.Place {
		path := installed.Amp(t)
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

// ampScenarios are all scenarios, but that Amp tries nothing again by itself: a
// fault of the model that would pass ends the turn, and the next turn works.
func ampScenarios() []agenttest.Scenario {
	all := agenttest.Scenarios()
	for i, s := range all {
		if !slices.Contains([]string{"model_overloaded", "model_rate_limited", "model_cut"}, s.Name) {
			continue
		}
		ended := func(outcome string) agenttest.Want {
			return agenttest.Want{Type: protocol.TypeTurnEnded, Has: map[string]string{"outcome": outcome}}
		}
		prompt := func(script string) agenttest.Step {
			return agenttest.Step{Kind: agenttest.StepPrompt, Script: script, Text: "Do as scripted."}
		}
		await := func(w agenttest.Want) agenttest.Step { return agenttest.Step{Kind: agenttest.StepAwait, Await: w} }
		failed := agenttest.Want{Type: protocol.TypeTurnEnded, Has: map[string]string{"outcome": "failed", "error.retryable": "true"}}
		s.Steps = []agenttest.Step{prompt("main"), await(failed), prompt("next"), await(ended("completed"))}
		s.Wants, s.Never = []agenttest.Want{failed, ended("completed")}, nil
		all[i] = s
	}
	return all
}

// TestAmpConformance proves what the agent claims.
func TestAmpConformance(t *testing.T) { e2e.Run(t, ampAdapter) }

// Settings in the work folder, which the agent itself can write, would pass
// over all approvals: Amp is not started there.
func TestAmpRefusesTheWorkFoldersPermissions(t *testing.T) {
	p := ampAdapter.Place(t)
	settings := filepath.Join(p.Dir, ".amp", "settings.json")
	ok(t, os.Mkdir(filepath.Dir(settings), 0o700))
	ok(t, os.WriteFile(settings, []byte(`{"amp.dangerouslyAllowAll":true,"amp.permissions":[{"tool":"*","action":"allow"}]}`), 0o600))
	script := p.Model.On("main", agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "execute", Command: "echo yes >ran"}}), agenttest.Play(agenttest.Say("Done.")))
	s := e2e.Serve(t, p.Agent)
	r := e2e.Record(t, s.Client, s.Create(p, protocol.SessionCreate{}), protocol.FormatJSON)
	_, err := r.Prompt(t.Context(), protocol.Prompt{Text: "Do as scripted. " + script.Marker()})
	ok(t, err)
	r.Await(agenttest.Want{Type: protocol.TypeTurnEnded, Has: map[string]string{"outcome": "failed", "error.message": "~.amp/settings.json"}})
	if _, err := os.Stat(filepath.Join(p.Dir, "ran")); err == nil {
		t.Error("the command ran")
	}
}

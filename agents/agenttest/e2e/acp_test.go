package e2e_test

import (
	"slices"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/acp"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/agenttest/e2e"
	"github.com/towline-dev/towline/agents/agenttest/installed"
)

// The adapters of the agents that speak ACP and are proven.
var (
	geminiAdapter = acpAdapter("gemini", func(t testing.TB) (e2e.Model, *agenttest.Home) {
		m := agenttest.NewGemini(t)
		return m, agenttest.GeminiHome(t, m.URL())
	})
	qwenAdapter = acpAdapter("qwen", func(t testing.TB) (e2e.Model, *agenttest.Home) {
		m := agenttest.NewQwenChat(t)
		return m, agenttest.QwenHome(t, m.URL())
	})
	claudeACPAdapter = acpAdapter("claude-agent-acp", func(t testing.TB) (e2e.Model, *agenttest.Home) {
		m := agenttest.NewMessages(t)
		return m, agenttest.NewHome(t, m.URL())
	})
)

// acpLeftOut are scenarios that an agent cannot pass, by agent and name, with
// the reason. They prove no capability.
var acpLeftOut = map[string]string{
	"gemini model_cut":  "it fails the turn and does not ask the model again",
	"qwen model_cut":    "it fails the turn and does not ask the model again",
	"qwen model_broken": "it asks a broken model again for minutes",
}

// acpAdapter runs a real agent over ACP.
func acpAdapter(name string, place func(testing.TB) (e2e.Model, *agenttest.Home)) e2e.Adapter {
	e, known := acp.Find(name)
	if !known {
		panic("there is no entry " + name)
	}
	scenarios := slices.DeleteFunc(agenttest.Scenarios(), func(s agenttest.Scenario) bool { return acpLeftOut[name+" "+s.Name] != "" })
	return e2e.Adapter{
		Scenarios: scenarios,
		Name:      name, About: e.Title + " " + agents.ACPInstallation(name, "").Version + ", over the Agent Client Protocol",
		New: func() agents.Agent { return acp.New(acp.Options{Entry: e}) },
		Place: func(t testing.TB) *e2e.Place {
			dir := installed.Dir(t)
			installed.Agent(t, agents.ACPInstallation(name, dir))
			clis <- struct{}{}
			t.Cleanup(func() { <-clis })
			m, home := place(t)
			return &e2e.Place{
				Agent: acp.New(acp.Options{Entry: e, Locator: &agents.Locator{Dir: dir}, Environ: home.Env, StateDir: t.TempDir()}),
				Model: m, Dir: home.Dir,
			}
		},
	}
}

// Each proves what it claims.
func TestGeminiConformance(t *testing.T)    { e2e.Run(t, geminiAdapter) }
func TestQwenConformance(t *testing.T)      { e2e.Run(t, qwenAdapter) }
func TestClaudeACPConformance(t *testing.T) { e2e.Run(t, claudeACPAdapter) }

package conformance

import (
	"maps"
	"slices"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/acp"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/install"
)

// The agents that speak ACP and are driven.
func gemini() Adapter {
	return overACP(entry("gemini"), func(t agenttest.T) (Model, *agenttest.Home) {
		m := agenttest.NewGemini(t)
		return m, agenttest.GeminiHome(t, m.URL())
	})
}

func qwen() Adapter {
	return overACP(entry("qwen"), func(t agenttest.T) (Model, *agenttest.Home) {
		m := agenttest.NewQwenChat(t)
		return m, agenttest.QwenHome(t, m.URL())
	})
}

func claudeACP() Adapter {
	return overACP(entry("claude-agent-acp"), func(t agenttest.T) (Model, *agenttest.Home) {
		m := agenttest.NewMessages(t)
		return m, agenttest.NewHome(t, m.URL())
	})
}

// openCodeACP is another way to OpenCode than its server.
func openCodeACP() Adapter {
	e := entry("opencode-acp")
	e.Env = maps.Clone(e.Env)
	// Its runtime compiles what runs often for a quarter of a scenario's time,
	// which pays after minutes.
	e.Env["BUN_JSC_useFTLJIT"], e.Env["BUN_JSC_thresholdForOptimizeAfterWarmUp"] = "0", "10000"
	return overACP(e, func(t agenttest.T) (Model, *agenttest.Home) {
		m := agenttest.NewChat(t)
		return m, agenttest.OpenCodeHome(t, m.URL())
	})
}

// codexACP is another way to Codex than its app-server.
func codexACP() Adapter {
	a := overACP(entry("codex-acp"), func(t agenttest.T) (Model, *agenttest.Home) {
		m := agenttest.NewCodexACPResponses(t)
		return m, agenttest.CodexHome(t, m.URL())
	})
	// Its turn ends at an interrupt, and its request to the model does not.
	for i, s := range a.Scenarios {
		if s.Name == "interrupt" {
			a.Scenarios[i].Steps = slices.DeleteFunc(slices.Clone(s.Steps), func(s agenttest.Step) bool { return s.Kind == agenttest.StepAwaitAborted })
		}
	}
	place := a.Place
	a.Place = func(t agenttest.T, l *agents.Locator) *Place {
		p := place(t, l)
		p.Env = map[string]string{"FAKE_API_KEY": "fake-key"}
		return p
	}
	return a
}

// copilot has a model of the user's own: its vendor's want a login.
func copilot() Adapter {
	return overACP(entry("copilot"), func(t agenttest.T) (Model, *agenttest.Home) {
		m := agenttest.NewCopilotChat(t)
		return m, agenttest.CopilotHome(t, m.URL())
	})
}

// acpLeftOut are scenarios that an agent cannot pass, by agent and name, with
// the reason. What they prove is proven by others, or they prove nothing.
var acpLeftOut = map[string]string{
	"gemini model_cut":             "it fails the turn and does not ask the model again",
	"qwen model_cut":               "it fails the turn and does not ask the model again",
	"codex-acp model_rate_limited": "it fails the turn and does not ask the model again",
	"qwen model_broken":            "it asks a broken model again for minutes",
	"qwen mcp_ask":                 "its permission does not name the tool, nor the server that has it",
}

// overACP drives an agent over ACP.
func overACP(e acp.Entry, home func(agenttest.T) (Model, *agenttest.Home)) Adapter {
	version := map[string]string{ // of those that are not installed on demand
		"opencode-acp": install.OpenCodeVersion, "codex-acp": agenttest.CodexACPVersion, "copilot": agenttest.CopilotVersion,
	}[e.Name]
	if i := install.ACP(e.Name, ""); i != nil {
		version = i.Version
	}
	return Adapter{
		Name: e.Name, About: e.Title + " " + version + ", over the Agent Client Protocol",
		Scenarios: slices.DeleteFunc(agenttest.Scenarios(), func(s agenttest.Scenario) bool { return acpLeftOut[e.Name+" "+s.Name] != "" }),
		New:       func() agents.Agent { return acp.New(acp.Options{Entry: e}) },
		Place: func(t agenttest.T, l *agents.Locator) *Place {
			m, h := home(t)
			return &Place{
				Agent: acp.New(acp.Options{Entry: e, Locator: l, Environ: h.Env, StateDir: t.TempDir()}),
				Model: m, Dir: h.Dir,
			}
		},
	}
}

// entry is that of an agent.
func entry(name string) acp.Entry {
	e, known := acp.Find(name)
	if !known {
		panic("there is no entry " + name)
	}
	return e
}

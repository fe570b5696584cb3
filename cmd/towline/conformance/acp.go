package conformance

import (
	"slices"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/acp"
	"github.com/towline-dev/towline/agents/agenttest"
)

// The agents that speak ACP and are driven.
func gemini() Adapter {
	return overACP("gemini", func(t agenttest.T) (Model, *agenttest.Home) {
		m := agenttest.NewGemini(t)
		return m, agenttest.GeminiHome(t, m.URL())
	})
}

func qwen() Adapter {
	return overACP("qwen", func(t agenttest.T) (Model, *agenttest.Home) {
		m := agenttest.NewQwenChat(t)
		return m, agenttest.QwenHome(t, m.URL())
	})
}

func claudeACP() Adapter {
	return overACP("claude-agent-acp", func(t agenttest.T) (Model, *agenttest.Home) {
		m := agenttest.NewMessages(t)
		return m, agenttest.NewHome(t, m.URL())
	})
}

// openCodeACP is another way to OpenCode than its server.
func openCodeACP() Adapter {
	a := overACP("opencode-acp", func(t agenttest.T) (Model, *agenttest.Home) {
		m := agenttest.NewChat(t)
		return m, agenttest.OpenCodeHome(t, m.URL())
	})
	place := a.Place
	a.Place = func(t agenttest.T, l *agents.Locator) *Place {
		p := place(t, l)
		learn(t, p)
		return p
	}
	return a
}

// acpLeftOut are scenarios that an agent cannot pass, by agent and name, with
// the reason. What they prove is proven by others, or they prove nothing.
var acpLeftOut = map[string]string{
	"gemini model_cut":         "it fails the turn and does not ask the model again",
	"qwen model_cut":           "it fails the turn and does not ask the model again",
	"qwen model_broken":        "it asks a broken model again for minutes",
	"qwen mcp_ask":             "its permission does not name the tool, nor the server that has it",
	"claude-agent-acp mcp_ask": "its permission does not say that it is one for a server's tool",
}

// overACP drives an agent over ACP.
func overACP(name string, home func(agenttest.T) (Model, *agenttest.Home)) Adapter {
	e, known := acp.Find(name)
	if !known {
		panic("there is no entry " + name)
	}
	version := agents.OpenCodeVersion // the only one that is no package of its own
	if i := agents.ACPInstallation(name, ""); i != nil {
		version = i.Version
	}
	return Adapter{
		Name: name, About: e.Title + " " + version + ", over the Agent Client Protocol",
		Scenarios: slices.DeleteFunc(agenttest.Scenarios(), func(s agenttest.Scenario) bool { return acpLeftOut[name+" "+s.Name] != "" }),
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

package acp

import (
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/agenttest/installed"
	"github.com/towline-dev/towline/agents/install"
	"github.com/towline-dev/towline/protocol"
)

// realAgent is one real agent with a scripted model of its own.
type realAgent struct {
	*Agent
	home *agenttest.Home
	// on registers a script of the model.
	on func(name string, rounds ...agenttest.Round) *agenttest.Script
	// execute is a command in the agent's own words.
	execute func(command string) agenttest.Block
	// resumes tells that the agent remembers a session of one turn in another
	// process.
	resumes bool
	// usual is the mode that it is in, mode one that it can switch to.
	usual, mode string
	// model is a model that it can switch to, asked what the model server is
	// then asked for.
	model, asked string
	// credentials is what Info tells of its login.
	credentials string
}

// newReal makes an agent of the pinned version of an entry.
func newReal(t *testing.T, name string, home *agenttest.Home) *Agent {
	t.Helper()
	e, ok := Find(name)
	if !ok {
		t.Fatalf("there is no entry %s", name)
	}
	dir := installed.Dir(t)
	installation := install.ACP(name, dir)
	installed.Agent(t, installation)
	return New(Options{Entry: e, Locator: &agents.Locator{Dir: dir}, Installation: installation, Environ: home.Env})
}

func realGemini(t *testing.T) *realAgent {
	t.Helper()
	m := agenttest.NewGemini(t)
	home := agenttest.GeminiHome(t, m.URL())
	return &realAgent{
		credentials: "found", model: "gemini-3-flash-preview", asked: "gemini-3-flash-preview",
		Agent: newReal(t, "gemini", home), home: home, on: m.On, usual: "default", mode: "plan",
		execute: func(command string) agenttest.Block {
			return agenttest.Use("run_shell_command", map[string]any{"command": command, "description": "scripted"})
		},
	}
}

func realQwen(t *testing.T) *realAgent {
	t.Helper()
	m := agenttest.NewQwenChat(t)
	home := agenttest.QwenHome(t, m.URL())
	return &realAgent{
		credentials: "found", model: "fake-two(openai)", asked: "fake-two",
		Agent: newReal(t, "qwen", home), home: home, on: m.On, usual: "default", mode: "plan", resumes: true,
		execute: func(command string) agenttest.Block {
			return agenttest.Use("run_shell_command", map[string]any{"command": command, "is_background": false, "description": "scripted"})
		},
	}
}

func realClaude(t *testing.T) *realAgent {
	t.Helper()
	m := agenttest.NewMessages(t)
	home := agenttest.NewHome(t, m.URL())
	home.Vars["IS_SANDBOX"] = "1"
	return &realAgent{
		credentials: "found", model: "haiku", asked: "haiku",
		Agent: newReal(t, "claude-agent-acp", home), home: home, on: m.On, usual: "default", mode: "plan", resumes: true,
		execute: func(command string) agenttest.Block {
			return agenttest.Use("Bash", map[string]any{"command": command, "description": "scripted"})
		},
	}
}

// realOpenCode is the OpenCode of the adapter of its own, speaking ACP.
func realOpenCode(t *testing.T) *realAgent {
	t.Helper()
	m := agenttest.NewChat(t)
	home := agenttest.OpenCodeHome(t, m.URL())
	e, ok := Find("opencode-acp")
	if !ok {
		t.Fatal("there is no entry opencode-acp")
	}
	e, err := e.With(installed.OpenCode(t))
	if err != nil {
		t.Fatal(err)
	}
	return &realAgent{
		credentials: "unknown", model: "fake/two", asked: "two",
		Agent: New(Options{Entry: e, Environ: home.Env}), home: home, on: m.On, usual: "build", mode: "plan", resumes: true,
		execute: func(command string) agenttest.Block {
			return agenttest.Use("bash", map[string]any{"command": command, "description": "scripted"})
		},
	}
}

// realCodex is the adapter of Codex.
func realCodex(t *testing.T) *realAgent {
	t.Helper()
	m := agenttest.NewResponses(t)
	home := agenttest.CodexHome(t, m.URL())
	e, ok := Find("codex-acp")
	if !ok {
		t.Fatal("there is no entry codex-acp")
	}
	e, err := e.With(installed.CodexACP(t))
	if err != nil {
		t.Fatal(err)
	}
	e.Pass = append(e.Pass, "FAKE_API_KEY")
	return &realAgent{
		credentials: "missing", model: "gpt-5.4", asked: "gpt-5.4",
		Agent: New(Options{Entry: e, Environ: home.Env}), home: home, on: m.On, usual: "read-only", mode: "auto", resumes: true,
		execute: func(command string) agenttest.Block {
			// It asks for what its sandbox shall not hold.
			return agenttest.Use("exec_command", map[string]any{
				"cmd": command, "login": false, "yield_time_ms": 20_000, "sandbox_permissions": "require_escalated", "justification": "scripted",
			})
		},
	}
}

// realCopilot is Copilot with a model of its own, for which it needs no login.
func realCopilot(t *testing.T) *realAgent {
	t.Helper()
	m := agenttest.NewChat(t)
	home := agenttest.CopilotHome(t, m.URL())
	e, ok := Find("copilot")
	if !ok {
		t.Fatal("there is no entry copilot")
	}
	e, err := e.With(installed.Copilot(t))
	if err != nil {
		t.Fatal(err)
	}
	return &realAgent{
		credentials: "unknown",
		Agent:       New(Options{Entry: e, Environ: home.Env}), home: home, on: m.On, usual: copilotMode + "agent", mode: copilotMode + "plan", resumes: true,
		execute: func(command string) agenttest.Block {
			return agenttest.Use("bash", map[string]any{"command": command, "description": "scripted"})
		},
	}
}

// copilotMode begins Copilot's ids of modes.
const copilotMode = "https://agentclientprotocol.com/protocol/session-modes#"

// realAgents are the agents that are proven, by the names of their entries. What
// the conformance suite shows of them is not shown again here.
var realAgents = map[string]func(*testing.T) *realAgent{
	"gemini": realGemini, "qwen": realQwen, "claude-agent-acp": realClaude,
	"opencode-acp": realOpenCode, "codex-acp": realCodex, "copilot": realCopilot,
}

// eachReal runs a test with each of the agents that are proven.
func eachReal(t *testing.T, test func(t *testing.T, r *realAgent)) {
	t.Helper()
	eachClaiming(t, func(protocol.Capabilities) bool { return true }, test)
}

// eachClaiming runs it with those whose entries claim something.
func eachClaiming(t *testing.T, claim func(protocol.Capabilities) bool, test func(t *testing.T, r *realAgent)) {
	t.Helper()
	for name, open := range realAgents {
		if e, ok := Find(name); !ok || !claim(e.Capabilities) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel() // they wait for their agents most of the time
			test(t, open(t))
		})
	}
}

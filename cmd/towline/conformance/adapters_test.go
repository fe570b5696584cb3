package conformance_test

import (
	"slices"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/agenttest/installed"
	"github.com/towline-dev/towline/agents/install"
	"github.com/towline-dev/towline/cmd/towline/conformance"
)

// Each agent proves what it claims.
func TestClaudeConformance(t *testing.T)   { run(t, "claude", both) }
func TestCodexConformance(t *testing.T)    { run(t, "codex", both) }
func TestOpenCodeConformance(t *testing.T) { run(t, "opencode", both) }
func TestAmpConformance(t *testing.T)      { run(t, "amp", both) }
func TestPiConformance(t *testing.T)       { run(t, "pi", both) }
func TestMockConformance(t *testing.T)     { run(t, "mock", both) }
func TestTerminalConformance(t *testing.T) { run(t, "terminal", both) }

// Those over ACP have one adapter, which the first of them shows in both
// encodings.
func TestClaudeACPConformance(t *testing.T)   { run(t, "claude-agent-acp", both) }
func TestGeminiConformance(t *testing.T)      { run(t, "gemini", msgpackAlone) }
func TestQwenConformance(t *testing.T)        { run(t, "qwen", msgpackAlone) }
func TestOpenCodeACPConformance(t *testing.T) { run(t, "opencode-acp", msgpackAlone) }
func TestCodexACPConformance(t *testing.T)    { run(t, "codex-acp", msgpackAlone) }
func TestCopilotConformance(t *testing.T)     { run(t, "copilot", msgpackAlone) }

// clis bounds how many CLIs run at a time: each takes a core to start.
var clis = make(chan struct{}, 2)

// place makes a place for the pinned version of an agent, when it is this
// test's turn.
func place(t testing.TB, agent string) *conformance.Place {
	t.Helper()
	a, l := locate(t, agent)
	await(t, l)
	return a.Place(t, l)
}

// places returns what makes the places of scenarios. Of an agent one process of
// which serves many sessions one serves them all, but those that kill it.
func places(t *testing.T, agent string) func(*testing.T, *agenttest.Scenario) *conformance.Place {
	t.Helper()
	a, l := locate(t, agent)
	if a.Share == nil {
		return func(t *testing.T, _ *agenttest.Scenario) *conformance.Place { return place(t, agent) }
	}
	share := a.Share(t, l)
	return func(t *testing.T, s *agenttest.Scenario) *conformance.Place {
		if slices.ContainsFunc(s.Steps, func(s agenttest.Step) bool { return s.Kind == agenttest.StepKill }) {
			return place(t, agent)
		}
		await(t, l)
		return share(t)
	}
}

// locate finds the adapter of an agent, and its executable's locator.
func locate(t testing.TB, agent string) (conformance.Adapter, *agents.Locator) {
	t.Helper()
	a, known := conformance.Find(agent)
	if !known {
		t.Fatalf("there is no adapter for %s", agent)
	}
	return a, &agents.Locator{Flags: map[string]string{agent: executable(t, agent)}}
}

// await waits until another CLI may run, if the locator finds one, up to the
// test's end.
func await(t testing.TB, l *agents.Locator) {
	for _, path := range l.Flags {
		if path != "" {
			clis <- struct{}{}
			t.Cleanup(func() { <-clis })
		}
	}
}

// executable is the path of an agent's pinned version, which it installs for
// tests; empty for the mock.
func executable(t testing.TB, agent string) string {
	t.Helper()
	switch agent {
	case "mock", "terminal":
		return ""
	case "claude":
		return installed.Claude(t)
	case "codex":
		return installed.Codex(t)
	case "opencode", "opencode-acp":
		return installed.OpenCode(t)
	case "amp":
		return installed.Amp(t)
	case "pi":
		return installed.Pi(t)
	case "codex-acp":
		return installed.CodexACP(t)
	case "copilot":
		return installed.Copilot(t)
	default:
		return installed.Agent(t, install.ACP(agent, installed.Dir(t)))
	}
}

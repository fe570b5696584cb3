package conformance_test

import (
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest/installed"
	"github.com/towline-dev/towline/cmd/towline/conformance"
)

// Each agent proves what it claims.
func TestClaudeConformance(t *testing.T)      { run(t, "claude") }
func TestCodexConformance(t *testing.T)       { run(t, "codex") }
func TestOpenCodeConformance(t *testing.T)    { run(t, "opencode") }
func TestAmpConformance(t *testing.T)         { run(t, "amp") }
func TestPiConformance(t *testing.T)          { run(t, "pi") }
func TestMockConformance(t *testing.T)        { run(t, "mock") }
func TestTerminalConformance(t *testing.T)    { run(t, "terminal") }
func TestGeminiConformance(t *testing.T)      { run(t, "gemini") }
func TestQwenConformance(t *testing.T)        { run(t, "qwen") }
func TestClaudeACPConformance(t *testing.T)   { run(t, "claude-agent-acp") }
func TestOpenCodeACPConformance(t *testing.T) { run(t, "opencode-acp") }

// clis bounds how many CLIs run at a time: each takes a core to start.
var clis = make(chan struct{}, 2)

// place makes a place for the pinned version of an agent, when it is this
// test's turn.
func place(t testing.TB, agent string) *conformance.Place {
	t.Helper()
	a, known := conformance.Find(agent)
	if !known {
		t.Fatalf("there is no adapter for %s", agent)
	}
	path := executable(t, agent)
	if path != "" {
		clis <- struct{}{}
		t.Cleanup(func() { <-clis })
	}
	return a.Place(t, &agents.Locator{Flags: map[string]string{agent: path}})
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
	default:
		return installed.Agent(t, agents.ACPInstallation(agent, installed.Dir(t)))
	}
}

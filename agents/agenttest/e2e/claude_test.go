package e2e_test

import (
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/agenttest/e2e"
	"github.com/towline-dev/towline/agents/claude"
	"github.com/towline-dev/towline/testdata/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

// claudeAdapter runs the real Claude Code CLI.
var claudeAdapter = e2e.Adapter{
	Name: "claude",
	New:  func() agents.Agent { return claude.New(claude.Options{}) },
	Place: func(t testing.TB) *e2e.Place {
		p, _ := claudePlace(t)
		return p
	},
	Elsewhere: map[string]string{"mcp": "TestClaudeMCP"},
}

// clis bounds how many CLIs run at a time: one takes a core to start.
var clis = make(chan struct{}, 2)

// claudePlace makes a place for the CLI, with a home and a model of its own.
func claudePlace(t testing.TB) (*e2e.Place, *agenttest.Messages) {
	t.Helper()
	path := agenttest.Claude(t)
	clis <- struct{}{}
	t.Cleanup(func() { <-clis })
	m := agenttest.NewMessages(t)
	home := agenttest.NewHome(t, m.URL())
	return &e2e.Place{
		Agent: claude.New(claude.Options{
			Locator: &agents.Locator{Flags: map[string]string{"claude": path}},
			Environ: home.Env, StateDir: t.TempDir(),
		}),
		Model: m, Dir: home.Dir,
		// The newer to-do tools take the place of TodoWrite unless told not to.
		Env: map[string]string{"CLAUDE_CODE_ENABLE_TASKS": "0"},
	}, m
}

func TestClaudeConformance(t *testing.T) {
	if testing.Short() {
		t.Skip("the real CLI takes more than a minute")
	}
	e2e.Run(t, claudeAdapter)
}

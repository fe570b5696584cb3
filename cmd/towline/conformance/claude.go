package conformance

import (
	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/claude"
	"github.com/towline-dev/towline/agents/install"
)

// claudeCode drives Claude Code.
func claudeCode() Adapter {
	return Adapter{
		Name:  "claude",
		About: "Claude Code " + install.ClaudeVersion + ", over its stream-json protocol",
		New:   func() agents.Agent { return claude.New(claude.Options{}) },
		Place: func(t agenttest.T, l *agents.Locator) *Place {
			m := agenttest.NewMessages(t)
			home := agenttest.NewHome(t, m.URL())
			return &Place{
				Agent: claude.New(claude.Options{Locator: l, Environ: home.Env, StateDir: t.TempDir()}),
				Model: m, Dir: home.Dir,
				// TodoWrite stays, which the newer to-do tools would take the
				// place of.
				Env: map[string]string{"CLAUDE_CODE_ENABLE_TASKS": "0"},
			}
		},
	}
}

package terminal

import (
	"github.com/towline-dev/towline/agents"
)

// environment is what a program finds in its environment: what all agents do,
// and the terminal that its screen is read as.
func environment(program string, server []string, session map[string]string) []string {
	return agents.Environment{Pass: habitsOf(program).pass, Session: session, Set: map[string]string{
		"TERM": "xterm-256color", "COLORTERM": "truecolor",
	}}.Build(server)
}

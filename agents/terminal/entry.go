package terminal

import (
	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/install"
)

// Entry is a program that is ready to use as an agent of its own.
type Entry struct {
	// Name is what clients call the agent. The interface of an agent that is
	// also driven natively has a name of its own: claude-tui.
	Name string
	// Command is the program, by its name on PATH, with its arguments.
	Command []string
	// Agent is the agent whose executable the program is, and File its place
	// in the agents folder; empty for a program that is found on PATH alone.
	Agent, File string
	// Needs says what to install if the program is missing; empty if there is
	// nothing to say.
	Needs string
}

// Entries are the programs that are ready to use. What else is known of each
// is in the table of habits. Bash, claude and codex are proven with the real
// program; aider, which is a Python package, with a recording of the real one.
func Entries() []Entry {
	return []Entry{
		{Name: "bash", Command: []string{"bash", "-i"}},
		{Name: "claude-tui", Command: []string{"claude"}, Agent: "claude", File: "claude", Needs: "run towline agents install claude"},
		{Name: "codex-tui", Command: []string{"codex"}, Agent: "codex", File: install.CodexFile(), Needs: "run towline agents install codex"},
		{Name: "aider", Command: []string{"aider"}, Needs: "install the Python package aider-chat, and give the server a key for its model"},
	}
}

// With returns the options that run the entry. The locator finds programs that
// are agents.
func (o Options) With(e Entry, l *agents.Locator) Options {
	o.Name, o.Command, o.needs = e.Name, e.Command, e.Needs
	if e.Agent != "" {
		o.find = func() (agents.Executable, error) { return l.Find(e.Agent, e.File) }
	}
	return o
}

package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rs/zerolog"
	"github.com/towline-dev/towline/agents"
	screens "github.com/towline-dev/towline/agents/terminal"
)

// onTerminal begins the value of --agent that names a program for a terminal:
// bash=terminal:bash -i.
const onTerminal = "terminal:"

// terminalAgents returns the agents that run programs on terminals: the user's
// shell, and those of --agent, which it takes out of executables. A command is
// split at spaces and nothing else: no shell reads it.
func terminalAgents(t *terminal, executables map[string]string, user *agents.User, dir string, log zerolog.Logger) ([]agents.Agent, error) {
	environ := func() []string { return t.env }
	all := []agents.Agent{screens.New(screens.Options{Environ: environ, User: user, StateDir: dir, Log: log})}
	for _, name := range slices.Sorted(maps.Keys(executables)) {
		command, ok := strings.CutPrefix(executables[name], onTerminal)
		if !ok {
			continue
		}
		delete(executables, name)
		words := strings.Fields(command)
		if len(words) == 0 {
			return nil, fmt.Errorf("--agent %s=%s names no program: write it like bash=terminal:bash -i", name, onTerminal)
		}
		all = append(all, screens.New(screens.Options{Name: name, Command: words, Environ: environ, User: user, StateDir: dir, Log: log}))
	}
	return all, nil
}

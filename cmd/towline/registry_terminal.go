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
// shell, those that are ready to use, and those of --agent, which it takes out
// of the locator's flags. A command is split at spaces and nothing else: no
// shell reads it.
func terminalAgents(t *terminal, locator *agents.Locator, user *agents.User, dir string, log zerolog.Logger) ([]agents.Agent, error) {
	o := screens.Options{Environ: func() []string { return t.env }, User: user, StateDir: dir, Log: log}
	all := []agents.Agent{screens.New(o)}
	for _, e := range screens.Entries() {
		if _, given := locator.Flags[e.Name]; !given {
			all = append(all, screens.New(o.With(e, locator)))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(locator.Flags)) {
		command, ok := strings.CutPrefix(locator.Flags[name], onTerminal)
		if !ok {
			continue
		}
		delete(locator.Flags, name)
		words := strings.Fields(command)
		if len(words) == 0 {
			return nil, fmt.Errorf("--agent %s=%s names no program: write it like %s=terminal:bash -i", name, onTerminal, name)
		}
		all = append(all, screens.New(o.With(screens.Entry{Name: name, Command: words}, locator)))
	}
	return all, nil
}

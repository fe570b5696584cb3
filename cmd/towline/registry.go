package main

import (
	"path/filepath"

	"github.com/rs/zerolog"
	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/claude"
	"github.com/towline-dev/towline/agents/mock"
)

// newRegistry returns the agents that this program has. dir is the state
// folder.
func newRegistry(t *terminal, o *serveOptions, dir string, log zerolog.Logger) (*agents.Registry, error) {
	executables, err := o.executables()
	if err != nil {
		return nil, err
	}
	terminals, err := terminalAgents(t, executables, dir, log)
	if err != nil {
		return nil, err
	}
	installed := o.AgentsDir
	if installed == "" {
		installed = filepath.Join(dir, "agents")
	}
	if installed, err = filepath.Abs(installed); err != nil {
		return nil, err
	}
	var install *agents.Installation
	if !o.NoInstall {
		install = agents.ClaudeInstallation(installed)
	}
	registry := agents.NewRegistry(append([]agents.Agent{
		mock.New(mock.Options{}),
		claude.New(claude.Options{
			Locator:      &agents.Locator{Flags: executables, Dir: installed, Path: t.lookup("PATH")},
			Installation: install, Environ: func() []string { return t.env }, StateDir: dir, Log: log,
		}),
	}, terminals...)...)
	for name := range executables {
		if _, err := registry.Get(name); err != nil {
			return nil, unknownAgent(registry, name)
		}
	}
	return registry, nil
}

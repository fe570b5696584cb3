package main

import (
	"github.com/rs/zerolog"
	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/acp"
	"github.com/towline-dev/towline/agents/amp"
	"github.com/towline-dev/towline/agents/claude"
	"github.com/towline-dev/towline/agents/codex"
	"github.com/towline-dev/towline/agents/install"
	"github.com/towline-dev/towline/agents/mock"
	"github.com/towline-dev/towline/agents/opencode"
	"github.com/towline-dev/towline/agents/pi"
)

// newRegistry returns the agents that this program has. dir is the state
// folder.
func newRegistry(t *terminal, o *serveOptions, dir string, log zerolog.Logger) (*agents.Registry, error) {
	executables, err := o.executables()
	if err != nil {
		return nil, err
	}
	user, err := o.agentUser()
	if err != nil {
		return nil, err
	}
	installed, err := o.agentsDir(dir)
	if err != nil {
		return nil, err
	}
	locator := &agents.Locator{Flags: executables, Dir: installed, Path: t.lookup("PATH")}
	terminals, err := terminalAgents(t, locator, user, dir, log)
	if err != nil {
		return nil, err
	}
	var installClaude, installCodex, installAmp, installPi, installOpenCode *install.Program
	if !o.NoInstall {
		installOpenCode = install.OpenCode(installed)
		installAmp, installPi = install.Amp(installed), install.Pi(installed)
		installClaude, installCodex = install.Claude(installed), install.Codex(installed)
	}
	environ := func() []string { return t.env }
	all := append([]agents.Agent{
		mock.New(mock.Options{}),
		claude.New(claude.Options{
			Locator: locator, Installation: installClaude, Environ: environ, User: user, StateDir: dir, Log: log,
		}),
		amp.New(amp.Options{
			Locator: locator, Installation: installAmp, Environ: environ, User: user, StateDir: dir, Log: log,
		}),
		pi.New(pi.Options{
			Locator: locator, Installation: installPi, Environ: environ, User: user, StateDir: dir, Log: log,
		}),
	}, terminals...)
	// These run one process for all sessions, in folders below the state folder,
	// which only the server's own user can enter. So they are left out where
	// another user is wanted.
	own := []agents.Agent{
		codex.New(codex.Options{
			Locator: locator, Installation: installCodex, Environ: environ, StateDir: dir, Log: log,
		}),
		opencode.New(opencode.Options{
			Locator: locator, Installation: installOpenCode, Environ: environ, StateDir: dir, Log: log,
		}),
	}
	if user == nil {
		all = append(all, own...)
	} else {
		log.Warn().Str("user", user.Name()).Int("left_out", len(own)).Msg("Agents that cannot run as another user are not offered")
	}
	named, err := acpAgents(agents.NewRegistry(append(all, own...)...), acp.Options{
		Locator: locator, Environ: environ, User: user, StateDir: dir, Log: log,
	}, !o.NoInstall)
	if err != nil {
		return nil, err
	}
	registry := agents.NewRegistry(append(all, named...)...)
	for name := range executables {
		if _, err := registry.Get(name); err != nil {
			return nil, unknownAgent(registry, name)
		}
	}
	return registry, nil
}

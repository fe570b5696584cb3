package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/towline-dev/towline/agents"
)

// sharedAgentsDir is where agents are installed when they run as another user,
// who cannot enter the state folder.
const sharedAgentsDir = "/var/lib/towline/agents"

// agentUser returns the user that agents run as; nil means the server's own.
func (o *serveOptions) agentUser() (*agents.User, error) {
	if o.AgentUser == "" {
		return nil, nil //nolint:nilnil // a nil user is the server's own
	}
	u, err := agents.LookupUser(o.AgentUser)
	if err != nil {
		return nil, fmt.Errorf("--agent-user: %w", err)
	}
	return u, nil
}

// agentsDir returns the folder for installed agents, absolute. dir is the state
// folder.
func (o *serveOptions) agentsDir(dir string) (string, error) {
	switch {
	case o.AgentsDir != "":
		return filepath.Abs(o.AgentsDir)
	case o.AgentUser != "":
		return sharedAgentsDir, nil
	default:
		return filepath.Abs(filepath.Join(dir, "agents"))
	}
}

// warnIfShared warns of agents that can do to the server what they like, and of
// a user that has no home for its agents' settings.
func warnIfShared(t *terminal, o *serveOptions, root bool) {
	u, err := o.agentUser()
	switch {
	case err != nil: // startServer has refused it
	case root && (u == nil || u.IsRoot()):
		_, _ = fmt.Fprintln(t.err, "towline: warning: server and agents are all root, so an agent can read the token and approve its own requests; "+
			"name another user for agents with --agent-user")
	case u != nil:
		if info, err := os.Stat(u.Home()); err != nil || !info.IsDir() {
			_, _ = fmt.Fprintf(t.err, "towline: warning: the user %s has no home folder, and agents that keep settings there may not start; make %s, owned by that user\n", u.Name(), u.Home())
		}
	}
}

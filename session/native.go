package session

import (
	"context"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// NativeSessions returns the sessions that an agent keeps by itself for a
// folder; empty means the server's own working directory.
func (m *Manager) NativeSessions(ctx context.Context, agent agents.Agent, directory string) (protocol.NativeSessions, error) {
	lister, ok := agent.(agents.Lister)
	if !ok {
		return protocol.NativeSessions{}, protocol.Errorf(protocol.CodeCapabilityMissing,
			"the sessions that %s keeps by itself cannot be listed here; resume one by its native id", agent.Name())
	}
	directory, err := m.checkDirectory(directory)
	if err != nil {
		return protocol.NativeSessions{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, openLimit)
	defer cancel()
	return lister.Sessions(ctx, directory)
}

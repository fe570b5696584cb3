package agents

import (
	"errors"
	"fmt"
	"io"
	"sort"

	"github.com/towline-dev/towline/protocol"
)

// Registry is the set of agents that a server offers. It is filled before use
// and read-only afterwards, so it needs no lock.
type Registry struct {
	agents map[string]Agent
}

// NewRegistry returns a registry of the given agents. A later agent replaces
// an earlier one of the same name.
func NewRegistry(all ...Agent) *Registry {
	r := &Registry{agents: make(map[string]Agent, len(all))}
	for _, a := range all {
		r.agents[a.Name()] = a
	}
	return r
}

// Get returns the agent of that name, or agent_unknown.
func (r *Registry) Get(name string) (Agent, error) {
	if a, ok := r.agents[name]; ok {
		return a, nil
	}
	return nil, protocol.Errorf(protocol.CodeAgentUnknown,
		"there is no agent of that name; GET /v1/agents lists those that this server offers").WithDetails(map[string]any{"agents": r.Names()})
}

// Names returns the agents' names, sorted.
func (r *Registry) Names() []string {
	names := make([]string, 0, len(r.agents))
	for n := range r.agents {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// Close ends what agents keep beyond their sessions, such as a process that
// serves many: every agent that is an io.Closer is closed. Call it once, when
// no session is open any more.
func (r *Registry) Close() error {
	var errs []error
	for _, name := range r.Names() {
		if c, ok := r.agents[name].(io.Closer); ok {
			if err := c.Close(); err != nil {
				errs = append(errs, fmt.Errorf("cannot close the agent %s: %w", name, err))
			}
		}
	}
	return errors.Join(errs...)
}

package session

import (
	"context"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/session/store"
	"github.com/rs/zerolog"
)

// Options configures a Manager. Store and Agents are needed; the rest has
// usable zero values.
type Options struct {
	Store  store.Store
	Agents *agents.Registry
	Log    zerolog.Logger
	// Raw keeps native frames for every session.
	Raw bool
	// Now is the clock; nil means time.Now.
}

// Manager owns all sessions of a server.
type Manager struct{}

// NewManager returns a manager that does nothing until Start.
func NewManager(o Options) *Manager { panic("not built yet") }

// Start recovers the sessions that a crash left open, and starts the
// committer. It returns when every session may be used.
func (m *Manager) Start(ctx context.Context) error { panic("not built yet") }

// Close stops all agents, closes open turns and asks as shutdown, commits and
// stops the committer. It returns when nothing of it runs any more; ctx
// bounds the wait for agents. The store stays open: its owner closes it.
func (m *Manager) Close(ctx context.Context) error { panic("not built yet") }

// Agents returns the registry.
func (m *Manager) Agents() *agents.Registry { panic("not built yet") }

// Create makes a session. Codes: session_exists, agent_unknown,
// invalid_request (with what to do), mode_not_supported. No agent process is
// started before the first prompt.
func (m *Manager) Create(ctx context.Context, req *protocol.SessionCreate, by protocol.Actor) (protocol.Session, error) {
	panic("not built yet")
}

// Fork makes a session that goes on from a copy of another one's native
// session. req may override id, title, model, mode; its agent and directory
// are the original's.
func (m *Manager) Fork(ctx context.Context, id string, req *protocol.SessionCreate, by protocol.Actor) (protocol.Session, error) {
	panic("not built yet")
}

// Get returns a session, loading it from the store if need be; not_found.
func (m *Manager) Get(ctx context.Context, id string) (*Session, error) { panic("not built yet") }

// List returns a page of sessions, newest first.
func (m *Manager) List(ctx context.Context, f store.Filter) (protocol.SessionPage, error) {
	panic("not built yet")
}

// Delete ends a session (at most a little over 5 s for its agent) and removes
// everything of it. Its readers end with ErrDeleted.
func (m *Manager) Delete(ctx context.Context, id string, by protocol.Actor) error {
	panic("not built yet")
}

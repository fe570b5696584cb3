package session

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"
	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/session/store"
)

// Options configures a Manager. Store and Agents are needed; the rest has
// usable zero values.
type Options struct {
	Store  store.Store
	Agents *agents.Registry
	Log    zerolog.Logger
	// Raw keeps native frames for every session.
	Raw bool
	// Directory is where sessions run that name none; empty means the
	// server's working directory.
	Directory string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Manager owns all sessions of a server. Its methods may be called from any
// goroutine between Start and Close.
type Manager struct {
	o         Options
	committer *committer

	mu       sync.Mutex
	sessions map[string]*loading
	closed   bool
	owners   sync.WaitGroup
}

// loading is a session that is loaded or being loaded.
type loading struct {
	ready   chan struct{}
	session *Session
	err     error
}

// NewManager returns a manager that does nothing until Start.
func NewManager(o Options) *Manager {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Manager{o: o, committer: newCommitter(o.Store, o.Log), sessions: map[string]*loading{}}
}

// now is the clock.
func (m *Manager) now() time.Time { return m.o.Now() }

// Agents returns the registry.
func (m *Manager) Agents() *agents.Registry { return m.o.Agents }

// Start starts the committer and mends the sessions that a crash left open. It
// returns when every session may be used.
func (m *Manager) Start(ctx context.Context) error {
	go m.committer.run()
	f := store.Filter{Open: true, Limit: 1000}
	for {
		rows, next, err := m.o.Store.Sessions(ctx, f)
		if err != nil {
			return fmt.Errorf("cannot list the sessions to mend: %w", err)
		}
		for _, row := range rows {
			if _, err := m.Get(ctx, row.ID); err != nil {
				m.o.Log.Error().Err(err).Str("session", row.ID).Msg("Cannot mend the session; it is left as it is")
			}
		}
		if next == "" {
			return nil
		}
		f.Before = next
	}
}

// Close stops all agents, closes open turns and asks as cut by the shutdown,
// commits and stops the committer. It returns when nothing of it runs any
// more. The store stays open: its owner closes it.
func (m *Manager) Close(ctx context.Context) error {
	m.mu.Lock()
	m.closed = true
	all := make([]*loading, 0, len(m.sessions))
	for _, l := range m.sessions {
		all = append(all, l)
	}
	m.mu.Unlock()
	for _, l := range all {
		<-l.ready
		if l.err == nil {
			l.session.inbox.put(l.session.shutdown)
		}
	}
	err := wait(ctx, &m.owners)
	m.committer.close()
	for _, l := range all {
		if l.err == nil {
			l.session.log.close(ErrClosed)
		}
	}
	return err
}

// wait waits for a group, or for ctx.
func wait(ctx context.Context, g *sync.WaitGroup) error {
	done := make(chan struct{})
	go func() { g.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("cannot wait for all agents to stop: %w", context.Cause(ctx))
	}
}

// Get returns a session, loading it from the store if need be; not_found.
func (m *Manager) Get(ctx context.Context, id string) (*Session, error) {
	if !protocol.ValidSessionID(id) {
		return nil, notFound()
	}
	l, mine, err := m.reserve(id)
	if err != nil {
		return nil, err
	}
	if mine {
		s, err := m.load(ctx, id)
		m.settle(id, l, s, err)
	}
	select {
	case <-l.ready:
		return l.session, l.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// reserve returns the place of a session; mine tells the caller to fill it.
func (m *Manager) reserve(id string) (l *loading, mine bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, false, draining()
	}
	if l, ok := m.sessions[id]; ok {
		return l, false, nil
	}
	l = &loading{ready: make(chan struct{})}
	m.sessions[id] = l
	return l, true, nil
}

// settle fills a reserved place and starts the session's owner.
func (m *Manager) settle(id string, l *loading, s *Session, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l.session, l.err = s, err
	if err != nil {
		delete(m.sessions, id)
	} else {
		m.owners.Go(s.run)
		s.inbox.put(func() {}) // a first round: what waits in its queue starts
	}
	close(l.ready)
}

// notFound is the answer for a session that does not exist.
func notFound() *protocol.Error {
	return protocol.Errorf(protocol.CodeNotFound, "there is no session of that id; GET /v1/sessions lists them, POST /v1/sessions makes one")
}

// Create makes a session. Codes: session_exists, agent_unknown,
// invalid_request (with what to do), mode_not_supported. No agent process is
// started before the first prompt.
func (m *Manager) Create(ctx context.Context, req *protocol.SessionCreate, by protocol.Actor) (protocol.Session, error) {
	return m.create(ctx, record{Request: *req, CreatedAt: m.now()})
}

// Fork makes a session that goes on from a copy of another one's native
// session. req may override id, title, model and modes; agent, directory and
// settings are the original's.
func (m *Manager) Fork(ctx context.Context, id string, req *protocol.SessionCreate, by protocol.Actor) (protocol.Session, error) {
	from, err := m.Get(ctx, id)
	if err != nil {
		return protocol.Session{}, err
	}
	if !from.agent.Capabilities().Fork {
		return protocol.Session{}, protocol.Errorf(protocol.CodeCapabilityMissing, "this agent cannot fork a session; create a new one")
	}
	info := from.Info()
	if info.NativeSessionID == "" {
		return protocol.Session{}, protocol.Errorf(protocol.CodeInvalidRequest, "the session has no conversation to fork yet; send it a prompt first")
	}
	next := from.rec.Request
	next.SessionID, next.Resume = req.SessionID, info.NativeSessionID
	next.Model, next.Mode, next.Effort, next.PermissionMode, next.Title = info.Model, info.Mode, info.Effort, info.PermissionMode, info.Title
	for to, v := range map[*string]string{
		&next.Model: req.Model, &next.Mode: req.Mode, &next.Effort: req.Effort,
		&next.PermissionMode: req.PermissionMode, &next.Title: req.Title,
	} {
		if v != "" {
			*to = v
		}
	}
	return m.create(ctx, record{Request: next, CreatedAt: m.now(), ForkedOf: id})
}

// create makes a session of a record.
func (m *Manager) create(ctx context.Context, rec record) (protocol.Session, error) {
	agent, err := m.checkRequest(&rec.Request)
	if err != nil {
		return protocol.Session{}, err
	}
	if err := m.committer.refusal(); err != nil {
		return protocol.Session{}, err
	}
	id := rec.Request.SessionID
	l, mine, err := m.reserve(id)
	if err != nil {
		return protocol.Session{}, err
	}
	if !mine {
		return protocol.Session{}, exists()
	}
	switch _, err = m.o.Store.Session(ctx, id); {
	case err == nil:
		err = exists()
	case errors.Is(err, store.ErrNotFound):
		err = nil
	}
	if err != nil {
		m.settle(id, l, nil, err)
		return protocol.Session{}, err
	}
	s, stored := m.born(agent, rec)
	m.settle(id, l, s, nil)
	select {
	case err := <-stored:
		return s.Info(), err
	case <-ctx.Done():
		return protocol.Session{}, context.Cause(ctx)
	}
}

// exists is the refusal of an id that is taken.
func exists() *protocol.Error {
	return protocol.Errorf(protocol.CodeSessionExists, "a session of that id exists; use it, or choose another id")
}

// born makes a new session with its first event. stored tells when it is
// durable.
func (m *Manager) born(agent agents.Agent, rec record) (s *Session, stored <-chan error) {
	req := rec.Request
	l := newLedger(req.SessionID, req.Agent, req.Directory, m.now)
	l.known = known{Title: req.Title, Model: req.Model, Mode: req.Mode, Effort: req.Effort, PermissionMode: req.PermissionMode}
	s = newSession(m, agent, rec, l, newEventLog(0, newEpoch(), protocol.NewFold()))
	s.log.describe(s.info())
	done := make(chan error, 1)
	l.start()
	if req.Title != "" || req.Effort != "" || req.PermissionMode != "" {
		l.tellSettings()
	}
	s.stage(func(p *pending) {
		// Open, so that a prompt that comes before the first rest is mended too.
		p.create = s.row(true, protocol.StatusIdle)
		p.durable = true
		p.after = append(p.after, func(err error) { done <- err })
	})
	s.rowOpen = true // rest closes it
	return s, done
}

// newEpoch returns an opaque word.
func newEpoch() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// checkRequest checks and completes a request to create a session.
func (m *Manager) checkRequest(req *protocol.SessionCreate) (agents.Agent, error) {
	if req.SessionID == "" {
		req.SessionID = uuid.Must(uuid.NewV7()).String()
	}
	if !protocol.ValidSessionID(req.SessionID) {
		return nil, protocol.Errorf(protocol.CodeInvalidRequest, "a session id has 1 to 64 characters of A-Z a-z 0-9 . _ -; choose another or leave it out")
	}
	agent, err := m.o.Agents.Get(req.Agent)
	if err != nil {
		return nil, err
	}
	if req.Directory, err = m.checkDirectory(req.Directory); err != nil {
		return nil, err
	}
	for name, v := range map[string]string{
		"model": req.Model, "mode": req.Mode, "effort": req.Effort, "permission_mode": req.PermissionMode, "resume": req.Resume,
	} {
		if err := agents.CheckValue(name, v); err != nil {
			return nil, err
		}
	}
	if err := agents.CheckEnv(req.Env); err != nil {
		return nil, err
	}
	req.Raw = req.Raw || m.o.Raw
	return agent, check(agent, agents.Start{
		SessionID: req.SessionID, Directory: req.Directory, Model: req.Model, Mode: req.Mode, Effort: req.Effort,
		PermissionMode: req.PermissionMode, SystemPrompt: req.SystemPrompt, Env: req.Env, MCP: req.MCP, Resume: req.Resume,
	})
}

// checkDirectory returns the absolute path of an existing folder.
func (m *Manager) checkDirectory(dir string) (string, error) {
	if dir == "" {
		dir = m.o.Directory
	}
	if dir == "" {
		wd, err := os.Getwd()
		if err != nil {
			return "", fmt.Errorf("cannot find the working directory: %w", err)
		}
		dir = wd
	}
	if !filepath.IsAbs(dir) {
		return "", protocol.Errorf(protocol.CodeInvalidRequest, "directory %q is not absolute; send the full path of an existing folder", dir)
	}
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() {
		return "", protocol.Errorf(protocol.CodeInvalidRequest, "there is no folder %q on the server's machine; make it first, or send another directory", dir)
	}
	return filepath.Clean(dir), nil
}

// List returns a page of sessions, newest first.
func (m *Manager) List(ctx context.Context, f store.Filter) (protocol.SessionPage, error) {
	rows, next, err := m.o.Store.Sessions(ctx, f)
	if errors.Is(err, store.ErrCursor) {
		return protocol.SessionPage{}, protocol.Errorf(protocol.CodeInvalidCursor, "this is no cursor of a page of sessions; send the next of the page before, or leave it out")
	}
	if err != nil {
		return protocol.SessionPage{}, fmt.Errorf("cannot list sessions: %w", err)
	}
	page := protocol.SessionPage{Sessions: make([]protocol.Session, 0, len(rows)), Next: next}
	for _, row := range rows {
		if s := m.loaded(row.ID); s != nil {
			page.Sessions = append(page.Sessions, s.Info())
			continue
		}
		rec, err := readRecord(row)
		if err != nil { // one damaged row must not hide the others
			m.o.Log.Error().Err(err).Str("session", row.ID).Msg("Cannot read a session's record")
			row.Status = string(protocol.StatusFailed)
		}
		page.Sessions = append(page.Sessions, rec.info(row))
	}
	return page, nil
}

// loaded returns a session if it is in memory.
func (m *Manager) loaded(id string) *Session {
	m.mu.Lock()
	l := m.sessions[id]
	m.mu.Unlock()
	if l == nil {
		return nil
	}
	select {
	case <-l.ready:
		return l.session
	default:
		return nil
	}
}

// Delete ends a session (at most a little over 5 s for its agent) and removes
// everything of it. Its readers end with ErrDeleted.
func (m *Manager) Delete(ctx context.Context, id string, by protocol.Actor) error {
	s, err := m.Get(ctx, id)
	if err != nil {
		return err
	}
	s.inbox.put(s.shutdown)
	select {
	case <-s.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	// The owner is gone; a last empty change tells when its work is stored.
	stored := make(chan error, 1)
	s.change(func(p *pending) { p.after = append(p.after, func(err error) { stored <- err }) })
	if err := <-stored; err != nil {
		return err
	}
	s.log.close(ErrDeleted)
	err = m.o.Store.Delete(ctx, id)
	m.mu.Lock()
	delete(m.sessions, id)
	m.mu.Unlock()
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("cannot delete the session: %w", err)
	}
	return nil
}

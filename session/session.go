package session

import (
	"context"
	"errors"
	"sync"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/session/store"
)

// Errors of readers.
var (
	// ErrDeleted: the session was deleted.
	ErrDeleted = errors.New("the session was deleted")
	// ErrClosed: the manager was closed (server shutdown).
	ErrClosed = errors.New("the server is shutting down")
)

// Session is one loaded session. All exported methods may be called from any
// goroutine.
type Session struct {
	id    string
	m     *Manager
	agent agents.Agent
	log   *eventLog
	inbox *inbox

	// The fields below belong to the owner, run.
	rec     record
	ledger  *ledger
	queue   []queuedPrompt
	held    *queuedPrompt   // its turn is open, but it has not reached the agent
	link    *link           // the agent's connection, nil without one
	screen  agents.Terminal // the newest terminal of the agent, also for some time after its end; nil without one
	past    string          // the run of a terminal that was forgotten
	ending  *ending         // the session is being ended
	rowOpen bool            // the store's row says that the session is not at rest
	leaving bool            // run shall end once the link is gone
	busy    bool            // the log was told that a turn is open
	staged  []func(*pending)

	pendMu    sync.Mutex
	pend      *pending
	committed bool // pend is in the committer's list

	callsMu sync.Mutex
	calls   map[string]*call // commands under way by id

	tasks sync.WaitGroup // goroutines of links
	done  chan struct{}  // closed when run has ended
}

// newSession returns a session whose owner does not run yet.
func newSession(m *Manager, agent agents.Agent, rec record, l *ledger, log *eventLog) *Session {
	return &Session{
		id: l.sessionID, m: m, agent: agent, log: log, inbox: newInbox(),
		rec: rec, ledger: l, pend: &pending{}, calls: map[string]*call{}, done: make(chan struct{}),
	}
}

// ID returns the session's id.
func (s *Session) ID() string { return s.id }

// Info returns the session as REST shows it.
func (s *Session) Info() protocol.Session { return s.log.session() }

// State returns the fold of the committed events.
func (s *Session) State() protocol.State {
	st, _ := s.log.snapshot()
	return st
}

// run is the owner: it alone touches the session's state. Each round runs
// what waits, starts the next prompt if it can, and hands what came of it to
// the committer.
func (s *Session) run() {
	defer close(s.done)
	for range s.inbox.wake {
		for _, f := range s.inbox.take() {
			f()
		}
		s.dispatch()
		s.flush()
		if busy := s.ledger.turn != nil; busy != s.busy {
			s.busy = busy
			s.log.setBusy(busy)
		}
		if s.leaving && s.link == nil {
			break
		}
	}
	s.tasks.Wait()
	s.screen = nil // a timer may hold the session for some time
}

// change lets f add to what is committed next.
func (s *Session) change(f func(p *pending)) {
	s.pendMu.Lock()
	f(s.pend)
	ask := !s.committed
	s.committed = true
	s.pendMu.Unlock()
	if ask {
		s.m.committer.add(s)
	}
}

// stage adds to what the round commits, in the same transaction as its events.
func (s *Session) stage(f func(p *pending)) { s.staged = append(s.staged, f) }

// flush hands what the round made to the committer.
func (s *Session) flush() {
	out, staged := s.ledger.take(), s.staged
	s.staged = nil
	if len(out.events) == 0 && len(staged) == 0 {
		return
	}
	s.change(func(p *pending) {
		for _, f := range staged {
			f(p)
		}
		if len(out.events) == 0 {
			return
		}
		if err := p.add(out.events, out.raws, s.rec.Request.Raw); err != nil {
			panic(err) // only bytes that are no JSON get here: a translator's mistake
		}
		p.blobs = append(p.blobs, out.blobs...)
		for _, id := range out.told {
			p.told = append(p.told, [2]string{s.id, id})
			p.durable = true
		}
		s.saveRow(p)
	})
}

// takePending hands everything to the committer.
func (s *Session) takePending() *pending {
	s.pendMu.Lock()
	defer s.pendMu.Unlock()
	p := s.pend
	s.pend = &pending{}
	s.committed = false
	return p
}

// published is called by the committer when p is stored: readers may see it.
func (s *Session) published(p *pending) {
	if len(p.blocks) > 0 {
		s.log.publish(p.blocks, p.events)
	}
}

// Blob returns a blob of the session; not_found.
func (s *Session) Blob(ctx context.Context, id string) (store.Blob, error) {
	b, err := s.m.o.Store.Blob(ctx, s.id, id)
	if errors.Is(err, store.ErrNotFound) {
		return b, protocol.Errorf(protocol.CodeNotFound, "this session has no blob of that id")
	}
	return b, err
}

// AddBlob stores content that a later prompt may name by its blob id. It
// returns after the fsync.
func (s *Session) AddBlob(ctx context.Context, mime string, content []byte) (protocol.Blob, error) {
	if err := s.m.committer.refusal(); err != nil {
		return protocol.Blob{}, err
	}
	b := newBlob(s.id, mime, content)
	done := make(chan error, 1)
	s.change(func(p *pending) {
		p.blobs = append(p.blobs, b)
		p.durable = true
		p.after = append(p.after, func(err error) { done <- err })
	})
	select {
	case err := <-done:
		return protocol.Blob{ID: b.ID, Bytes: int64(len(content)), SHA256: b.SHA256, Mime: mime}, err
	case <-ctx.Done():
		return protocol.Blob{}, context.Cause(ctx)
	}
}

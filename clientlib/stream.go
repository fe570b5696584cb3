package clientlib

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/towline-dev/towline/protocol"
)

// AttachOptions says what a Stream wants to see. The zero value shows
// everything from the session's beginning.
type AttachOptions struct {
	// After is where to begin.
	After protocol.Cursor
	// Epoch is the epoch of After, from Cursor of an earlier Stream; empty if
	// After is not from an earlier one.
	Epoch string
	// View leaves out events; empty means all.
	View protocol.View
	// Raw adds native frames, for sessions that keep them.
	Raw bool
	// Format is the encoding on the wire; it changes nothing else.
	Format protocol.Format
	// OnAsk, if not nil, is told of a pending ask that overtakes a backlog;
	// its event follows in order. It is called from the goroutine that reads
	// the socket: it must return soon and must not call the Stream's commands.
	OnAsk func(protocol.Ask)
	// OnDisconnect, if not nil, is told why the connection was lost and how
	// long the Stream waits before the next try. The rule of OnAsk applies.
	OnDisconnect func(cause error, wait time.Duration)
}

// maxQueued is how many events wait for a reader before the socket is left
// unread. While a command is unanswered reading goes on regardless, because
// the answer comes behind the events.
const maxQueued = 4096

// Stream is a session as one client sees it.
type Stream struct {
	client  *Client
	session string
	opts    AttachOptions

	ctx    context.Context //nolint:containedctx // the life of the goroutines, ended by Close
	cancel context.CancelFunc
	done   chan struct{}

	arrived chan struct{} // there is something for Next
	room    chan struct{} // the queue shrank, or a command waits
	unsent  chan struct{} // there is something for the writer

	mu      sync.Mutex
	queue   []entry
	read    place // after what Next returned
	cursor  place // after what is queued
	resync  bool  // the next event may have any seq
	hello   protocol.Hello
	fold    *protocol.Fold
	pending []*pending
	conn    *conn // nil while there is none
	err     error // why the Stream ended; nil while it lives
}

// place is a cursor with its epoch.
type place struct {
	epoch string
	seq   uint64
}

// entry is what Next returns: an event or a gap.
type entry struct {
	event protocol.Event
	gap   *GapError
	after place
}

// Attach opens a socket to a session and returns when the server has greeted.
// Failures of this first connection are returned, not retried: a *StatusError
// or *CloseError, or the network's. ctx bounds the opening only; the caller
// must Close the Stream.
func (c *Client) Attach(ctx context.Context, session string, opts AttachOptions) (*Stream, error) {
	if !opts.View.Valid() {
		return nil, protocol.Errorf(protocol.CodeInvalidRequest, "there is no view %q; use full, items or asks", opts.View)
	}
	s := &Stream{
		client: c, session: session, opts: opts,
		done: make(chan struct{}), arrived: make(chan struct{}, 1), room: make(chan struct{}, 1), unsent: make(chan struct{}, 1),
		cursor: place{epoch: opts.Epoch, seq: opts.After.After},
		resync: opts.After.Head,
	}
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	first, err := s.connect(ctx, opts.After)
	if err != nil {
		s.cancel()
		return nil, fmt.Errorf("cannot attach to session %s: %w", session, final(nil, err))
	}
	s.mu.Lock()
	s.read = s.cursor
	s.mu.Unlock()
	go s.run(first)
	return s, nil
}

// Close ends the Stream and waits for its goroutines. The session goes on.
// Calls that wait return ErrClosed. Close is idempotent.
func (s *Stream) Close() error {
	s.end(ErrClosed)
	s.mu.Lock()
	c := s.conn
	s.mu.Unlock()
	if c != nil {
		c.leave()
	}
	s.cancel()
	<-s.done
	return nil
}

// Session returns the session's id.
func (s *Stream) Session() string { return s.session }

// Hello returns the newest greeting of the server.
func (s *Stream) Hello() protocol.Hello {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hello
}

// State returns the session's state as of the newest event that arrived, which
// Next may not have returned yet. With a view other than full it lacks what
// the view leaves out. It is the caller's.
func (s *Stream) State() protocol.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fold.State()
}

// Cursor returns the epoch and seq after what Next has returned: what a later
// Attach goes on from.
func (s *Stream) Cursor() (epoch string, after uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.read.epoch, s.read.seq
}

// end makes err the Stream's end, unless it has one, and wakes everybody.
func (s *Stream) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return
	}
	s.err = err
	for _, p := range s.pending {
		p.answer <- answer{err: err}
	}
	s.pending = nil
	signal(s.arrived)
	signal(s.room)
}

// signal wakes the one goroutine that waits on ch, now or at its next wait.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

package session

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/session/store"
)

// fullRetry is how long the committer waits before it tries a batch again that
// did not fit on the disk.
const fullRetry = 500 * time.Millisecond

// committer writes what is pending of all sessions in one transaction, then
// shows it to readers. While it is busy, events gather, and its next batch is
// larger: batching without timers.
type committer struct {
	store store.Store
	log   zerolog.Logger

	mu      sync.Mutex
	dirty   []*Session
	compact []string
	failed  error // sticky: the store can no longer be believed
	full    bool

	wake chan struct{}
	stop chan struct{}
	done chan struct{}
}

// newCommitter returns a committer that does nothing until run.
func newCommitter(s store.Store, log zerolog.Logger) *committer {
	return &committer{
		store: s, log: log,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
}

// add asks for a session's pending work to be committed. It never blocks.
func (c *committer) add(s *Session) {
	c.mu.Lock()
	c.dirty = append(c.dirty, s)
	c.mu.Unlock()
	c.signal()
}

// addCompaction asks for a session's small chunks to be joined when there is
// nothing else to do.
func (c *committer) addCompaction(id string) {
	c.mu.Lock()
	c.compact = append(c.compact, id)
	c.mu.Unlock()
	c.signal()
}

// signal wakes run.
func (c *committer) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// refusal returns the error for commands that would be written now: store
// full, store failed, or nil.
func (c *committer) refusal() *protocol.Error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.failed != nil:
		return protocol.Errorf(protocol.CodeStoreFailed, "the store failed and takes nothing more; restart the server after looking at its log and disk")
	case c.full:
		return protocol.Errorf(protocol.CodeStoreFull, "there is no space left for the store; free some and send this again")
	default:
		return nil
	}
}

// run commits until stop is closed and nothing is left. It is the committer's
// only goroutine.
func (c *committer) run() {
	defer close(c.done)
	for {
		stopping := false
		select {
		case <-c.wake:
		case <-c.stop:
			stopping = true
		}
		for c.round(stopping) {
		}
		if stopping {
			return
		}
	}
}

// close makes run finish what is pending and waits for it.
func (c *committer) close() {
	close(c.stop)
	<-c.done
}

// round commits one batch, or compacts one session. It returns false when
// there was nothing to do.
func (c *committer) round(stopping bool) bool {
	c.mu.Lock()
	dirty := c.dirty
	c.dirty = nil
	var compact string
	if len(dirty) == 0 && len(c.compact) > 0 && !stopping {
		compact = c.compact[0]
		c.compact = c.compact[1:]
	}
	c.mu.Unlock()
	if len(dirty) > 0 {
		c.commit(dirty, stopping)
		return true
	}
	if compact == "" {
		return false
	}
	if err := c.store.Compact(context.Background(), compact); err != nil {
		c.log.Warn().Err(err).Str("session", compact).Msg("Cannot compact the session's events")
	}
	return true
}

// commit writes the pending work of sessions and publishes it.
func (c *committer) commit(sessions []*Session, stopping bool) {
	var batch store.Batch
	work := make([]*pending, len(sessions))
	empty := true
	for i, s := range sessions {
		work[i] = s.takePending()
		work[i].seal()
		work[i].addTo(&batch, s.id)
		empty = empty && work[i].empty()
	}
	var err error
	if !empty {
		err = c.write(&batch, stopping)
	}
	for i, s := range sessions {
		if err == nil {
			s.published(work[i])
		} else {
			s.log.close(err)
		}
		for _, f := range work[i].after {
			f(err)
		}
	}
}

// write commits a batch, waiting for space where there is none. Any other
// error is final: a later success of a failed store is not believed.
func (c *committer) write(batch *store.Batch, stopping bool) error {
	c.mu.Lock()
	failed := c.failed
	c.mu.Unlock()
	if failed != nil {
		return failed
	}
	for {
		err := c.store.Commit(context.Background(), batch)
		if err == nil {
			c.setFull(false)
			return nil
		}
		if !errors.Is(err, store.ErrFull) || stopping {
			return c.fail(err)
		}
		c.setFull(true)
		select {
		case <-time.After(fullRetry):
		case <-c.stop:
			stopping = true
		}
	}
}

// fail makes an error sticky.
func (c *committer) fail(err error) error {
	c.log.Error().Err(err).Msg("The store failed; nothing more is written")
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed = fmt.Errorf("cannot commit: %w", err)
	return c.failed
}

// setFull notes, and logs once, that the disk is full or no longer so.
func (c *committer) setFull(full bool) {
	c.mu.Lock()
	was := c.full
	c.full = full
	c.mu.Unlock()
	if was != full {
		c.log.Warn().Bool("full", full).Msg("The space for the store changed")
	}
}

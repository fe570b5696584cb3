package sqlite

import (
	"context"
	"errors"
	"fmt"

	"github.com/towline-dev/towline/session/store"
)

// grown notes that the WAL grew by about n bytes and starts a checkpoint if it
// is time; s.mu is held.
func (s *Store) grown(n int) {
	s.pending += n
	if s.pending < checkpointAt || s.checkpointing {
		return
	}
	s.checkpointing = true
	s.background.Go(s.checkpoint)
}

// checkpoint folds the WAL into the database without stopping commits: a first
// pass beside them copies nearly everything, and a second one, for which they
// wait, copies the rest, so that the next commit begins the WAL anew. A reader
// that still needs the old WAL puts that off to a later checkpoint.
func (s *Store) checkpoint() {
	const pass = "PRAGMA wal_checkpoint(PASSIVE)"
	_, err := s.readers.ExecContext(context.Background(), pass)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checkpointing = false
	if s.closed || s.failure() != nil {
		return
	}
	if err == nil {
		err = s.saveHeads()
	}
	if err == nil {
		_, err = s.conn.ExecContext(context.Background(), pass)
	}
	if err == nil {
		s.pending = 0
		return
	}
	// Without space the WAL stays as it is: nothing is lost, and the next
	// commit tells its caller.
	if err = s.fault(err); !errors.Is(err, store.ErrFull) {
		_ = s.fail(fmt.Errorf("cannot fold the log: %w", err))
	}
	s.pending = 0
}

// saveHeads brings the heads of all rows up to date; s.mu is held.
func (s *Store) saveHeads() error {
	t := transaction{write: &s.write, places: s.places}
	if err := s.transact(t.saveHeads); err != nil {
		return err
	}
	s.places.saved()
	return nil
}

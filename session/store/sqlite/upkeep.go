package sqlite

import (
	"bytes"
	"context"
	"fmt"

	"github.com/towline-dev/towline/session/store"
)

// Joined chunks have at most this many events and bytes; a call of Compact
// looks at a bounded number of chunks.
const (
	joinEvents = 128
	joinBytes  = 64 << 10
	joinLook   = 512
	// joinTail is how many chunks at the log's end are worth joining although
	// more can still be joined to them later: it bounds how often an event is
	// written again.
	joinTail = 32
)

// span is a chunk's place and size.
type span struct {
	first, last int64
	bytes       int
}

// Compact implements store.Store. One call looks at no more than 512 chunks
// after the place where the last call stopped; call it again later.
func (s *Store) Compact(ctx context.Context, sessionID string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	spans, err := s.looseChunks(sessionID)
	if err != nil {
		return fmt.Errorf("cannot compact session %s: %w", sessionID, err)
	}
	runs, done := joinable(spans)
	if done == 0 && len(runs) == 0 {
		return nil
	}
	written := 0
	err = s.transact(func(ctx context.Context) error {
		for _, run := range runs {
			n, err := s.joinRun(ctx, sessionID, run)
			if err != nil {
				return err
			}
			written += n
		}
		if done == 0 {
			return nil
		}
		_, err := s.write.compacted.ExecContext(ctx, sessionID, done)
		return err
	})
	if err != nil {
		return fmt.Errorf("cannot compact session %s: %w", sessionID, err)
	}
	s.grown(written)
	s.flush.committed()
	return nil
}

// looseChunks lists chunks that Compact has not dealt with.
func (s *Store) looseChunks(sessionID string) ([]span, error) {
	if s.closed {
		return nil, errClosed
	}
	rows, err := s.write.small.QueryContext(context.Background(), sessionID, joinLook)
	if err != nil {
		return nil, s.fault(err)
	}
	defer rows.Close()
	var spans []span
	for rows.Next() {
		var v span
		if err := rows.Scan(&v.first, &v.last, &v.bytes); err != nil {
			return nil, s.fault(err)
		}
		spans = append(spans, v)
	}
	return spans, s.fault(rows.Err())
}

// joinable groups neighbours that fit in one chunk. done is the last seq of
// the last group that nothing can be added to, or 0.
func joinable(spans []span) (runs [][]span, done int64) {
	for len(spans) > 0 {
		n, size := 1, spans[0].bytes
		for n < len(spans) && spans[n].last-spans[0].first < joinEvents && size+spans[n].bytes <= joinBytes {
			size += spans[n].bytes
			n++
		}
		full := n < len(spans) || spans[n-1].last-spans[0].first == joinEvents-1
		if n > 1 && (full || n >= joinTail) {
			runs = append(runs, spans[:n])
		}
		if full {
			done = spans[n-1].last
		}
		spans = spans[n:]
	}
	return runs, done
}

// joinRun puts one chunk in the place of several, and returns about how many
// bytes it wrote.
func (s *Store) joinRun(ctx context.Context, sessionID string, run []span) (int, error) {
	first, last := run[0].first, run[len(run)-1].first
	rows, err := s.write.load.QueryContext(ctx, sessionID, first, last)
	if err != nil {
		return 0, err
	}
	chunks, err := scanChunks(rows, sessionID, 1<<62, true, func(last, next *store.Chunk) bool {
		return next.First == last.Last+1
	})
	if err != nil {
		return 0, err
	}
	if _, err := s.write.drop.ExecContext(ctx, sessionID, first, last); err != nil {
		return 0, err
	}
	c := join(chunks)
	t := transaction{write: &s.write}
	err = t.insert(ctx, &c)
	// Dropped small chunks lie about four to a page.
	return t.bytes + len(run)*pageSize/4, err
}

// join makes one chunk of neighbours. If any has native frames, events of
// those that have none get null.
func join(chunks []store.Chunk) store.Chunk {
	c := store.Chunk{SessionID: chunks[0].SessionID, First: chunks[0].First, Last: chunks[len(chunks)-1].Last}
	hasRaw := false
	for i := range chunks {
		c.Events = appendArray(c.Events, chunks[i].Events)
		hasRaw = hasRaw || chunks[i].Raw != nil
	}
	if !hasRaw {
		return c
	}
	for i := range chunks {
		raw := chunks[i].Raw
		if raw == nil {
			raw = nulls(chunks[i].Last - chunks[i].First + 1)
		}
		c.Raw = appendArray(c.Raw, raw)
	}
	return c
}

// appendArray appends a JSON array's elements to another array.
func appendArray(to, array []byte) []byte {
	if to == nil {
		return append(to, array...)
	}
	to[len(to)-1] = ','
	return append(to, array[1:]...)
}

// nulls returns a JSON array of n nulls.
func nulls(n uint64) []byte {
	b := bytes.Repeat([]byte(",null"), int(n))
	b[0] = '['
	return append(b, ']')
}

// Trim implements store.Store.
func (s *Store) Trim(ctx context.Context, sessionID string, before uint64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before = min(before, 1<<63-1)
	err := s.transact(func(ctx context.Context) error {
		var last int64
		if err := s.write.lastBefore.QueryRowContext(ctx, sessionID, int64(before)).Scan(&last); err != nil || last == 0 {
			return err
		}
		if _, err := s.write.trim.ExecContext(ctx, sessionID, last); err != nil {
			return err
		}
		_, err := s.write.trimmed.ExecContext(ctx, sessionID, last)
		return err
	})
	if err != nil {
		return fmt.Errorf("cannot trim session %s: %w", sessionID, err)
	}
	return s.sync()
}

// Delete implements store.Store, in one transaction, and durably.
func (s *Store) Delete(ctx context.Context, sessionID string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.transact(func(ctx context.Context) error {
		r, err := s.conn.ExecContext(ctx, "DELETE FROM sessions WHERE id = ?1", sessionID)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil {
			return err
		} else if n == 0 {
			return store.ErrNotFound
		}
		for _, table := range []string{"records", "chunks", "commands", "decisions", "blobs"} {
			if _, err := s.conn.ExecContext(ctx, "DELETE FROM "+table+" WHERE session_id = ?1", sessionID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("cannot delete session %s: %w", sessionID, err)
	}
	delete(s.places, sessionID)
	return s.sync()
}

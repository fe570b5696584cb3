package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/towline-dev/towline/session/store"
)

// Chunks implements store.Store. Every chunk is checked against its checksum,
// and the chunks against each other: a missing one is ErrCorrupt and not a
// gap. The chunks before the damage are served; the call after them fails.
func (s *Store) Chunks(ctx context.Context, sessionID string, after uint64, maxBytes int, raw bool) ([]store.Chunk, error) {
	if after >= 1<<63-1 {
		return nil, nil
	}
	chunks, err := s.chunksAfter(ctx, sessionID, after, maxBytes, raw)
	// What seems to be missing may have been committed or trimmed between the
	// look at the chunks and the look at the session: then a second look at the
	// chunks explains it.
	if err == nil && (len(chunks) == 0 || chunks[0].First > after+1) && s.missing(ctx, sessionID, after, chunks) != nil {
		if chunks, err = s.chunksAfter(ctx, sessionID, after, maxBytes, raw); err == nil {
			err = s.missing(ctx, sessionID, after, chunks)
		}
	}
	if err != nil && (len(chunks) == 0 || chunks[0].First > after+1) {
		return nil, fmt.Errorf("cannot read events of session %s after %d: %w", sessionID, after, readError(err))
	}
	return chunks, nil
}

// chunksAfter is Chunks without a look at what is missing before the first
// chunk. With an error it also returns the good chunks before it.
func (s *Store) chunksAfter(ctx context.Context, sessionID string, after uint64, maxBytes int, raw bool) ([]store.Chunk, error) {
	pending := s.journal.pending()
	rows, err := s.read.chunks.QueryContext(ctx, sessionID, int64(after))
	if err != nil {
		return nil, err
	}
	chunks, err := scanChunks(rows, sessionID, maxBytes, raw, func(last, next *store.Chunk) bool {
		return next.First == last.Last+1
	})
	if err != nil {
		return chunks, err
	}
	return appendPending(chunks, pending, sessionID, after, maxBytes, raw)
}

// ChunksBefore implements store.Store; damage is treated as by Chunks.
func (s *Store) ChunksBefore(ctx context.Context, sessionID string, before uint64, maxBytes int, raw bool) ([]store.Chunk, error) {
	before = min(before, 1<<63-1)
	pending := s.journal.pending()
	rows, err := s.read.chunksBefore.QueryContext(ctx, sessionID, int64(before))
	if err != nil {
		return nil, fmt.Errorf("cannot read events of session %s: %w", sessionID, readError(err))
	}
	chunks, err := scanChunks(rows, sessionID, maxBytes, raw, func(last, next *store.Chunk) bool {
		return last.First == next.Last+1
	})
	chunks = prependPending(chunks, pending, sessionID, before, maxBytes, raw)
	if err != nil && len(chunks) == 0 {
		return nil, fmt.Errorf("cannot read events of session %s before %d: %w", sessionID, before, readError(err))
	}
	return chunks, nil
}

// scanChunks reads rows until they have maxBytes of events. With an error it
// also returns the good chunks before it.
func scanChunks(rows *sql.Rows, sessionID string, maxBytes int, raw bool, follows func(last, next *store.Chunk) bool) ([]store.Chunk, error) {
	defer rows.Close()
	var chunks []store.Chunk
	for size := 0; (size < maxBytes || len(chunks) == 0) && rows.Next(); {
		c, err := scanChunk(rows, sessionID)
		if err != nil {
			return chunks, err
		}
		if n := len(chunks); n > 0 && !follows(&chunks[n-1], &c) {
			return chunks, fmt.Errorf("%w: chunks %d and %d do not follow each other", store.ErrCorrupt, chunks[n-1].First, c.First)
		}
		size += len(c.Events)
		if !raw {
			c.Raw = nil
		}
		chunks = append(chunks, c)
	}
	return chunks, rows.Err()
}

// scanChunk reads and checks one chunk.
func scanChunk(row scanner, sessionID string) (store.Chunk, error) {
	c := store.Chunk{SessionID: sessionID}
	var sum int64
	if err := row.Scan(&c.First, &c.Last, &sum, &c.Events, &c.Raw); err != nil {
		return store.Chunk{}, err
	}
	if chunkChecksum(&c) != sum {
		return store.Chunk{}, fmt.Errorf("%w: chunk of seq %d", store.ErrCorrupt, c.First)
	}
	return c, nil
}

// missing returns ErrCorrupt if chunks that were found after a seq begin later
// than trimming explains, or are none although the session goes on.
func (s *Store) missing(ctx context.Context, sessionID string, after uint64, found []store.Chunk) error {
	var trimmed, head uint64
	err := s.read.trimmed.QueryRowContext(ctx, sessionID).Scan(&trimmed, &head)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // no session, no events
	}
	if err != nil {
		return err
	}
	next := head + 1
	if len(found) > 0 {
		next = found[0].First
	}
	if from := max(after, trimmed) + 1; next > from {
		return fmt.Errorf("%w: the event of seq %d is missing", store.ErrCorrupt, from)
	}
	return nil
}

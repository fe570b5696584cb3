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
	rows, err := s.read.chunks.QueryContext(ctx, sessionID, int64(after))
	if err != nil {
		return nil, fmt.Errorf("cannot read events of session %s: %w", sessionID, readError(err))
	}
	chunks, err := scanChunks(rows, sessionID, maxBytes, raw, func(last, next *store.Chunk) bool {
		return next.First == last.Last+1
	})
	if err == nil && len(chunks) > 0 && chunks[0].First > after+1 {
		if err = s.explainGap(ctx, sessionID, after, chunks[0].First); err != nil {
			chunks = nil
		}
	}
	if err != nil && len(chunks) == 0 {
		return nil, fmt.Errorf("cannot read events of session %s after %d: %w", sessionID, after, readError(err))
	}
	return chunks, nil
}

// ChunksBefore implements store.Store; damage is treated as by Chunks.
func (s *Store) ChunksBefore(ctx context.Context, sessionID string, before uint64, maxBytes int, raw bool) ([]store.Chunk, error) {
	before = min(before, 1<<63-1)
	rows, err := s.read.chunksBefore.QueryContext(ctx, sessionID, int64(before))
	if err != nil {
		return nil, fmt.Errorf("cannot read events of session %s: %w", sessionID, readError(err))
	}
	chunks, err := scanChunks(rows, sessionID, maxBytes, raw, func(last, next *store.Chunk) bool {
		return last.First == next.Last+1
	})
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

// explainGap returns ErrCorrupt if the first chunk found begins later than
// trimming explains. Nothing found is no gap: Session checks the log's end.
func (s *Store) explainGap(ctx context.Context, sessionID string, after, first uint64) error {
	var trimmed uint64
	err := s.read.trimmed.QueryRowContext(ctx, sessionID).Scan(&trimmed)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil // no session, no events
	case err != nil:
		return err
	case first > max(after, trimmed)+1:
		return fmt.Errorf("%w: events before seq %d are missing", store.ErrCorrupt, first)
	}
	return nil
}

package sqlite

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/towline-dev/towline/session/store"
)

// Readers look at the journal's rows first and at the database then, and join
// the two here. Rows that are in both, also as a part of a longer chunk, count
// once. A joined chunk ends where one of its rows did, so that what is left of
// the rows follows it.

// headWith returns a session's head: the database's, moved over the rows.
func headWith(pending []store.Chunk, sessionID string, head uint64) uint64 {
	for i := range pending {
		if c := &pending[i]; c.SessionID == sessionID && c.First == head+1 {
			head = c.Last
		}
	}
	return head
}

// appendPending adds a session's rows to the database's chunks after a seq, up
// to maxBytes of events in all. With an error it also returns the good chunks.
func appendPending(chunks, pending []store.Chunk, sessionID string, after uint64, maxBytes int, raw bool) ([]store.Chunk, error) {
	if n := len(chunks); n > 0 {
		after = chunks[n-1].Last
	}
	size := 0
	for i := range chunks {
		size += len(chunks[i].Events)
	}
	for i := range pending {
		c := &pending[i]
		if c.SessionID != sessionID || c.Last <= after {
			continue
		}
		n := len(chunks)
		if n > 0 && size >= maxBytes {
			break
		}
		if n > 0 && c.First != chunks[n-1].Last+1 {
			return chunks, fmt.Errorf("%w: chunks %d and %d do not follow each other", store.ErrCorrupt, chunks[n-1].First, c.First)
		}
		chunks = append(chunks, copied(c, raw))
		size += len(c.Events)
	}
	return chunks, nil
}

// prependPending is appendPending for chunks before a seq, the newest first.
func prependPending(chunks, pending []store.Chunk, sessionID string, before uint64, maxBytes int, raw bool) []store.Chunk {
	last := uint64(0)
	if len(chunks) > 0 {
		last = chunks[0].Last
	}
	var all []store.Chunk
	for _, c := range slices.Backward(pending) {
		if c.SessionID == sessionID && c.First < before && c.Last > last {
			all = append(all, copied(&c, raw))
		}
	}
	if n := len(all); n > 0 && len(chunks) > 0 && all[n-1].First != last+1 {
		return all // as scanChunks ends before damage
	}
	all = append(all, chunks...)
	size := 0
	for n := range all {
		if size += len(all[n].Events); size >= maxBytes {
			return all[:n+1]
		}
	}
	return all
}

// copied returns a row that is the reader's own.
func copied(c *store.Chunk, raw bool) store.Chunk {
	own := store.Chunk{SessionID: c.SessionID, First: c.First, Last: c.Last, Events: bytes.Clone(c.Events)}
	if raw {
		own.Raw = bytes.Clone(c.Raw)
	}
	return own
}

package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/towline-dev/towline/session/store"
)

// The head of a session at rest is in its row. That of an open session is the
// end of its last chunk: moving it in the row too would make a third page of
// every commit, which is most of what a lone event costs. The row's head is
// then a lower bound, which still tells if chunks below it are missing. It is
// brought up to date whenever the row is written, before the log is folded
// into the database, and when the store is closed.

// lastChunk is the end of a session's last chunk in SQL, 0 without chunks; %s
// is the session's id.
const lastChunk = "coalesce((SELECT last_seq FROM chunks WHERE session_id = %s ORDER BY first_seq DESC LIMIT 1), 0)"

// place is where a session's log ends, as the writer knows it.
type place struct {
	head uint64
	row  uint64 // the head in the session's row
	open bool
}

// placesAtMost is how many open sessions' places the writer keeps in memory.
const placesAtMost = 1024

// places are the ends of open sessions' logs. They belong to the writer.
type places map[string]place

// take notes what a transaction moved, once it is committed.
func (all places) take(moved places) {
	for id, p := range moved {
		if p.open {
			all[id] = p
		} else {
			delete(all, id)
		}
	}
}

// saved notes that all rows have their heads.
func (all places) saved() {
	for id, p := range all {
		p.row = p.head
		all[id] = p
	}
}

// place returns where a session's log ends, or sql.ErrNoRows if the session is
// gone.
func (t *transaction) place(ctx context.Context, id string) (place, error) {
	if p, ok := t.moved[id]; ok {
		return p, nil
	}
	if p, ok := t.places[id]; ok {
		return p, nil
	}
	var p place
	var last uint64
	if err := t.write.place.QueryRowContext(ctx, id).Scan(&p.row, &p.open, &last); err != nil {
		return place{}, err
	}
	p.head = p.row
	if p.open {
		p.head = max(p.row, last)
	}
	return p, nil
}

// move notes a session's place.
func (t *transaction) move(id string, p place) {
	if t.moved == nil {
		t.moved = places{}
	}
	t.moved[id] = p
}

// follow moves a session's head over a chunk. It returns sql.ErrNoRows if the
// session is gone, and refuses a chunk that does not follow the head.
func (t *transaction) follow(ctx context.Context, c *store.Chunk) error {
	p, err := t.place(ctx, c.SessionID)
	if err != nil {
		return err
	}
	if err := p.move(c); err != nil {
		return err
	}
	if !p.open {
		t.durable = true
		if err := t.saveHead(ctx, c.SessionID, &p); err != nil {
			return err
		}
	}
	t.move(c.SessionID, p)
	return nil
}

// move moves the head over a chunk that follows it.
func (p *place) move(c *store.Chunk) error {
	if c.First != p.head+1 {
		return fmt.Errorf("%w: events %d to %d do not follow the head %d of session %s", errRefused, c.First, c.Last, p.head, c.SessionID)
	}
	p.head = c.Last
	return nil
}

// saveHead writes a session's head to its row.
func (t *transaction) saveHead(ctx context.Context, id string, p *place) error {
	p.row = p.head
	return t.exec(ctx, t.write.head, 0, id, int64(p.head))
}

// saveHeads writes all heads that moved since their rows were written. The
// caller notes that, or forgets the places, once it is committed.
func (t *transaction) saveHeads(ctx context.Context) error {
	for id, p := range t.places {
		if p.head == p.row {
			continue
		}
		if err := t.saveHead(ctx, id, &p); err != nil {
			return err
		}
	}
	return nil
}

// checkEnd returns a session's head: the row's, or the end of the last chunk
// if the session is open. It is ErrCorrupt if the chunks end before the row's
// head, or after it with a chunk that is damaged.
func (s *Store) checkEnd(ctx context.Context, id string) (uint64, error) {
	var head, trimmed uint64
	var open bool
	var first, last, sum sql.Null[int64]
	c := store.Chunk{SessionID: id}
	err := s.read.end.QueryRowContext(ctx, id).Scan(&head, &open, &trimmed, &first, &last, &sum, &c.Events, &c.Raw)
	if err != nil {
		return 0, err
	}
	c.First, c.Last = uint64(first.V), uint64(last.V)
	switch {
	case !last.Valid && trimmed == head, last.Valid && c.Last == head:
		return head, nil
	case last.Valid && open && c.Last > head && chunkChecksum(&c) == sum.V:
		return c.Last, nil
	}
	return 0, fmt.Errorf("%w: the head is %d, the last event %d", store.ErrCorrupt, head, max(c.Last, trimmed))
}

// isGone tells that a session's row was not found.
func isGone(err error) bool { return errors.Is(err, sql.ErrNoRows) }

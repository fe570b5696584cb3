package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/towline-dev/towline/session/store"
	sqlite3 "modernc.org/sqlite/lib"
)

// writeStatements are the writer's prepared statements.
type writeStatements struct {
	begin, commit, rollback              *sql.Stmt
	create, update, record, head, place  *sql.Stmt
	command, blob, decision, tell        *sql.Stmt
	small, load, drop                    *sql.Stmt // compact.go
	compacted, lastBefore, trim, trimmed *sql.Stmt
	generation                           *sql.Stmt // journal.go
	all                                  []*sql.Stmt
	chunk                                chunkInsert
}

func (w *writeStatements) prepare(ctx context.Context, c *sql.Conn) error {
	// What belongs to a session that was deleted meanwhile is left out.
	const ifSession = " WHERE EXISTS (SELECT 1 FROM sessions WHERE id = ?1)"
	for _, p := range []struct {
		to  **sql.Stmt
		sql string
	}{
		{&w.begin, "BEGIN IMMEDIATE"},
		{&w.commit, "COMMIT"},
		{&w.rollback, "ROLLBACK"},
		{&w.create, `INSERT INTO sessions (id, created_at, updated_at, agent, status, title, epoch, open, head, trimmed, compacted)
			VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, 0, 0)`},
		{&w.update, `UPDATE sessions SET created_at = ?2, updated_at = ?3, agent = ?4, status = ?5, title = ?6, epoch = ?7, open = ?8,
			head = ?9 WHERE id = ?1`},
		{&w.record, `INSERT INTO records VALUES (?1, ?2, ?3, ?4)
			ON CONFLICT DO UPDATE SET seq = ?2, record = ?3, checksum = ?4`},
		{&w.head, "UPDATE sessions SET head = ?2 WHERE id = ?1"},
		{&w.place, "SELECT head, open, " + fmt.Sprintf(lastChunk, "?1") + " FROM sessions WHERE id = ?1"},
		{&w.command, "INSERT OR REPLACE INTO commands SELECT ?1, ?2, ?3, ?4, ?5" + ifSession},
		{&w.blob, "INSERT OR REPLACE INTO blobs SELECT ?1, ?2, ?3, ?4, ?5, ?6" + ifSession},
		{&w.decision, "INSERT OR REPLACE INTO decisions SELECT ?1, ?2, ?3, ?4" + ifSession},
		{&w.tell, "DELETE FROM decisions WHERE session_id = ?1 AND ask_id = ?2"},
		{&w.small, `SELECT first_seq, last_seq, octet_length(events) + coalesce(octet_length(raw), 0) FROM chunks
			WHERE session_id = ?1 AND first_seq > (SELECT compacted FROM sessions WHERE id = ?1) ORDER BY first_seq LIMIT ?2`},
		{&w.load, `SELECT first_seq, last_seq, checksum, CAST(events AS BLOB), CAST(raw AS BLOB) FROM chunks
			WHERE session_id = ?1 AND first_seq BETWEEN ?2 AND ?3 ORDER BY first_seq`},
		{&w.drop, "DELETE FROM chunks WHERE session_id = ?1 AND first_seq BETWEEN ?2 AND ?3"},
		{&w.compacted, "UPDATE sessions SET compacted = ?2 WHERE id = ?1"},
		{&w.lastBefore, `SELECT coalesce(max(last_seq), 0) FROM chunks WHERE session_id = ?1 AND first_seq < ?2 AND last_seq < ?2`},
		{&w.trim, "DELETE FROM chunks WHERE session_id = ?1 AND first_seq <= ?2"},
		{&w.generation, "UPDATE meta SET value = ?1 WHERE key = 'journal'"},
		{&w.trimmed, "UPDATE sessions SET trimmed = ?2, head = max(head, ?2), compacted = max(compacted, ?2) WHERE id = ?1"},
	} {
		st, err := c.PrepareContext(ctx, p.sql)
		if err != nil {
			return fmt.Errorf("cannot prepare the store: %w", err)
		}
		*p.to = st
		w.all = append(w.all, st)
	}
	return w.chunk.prepare(ctx, c)
}

func (w *writeStatements) close() {
	w.chunk.close()
	for _, st := range w.all {
		_ = st.Close()
	}
}

// Commit implements store.Store. It looks at ctx before it begins and not
// after: a batch is never given up half-way.
//
// It syncs more than it is asked to: a batch with new sessions or with events
// of a session that was at rest is made durable too, because recovery from
// power loss trusts sessions at rest (power.go).
func (s *Store) Commit(ctx context.Context, b *store.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flush.late() {
		if err := s.sync(); err != nil {
			return err
		}
	}
	t := transaction{write: &s.write, places: s.places, durable: b.Durable || len(b.Create) > 0}
	if err := s.apply(&t, b); err != nil {
		return fmt.Errorf("cannot commit: %w", err)
	}
	s.grown(t.bytes)
	if t.durable {
		return s.sync()
	}
	s.flush.committed()
	return nil
}

// apply writes a batch in a transaction.
func (s *Store) apply(t *transaction, b *store.Batch) error {
	if c := s.lone(b); c != nil {
		return s.insertLone(t, c)
	}
	full := len(s.places) >= placesAtMost
	err := s.transact(func(ctx context.Context) error {
		if full {
			if err := t.saveHeads(ctx); err != nil {
				return err
			}
		}
		return t.batch(ctx, b)
	})
	if err != nil {
		return err
	}
	if full {
		clear(s.places)
	}
	s.places.take(t.moved)
	return nil
}

// sync makes all commits durable. If it cannot, nothing is believed any more.
func (s *Store) sync() error {
	if err := s.failure(); err != nil {
		return err
	}
	if err := s.drain(); err != nil {
		return err
	}
	if err := s.flush.flush(); err != nil {
		return s.fail(fmt.Errorf("cannot sync: %w", err))
	}
	return nil
}

// errClosed is what writes get after Close.
var errClosed = errors.New("the store is closed")

// transact runs f in a transaction of the writer; s.mu is held. Its errors
// went through fault.
func (s *Store) transact(f func(ctx context.Context) error) error {
	if err := s.usable(); err != nil {
		return err
	}
	return s.whole(context.Background(), f)
}

// usable returns the error of writes to a store that is closed or failed.
func (s *Store) usable() error {
	if s.closed {
		return errClosed
	}
	return s.failure()
}

// whole runs f between begin and commit, whatever the store's state, after the
// journal's rows: f finds every commit in the database.
func (s *Store) whole(ctx context.Context, f func(ctx context.Context) error) error {
	if _, err := s.write.begin.ExecContext(ctx); err != nil {
		return s.fault(err)
	}
	err := s.addRows(ctx)
	if err == nil {
		err = f(ctx)
	}
	if err == nil {
		_, err = s.write.commit.ExecContext(ctx)
	}
	if err == nil {
		s.journal.added()
		return nil
	}
	// SQLite has rolled back by itself after some errors; then this one fails
	// and says nothing new.
	_, _ = s.write.rollback.ExecContext(ctx)
	return s.fault(err)
}

// transaction writes one batch.
type transaction struct {
	write   *writeStatements
	places  places // before the transaction
	moved   places // by it
	durable bool
	bytes   int // written, about
}

// lone returns the chunk of a batch that is nothing but one chunk of an open
// session; else nil.
func (s *Store) lone(b *store.Batch) *store.Chunk {
	if len(b.Chunks) != 1 || len(b.Create)+len(b.Update)+len(b.Commands)+len(b.Blobs)+len(b.Decisions)+len(b.Told) > 0 {
		return nil
	}
	c := &b.Chunks[0]
	if !s.places[c.SessionID].open {
		return nil
	}
	return c
}

// insertLone adds a chunk to an open session: to the journal if it may stay
// there, else by one statement. That is a transaction by itself, and takes half
// the time of one between begin and commit.
func (s *Store) insertLone(t *transaction, c *store.Chunk) error {
	if err := s.usable(); err != nil {
		return err
	}
	if err := checkChunk(c); err != nil {
		return err
	}
	p := s.places[c.SessionID]
	if err := p.move(c); err != nil {
		return err
	}
	switch {
	case !t.durable && s.journal.add(c):
		t.wrote(c)
	case s.journal.used:
		if err := s.transact(func(ctx context.Context) error { return t.insert(ctx, c) }); err != nil {
			return err
		}
	default:
		if err := t.insert(context.Background(), c); err != nil {
			return s.fault(err)
		}
	}
	s.places[c.SessionID] = p
	return nil
}

// batch writes the parts in an order in which each finds what it needs.
func (t *transaction) batch(ctx context.Context, b *store.Batch) error {
	for i := range b.Create {
		if err := t.create(ctx, &b.Create[i]); err != nil {
			return err
		}
	}
	for i := range b.Chunks {
		if err := t.chunk(ctx, &b.Chunks[i]); err != nil {
			return err
		}
	}
	for i := range b.Update {
		if err := t.update(ctx, &b.Update[i]); err != nil {
			return err
		}
	}
	for i := range b.Blobs {
		v := &b.Blobs[i]
		err := t.exec(ctx, t.write.blob, len(v.Bytes), v.SessionID, v.ID, v.Mime, v.SHA256, blobChecksum(v), notNil(v.Bytes))
		if err != nil {
			return err
		}
	}
	for i := range b.Decisions {
		d := &b.Decisions[i]
		if err := t.exec(ctx, t.write.decision, len(d.Record), d.SessionID, d.AskID, notNil(d.Record), decisionChecksum(d)); err != nil {
			return err
		}
	}
	for _, told := range b.Told {
		if err := t.exec(ctx, t.write.tell, 0, told[0], told[1]); err != nil {
			return err
		}
	}
	for i := range b.Commands {
		c := &b.Commands[i]
		if err := t.exec(ctx, t.write.command, len(c.Result), c.SessionID, c.ID, c.Hash[:], notNil(c.Result), commandChecksum(c)); err != nil {
			return err
		}
	}
	return nil
}

// pageSize is how much a small change adds to the WAL, in bytes.
const pageSize = 4096

// exec runs a statement that writes about size bytes.
func (t *transaction) exec(ctx context.Context, st *sql.Stmt, size int, args ...any) error {
	t.bytes += pageSize + size
	_, err := st.ExecContext(ctx, args...)
	return err
}

func (t *transaction) create(ctx context.Context, v *store.Session) error {
	if err := t.exec(ctx, t.write.create, 0, row(v)...); err != nil {
		if primaryCode(err) == sqlite3.SQLITE_CONSTRAINT {
			return fmt.Errorf("session %s %w", v.ID, store.ErrExists)
		}
		return err
	}
	t.move(v.ID, place{open: v.Open})
	return t.record(ctx, v)
}

func (t *transaction) update(ctx context.Context, v *store.Session) error {
	p, err := t.place(ctx, v.ID)
	if isGone(err) {
		return nil // deleted meanwhile
	}
	if err != nil {
		return err
	}
	t.bytes += pageSize
	if _, err := t.write.update.ExecContext(ctx, append(row(v), int64(p.head))...); err != nil {
		return err
	}
	p.row, p.open = p.head, v.Open
	t.move(v.ID, p)
	return t.record(ctx, v)
}

func (t *transaction) record(ctx context.Context, v *store.Session) error {
	return t.exec(ctx, t.write.record, len(v.Record), v.ID, int64(v.RecordSeq), notNil(v.Record), recordChecksum(v))
}

// row lists a session's columns as create and update want them.
func row(v *store.Session) []any {
	return []any{
		v.ID, v.CreatedAt.UnixMilli(), v.UpdatedAt.UnixMilli(),
		v.Agent, v.Status, v.Title, v.Epoch, v.Open,
	}
}

// chunk moves the head and adds the row. Events of a session that is gone are
// left out; events that do not follow the head are refused.
func (t *transaction) chunk(ctx context.Context, c *store.Chunk) error {
	if err := checkChunk(c); err != nil {
		return err
	}
	if err := t.follow(ctx, c); err != nil {
		if isGone(err) {
			return nil
		}
		return err
	}
	return t.insert(ctx, c)
}

// insert adds a chunk's row.
func (t *transaction) insert(ctx context.Context, c *store.Chunk) error {
	t.wrote(c)
	return t.write.chunk.run(ctx, c)
}

// wrote counts what a chunk's row adds to the WAL.
func (t *transaction) wrote(c *store.Chunk) { t.bytes += pageSize + len(c.Events) + len(c.Raw) }

// checkChunk refuses what could not be joined or read again.
func checkChunk(c *store.Chunk) error {
	if c.First == 0 || c.Last < c.First || c.Last >= 1<<63 {
		return fmt.Errorf("%w: a chunk of session %s has the seqs %d to %d", errRefused, c.SessionID, c.First, c.Last)
	}
	if !isArray(c.Events) || c.Raw != nil && !isArray(c.Raw) {
		return fmt.Errorf("%w: events %d to %d of session %s are not a JSON array", errRefused, c.First, c.Last, c.SessionID)
	}
	return nil
}

// isArray tells whether a JSON text has the brackets of a non-empty array.
func isArray(b []byte) bool {
	return len(b) > 2 && b[0] == '[' && b[len(b)-1] == ']'
}

// text makes a nil slice NULL and others TEXT.
func text(b []byte) any {
	if b == nil {
		return nil
	}
	return string(b)
}

// notNil keeps an empty value from becoming NULL.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/towline-dev/towline/session/store"
	sqlite3 "modernc.org/sqlite/lib"
)

// readStatements are the readers' prepared statements.
type readStatements struct {
	session, sessions, end, trimmed *sql.Stmt
	chunks, chunksBefore            *sql.Stmt
	command, decisions, blob        *sql.Stmt
	all                             []*sql.Stmt
}

// sessionColumns are what scanSession reads.
var sessionColumns = `SELECT s.n, s.id, s.created_at, s.updated_at, s.agent, s.status, s.title, s.epoch,
	CASE WHEN s.open THEN max(s.head, ` + fmt.Sprintf(lastChunk, "s.id") + `) ELSE s.head END, s.open, r.seq, r.record, r.checksum FROM sessions AS s LEFT JOIN records AS r ON r.session_id = s.id`

// chunkColumns are what scanChunk reads.
const chunkColumns = `SELECT first_seq, last_seq, checksum, CAST(events AS BLOB), CAST(raw AS BLOB) FROM chunks`

func (r *readStatements) prepare(ctx context.Context, db *sql.DB) error {
	for _, p := range []struct {
		to  **sql.Stmt
		sql string
	}{
		{&r.session, sessionColumns + " WHERE s.id = ?1"},
		{&r.sessions, sessionColumns + ` WHERE s.n < ?1 AND (?2 = '' OR s.agent = ?2) AND (?3 = '' OR s.status = ?3)
			AND (?4 = 0 OR s.open = 1) ORDER BY s.n DESC LIMIT ?5`},
		{&r.chunks, chunkColumns + ` WHERE session_id = ?1 AND last_seq > ?2 AND first_seq >=
			coalesce((SELECT max(first_seq) FROM chunks WHERE session_id = ?1 AND first_seq <= ?2), 0) ORDER BY first_seq`},
		{&r.chunksBefore, chunkColumns + " WHERE session_id = ?1 AND first_seq < ?2 ORDER BY first_seq DESC"},
		{&r.end, `SELECT s.head, s.open, s.trimmed, c.first_seq, c.last_seq, c.checksum,
			CASE WHEN c.last_seq > s.head THEN CAST(c.events AS BLOB) END, CASE WHEN c.last_seq > s.head THEN CAST(c.raw AS BLOB) END
			FROM sessions AS s LEFT JOIN chunks AS c ON c.session_id = ?1
			AND c.first_seq = (SELECT max(first_seq) FROM chunks WHERE session_id = ?1) WHERE s.id = ?1`},
		{&r.trimmed, "SELECT trimmed, head FROM sessions WHERE id = ?1"},
		{&r.command, "SELECT hash, result, checksum FROM commands WHERE session_id = ?1 AND id = ?2"},
		{&r.decisions, "SELECT ask_id, record, checksum FROM decisions WHERE session_id = ?1 ORDER BY ask_id"},
		{&r.blob, "SELECT mime, sha256, bytes, checksum FROM blobs WHERE session_id = ?1 AND id = ?2"},
	} {
		st, err := db.PrepareContext(ctx, p.sql)
		if err != nil {
			return fmt.Errorf("cannot prepare the store: %w", err)
		}
		*p.to = st
		r.all = append(r.all, st)
	}
	return nil
}

func (r *readStatements) close() {
	for _, st := range r.all {
		_ = st.Close()
	}
}

// Session implements store.Store. ErrCorrupt tells of a damaged row, or of
// events that are missing at the log's end.
func (s *Store) Session(ctx context.Context, id string) (store.Session, error) {
	pending := s.journal.pending()
	v, _, err := scanSession(s.read.session.QueryRowContext(ctx, id))
	if err == nil {
		v.Head, err = s.checkEnd(ctx, id)
	}
	if err != nil {
		return store.Session{}, fmt.Errorf("cannot read session %s: %w", id, readError(err))
	}
	v.Head = headWith(pending, id, v.Head)
	return v, nil
}

// readError gives the errors of the database their names in package store.
func readError(err error) error {
	switch code := primaryCode(err); {
	case errors.Is(err, sql.ErrNoRows):
		return store.ErrNotFound
	case code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%w: %w", store.ErrCorrupt, err)
	}
	return err
}

// Pages of sessions have this size if the filter says nothing, and at most.
const (
	pageDefault = 100
	pageMost    = 1000
)

// Sessions implements store.Store. A row whose record is damaged comes
// without it, so that one session does not hide the others.
func (s *Store) Sessions(ctx context.Context, f store.Filter) ([]store.Session, string, error) {
	before := int64(1<<63 - 1)
	if f.Before != "" {
		n, err := strconv.ParseInt(f.Before, 36, 64)
		if err != nil || n <= 0 {
			return nil, "", store.ErrCursor
		}
		before = n
	}
	limit := f.Limit
	if limit <= 0 {
		limit = pageDefault
	}
	limit = min(limit, pageMost)
	pending := s.journal.pending()
	rows, err := s.read.sessions.QueryContext(ctx, before, f.Agent, f.Status, f.Open, limit+1)
	if err != nil {
		return nil, "", fmt.Errorf("cannot list sessions: %w", readError(err))
	}
	defer rows.Close()
	var page []store.Session
	var last int64
	for rows.Next() {
		v, n, err := scanSession(rows)
		if err != nil && !errors.Is(err, store.ErrCorrupt) {
			return nil, "", fmt.Errorf("cannot list sessions: %w", readError(err))
		}
		if len(page) == limit {
			return page, strconv.FormatInt(last, 36), nil
		}
		v.Head = headWith(pending, v.ID, v.Head)
		page, last = append(page, v), n
	}
	if err := rows.Err(); err != nil {
		return nil, "", fmt.Errorf("cannot list sessions: %w", readError(err))
	}
	return page, "", nil
}

// scanner is a row.
type scanner interface{ Scan(to ...any) error }

// scanSession reads a session and its place in the order of creation. With
// ErrCorrupt the session lacks its record.
func scanSession(row scanner) (store.Session, int64, error) {
	var v store.Session
	var n, created, updated int64
	var seq, sum sql.NullInt64
	err := row.Scan(&n, &v.ID, &created, &updated, &v.Agent, &v.Status, &v.Title, &v.Epoch, &v.Head, &v.Open,
		&seq, &v.Record, &sum)
	if err != nil {
		return store.Session{}, 0, err
	}
	v.CreatedAt, v.UpdatedAt = time.UnixMilli(created).UTC(), time.UnixMilli(updated).UTC()
	v.RecordSeq = uint64(seq.Int64)
	if !sum.Valid || recordChecksum(&v) != sum.Int64 {
		v.Record, v.RecordSeq = nil, 0
		return v, n, fmt.Errorf("%w: the record of session %s", store.ErrCorrupt, v.ID)
	}
	return v, n, nil
}

// Command implements store.Store.
func (s *Store) Command(ctx context.Context, sessionID, commandID string) (store.Command, error) {
	c := store.Command{SessionID: sessionID, ID: commandID}
	var hash []byte
	var sum int64
	err := s.read.command.QueryRowContext(ctx, sessionID, commandID).Scan(&hash, &c.Result, &sum)
	if err == nil && (copy(c.Hash[:], hash) != len(hash) || commandChecksum(&c) != sum) {
		err = store.ErrCorrupt
	}
	if err != nil {
		return store.Command{}, fmt.Errorf("cannot read command %s of session %s: %w", commandID, sessionID, readError(err))
	}
	return c, nil
}

// Decisions implements store.Store.
func (s *Store) Decisions(ctx context.Context, sessionID string) ([]store.Decision, error) {
	rows, err := s.read.decisions.QueryContext(ctx, sessionID)
	if err != nil {
		return nil, fmt.Errorf("cannot read decisions of session %s: %w", sessionID, readError(err))
	}
	defer rows.Close()
	var all []store.Decision
	for rows.Next() {
		d := store.Decision{SessionID: sessionID}
		var sum int64
		err := rows.Scan(&d.AskID, &d.Record, &sum)
		if err == nil && decisionChecksum(&d) != sum {
			err = store.ErrCorrupt
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read decision %s of session %s: %w", d.AskID, sessionID, readError(err))
		}
		all = append(all, d)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("cannot read decisions of session %s: %w", sessionID, readError(err))
	}
	return all, nil
}

// Blob implements store.Store.
func (s *Store) Blob(ctx context.Context, sessionID, blobID string) (store.Blob, error) {
	b := store.Blob{SessionID: sessionID, ID: blobID}
	var sum int64
	err := s.read.blob.QueryRowContext(ctx, sessionID, blobID).Scan(&b.Mime, &b.SHA256, &b.Bytes, &sum)
	if err == nil && blobChecksum(&b) != sum {
		err = store.ErrCorrupt
	}
	if err != nil {
		return store.Blob{}, fmt.Errorf("cannot read blob %s of session %s: %w", blobID, sessionID, readError(err))
	}
	return b, nil
}

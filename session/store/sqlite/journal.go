package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/towline-dev/towline/session/store"
)

// The commit of a lone event is one write to a small file instead of a
// transaction: a transaction between lone events finds the processor's caches
// cold and costs several times as much. The next transaction, whatever it is
// for, first adds the journal's rows to the database; the flusher begins one
// if there is none in time. Readers get the rows from memory until then.
//
// Rules, for any crash:
//
//   - A record is written before its commit returns, and its row goes to the
//     database in the order of the records, before anything newer.
//   - meta holds the journal's generation, and every record the one that it was
//     written in. A transaction that adds the rows also counts the generation
//     up: the records are needed if and only if it was not committed. So the
//     file is not emptied then; the next record overwrites the first.
//   - A commit that is synced, and one of a session at rest, never stays in the
//     journal. So power loss takes no more than without a journal, and only of
//     open sessions, which get a new epoch (power.go).
//   - The file is emptied when nothing in it can be needed: after the sync that
//     ends Open, and at the end of Close.

// The journal's bounds: they limit what a transaction adds by the way, and the
// rows' memory. Larger chunks are no lone events; their transaction is not
// most of what they cost.
const (
	journalRows   = 128
	journalBytes  = 128 << 10
	journalRecord = 4 << 10
)

// journal keeps lone chunks that are not in the database yet. The fields
// before mu belong to the writer.
type journal struct {
	file *os.File
	// gone tells that there was no file when the store was opened.
	gone bool
	// generation is meta's.
	generation uint64
	// end is where the next record goes.
	end int64
	// used tells that records of this generation may be in the file.
	used bool

	mu sync.Mutex // never held while anything waits
	// rows are the records' chunks, in order.
	rows []store.Chunk
}

// openJournal opens the journal beside the database, and brings its rows to
// the database if the last run did not. The caller empties it once that is synced.
func (s *Store) openJournal(ctx context.Context) error {
	path := journalPath(s.path)
	_, err := os.Stat(path)
	s.journal.gone = errors.Is(err, fs.ErrNotExist)
	if err := prepareFile(path); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("cannot open the store's journal: %w", err)
	}
	s.journal.file = f
	if err := s.replay(ctx); err != nil {
		return fmt.Errorf("cannot replay the store's journal: %w", err)
	}
	return nil
}

// journalPath returns where the journal of a database is. The name is of this
// database, since a folder may hold several, one in use at a time; SQLite's own
// journals end in "-journal" and "-wal".
func journalPath(path string) string { return path + ".journal" }

// empty empties the file.
func (j *journal) empty() error {
	if err := j.file.Truncate(0); err != nil {
		return fmt.Errorf("cannot empty the store's journal: %w", err)
	}
	return nil
}

// add commits a chunk. It returns false if the chunk must go to the database
// at once: there is no room, or the file cannot be written. That is no fault:
// the transaction that the caller makes instead takes all rows along, so that
// nothing depends on the file.
func (j *journal) add(c *store.Chunk) bool {
	size := recordSize(c)
	if size > journalRecord || len(j.rows) == journalRows || j.end+int64(size) > journalBytes {
		return false
	}
	record := appendRecord(make([]byte, 0, size), j.generation, c)
	j.used = true
	if _, err := j.file.WriteAt(record, j.end); err != nil {
		return false
	}
	j.end += int64(size)
	row, _ := readRecord(record) // the chunk's bytes are the caller's
	j.mu.Lock()
	j.rows = append(j.rows, row.chunk)
	j.mu.Unlock()
	return true
}

// pending returns the rows that are not in the database yet. Readers call it
// before they read the database: what is added to it meanwhile they find in
// both, and nothing in neither.
func (j *journal) pending() []store.Chunk {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.rows
}

// added notes that a transaction with the rows was committed.
func (j *journal) added() {
	if !j.used {
		return
	}
	j.generation, j.end, j.used = j.generation+1, 0, false
	j.mu.Lock()
	j.rows = nil // readers may still have the old array
	j.mu.Unlock()
}

// addRows adds the journal's rows to the database, within a transaction.
func (s *Store) addRows(ctx context.Context) error {
	if !s.journal.used {
		return nil
	}
	for i := range s.journal.rows {
		if err := s.write.chunk.run(ctx, &s.journal.rows[i]); err != nil {
			return err
		}
	}
	_, err := s.write.generation.ExecContext(ctx, generationText(s.journal.generation+1))
	return err
}

// drain brings the journal's rows to the database; s.mu is held.
func (s *Store) drain() error {
	if !s.journal.used {
		return nil
	}
	return s.transact(func(context.Context) error { return nil })
}

// drainInTime is drain for the flusher, which need not try again once the
// store has failed.
func (s *Store) drainInTime() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure() != nil {
		return nil
	}
	return s.drain()
}

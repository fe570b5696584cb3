// Package sqlite is the store in one SQLite file beside its WAL.
//
// One connection writes, a small pool reads. Every write runs in one
// transaction with synchronous=NORMAL, but that a lone event is written to a
// journal first (journal.go): after it the batch is with the operating system
// and survives SIGKILL. Durability is a separate fsync of the
// WAL file, which covers all commits before it: at once for a durable batch,
// within 50 ms for the others (flusher.go).
//
// Concurrency: all methods of a Store may be called from any goroutine; writes
// take turns. Reads see the last commit and never wait for a write.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/towline-dev/towline/session/store"
	_ "modernc.org/sqlite" // registers the driver
)

// Options configures Open.
type Options struct {
	// Path is the database file. Its folder is made with mode 0700 if it does
	// not exist, and belongs to one server at a time. Needed.
	Path string
	// Readers is the number of reading connections; 0 means 4.
	Readers int

	// boot stands in for the machine's boot id in tests.
	boot func() string
	// sync stands in for the fsync of the WAL in tests.
	sync func(*os.File) error
}

// Store implements store.Store. Open makes it.
type Store struct {
	path  string
	lock  *os.File
	wal   *os.File // for fsync only
	flush *flusher
	// journal holds the newest rows.
	journal journal

	readers *sql.DB
	read    readStatements

	failed atomic.Pointer[error]

	mu     sync.Mutex // one write at a time
	closed bool
	writer *sql.DB
	conn   *sql.Conn // the writer's only connection
	write  writeStatements
	places places
	// pending is about how many bytes the WAL grew since its last checkpoint.
	pending       int
	checkpointing bool
	background    sync.WaitGroup // the checkpoint
}

var _ store.Store = (*Store)(nil)

// Open opens or makes the store. Errors: store.ErrLocked; a folder that
// everyone may write to, a file of another program and a file of a newer
// version are refused with a sentence that says so, and are not touched.
//
// The store syncs commits by a timer and folds its log in the background;
// Close waits for both.
func Open(ctx context.Context, o Options) (*Store, error) {
	path, err := filepath.Abs(o.Path)
	if err != nil {
		return nil, fmt.Errorf("cannot open the store: %w", err)
	}
	if err := prepareFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	lock, err := lockFolder(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	s := &Store{path: path, lock: lock, places: places{}}
	if err := s.open(ctx, o); err != nil {
		return nil, errors.Join(err, s.release())
	}
	return s, nil
}

// open does what needs the lock.
func (s *Store) open(ctx context.Context, o Options) error {
	if err := prepareFile(s.path); err != nil {
		return err
	}
	if err := checkHeader(s.path); err != nil {
		return err
	}
	if err := s.openWriter(ctx, o); err != nil {
		return err
	}
	if err := s.openReaders(ctx, o.Readers); err != nil {
		return err
	}
	return s.openFlusher(o.sync)
}

// Cache sizes in KiB. Pages that a commit touches are few, and readers go
// through chunks once: large caches would only cost memory. No mmap: an I/O
// error there would be a signal, and its pages count as the server's memory.
const (
	writerCache = 1024
	readerCache = 256
)

// The WAL is folded into the database when it has grown by checkpointAt bytes.
// walPagesAtMost makes SQLite do so within a commit if that ever fails.
const (
	checkpointAt   = 4 << 20
	walPagesAtMost = 4 * checkpointAt / pageSize
)

// dsn names the database for the driver with a connection's settings.
func (s *Store) dsn(cache int, pragmas ...string) string {
	q := url.Values{"_pragma": append([]string{
		"busy_timeout(5000)",
		"journal_mode(WAL)",
		"synchronous(NORMAL)",
		"mmap_size(0)",
		"cell_size_check(1)",
		fmt.Sprintf("cache_size(-%d)", cache),
	}, pragmas...)}
	return (&url.URL{Scheme: "file", Path: s.path, RawQuery: q.Encode()}).String()
}

func (s *Store) openWriter(ctx context.Context, o Options) error {
	db, err := sql.Open("sqlite", s.dsn(writerCache,
		fmt.Sprintf("wal_autocheckpoint(%d)", walPagesAtMost), fmt.Sprintf("journal_size_limit(%d)", checkpointAt)))
	if err != nil {
		return fmt.Errorf("cannot open the store: %w", err)
	}
	s.writer = db
	if s.conn, err = db.Conn(ctx); err != nil {
		return fmt.Errorf("cannot open the store: %w", err)
	}
	if err := migrate(ctx, s.conn, s.path); err != nil {
		return err
	}
	if err := s.write.prepare(ctx, s.conn); err != nil {
		return err
	}
	if err := s.openJournal(ctx); err != nil {
		return err
	}
	boot := bootID
	if o.boot != nil {
		boot = o.boot
	}
	return startRun(ctx, s.conn, boot(), s.journal.gone)
}

func (s *Store) openReaders(ctx context.Context, n int) error {
	if n <= 0 {
		n = 4
	}
	db, err := sql.Open("sqlite", s.dsn(readerCache, "query_only(1)"))
	if err != nil {
		return fmt.Errorf("cannot open the store: %w", err)
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	s.readers = db
	return s.read.prepare(ctx, db)
}

// openFlusher opens the WAL for fsync and makes what Open wrote durable: the
// mark of startRun, and the journal's rows.
func (s *Store) openFlusher(sync func(*os.File) error) error {
	wal, err := os.OpenFile(s.path+"-wal", os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("cannot open the store's log: %w", err)
	}
	s.wal = wal
	if sync == nil {
		sync = (*os.File).Sync
	}
	s.flush = newFlusher(
		s.drainInTime,
		func() error { return sync(wal) },
		func(err error) { _ = s.fail(fmt.Errorf("cannot sync: %w", err)) },
	)
	if err := s.flush.flush(); err != nil {
		return fmt.Errorf("cannot sync the store: %w", err)
	}
	if err := syncFolder(filepath.Dir(s.path)); err != nil {
		return fmt.Errorf("cannot sync the state folder: %w", err)
	}
	return s.journal.empty()
}

// Close syncs, folds the WAL into the database and closes. Calls after the
// first do nothing. No other method may run or be called after it.
func (s *Store) Close() error {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	s.background.Wait()
	s.flush.stop()
	err := s.failure()
	if err == nil {
		err = s.rest(context.Background())
	}
	return errors.Join(err, s.release())
}

// rest brings everything to the database file and marks it as closed.
func (s *Store) rest(ctx context.Context) error {
	t := transaction{write: &s.write, places: s.places}
	err := s.whole(ctx, func(ctx context.Context) error {
		if err := t.saveHeads(ctx); err != nil {
			return err
		}
		return endRun(ctx, s.conn)
	})
	if err != nil {
		return fmt.Errorf("cannot close the store: %w", err)
	}
	if err := s.flush.flush(); err != nil {
		return fmt.Errorf("cannot sync the store: %w", err)
	}
	if _, err := s.conn.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		return fmt.Errorf("cannot fold the store's log: %w", err)
	}
	return s.journal.empty()
}

// release closes what is open.
func (s *Store) release() error {
	var errs []error
	if s.readers != nil {
		s.read.close()
		errs = append(errs, s.readers.Close())
	}
	if s.conn != nil {
		s.write.close()
		errs = append(errs, s.conn.Close())
	}
	if s.writer != nil {
		errs = append(errs, s.writer.Close())
	}
	if s.wal != nil {
		errs = append(errs, s.wal.Close())
	}
	if s.journal.file != nil {
		errs = append(errs, s.journal.file.Close())
	}
	return errors.Join(append(errs, s.lock.Close())...)
}

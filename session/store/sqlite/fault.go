package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/towline-dev/towline/session/store"
	"golang.org/x/sys/unix"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// fault says what a failed write means. ErrFull and the errors that callers
// know leave the store usable; so does a database that another program holds
// locked. Everything else makes the store fail for good: after an I/O error
// nobody knows what the disk has, and a later success proves nothing.
func (s *Store) fault(err error) error {
	if err == nil || errors.Is(err, store.ErrExists) || errors.Is(err, store.ErrNotFound) ||
		errors.Is(err, store.ErrCorrupt) || errors.Is(err, errRefused) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	switch primaryCode(err) {
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w: %w", store.ErrFull, err)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return err
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN:
		if s.noSpace() {
			return fmt.Errorf("%w: %w", store.ErrFull, err)
		}
	}
	return s.fail(err)
}

// errRefused marks a batch that breaks the rules of the interface.
var errRefused = errors.New("batch refused")

// primaryCode returns SQLite's result code without its extension, or 0.
func primaryCode(err error) int {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Code() & 0xff
}

// fail makes the store refuse every write from now on, and returns the error
// that they get: the first one.
func (s *Store) fail(err error) error {
	first := fmt.Errorf("the store failed and must be opened again: %w", err)
	if s.failed.CompareAndSwap(nil, &first) {
		return first
	}
	return *s.failed.Load()
}

// failure returns the error of a failed store, or nil.
func (s *Store) failure() error {
	if err := s.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// probeSize is what a probe for free space writes, in bytes: more than a
// small commit, so that "not full" means that such a commit would fit.
const probeSize = 256 << 10

// noSpace tells whether a failed write has the lack of space as its cause.
// SQLite reports ENOSPC itself, but a file size limit (EFBIG), a quota
// (EDQUOT) and a full disk under its shared memory only as I/O errors.
func (s *Store) noSpace() bool {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err == nil && limit.Cur != unix.RLIM_INFINITY {
		for _, name := range []string{s.path, s.path + "-wal"} {
			if info, err := os.Stat(name); err == nil && uint64(info.Size())+probeSize > limit.Cur {
				return true
			}
		}
	}
	f, err := os.CreateTemp(filepath.Dir(s.path), "space-*")
	if err != nil {
		return isNoSpace(err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	_, err = f.Write(make([]byte, probeSize))
	return isNoSpace(err)
}

// isNoSpace tells whether an error of the operating system means no space.
func isNoSpace(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, unix.EFBIG)
}

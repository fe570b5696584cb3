package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/towline-dev/towline/session/store"
	"golang.org/x/sys/unix"
)

// prepareFolder makes the state folder if need be. A folder that everyone may
// write to is refused: whoever writes there can replace the history.
func prepareFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("cannot make the state folder: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("cannot use the state folder: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("cannot use the state folder: %s is not a folder", dir)
	}
	if info.Mode().Perm()&0o002 != 0 {
		return fmt.Errorf("cannot use the state folder: everyone may write to %s (mode %04o): run chmod 700 on it", dir, info.Mode().Perm())
	}
	return nil
}

// lockFolder takes the lock that keeps a second server out. It is held until
// the file is closed, and the system frees it when the process dies.
func lockFolder(dir string) (*os.File, error) {
	name := filepath.Join(dir, "store.lock")
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot use the state folder: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: %s is locked", store.ErrLocked, name)
		}
		return nil, fmt.Errorf("cannot lock %s: %w", name, err)
	}
	return f, nil
}

// prepareFile makes the database file with its mode before SQLite does: the
// WAL and the shared memory inherit it.
func prepareFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("cannot open the store: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("cannot open the store: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		if err := f.Chmod(0o600); err != nil {
			return fmt.Errorf("cannot make the store private: %w", err)
		}
	}
	return nil
}

// syncFolder makes the names of new files durable.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

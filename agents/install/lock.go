package install

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// tempPrefix begins the names of temporary folders in an agent's folder. No
// version begins like it, so what a killed installation left is never taken
// for one.
const tempPrefix = ".install-"

// lockPoll is how often a process asks for a lock that another one holds.
const lockPoll = 200 * time.Millisecond

// locked runs f while this process holds the agent's lock, which keeps other
// processes out. The system drops the lock of a process that dies. What dead
// installations left behind is removed first.
func (i *Program) locked(ctx context.Context, f func() error) error {
	if err := os.MkdirAll(i.home(), 0o755); err != nil { //nolint:gosec // agents may run as another user
		return err
	}
	lock, err := os.OpenFile(filepath.Join(i.home(), ".lock"), os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	if err := flock(ctx, lock); err != nil {
		return err
	}
	if err := i.sweep(); err != nil {
		return err
	}
	return f()
}

// flock waits for an exclusive lock on the file, until ctx is done.
func flock(ctx context.Context, f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return fmt.Errorf("cannot lock %s: %w", f.Name(), err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lockPoll):
		}
	}
}

// sweep removes temporary folders. The caller holds the lock, so nobody uses
// them.
func (i *Program) sweep() error {
	entries, err := os.ReadDir(i.home())
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), tempPrefix) {
			if err := os.RemoveAll(filepath.Join(i.home(), e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

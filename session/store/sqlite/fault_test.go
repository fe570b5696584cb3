package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/towline-dev/towline/session/store"
	"golang.org/x/sys/unix"
)

// breakLog puts another file in the place of the WAL under SQLite's feet. The
// returned function puts it back.
func breakLog(t *testing.T, s *Store, name string, flags int) (repair func()) {
	t.Helper()
	broken, err := unix.Open(name, flags, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(broken)
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	kept := map[int]int{} // descriptor -> copy of what it was
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd == broken || fd == int(s.wal.Fd()) {
			continue
		}
		if target, _ := os.Readlink(filepath.Join("/proc/self/fd", e.Name())); target != s.path+"-wal" {
			continue
		}
		if kept[fd], err = unix.Dup(fd); err != nil {
			t.Fatal(err)
		}
		if err := unix.Dup3(broken, fd, 0); err != nil {
			t.Fatal(err)
		}
	}
	if len(kept) == 0 {
		t.Fatal("no descriptor of the log was found")
	}
	return func() {
		for fd, old := range kept {
			if err := unix.Dup3(old, fd, 0); err != nil {
				t.Error(err)
			}
			unix.Close(old)
		}
	}
}

func TestD06_NoSpaceForTheLog(t *testing.T) {
	s, _ := openSyncer(t)
	fill(t, s, "s1", 1, 3, 1)
	repair := breakLog(t, s, "/dev/full", unix.O_RDWR)
	next := &store.Batch{Chunks: []store.Chunk{{SessionID: "s1", First: 4, Last: 4, Events: benchEvents(1)}}, Durable: true}
	err := s.Commit(t.Context(), next)
	repair()
	if !errors.Is(err, store.ErrFull) {
		t.Fatalf("Commit: %v, want ErrFull", err)
	}
	// /dev/full also reads as zeros, which may spoil SQLite's cache, so what the
	// store holds is not looked at here: TestD06_FullDisk does, with a real
	// limit on the file's size.
	if err := s.failure(); err != nil {
		t.Errorf("a full disk made the store fail: %v", err)
	}
}

func TestD07_FailedWriteIsNeverBelieved(t *testing.T) {
	s, _ := openSyncer(t)
	fill(t, s, "s1", 1, 3, 1)
	repair := breakLog(t, s, s.path+"-wal", unix.O_RDONLY)
	next := &store.Batch{Chunks: []store.Chunk{{SessionID: "s1", First: 4, Last: 4, Events: benchEvents(1)}}, Durable: true}
	err := s.Commit(t.Context(), next)
	repair()
	if err == nil || errors.Is(err, store.ErrFull) {
		t.Fatalf("Commit to a log that cannot be written: %v", err)
	}
	if err := s.Commit(t.Context(), next); err == nil {
		t.Error("Commit after a failed write succeeded")
	}
	if got := head(t, open(t, crash(t, s.path)), benchEvents(1)); got != 3 {
		t.Errorf("head %d after a restart, want 3", got)
	}
}

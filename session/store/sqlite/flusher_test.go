package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/towline-dev/towline/session/store"
)

func TestFlusherSyncsWithinItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var syncs []time.Duration
		begin := time.Now()
		f := newFlusher(drained, func() error { syncs = append(syncs, time.Since(begin)); return nil }, nil)
		defer f.stop()
		for range 100 { // a commit each 10 ms, for 1 s
			f.committed()
			time.Sleep(10 * time.Millisecond)
			synctest.Wait()
			if f.late() {
				t.Errorf("a commit is late at %v", time.Since(begin))
			}
		}
		if n := len(syncs); n < 20 || n > 25 {
			t.Errorf("%d syncs in 1 s: %v", n, syncs)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		n := len(syncs)
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(syncs) != n {
			t.Error("it syncs without commits")
		}
	})
}

func TestFlusherKnowsThatItIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		syncs := 0
		f := newFlusher(drained, func() error { time.Sleep(200 * time.Millisecond); syncs++; return nil }, nil)
		f.committed()
		time.Sleep(syncAfter + time.Millisecond)
		synctest.Wait() // the first sync runs
		f.committed()
		time.Sleep(syncWithin)
		if !f.late() {
			t.Error("a commit that waits for a slow sync is not late")
		}
		if err := f.flush(); err != nil || syncs < 2 {
			t.Errorf("flush: %v after %d syncs", err, syncs)
		}
		if f.late() {
			t.Error("late after flush")
		}
		f.stop()
	})
}

func TestFlusherStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		syncs := 0
		f := newFlusher(drained, func() error { syncs++; return nil }, nil)
		f.stop() // before its first use
		f.committed()
		time.Sleep(time.Second)
		synctest.Wait()
		if syncs != 0 {
			t.Error("it syncs after stop")
		}
		f.stop()
	})
}

// syncer counts fsyncs of a store and fails those that fail says.
type syncer struct {
	count atomic.Int64
	fail  atomic.Bool
}

var errDisk = errors.New("input/output error")

func (s *syncer) sync(f *os.File) error {
	s.count.Add(1)
	if s.fail.Load() {
		return errDisk
	}
	return f.Sync()
}

// openSyncer opens a store whose fsyncs go through a syncer, with session s1.
func openSyncer(t *testing.T) (*Store, *syncer) {
	t.Helper()
	y := &syncer{}
	s, err := Open(t.Context(), Options{Path: filepath.Join(t.TempDir(), "towline.db"), sync: y.sync})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return withSession(t, s), y
}

func TestD07_FailedSyncIsNeverBelieved(t *testing.T) {
	one := func(seq uint64) []store.Chunk {
		return []store.Chunk{{SessionID: "s1", First: seq, Last: seq, Events: benchEvents(1)}}
	}
	s, y := openSyncer(t)
	y.fail.Store(true)
	if err := s.Commit(t.Context(), &store.Batch{Chunks: one(1), Durable: true}); !errors.Is(err, errDisk) {
		t.Fatalf("Commit: %v, want the disk's error", err)
	}
	y.fail.Store(false)
	for name, write := range map[string]func() error{
		"Commit":  func() error { return s.Commit(t.Context(), &store.Batch{Chunks: one(2)}) },
		"durable": func() error { return s.Commit(t.Context(), &store.Batch{Chunks: one(2), Durable: true}) },
		"Trim":    func() error { return s.Trim(t.Context(), "s1", 9) },
		"Delete":  func() error { return s.Delete(t.Context(), "s1") },
	} {
		if err := write(); !errors.Is(err, errDisk) {
			t.Errorf("%s after a failed sync: %v, want the disk's error", name, err)
		}
	}
	path := crash(t, s.path)
	if err := s.Close(); !errors.Is(err, errDisk) {
		t.Errorf("Close: %v, want the disk's error", err)
	}
	again := open(t, path)
	v, err := again.Session(t.Context(), "s1")
	if err != nil {
		t.Fatal(err)
	}
	fill(t, again, "s1", v.Head+1, 1, 1)
}

func TestD07_FailedSyncInTheBackground(t *testing.T) {
	s, y := openSyncer(t)
	y.fail.Store(true)
	fill(t, s, "s1", 1, 1, 1)
	for s.failure() == nil { // the timer's sync
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
	}
	y.fail.Store(false)
	if err := s.Commit(t.Context(), &store.Batch{}); !errors.Is(err, errDisk) {
		t.Errorf("Commit: %v, want the disk's error", err)
	}
}

// Only what asks for it waits for an fsync, and what recovery relies on.
func TestCommitSyncs(t *testing.T) {
	s, y := openSyncer(t)
	chunk := func(id string, seq uint64) []store.Chunk {
		return []store.Chunk{{SessionID: id, First: seq, Last: seq, Events: benchEvents(1)}}
	}
	rest := store.Session{ID: "s1", Epoch: "e1"}
	for _, tc := range []struct {
		name  string
		batch store.Batch
		want  bool
	}{
		{"event of an open session", store.Batch{Chunks: chunk("s1", 1)}, false},
		{"durable", store.Batch{Chunks: chunk("s1", 2), Durable: true}, true},
		{"comes to rest", store.Batch{Chunks: chunk("s1", 3), Update: []store.Session{rest}}, false},
		{"event at rest", store.Batch{Chunks: chunk("s1", 4)}, true},
		{"new session", store.Batch{Create: []store.Session{{ID: "s2", Open: true}}}, true},
		{"nothing", store.Batch{}, false},
	} {
		if err := s.flush.flush(); err != nil { // so that the timer rests
			t.Fatal(err)
		}
		before := y.count.Load()
		if err := s.Commit(t.Context(), &tc.batch); err != nil {
			t.Fatal(err)
		}
		if got := y.count.Load() > before; got != tc.want {
			t.Errorf("%s: synced %t, want %t", tc.name, got, tc.want)
		}
	}
}

// A drain that fails is tried again, and its commits stay late until then.
func TestFlusherDrainsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var space atomic.Bool
		var drains, syncs atomic.Int64
		f := newFlusher(func() error {
			drains.Add(1)
			if !space.Load() {
				return store.ErrFull
			}
			return nil
		}, func() error { syncs.Add(1); return nil }, nil)
		defer f.stop()
		f.committed()
		time.Sleep(10 * syncAfter)
		synctest.Wait()
		if drains.Load() != 10 || syncs.Load() != 0 || !f.late() {
			t.Errorf("%d drains, %d syncs, late %t", drains.Load(), syncs.Load(), f.late())
		}
		space.Store(true)
		time.Sleep(time.Second)
		synctest.Wait()
		if drains.Load() != 11 || syncs.Load() != 1 || f.late() {
			t.Errorf("with space again: %d drains, %d syncs, late %t", drains.Load(), syncs.Load(), f.late())
		}
	})
}

// A commit between drain and sync is not in the log that is synced: it has its
// own.
func TestFlusherKeepsWhatCameAfterTheDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var journal, log, synced atomic.Int64
		var f *flusher
		f = newFlusher(
			func() error {
				if log.Add(journal.Swap(0)) == 1 {
					journal.Add(1)
					f.committed()
				}
				return nil
			},
			func() error { synced.Store(log.Load()); return nil }, nil)
		defer f.stop()
		journal.Add(1)
		f.committed()
		for n := range int64(2) {
			time.Sleep(syncAfter)
			synctest.Wait()
			if synced.Load() != n+1 {
				t.Errorf("%d commits are synced, want %d", synced.Load(), n+1)
			}
		}
	})
}

// drained stands in for a store without a journal.
func drained() error { return nil }

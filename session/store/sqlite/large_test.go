package sqlite

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/towline-dev/towline/session/store"
)

// largeSession commits a million short events in chunks of a thousand.
func largeSession(t *testing.T, s *Store) {
	t.Helper()
	const per = 1000
	events := fmt.Appendf(nil, "[%s]", bytes.Join(make([][]byte, per), []byte(`{"type":"item.delta"},`)))
	events = append(bytes.TrimSuffix(events, []byte(",]")), ']')
	for first := uint64(1); first < 1_000_000; first += per {
		err := s.Commit(t.Context(), &store.Batch{
			Chunks: []store.Chunk{{SessionID: "s1", First: first, Last: first + per - 1, Events: events}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A session of a million events opens at once after a crash, is read from its
// middle at once, and its log stays small.
func TestD09_HugeSession(t *testing.T) {
	path := filepath.Join(t.TempDir(), "towline.db")
	s := withSession(t, open(t, path))
	largeSession(t, s)
	s.background.Wait()
	if size := fileSize(t, path+"-wal"); size > 4*checkpointAt+4<<20 {
		t.Errorf("the log has %d bytes", size)
	}
	path = crash(t, path)
	begin := time.Now()
	again := open(t, path)
	if v, err := again.Session(t.Context(), "s1"); err != nil || v.Head != 1_000_000 {
		t.Fatalf("head %d, %v", v.Head, err)
	}
	ready := time.Since(begin)
	begin = time.Now()
	if got, err := again.Chunks(t.Context(), "s1", 500_500, 1, false); err != nil || len(got) != 1 || got[0].First != 500_001 {
		t.Fatalf("%d chunks, %v", len(got), err)
	}
	middle := time.Since(begin)
	begin = time.Now()
	if err := again.Delete(t.Context(), "s1"); err != nil {
		t.Fatal(err)
	}
	t.Logf("ready after %v, middle after %v, deleted in %v", ready, middle, time.Since(begin))
	if ready > time.Second || middle > 50*time.Millisecond {
		t.Errorf("ready after %v (limit 1s), middle after %v (limit 50ms)", ready, middle)
	}
}

package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/towline-dev/towline/session/store"
)

func testHeadFollowsChunks(t *testing.T, s store.Store) {
	create(t, s, "s1")
	if v := get(t, s, "s1"); v.Head != 0 {
		t.Errorf("head %d of a new session", v.Head)
	}
	commit(t, s, &store.Batch{Chunks: []store.Chunk{chunk("s1", 1, 3), chunk("s1", 4, 4)}})
	if v := get(t, s, "s1"); v.Head != 4 {
		t.Errorf("head %d, want 4", v.Head)
	}
	v := session("s1")
	v.Head = 99
	commit(t, s, &store.Batch{Update: []store.Session{v}})
	if v := get(t, s, "s1"); v.Head != 4 {
		t.Errorf("head %d after an update, want 4", v.Head)
	}
}

func testChunksMustFollow(t *testing.T, s store.Store) {
	create(t, s, "s1", 3)
	for _, bad := range []store.Chunk{
		chunk("s1", 5, 5), chunk("s1", 3, 3), chunk("s1", 1, 4),
		{SessionID: "s1", First: 0, Last: 4, Events: []byte("[1]")},
		{SessionID: "s1", First: 4, Last: 3, Events: []byte("[1]")},
		{SessionID: "s1", First: 4, Last: 1 << 63, Events: []byte("[1]")},
	} {
		if err := s.Commit(t.Context(), &store.Batch{Chunks: []store.Chunk{bad}}); err == nil {
			t.Errorf("events %d to %d were taken after head 3", bad.First, bad.Last)
		}
	}
	commit(t, s, &store.Batch{Chunks: []store.Chunk{chunk("s1", 4, 5)}})
	same(t, "chunks", "1-3 4-5", spans(chunks(t, s, "s1", 0, false)))
}

func testChunksMustBeArrays(t *testing.T, s store.Store) {
	create(t, s, "s1")
	for _, bad := range []string{"", "[]", `{"seq":1}`, "[1", " [1]"} {
		for _, c := range []store.Chunk{
			{SessionID: "s1", First: 1, Last: 1, Events: []byte(bad)},
			{SessionID: "s1", First: 1, Last: 1, Events: []byte("[1]"), Raw: []byte(bad)},
		} {
			if err := s.Commit(t.Context(), &store.Batch{Chunks: []store.Chunk{c}}); err == nil {
				t.Errorf("events %q, raw %q were taken", c.Events, c.Raw)
			}
		}
	}
}

// A batch whose last part is refused leaves nothing of its other parts.
func testBatchIsAtomic(t *testing.T, s store.Store) {
	create(t, s, "s1", 1)
	before := get(t, s, "s1")
	commit(t, s, &store.Batch{Decisions: []store.Decision{{SessionID: "s1", AskID: "p1", Record: []byte("1")}}})
	err := s.Commit(t.Context(), &store.Batch{
		Create:    []store.Session{session("s2")},
		Update:    []store.Session{{ID: "s1", Title: "changed"}},
		Chunks:    []store.Chunk{chunk("s1", 2, 3), chunk("s1", 9, 9)},
		Commands:  []store.Command{{SessionID: "s1", ID: "c1", Result: []byte("{}")}},
		Blobs:     []store.Blob{{SessionID: "s1", ID: "b1"}},
		Decisions: []store.Decision{{SessionID: "s1", AskID: "p2"}},
		Told:      [][2]string{{"s1", "p1"}},
		Durable:   true,
	})
	if err == nil {
		t.Fatal("a hole in the log was taken")
	}
	same(t, "session", before, get(t, s, "s1"))
	same(t, "chunks", "1-1", spans(chunks(t, s, "s1", 0, false)))
	if _, err := s.Session(t.Context(), "s2"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Session: %v, want ErrNotFound", err)
	}
	if _, err := s.Command(t.Context(), "s1", "c1"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Command: %v, want ErrNotFound", err)
	}
	if _, err := s.Blob(t.Context(), "s1", "b1"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Blob: %v, want ErrNotFound", err)
	}
	same(t, "decisions", []string{"p1"}, asks(t, s, "s1"))
}

func testBatchOfManySessions(t *testing.T, s store.Store) {
	create(t, s, "s1", 1)
	create(t, s, "s2", 5)
	commit(t, s, &store.Batch{Chunks: []store.Chunk{chunk("s2", 6, 6), chunk("s1", 2, 4), chunk("s2", 7, 8)}})
	same(t, "s1", "1-1 2-4", spans(chunks(t, s, "s1", 0, false)))
	same(t, "s2", "1-5 6-6 7-8", spans(chunks(t, s, "s2", 0, false)))
}

func testReadAfter(t *testing.T, s store.Store) {
	create(t, s, "s0", 20)
	create(t, s, "s1", 3, 1, 4)
	create(t, s, "s2", 20)
	for after, want := range []string{"1-3 4-4 5-8", "1-3 4-4 5-8", "1-3 4-4 5-8", "4-4 5-8", "5-8", "5-8", "5-8", "5-8", "", ""} {
		got, err := s.Chunks(t.Context(), "s1", uint64(after), 1<<20, false)
		if err != nil {
			t.Fatal(err)
		}
		same(t, fmt.Sprint("chunks after ", after), want, spans(got))
	}
	same(t, "events", text(t, []store.Chunk{chunk("s1", 1, 8)}, false), text(t, chunks(t, s, "s1", 0, false), false))
	for _, after := range []uint64{1<<63 - 2, 1<<63 - 1, 1 << 63, 1<<64 - 1} {
		if got, err := s.Chunks(t.Context(), "s1", after, 1<<20, false); err != nil || len(got) != 0 {
			t.Errorf("after %d: %s, %v", after, spans(got), err)
		}
	}
	if got, err := s.Chunks(t.Context(), "unknown", 0, 1<<20, false); err != nil || len(got) != 0 {
		t.Errorf("unknown session: %s, %v", spans(got), err)
	}
}

func testReadBefore(t *testing.T, s store.Store) {
	create(t, s, "s0", 20)
	create(t, s, "s1", 3, 1, 4)
	for before, want := range []string{"", "", "1-3", "1-3", "1-3", "4-4 1-3", "5-8 4-4 1-3", "5-8 4-4 1-3"} {
		got, err := s.ChunksBefore(t.Context(), "s1", uint64(before), 1<<20, false)
		if err != nil {
			t.Fatal(err)
		}
		same(t, fmt.Sprint("chunks before ", before), want, spans(got))
	}
	got, err := s.ChunksBefore(t.Context(), "s1", 1<<64-1, 1, false)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "newest chunk", []store.Chunk{chunk("s1", 5, 8)}, got)
}

func testReadLimits(t *testing.T, s store.Store) {
	create(t, s, "s1", 1, 1, 1, 1)
	size := len(chunk("s1", 1, 1).Events)
	for _, tc := range []struct {
		max        int
		want, back string
	}{
		{0, "1-1", "4-4"},
		{1, "1-1", "4-4"},
		{size, "1-1", "4-4"},
		{size + 1, "1-1 2-2", "4-4 3-3"},
		{3 * size, "1-1 2-2 3-3", "4-4 3-3 2-2"},
		{9 * size, "1-1 2-2 3-3 4-4", "4-4 3-3 2-2 1-1"},
	} {
		got, err := s.Chunks(t.Context(), "s1", 0, tc.max, false)
		if err != nil {
			t.Fatal(err)
		}
		same(t, fmt.Sprint("after 0, max ", tc.max), tc.want, spans(got))
		got, err = s.ChunksBefore(t.Context(), "s1", 5, tc.max, false)
		if err != nil {
			t.Fatal(err)
		}
		same(t, fmt.Sprint("before 5, max ", tc.max), tc.back, spans(got))
	}
}

func testRaw(t *testing.T, s store.Store) {
	create(t, s, "s1", 2)
	commit(t, s, &store.Batch{Chunks: []store.Chunk{rawChunk("s1", 3, 6)}})
	want := []store.Chunk{chunk("s1", 1, 2), rawChunk("s1", 3, 6)}
	same(t, "with raw", want, chunks(t, s, "s1", 0, true))
	got, err := s.ChunksBefore(t.Context(), "s1", 7, 1, true)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "before, with raw", want[1:], got)
	want[1].Raw = nil
	same(t, "without raw", want, chunks(t, s, "s1", 0, false))
}

func testTrim(t *testing.T, s store.Store) {
	create(t, s, "s0", 3)
	create(t, s, "s1", 3, 2, 4)
	for _, tc := range []struct {
		before uint64
		want   string
	}{
		{0, "1-3 4-5 6-9"},
		{3, "1-3 4-5 6-9"}, // 3 itself is in the first chunk
		{4, "4-5 6-9"},
		{5, "4-5 6-9"},
		{2, "4-5 6-9"},
		{7, "6-9"},
	} {
		if err := s.Trim(t.Context(), "s1", tc.before); err != nil {
			t.Fatalf("Trim before %d: %v", tc.before, err)
		}
		got, err := s.Chunks(t.Context(), "s1", 1, 1<<20, false)
		if err != nil {
			t.Fatal(err)
		}
		same(t, fmt.Sprint("after trim before ", tc.before), tc.want, spans(got))
	}
	got, err := s.ChunksBefore(t.Context(), "s1", 6, 1<<20, false)
	if err != nil || len(got) != 0 {
		t.Errorf("before the trimmed place: %s, %v", spans(got), err)
	}
	same(t, "another session", "1-3", spans(chunks(t, s, "s0", 0, false)))
	if err := s.Trim(t.Context(), "unknown", 5); err != nil {
		t.Errorf("Trim of an unknown session: %v", err)
	}
}

func testTrimAll(t *testing.T, s store.Store) {
	create(t, s, "s1", 3)
	if err := s.Trim(t.Context(), "s1", 1<<64-1); err != nil {
		t.Fatal(err)
	}
	if got := chunks(t, s, "s1", 0, false); len(got) != 0 {
		t.Errorf("chunks %s", spans(got))
	}
	if v := get(t, s, "s1"); v.Head != 3 {
		t.Errorf("head %d, want 3", v.Head)
	}
	commit(t, s, &store.Batch{Chunks: []store.Chunk{chunk("s1", 4, 4)}})
	same(t, "chunks", "4-4", spans(chunks(t, s, "s1", 0, false)))
}

func testCompactChangesNoEvent(t *testing.T, s store.Store) {
	create(t, s, "s1")
	var want, wantRaw []store.Chunk
	seq := uint64(1)
	for i := range 400 {
		c := chunk("s1", seq, seq+uint64(i%3))
		withNulls := rawChunk("s1", seq, seq+uint64(i%3))
		if i%50 > 30 {
			c = withNulls
		} else {
			withNulls.Raw = nullsFor(&withNulls)
		}
		commit(t, s, &store.Batch{Chunks: []store.Chunk{c}})
		want, wantRaw, seq = append(want, c), append(wantRaw, withNulls), c.Last+1
		if i%97 == 0 {
			compact(t, s, "s1")
		}
	}
	compact(t, s, "s1")
	got := chunks(t, s, "s1", 0, true)
	same(t, "events", text(t, want, false), text(t, got, false))
	if len(got) > 40 {
		t.Errorf("%d chunks are left of 400", len(got))
	}
	for i := range got {
		if got[i].Raw == nil {
			got[i].Raw = nullsFor(&got[i])
		}
	}
	same(t, "raw", text(t, wantRaw, true), text(t, got, true))
	same(t, "head", seq-1, get(t, s, "s1").Head)
}

// nullsFor returns a null for each event of a chunk.
func nullsFor(c *store.Chunk) []byte {
	n := bytes.Repeat([]byte("null,"), int(c.Last-c.First+1))
	return fmt.Appendf(nil, "[%s]", n[:len(n)-1])
}

// compact compacts a session until a call has nothing to do that shows.
func compact(t *testing.T, s store.Store, id string) {
	t.Helper()
	for range 4 {
		if err := s.Compact(t.Context(), id); err != nil {
			t.Fatalf("Compact: %v", err)
		}
	}
}

func testCompactKeepsToItsSize(t *testing.T, s store.Store) {
	create(t, s, "s1")
	seq := uint64(1)
	for range 300 {
		commit(t, s, &store.Batch{Chunks: []store.Chunk{chunk("s1", seq, seq)}})
		seq++
	}
	big := fmt.Appendf(nil, "[%q]", bytes.Repeat([]byte("x"), 40<<10))
	for range 3 {
		commit(t, s, &store.Batch{Chunks: []store.Chunk{{SessionID: "s1", First: seq, Last: seq, Events: big}}})
		seq++
	}
	compact(t, s, "s1")
	got := chunks(t, s, "s1", 0, false)
	same(t, "chunks", "1-128 129-256 257-301 302-302 303-303", spans(got))
	for _, c := range got {
		if c.Last-c.First >= 128 || len(c.Events) > 64<<10 {
			t.Errorf("chunk %d-%d has %d bytes", c.First, c.Last, len(c.Events))
		}
	}
}

func testCompactAfterTrim(t *testing.T, s store.Store) {
	create(t, s, "s1")
	for seq := uint64(1); seq <= 100; seq++ {
		commit(t, s, &store.Batch{Chunks: []store.Chunk{chunk("s1", seq, seq)}})
	}
	if err := s.Trim(t.Context(), "s1", 11); err != nil {
		t.Fatal(err)
	}
	compact(t, s, "s1")
	same(t, "chunks", "11-100", spans(chunks(t, s, "s1", 0, false)))
}

func testCompactOfNothing(t *testing.T, s store.Store) {
	create(t, s, "empty")
	create(t, s, "one", 1)
	create(t, s, "few", 1, 1)
	for _, id := range []string{"empty", "one", "few", "unknown"} {
		compact(t, s, id)
	}
	same(t, "events", text(t, []store.Chunk{chunk("few", 1, 2)}, false), text(t, chunks(t, s, "few", 0, false), false))
}

// Readers see whole batches only, in order, also while chunks are joined.
func testReadersDuringCommits(t *testing.T, s store.Store) {
	const last = 600
	create(t, s, "s1")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for after := uint64(0); after < last && ctx.Err() == nil; {
				page, err := s.Chunks(t.Context(), "s1", after, 1<<20, false)
				if err != nil {
					t.Errorf("Chunks after %d: %v", after, err)
					return
				}
				for _, c := range page {
					if c.First > after+1 || c.Last <= after {
						t.Errorf("after %d: chunk %d-%d", after, c.First, c.Last)
					}
					after = c.Last
				}
				if after%2 != 0 {
					t.Errorf("half a batch was seen: up to %d", after)
				}
			}
		})
	}
	for seq := uint64(1); seq < last; seq += 2 {
		commit(t, s, &store.Batch{Chunks: []store.Chunk{chunk("s1", seq, seq), chunk("s1", seq+1, seq+1)}})
		if seq%60 == 1 {
			compact(t, s, "s1")
		}
	}
	readers.Wait()
}

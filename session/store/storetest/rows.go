package storetest

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/towline-dev/towline/session/store"
)

func testCommands(t *testing.T, s store.Store) {
	create(t, s, "s1")
	create(t, s, "s2")
	want := store.Command{SessionID: "s1", ID: "c é", Hash: [32]byte{0, 1, 255}, Result: []byte(`{"ok":true}`)}
	empty := store.Command{SessionID: "s1", ID: "empty"}
	commit(t, s, &store.Batch{Commands: []store.Command{want, empty}, Durable: true})
	got, err := s.Command(t.Context(), "s1", "c é")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "command", want, got)
	if got, err = s.Command(t.Context(), "s1", "empty"); err != nil {
		t.Fatal(err)
	}
	same(t, "empty command", empty, got)
	for _, id := range [][2]string{{"s1", "c"}, {"s2", "c é"}, {"s3", "c é"}} {
		if _, err := s.Command(t.Context(), id[0], id[1]); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Command %q: %v, want ErrNotFound", id, err)
		}
	}
}

// asks lists the ids of a session's untold decisions.
func asks(t *testing.T, s store.Store, id string) []string {
	t.Helper()
	all, err := s.Decisions(t.Context(), id)
	if err != nil {
		t.Fatalf("Decisions: %v", err)
	}
	var ids []string
	for _, d := range all {
		ids = append(ids, d.AskID)
	}
	return ids
}

func testDecisions(t *testing.T, s store.Store) {
	create(t, s, "s1")
	create(t, s, "s2")
	commit(t, s, &store.Batch{Durable: true, Decisions: []store.Decision{
		{SessionID: "s1", AskID: "p1", Record: []byte("one")},
		{SessionID: "s1", AskID: "q1"},
		{SessionID: "s2", AskID: "p1", Record: []byte("other")},
	}})
	all, err := s.Decisions(t.Context(), "s1")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "decisions", []store.Decision{
		{SessionID: "s1", AskID: "p1", Record: []byte("one")}, {SessionID: "s1", AskID: "q1"},
	}, all)
	commit(t, s, &store.Batch{Told: [][2]string{{"s1", "p1"}, {"s1", "unknown"}}, Chunks: []store.Chunk{chunk("s1", 1, 1)}})
	same(t, "s1", []string{"q1"}, asks(t, s, "s1"))
	same(t, "s2", []string{"p1"}, asks(t, s, "s2"))
	// A decision that is told in its own batch leaves no row.
	commit(t, s, &store.Batch{Decisions: []store.Decision{{SessionID: "s2", AskID: "p2"}}, Told: [][2]string{{"s2", "p2"}}})
	same(t, "s2", []string{"p1"}, asks(t, s, "s2"))
}

func testBlobs(t *testing.T, s store.Store) {
	create(t, s, "s1")
	want := store.Blob{SessionID: "s1", ID: "b1", Mime: "image/png", SHA256: "ab", Bytes: bytes.Repeat([]byte{0, 0xff, 'x'}, 1<<20)}
	empty := store.Blob{SessionID: "s1", ID: "b2"}
	commit(t, s, &store.Batch{Blobs: []store.Blob{want, empty}})
	for _, b := range []store.Blob{want, empty} {
		got, err := s.Blob(t.Context(), "s1", b.ID)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b.Bytes, got.Bytes) {
			t.Errorf("blob %s has other bytes", b.ID)
		}
		b.Bytes, got.Bytes = nil, nil // cmp is slow on large slices
		same(t, "blob", b, got)
	}
	if _, err := s.Blob(t.Context(), "s1", "b3"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Blob: %v, want ErrNotFound", err)
	}
}

// everything fills a session with a row of each kind.
func everything(t *testing.T, s store.Store, id string) {
	t.Helper()
	create(t, s, id, 3, 2)
	late(t, s, id, 6)
}

// late commits a row of each kind for a session, and an event.
func late(t *testing.T, s store.Store, id string, seq uint64) {
	t.Helper()
	commit(t, s, &store.Batch{
		Chunks:    []store.Chunk{chunk(id, seq, seq)},
		Commands:  []store.Command{{SessionID: id, ID: "c1"}},
		Blobs:     []store.Blob{{SessionID: id, ID: "b1"}},
		Decisions: []store.Decision{{SessionID: id, AskID: "p1"}},
	})
}

// nothing checks that a session has no row left.
func nothing(t *testing.T, s store.Store, id string) {
	t.Helper()
	if _, err := s.Command(t.Context(), id, "c1"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Command: %v, want ErrNotFound", err)
	}
	if _, err := s.Blob(t.Context(), id, "b1"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Blob: %v, want ErrNotFound", err)
	}
	if got := asks(t, s, id); len(got) != 0 {
		t.Errorf("decisions %v", got)
	}
	if got := chunks(t, s, id, 0, false); len(got) != 0 {
		t.Errorf("chunks %s", spans(got))
	}
}

func testDelete(t *testing.T, s store.Store) {
	everything(t, s, "s1")
	everything(t, s, "s2")
	if err := s.Delete(t.Context(), "s1"); err != nil {
		t.Fatal(err)
	}
	nothing(t, s, "s1")
	if _, err := s.Session(t.Context(), "s1"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Session: %v, want ErrNotFound", err)
	}
	if err := s.Delete(t.Context(), "s1"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("second Delete: %v, want ErrNotFound", err)
	}
	same(t, "the other session's chunks", "1-3 4-5 6-6", spans(chunks(t, s, "s2", 0, false)))
	same(t, "the other session's decisions", []string{"p1"}, asks(t, s, "s2"))
}

func testDeletedAndMadeAgain(t *testing.T, s store.Store) {
	everything(t, s, "s1")
	if err := s.Delete(t.Context(), "s1"); err != nil {
		t.Fatal(err)
	}
	create(t, s, "s1")
	nothing(t, s, "s1")
	if v := get(t, s, "s1"); v.Head != 0 {
		t.Errorf("head %d", v.Head)
	}
	commit(t, s, &store.Batch{Chunks: []store.Chunk{chunk("s1", 1, 1)}})
	same(t, "chunks", "1-1", spans(chunks(t, s, "s1", 0, false)))
}

// What was on its way when a session was deleted is left out and fails nobody.
func testLateWritesToDeleted(t *testing.T, s store.Store) {
	everything(t, s, "s1")
	if err := s.Delete(t.Context(), "s1"); err != nil {
		t.Fatal(err)
	}
	late(t, s, "s1", 7)
	nothing(t, s, "s1")
	create(t, s, "s1")
	nothing(t, s, "s1")
}

func testCancelledContext(t *testing.T, s store.Store) {
	create(t, s, "s1", 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Commit(ctx, &store.Batch{Chunks: []store.Chunk{chunk("s1", 2, 2)}}); !errors.Is(err, context.Canceled) {
		t.Errorf("Commit: %v, want context.Canceled", err)
	}
	if _, err := s.Chunks(ctx, "s1", 0, 1, false); !errors.Is(err, context.Canceled) {
		t.Errorf("Chunks: %v, want context.Canceled", err)
	}
	commit(t, s, &store.Batch{Chunks: []store.Chunk{chunk("s1", 2, 2)}})
	same(t, "chunks", "1-1 2-2", spans(chunks(t, s, "s1", 0, false)))
}

func testClose(t *testing.T, s store.Store) {
	create(t, s, "s1", 1)
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if err := s.Commit(t.Context(), &store.Batch{Chunks: []store.Chunk{chunk("s1", 2, 2)}}); err == nil {
		t.Error("Commit after Close succeeded")
	}
	if err := s.Compact(t.Context(), "s1"); err == nil {
		t.Error("Compact after Close succeeded")
	}
}

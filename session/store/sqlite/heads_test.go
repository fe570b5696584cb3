package sqlite

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/towline-dev/towline/session/store"
)

// rowHead returns the head in a session's row.
func rowHead(t *testing.T, s *Store, id string) (head uint64) {
	t.Helper()
	if err := s.readers.QueryRowContext(t.Context(), "SELECT head FROM sessions WHERE id = ?1", id).Scan(&head); err != nil {
		t.Fatal(err)
	}
	return head
}

// wantHeads checks the head that readers get, and the row's.
func wantHeads(t *testing.T, s *Store, id string, head, row uint64) {
	t.Helper()
	v, err := s.Session(t.Context(), id)
	if err != nil || v.Head != head {
		t.Errorf("session %s: head %d, %v; want %d", id, v.Head, err, head)
	}
	page, _, err := s.Sessions(t.Context(), store.Filter{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range page {
		if v.ID == id && v.Head != head {
			t.Errorf("session %s in the list: head %d, want %d", id, v.Head, head)
		}
	}
	if got := rowHead(t, s, id); got != row {
		t.Errorf("session %s: the row's head is %d, want %d", id, got, row)
	}
}

// update commits a session's row.
func update(t *testing.T, s *Store, open bool) {
	t.Helper()
	if err := s.Commit(t.Context(), &store.Batch{Update: []store.Session{{ID: "s1", Epoch: "e1", Open: open}}}); err != nil {
		t.Fatal(err)
	}
}

func TestRowsHeadFollowsAtRest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "towline.db")
	s := withSession(t, open(t, path))
	fill(t, s, "s1", 1, 3, 1)
	wantHeads(t, s, "s1", 3, 0)
	update(t, s, true)
	wantHeads(t, s, "s1", 3, 3)
	fill(t, s, "s1", 4, 2, 1)
	update(t, s, false)
	wantHeads(t, s, "s1", 5, 5)
	fill(t, s, "s1", 6, 1, 1) // of a session at rest
	wantHeads(t, s, "s1", 6, 6)
	update(t, s, true)
	fill(t, s, "s1", 7, 1, 1)
	again := open(t, crash(t, path))
	wantHeads(t, again, "s1", 7, 7) // brought up to date when the store is opened
	fill(t, again, "s1", 8, 1, 1)
	wantHeads(t, again, "s1", 8, 7)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wantHeads(t, open(t, path), "s1", 7, 7)
}

// An open session's head survives that all of its chunks are trimmed.
func TestHeadAfterTrimOfOpenSession(t *testing.T) {
	path := filepath.Join(t.TempDir(), "towline.db")
	s := withSession(t, open(t, path))
	fill(t, s, "s1", 1, 3, 1)
	if err := s.Trim(t.Context(), "s1", 4); err != nil {
		t.Fatal(err)
	}
	again := open(t, crash(t, path))
	wantHeads(t, again, "s1", 3, 3)
	fill(t, again, "s1", 4, 1, 1)
	wantHeads(t, again, "s1", 4, 3)
}

func TestCheckpointSavesHeads(t *testing.T) {
	s := openWith(t)
	fill(t, s, "s1", 1, 9, 1)
	s.checkpoint()
	wantHeads(t, s, "s1", 9, 9)
}

func TestDamageAtTheEnd(t *testing.T) {
	for _, tc := range []struct{ name, damage string }{
		{"a changed event", "UPDATE chunks SET events = replace(events, 'lorem', 'Lorem') WHERE first_seq = 3"},
		{"a changed seq", "UPDATE chunks SET last_seq = 9 WHERE first_seq = 3"},
		{"a missing chunk below the row's head", "DELETE FROM chunks WHERE first_seq > 1"},
		{"a session at rest with more events", "UPDATE sessions SET open = 0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := openWith(t)
			fill(t, s, "s1", 1, 2, 1)
			update(t, s, true)
			fill(t, s, "s1", 3, 1, 1)
			drain(t, s)
			wantHeads(t, s, "s1", 3, 2)
			if _, err := s.conn.ExecContext(t.Context(), tc.damage); err != nil {
				t.Fatal(err)
			}
			if v, err := s.Session(t.Context(), "s1"); !errors.Is(err, store.ErrCorrupt) {
				t.Errorf("head %d, %v; want ErrCorrupt", v.Head, err)
			}
		})
	}
}

// The writer remembers a bounded number of sessions; those that it forgets
// have their heads in their rows.
func TestPlacesAreBounded(t *testing.T) {
	s := openWith(t)
	var create, first, second store.Batch
	for i := range placesAtMost + 9 {
		id := fmt.Sprint("many", i)
		create.Create = append(create.Create, store.Session{ID: id, Open: true})
		first.Chunks = append(first.Chunks, store.Chunk{SessionID: id, First: 1, Last: 2, Events: benchEvents(2)})
		second.Chunks = append(second.Chunks, store.Chunk{SessionID: id, First: 3, Last: 3, Events: benchEvents(1)})
	}
	for _, b := range []*store.Batch{&create, &first} {
		if err := s.Commit(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	fill(t, s, "s1", 1, 1, 1)
	s.mu.Lock() // a checkpoint may be on its way
	n := len(s.places)
	s.mu.Unlock()
	if n > placesAtMost {
		t.Errorf("%d sessions are remembered", n)
	}
	wantHeads(t, s, "many7", 2, 2)
	if err := s.Commit(t.Context(), &second); err != nil {
		t.Fatal(err)
	}
	if v, err := s.Session(t.Context(), "many7"); err != nil || v.Head != 3 {
		t.Errorf("head %d, %v; want 3", v.Head, err)
	}
	if err := s.Delete(t.Context(), "many7"); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	_, ok := s.places["many7"]
	s.mu.Unlock()
	if ok {
		t.Error("a deleted session is remembered")
	}
}

// A refused batch moves nothing.
func TestRefusedBatchMovesNoHead(t *testing.T) {
	s := openWith(t)
	fill(t, s, "s1", 1, 1, 1)
	err := s.Commit(t.Context(), &store.Batch{Chunks: []store.Chunk{
		{SessionID: "s1", First: 2, Last: 2, Events: benchEvents(1)},
		{SessionID: "s1", First: 4, Last: 4, Events: benchEvents(1)},
	}})
	if !errors.Is(err, errRefused) {
		t.Fatalf("a hole was taken: %v", err)
	}
	wantHeads(t, s, "s1", 1, 0)
	fill(t, s, "s1", 2, 1, 1)
	wantHeads(t, s, "s1", 2, 0)
}

package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/towline-dev/towline/session/store"
)

func testCreateAndRead(t *testing.T, s store.Store) {
	want := session("s1")
	want.Open, want.RecordSeq = true, 7
	commit(t, s, &store.Batch{Create: []store.Session{want}})
	same(t, "session", want, get(t, s, "s1"))
	if _, err := s.Session(t.Context(), "s2"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Session of an unknown id: %v, want ErrNotFound", err)
	}
}

func testCreateExists(t *testing.T, s store.Store) {
	create(t, s, "s1", 2)
	other := session("s1")
	other.Title = "another"
	err := s.Commit(t.Context(), &store.Batch{Create: []store.Session{session("s2"), other}})
	if !errors.Is(err, store.ErrExists) {
		t.Fatalf("Commit: %v, want ErrExists", err)
	}
	if v := get(t, s, "s1"); v.Title != "a title" || v.Head != 2 {
		t.Errorf("the session was changed: %+v", v)
	}
	if _, err := s.Session(t.Context(), "s2"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the batch's other session: %v, want ErrNotFound", err)
	}
	create(t, s, "s2")
}

func testUpdate(t *testing.T, s store.Store) {
	create(t, s, "s1", 3)
	want := store.Session{
		ID: "s1", CreatedAt: day, UpdatedAt: day.Add(time.Second), Agent: "codex", Status: "running", Title: "é \" '",
		Epoch: "e2", Record: []byte{}, RecordSeq: 4, Open: false,
	}
	commit(t, s, &store.Batch{Update: []store.Session{want}, Chunks: []store.Chunk{chunk("s1", 4, 4)}})
	want.Head = 4
	same(t, "session", want, get(t, s, "s1"))
}

func testUpdateOfDeletedIsSkipped(t *testing.T, s store.Store) {
	create(t, s, "s1")
	commit(t, s, &store.Batch{Update: []store.Session{session("gone"), {ID: "s1", Title: "new", Epoch: "e1"}}})
	if v := get(t, s, "s1"); v.Title != "new" {
		t.Errorf("title %q: the row after the one that is gone was not updated", v.Title)
	}
	if _, err := s.Session(t.Context(), "gone"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Session: %v, want ErrNotFound", err)
	}
}

// Times are kept to the millisecond, in UTC.
func testTimes(t *testing.T, s store.Store) {
	v := session("s1")
	v.CreatedAt = time.Date(2026, 1, 2, 3, 4, 5, 678_999_999, time.FixedZone("", 3600))
	commit(t, s, &store.Batch{Create: []store.Session{v}})
	got := get(t, s, "s1").CreatedAt
	if want := v.CreatedAt.Truncate(time.Millisecond).UTC(); !got.Equal(want) || got.Location() != time.UTC {
		t.Errorf("created at %v, want %v", got, want)
	}
}

// list reads one page and returns its ids.
func list(t *testing.T, s store.Store, f store.Filter) (ids []string, next string) {
	t.Helper()
	page, next, err := s.Sessions(t.Context(), f)
	if err != nil {
		t.Fatalf("Sessions: %v", err)
	}
	for _, v := range page {
		ids = append(ids, v.ID)
	}
	return ids, next
}

func testListNewestFirst(t *testing.T, s store.Store) {
	if ids, next := list(t, s, store.Filter{}); len(ids) != 0 || next != "" {
		t.Errorf("an empty store lists %v, next %q", ids, next)
	}
	create(t, s, "b", 2)
	create(t, s, "a")
	commit(t, s, &store.Batch{Create: []store.Session{session("d"), session("c")}})
	ids, next := list(t, s, store.Filter{})
	same(t, "ids", []string{"c", "d", "a", "b"}, ids)
	if next != "" {
		t.Errorf("next %q after the last page", next)
	}
	page, _, err := s.Sessions(t.Context(), store.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "listed session", get(t, s, "b"), page[3])
}

func testListFilters(t *testing.T, s store.Store) {
	for i, v := range []store.Session{
		{Agent: "claude", Status: "idle"},
		{Agent: "claude", Status: "running", Open: true},
		{Agent: "codex", Status: "running", Open: true},
		{Agent: "codex", Status: "ended"},
	} {
		v.ID, v.Epoch = fmt.Sprint(i), "e1"
		commit(t, s, &store.Batch{Create: []store.Session{v}})
	}
	for _, tc := range []struct {
		filter store.Filter
		want   []string
	}{
		{store.Filter{Agent: "claude"}, []string{"1", "0"}},
		{store.Filter{Status: "running"}, []string{"2", "1"}},
		{store.Filter{Open: true}, []string{"2", "1"}},
		{store.Filter{Agent: "codex", Status: "running", Open: true}, []string{"2"}},
		{store.Filter{Agent: "codex", Status: "idle"}, nil},
		{store.Filter{Agent: "' OR 1"}, nil},
	} {
		ids, _ := list(t, s, tc.filter)
		same(t, fmt.Sprintf("%+v", tc.filter), tc.want, ids)
	}
}

// Sessions that are made or deleted while a client pages neither repeat nor
// hide others.
func testListPagesAreStable(t *testing.T, s store.Store) {
	for i := range 7 {
		create(t, s, fmt.Sprint(i))
	}
	var all []string
	f := store.Filter{Limit: 2}
	for page := 0; page == 0 || f.Before != ""; page++ {
		ids, next := list(t, s, f)
		all = append(all, ids...)
		f.Before = next
		create(t, s, fmt.Sprintf("new%d", page))
		if page == 0 {
			if err := s.Delete(t.Context(), "5"); err != nil {
				t.Fatal(err)
			}
		}
	}
	same(t, "ids over all pages", []string{"6", "5", "4", "3", "2", "1", "0"}, all)
}

func testListCursors(t *testing.T, s store.Store) {
	create(t, s, "s1")
	create(t, s, "s2")
	if ids, next := list(t, s, store.Filter{Limit: 2}); len(ids) != 2 || next != "" {
		t.Errorf("a full last page: %v, next %q", ids, next)
	}
	for _, bad := range []string{"-1", "0", "!", "zzzzzzzzzzzzzzzzzzzz", " "} {
		if _, _, err := s.Sessions(t.Context(), store.Filter{Before: bad}); !errors.Is(err, store.ErrCursor) {
			t.Errorf("cursor %q: %v, want ErrCursor", bad, err)
		}
	}
}

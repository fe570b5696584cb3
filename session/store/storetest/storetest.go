// Package storetest is the suite that every store driver passes.
package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/towline-dev/towline/session/store"
)

// Run runs the suite. open returns an empty store that it closes at the
// test's end.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for name, test := range map[string]func(*testing.T, store.Store){
		"Sessions": testSessions,
		"Chunks":   testChunks,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// day is when sessions of the suite were made.
var day = time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)

// session returns a new session's row.
func session(id string) store.Session {
	return store.Session{
		ID: id, CreatedAt: day, UpdatedAt: day, Agent: "mock", Status: "idle", Title: "a title",
		Epoch: "e1", Record: []byte(`{"queue":[]}`),
	}
}

// chunk returns events from one seq to another.
func chunk(id string, first, last uint64) store.Chunk {
	var events []string
	for seq := first; seq <= last; seq++ {
		events = append(events, fmt.Sprintf(`{"seq":%d,"session_id":%q,"type":"item.delta","data":{"text":"é"}}`, seq, id))
	}
	return store.Chunk{SessionID: id, First: first, Last: last, Events: []byte("[" + strings.Join(events, ",") + "]")}
}

// commit commits or fails the test.
func commit(t *testing.T, s store.Store, b *store.Batch) {
	t.Helper()
	if err := s.Commit(t.Context(), b); err != nil {
		t.Fatalf("Commit: %v", err)
	}
}

func testSessions(t *testing.T, s store.Store) {
	want := session("s1")
	commit(t, s, &store.Batch{Create: []store.Session{want}})
	got, err := s.Session(t.Context(), "s1")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("session (-want +got):\n%s", d)
	}
}

func testChunks(t *testing.T, s store.Store) {
	commit(t, s, &store.Batch{Create: []store.Session{session("s1")}, Chunks: []store.Chunk{chunk("s1", 1, 3), chunk("s1", 4, 4)}})
	got, err := s.Chunks(t.Context(), "s1", 0, 1<<20, false)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]store.Chunk{chunk("s1", 1, 3), chunk("s1", 4, 4)}, got); d != "" {
		t.Errorf("chunks (-want +got):\n%s", d)
	}
}

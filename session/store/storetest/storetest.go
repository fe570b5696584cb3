// Package storetest is the suite that every store driver passes.
package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/towline-dev/towline/session/store"
)

// tests are the suite.
var tests = []struct {
	name string
	run  func(*testing.T, store.Store)
}{
	{"CreateAndRead", testCreateAndRead},
	{"CreateExists", testCreateExists},
	{"Update", testUpdate},
	{"UpdateOfDeletedIsSkipped", testUpdateOfDeletedIsSkipped},
	{"Times", testTimes},
	{"ListNewestFirst", testListNewestFirst},
	{"ListFilters", testListFilters},
	{"ListPagesAreStable", testListPagesAreStable},
	{"ListCursors", testListCursors},
	{"HeadFollowsChunks", testHeadFollowsChunks},
	{"ChunksMustFollow", testChunksMustFollow},
	{"ChunksMustBeArrays", testChunksMustBeArrays},
	{"BatchIsAtomic", testBatchIsAtomic},
	{"BatchOfManySessions", testBatchOfManySessions},
	{"ReadAfter", testReadAfter},
	{"ReadBefore", testReadBefore},
	{"ReadLimits", testReadLimits},
	{"Raw", testRaw},
	{"Trim", testTrim},
	{"TrimAll", testTrimAll},
	{"CompactChangesNoEvent", testCompactChangesNoEvent},
	{"CompactKeepsToItsSize", testCompactKeepsToItsSize},
	{"CompactAfterTrim", testCompactAfterTrim},
	{"CompactOfNothing", testCompactOfNothing},
	{"Commands", testCommands},
	{"Decisions", testDecisions},
	{"Blobs", testBlobs},
	{"Delete", testDelete},
	{"DeletedAndMadeAgain", testDeletedAndMadeAgain},
	{"LateWritesToDeleted", testLateWritesToDeleted},
	{"CancelledContext", testCancelledContext},
	{"ReadersDuringCommits", testReadersDuringCommits},
	{"Close", testClose},
}

// Run runs the suite. open returns an empty store that it closes at the
// test's end.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

// day is when the suite's sessions were made.
var day = time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)

// session returns a new session's row.
func session(id string) store.Session {
	return store.Session{
		ID: id, CreatedAt: day, UpdatedAt: day, Agent: "mock", Status: "idle", Title: "a title",
		Epoch: "e1", Record: []byte(`{"queue":[]}`),
	}
}

// event returns an event's JSON.
func event(id string, seq uint64) string {
	return fmt.Sprintf(`{"seq":%d,"session_id":%q,"type":"item.delta","data":{"text":"é,[]\u0000"}}`, seq, id)
}

// chunk returns the events from one seq to another.
func chunk(id string, first, last uint64) store.Chunk {
	var events []string
	for seq := first; seq <= last; seq++ {
		events = append(events, event(id, seq))
	}
	return store.Chunk{SessionID: id, First: first, Last: last, Events: []byte("[" + strings.Join(events, ",") + "]")}
}

// rawChunk is chunk with native frames for even seqs.
func rawChunk(id string, first, last uint64) store.Chunk {
	c := chunk(id, first, last)
	var raw []string
	for seq := first; seq <= last; seq++ {
		if seq%2 == 1 {
			raw = append(raw, "null")
			continue
		}
		raw = append(raw, fmt.Sprintf(`{"native":%d}`, seq))
	}
	c.Raw = []byte("[" + strings.Join(raw, ",") + "]")
	return c
}

// commit commits or fails the test.
func commit(t *testing.T, s store.Store, b *store.Batch) {
	t.Helper()
	if err := s.Commit(t.Context(), b); err != nil {
		t.Fatalf("Commit: %v", err)
	}
}

// create makes an open session with chunks of the given lengths.
func create(t *testing.T, s store.Store, id string, lengths ...uint64) {
	t.Helper()
	v := session(id)
	v.Open = true
	b := store.Batch{Create: []store.Session{v}}
	seq := uint64(1)
	for _, n := range lengths {
		b.Chunks = append(b.Chunks, chunk(id, seq, seq+n-1))
		seq += n
	}
	commit(t, s, &b)
}

// chunks reads everything after a seq.
func chunks(t *testing.T, s store.Store, id string, after uint64, raw bool) []store.Chunk {
	t.Helper()
	var all []store.Chunk
	for {
		page, err := s.Chunks(t.Context(), id, after, 4<<10, raw)
		if err != nil {
			t.Fatalf("Chunks after %d: %v", after, err)
		}
		if len(page) == 0 {
			return all
		}
		all = append(all, page...)
		after = page[len(page)-1].Last
	}
}

// text joins the events or native frames of neighbouring chunks.
func text(t *testing.T, all []store.Chunk, raw bool) string {
	t.Helper()
	var parts []string
	for i, c := range all {
		if i > 0 && c.First != all[i-1].Last+1 {
			t.Errorf("chunk %d-%d follows %d-%d", c.First, c.Last, all[i-1].First, all[i-1].Last)
		}
		b := c.Events
		if raw {
			b = c.Raw
		}
		parts = append(parts, strings.TrimSuffix(strings.TrimPrefix(string(b), "["), "]"))
	}
	return strings.Join(parts, ",")
}

// spans lists first and last seqs, as "1-3 4-4".
func spans(all []store.Chunk) string {
	var parts []string
	for _, c := range all {
		parts = append(parts, fmt.Sprintf("%d-%d", c.First, c.Last))
	}
	return strings.Join(parts, " ")
}

// same compares values; empty and nil slices are the same.
func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// get reads a session or fails the test.
func get(t *testing.T, s store.Store, id string) store.Session {
	t.Helper()
	v, err := s.Session(t.Context(), id)
	if err != nil {
		t.Fatalf("Session: %v", err)
	}
	return v
}

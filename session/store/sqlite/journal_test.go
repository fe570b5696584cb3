package sqlite

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/towline-dev/towline/session/store"
)

// drain brings the journal's rows to the database.
func drain(t *testing.T, s *Store) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.drain(); err != nil {
		t.Fatal(err)
	}
}

// openKept opens a store whose journal is not drained by time, with session s1.
func openKept(t *testing.T) *Store {
	t.Helper()
	s := withSession(t, open(t, filepath.Join(t.TempDir(), "towline.db")))
	s.flush.stop()
	return s
}

// one commits an event of s1, told from others by its text.
func one(t *testing.T, s *Store, seq uint64, text string) {
	t.Helper()
	events := fmt.Appendf(nil, `[{"seq":%d,"text":%q}]`, seq, text)
	if err := s.Commit(t.Context(), &store.Batch{Chunks: []store.Chunk{{SessionID: "s1", First: seq, Last: seq, Events: events}}}); err != nil {
		t.Fatal(err)
	}
}

// rowsOf counts the chunks in the database.
func rowsOf(t *testing.T, s *Store) string {
	t.Helper()
	return table(t, s, "SELECT count(*) FROM chunks")
}

// What goes where: lone events of open sessions wait in the journal, and any
// other commit takes them along.
func TestWhatTheJournalKeeps(t *testing.T) {
	chunk := func(seq uint64, n int) []store.Chunk {
		return []store.Chunk{{SessionID: "s1", First: seq, Last: seq + uint64(n) - 1, Events: benchEvents(n)}}
	}
	row := store.Session{ID: "s1", Epoch: "e1", Open: true}
	s := openKept(t)
	for _, step := range []struct {
		name  string
		batch store.Batch
		rows  string // in the database then
		kept  int
	}{
		{"a lone event", store.Batch{Chunks: chunk(1, 1)}, "0", 1},
		{"another", store.Batch{Chunks: chunk(2, 2)}, "0", 2},
		{"a durable one", store.Batch{Chunks: chunk(4, 1), Durable: true}, "3", 0},
		{"a lone event after", store.Batch{Chunks: chunk(5, 1)}, "3", 1},
		{"a large chunk", store.Batch{Chunks: chunk(6, 20)}, "5", 0},
		{"a lone event again", store.Batch{Chunks: chunk(26, 1)}, "5", 1},
		{"a row", store.Batch{Update: []store.Session{row}}, "6", 0},
		{"nothing", store.Batch{}, "6", 0},
	} {
		if err := s.Commit(t.Context(), &step.batch); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if got, kept := rowsOf(t, s), len(s.journal.pending()); got != step.rows || kept != step.kept {
			t.Errorf("%s: %s rows in the database and %d in the journal, want %s and %d", step.name, got, kept, step.rows, step.kept)
		}
	}
}

// Upkeep works on everything that was committed.
func TestUpkeepOfTheJournal(t *testing.T) {
	for name, upkeep := range map[string]func(s *Store) error{
		"Trim":       func(s *Store) error { return s.Trim(t.Context(), "s1", 3) },
		"checkpoint": func(s *Store) error { s.checkpoint(); return nil },
		"timer":      (*Store).drainInTime,
		"other session": func(s *Store) error {
			return s.Commit(t.Context(), &store.Batch{Create: []store.Session{{ID: "s2"}}})
		},
	} {
		s := openKept(t)
		fill(t, s, "s1", 1, 3, 1)
		if err := upkeep(s); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n := len(s.journal.pending()); n != 0 {
			t.Errorf("%s left %d rows in the journal", name, n)
		}
		if v, err := s.Session(t.Context(), "s1"); err != nil || v.Head != 3 {
			t.Errorf("%s: head %d, %v", name, v.Head, err)
		}
	}
	s := openKept(t)
	fill(t, s, "s1", 1, 3, 1)
	if err := s.Delete(t.Context(), "s1"); err != nil {
		t.Fatal(err)
	}
	if page, err := s.Chunks(t.Context(), "s1", 0, 1<<20, false); err != nil || len(page) != 0 {
		t.Errorf("%d chunks of a deleted session, %v", len(page), err)
	}
}

func TestJournalIsBounded(t *testing.T) {
	s := openKept(t)
	fill(t, s, "s1", 1, journalRows, 1)
	if n := len(s.journal.pending()); n != journalRows {
		t.Errorf("%d rows, want %d", n, journalRows)
	}
	fill(t, s, "s1", journalRows+1, 1, 1)
	if n := len(s.journal.pending()); n != 0 {
		t.Errorf("%d rows in the full journal", n)
	}
	fill(t, s, "s1", journalRows+2, 200, 10)
	if size := fileSize(t, journalPath(s.path)); size > journalBytes {
		t.Errorf("the journal has %d bytes", size)
	}
}

// A store that was closed is its database alone.
func TestCloseEmptiesTheJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "towline.db")
	s := withSession(t, open(t, path))
	fill(t, s, "s1", 1, 3, 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if n := fileSize(t, journalPath(path)); n != 0 {
		t.Errorf("the journal has %d bytes", n)
	}
	backup := filepath.Join(t.TempDir(), "towline.db")
	copyFile(t, path, backup, -1)
	if got := head(t, open(t, backup), benchEvents(1)); got != 3 {
		t.Errorf("head %d in the copy", got)
	}
}

// A journal that cannot be written costs speed and nothing else.
func TestD06_NoSpaceForTheJournal(t *testing.T) {
	s := openKept(t)
	fill(t, s, "s1", 1, 2, 1)
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	good := s.journal.file
	s.journal.file = full
	fill(t, s, "s1", 3, 2, 1)
	s.journal.file = good
	if got := rowsOf(t, s); got != "4" {
		t.Errorf("%s rows in the database, want 4", got)
	}
	if got := head(t, open(t, crash(t, s.path)), benchEvents(1)); got != 4 {
		t.Errorf("head %d after a restart, want 4", got)
	}
	fill(t, s, "s1", 5, 1, 1)
	if got := head(t, open(t, crash(t, s.path)), benchEvents(1)); got != 5 {
		t.Errorf("head %d after another, want 5", got)
	}
}

// What was taken while the database had no space is neither lost nor hidden.
func TestD06_NoSpaceToDrain(t *testing.T) {
	s := openKept(t)
	limit := func(pages string) {
		t.Helper()
		if _, err := s.conn.ExecContext(t.Context(), "PRAGMA max_page_count = "+pages); err != nil {
			t.Fatal(err)
		}
	}
	limit("1") // as many as there are
	fill(t, s, "s1", 1, 9, 9)
	for range 2 {
		if err := s.drainInTime(); !errors.Is(err, store.ErrFull) {
			t.Fatalf("drain: %v, want ErrFull", err)
		}
	}
	err := s.Commit(t.Context(), &store.Batch{Durable: true})
	if !errors.Is(err, store.ErrFull) {
		t.Errorf("a durable commit: %v, want ErrFull", err)
	}
	if n := len(s.journal.pending()); n != 9 {
		t.Errorf("%d rows in the journal", n)
	}
	for name, s := range map[string]*Store{"now": s, "after a restart": open(t, crash(t, s.path))} {
		if got := nines(t, s); got != 81 {
			t.Errorf("head %d %s, want 81", got, name)
		}
	}
	limit("4294967294")
	fill(t, s, "s1", 82, 1, 9)
	drain(t, s)
	if got := nines(t, s); got != 90 {
		t.Errorf("head %d with space again, want 90", got)
	}
}

// Close tells that it could not bring everything to the database; then the
// journal is kept for the next start.
func TestD06_NoSpaceToClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "towline.db")
	s, err := Open(t.Context(), Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	s.flush.stop()
	fill(t, withSession(t, s), "s1", 1, 9, 9)
	if _, err := s.conn.ExecContext(t.Context(), "PRAGMA max_page_count = 1"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); !errors.Is(err, store.ErrFull) {
		t.Errorf("Close: %v, want ErrFull", err)
	}
	if got := nines(t, open(t, path)); got != 81 {
		t.Errorf("head %d after a restart, want 81", got)
	}
}

// Stores of one folder, one after the other, have journals of their own.
func TestJournalsOfOneFolder(t *testing.T) {
	s := openKept(t)
	fill(t, s, "s1", 1, 3, 1)
	copied := crash(t, s.path)
	other := withSession(t, open(t, filepath.Join(filepath.Dir(copied), "other.db")))
	fill(t, other, "s1", 1, 1, 1)
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if got := head(t, open(t, copied), benchEvents(1)); got != 3 {
		t.Errorf("head %d, want 3", got)
	}
}

// nines is head for chunks of nine events.
func nines(t *testing.T, s *Store) uint64 { return head(t, s, benchEvents(9)) }

// Whatever is still in the journal, readers get the same.
func TestReadersJoinTheJournal(t *testing.T) {
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 0))
	rounds := 6
	if testing.Short() {
		rounds = 1
	}
	for range rounds {
		s := openKept(t)
		if err := s.Commit(t.Context(), &store.Batch{Create: []store.Session{{ID: "s2", Open: true}}}); err != nil {
			t.Fatal(err)
		}
		heads := map[string]uint64{}
		for range 1 + rnd.IntN(25) {
			if rnd.IntN(8) == 0 {
				drain(t, s)
			}
			id, n := []string{"s1", "s1", "s2"}[rnd.IntN(3)], 1+rnd.IntN(3)
			fill(t, s, id, heads[id]+1, 1, n)
			heads[id] += uint64(n)
		}
		kept := everyRead(t, s, heads["s1"])
		drain(t, s)
		if d := cmp.Diff(everyRead(t, s, heads["s1"]), kept); d != "" {
			t.Fatalf("seed %d (-drained +kept):\n%s", seed, d)
		}
		if v, err := s.Session(t.Context(), "s1"); err != nil || v.Head != heads["s1"] {
			t.Fatalf("seed %d: head %d, %v; want %d", seed, v.Head, err, heads["s1"])
		}
	}
}

// everyRead reads pages of some sizes from every seq, both ways, and the heads.
func everyRead(t *testing.T, s *Store, head uint64) map[string][]store.Chunk {
	t.Helper()
	all := map[string][]store.Chunk{}
	for seq := range head + 2 {
		for _, size := range []int{0, 1000, 1 << 20} {
			after, err := s.Chunks(t.Context(), "s1", seq, size, false)
			if err != nil {
				t.Fatal(err)
			}
			before, err := s.ChunksBefore(t.Context(), "s1", seq, size, true)
			if err != nil {
				t.Fatal(err)
			}
			all[fmt.Sprintf("%d bytes after %d", size, seq)] = after
			all[fmt.Sprintf("%d bytes before %d", size, seq)] = before
		}
	}
	page, _, err := s.Sessions(t.Context(), store.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range page {
		all["head of "+v.ID] = []store.Chunk{{Last: v.Head}}
	}
	return all
}

// Rows that were added to the database, and joined there, between the two
// looks of a reader count once.
func TestReadersMeetADrain(t *testing.T) {
	chunk := func(first, last uint64) store.Chunk {
		return store.Chunk{SessionID: "s1", First: first, Last: last, Events: []byte("[1]")}
	}
	pending := []store.Chunk{chunk(4, 4), {SessionID: "s2", First: 5, Last: 9}, chunk(5, 6), chunk(7, 7)}
	for _, tc := range []struct {
		name   string
		stored []store.Chunk
		want   string
		damage bool
	}{
		{"none", []store.Chunk{chunk(1, 3)}, "1-3 4-4 5-6 7-7", false},
		{"some", []store.Chunk{chunk(1, 3), chunk(4, 4)}, "1-3 4-4 5-6 7-7", false},
		{"joined", []store.Chunk{chunk(1, 6)}, "1-6 7-7", false},
		{"all and more", []store.Chunk{chunk(1, 8)}, "1-8", false},
		{"nothing stored", nil, "4-4 5-6 7-7", false},
		{"a hole before", []store.Chunk{chunk(1, 2)}, "1-2", true},
	} {
		got, err := appendPending(tc.stored, pending, "s1", 0, 100, false)
		if s := spans(got); s != tc.want || errors.Is(err, store.ErrCorrupt) != tc.damage {
			t.Errorf("%s: %s, %v; want %s", tc.name, s, err, tc.want)
		}
		if tc.damage {
			continue
		}
		newest := prependPending(reversed(tc.stored), pending, "s1", 99, 100, false)
		if s := spans(reversed(newest)); s != tc.want {
			t.Errorf("%s, backwards: %s, want %s", tc.name, s, tc.want)
		}
	}
}

// spans lists first and last seqs, as "1-3 4-4".
func spans(chunks []store.Chunk) string {
	var parts []string
	for _, c := range chunks {
		parts = append(parts, fmt.Sprintf("%d-%d", c.First, c.Last))
	}
	return strings.Join(parts, " ")
}

func reversed(chunks []store.Chunk) []store.Chunk {
	other := slices.Clone(chunks)
	slices.Reverse(other)
	return other
}

// A commit that finds others late syncs them, also those in the journal.
func TestLateRowsAreDrained(t *testing.T) {
	s := openKept(t)
	fill(t, s, "s1", 1, 2, 1)
	s.flush.mu.Lock()
	s.flush.dirty = time.Now().Add(-syncWithin)
	s.flush.mu.Unlock()
	fill(t, s, "s1", 3, 1, 1)
	if got, kept := rowsOf(t, s), len(s.journal.pending()); got != "2" || kept != 1 {
		t.Errorf("%s rows in the database and %d in the journal, want 2 and 1", got, kept)
	}
}

// Neither the batch's bytes nor a reader's are the journal's.
func TestJournalHasItsOwnBytes(t *testing.T) {
	s := openKept(t)
	events := benchEvents(1)
	err := s.Commit(t.Context(), &store.Batch{Chunks: []store.Chunk{{SessionID: "s1", First: 1, Last: 1, Events: events}}})
	if err != nil {
		t.Fatal(err)
	}
	clear(events)
	page, err := s.Chunks(t.Context(), "s1", 0, 1<<20, true)
	if err != nil || len(page) != 1 {
		t.Fatalf("%d chunks, %v", len(page), err)
	}
	clear(page[0].Events)
	drain(t, s)
	if got := head(t, s, benchEvents(1)); got != 1 {
		t.Errorf("head %d", got)
	}
}

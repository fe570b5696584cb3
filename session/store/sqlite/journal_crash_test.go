package sqlite

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/towline-dev/towline/session/store"
)

// damaged opens the store of a crash with another journal and returns its
// head; then the store goes on.
func damaged(t *testing.T, copied, path string, journal []byte, what string) uint64 {
	t.Helper()
	for _, suffix := range []string{"", "-wal"} {
		copyFile(t, copied+suffix, path+suffix, -1)
	}
	if err := os.WriteFile(journalPath(path), journal, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Options{Path: path, sync: noSync})
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	got := head(t, s, benchEvents(1))
	fill(t, s, "s1", got+1, 1, 1)
	if err := s.Close(); err != nil {
		t.Fatalf("%s: Close: %v", what, err)
	}
	return got
}

// A journal that ends anywhere, or in which any byte is another, gives exactly
// the commits that are whole before that place.
func TestD04_DamagedJournal(t *testing.T) {
	const commits = 2
	s := openKept(t)
	fill(t, s, "s1", 1, commits, 1)
	copied := crash(t, s.path)
	good, err := os.ReadFile(journalPath(copied))
	if err != nil || len(good)%commits != 0 {
		t.Fatalf("%d bytes, %v", len(good), err)
	}
	step := 7 // each place is tried by TestD05_DamagedRecords
	if testing.Short() {
		step = 67
	}
	path := filepath.Join(t.TempDir(), "towline.db")
	for n := 0; n < len(good); n += step {
		want := uint64(n / (len(good) / commits))
		if got := damaged(t, copied, path, good[:n], fmt.Sprint("cut at ", n)); got != want {
			t.Errorf("cut at %d of %d: head %d, want %d", n, len(good), got, want)
		}
		flipped := bytes.Clone(good)
		flipped[n] ^= 1 << (n % 8)
		if got := damaged(t, copied, path, flipped, fmt.Sprint("flipped ", n)); got != want {
			t.Errorf("byte %d of %d changed: head %d, want %d", n, len(good), got, want)
		}
	}
	long := append(bytes.Clone(good), make([]byte, 4096)...)
	if got := damaged(t, copied, path, long, "zeros at the end"); got != commits {
		t.Errorf("head %d with zeros at the end", got)
	}
}

// history is what a client could have seen of session s1 at some time: the
// texts of its events in order.
type history []string

// moment is a store's files after a step, and what it held.
type moment struct {
	path string
	log  history
}

// journalled plays commits, drains and deletions, and copies the files after
// each step.
func journalled(t *testing.T) []moment {
	t.Helper()
	s := openKept(t)
	var log history
	var all []moment
	add := func(text string) func() {
		return func() {
			log = append(log, text)
			one(t, s, uint64(len(log)), text)
		}
	}
	again := func() {
		log = nil
		if err := s.Delete(t.Context(), "s1"); err != nil {
			t.Fatal(err)
		}
		withSession(t, s)
	}
	for _, step := range []func(){
		func() {}, add("a"), add("b"), func() { drain(t, s) }, add("c"), add("d"), func() { drain(t, s) },
		again, add("A"), add("B"), func() { drain(t, s) }, add("C"), again, add("x"),
	} {
		step()
		all = append(all, moment{crash(t, s.path), append(history(nil), log...)})
	}
	return all
}

// logOf reads a session's texts.
func logOf(t *testing.T, s *Store) (log history) {
	t.Helper()
	page, err := s.Chunks(t.Context(), "s1", 0, 1<<20, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range page {
		var seq uint64
		var text string
		if _, err := fmt.Sscanf(string(c.Events), `[{"seq":%d,"text":%q}]`, &seq, &text); err != nil || seq != c.First {
			t.Fatalf("%s: %v", c.Events, err)
		}
		log = append(log, text)
	}
	return log
}

// SIGKILL leaves the files of one moment: nothing is lost, nothing is doubled,
// also if it comes again after each file of the next start.
func TestD01_JournalAtEachStep(t *testing.T) {
	for i, m := range journalled(t) {
		s := open(t, m.path)
		if got := logOf(t, s); fmt.Sprint(got) != fmt.Sprint(m.log) {
			t.Errorf("step %d: %q, want %q", i, got, m.log)
		}
		journal := filepath.Join(t.TempDir(), "journal")
		copyFile(t, journalPath(m.path), journal, -1)
		copied := crash(t, m.path) // the database is new, the journal may not be empty yet
		copyFile(t, journal, journalPath(copied), -1)
		if got := logOf(t, open(t, copied)); fmt.Sprint(got) != fmt.Sprint(m.log) {
			t.Errorf("step %d, killed again: %q, want %q", i, got, m.log)
		}
	}
}

// Power loss leaves the files of two moments: the log is one that was there at
// some time, at least as long as the database's.
func TestD03_JournalOfAnotherTime(t *testing.T) {
	all := journalled(t)
	seen := map[string]bool{}
	for _, m := range all {
		seen[fmt.Sprint(m.log)] = true
	}
	path := filepath.Join(t.TempDir(), "towline.db")
	for i, db := range all {
		for k, other := range all {
			for _, suffix := range []string{"", "-wal"} {
				copyFile(t, db.path+suffix, path+suffix, -1)
			}
			journal, err := os.ReadFile(journalPath(other.path))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(journalPath(path), journal, 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := Open(t.Context(), Options{Path: path, sync: noSync})
			if err != nil {
				t.Fatalf("database %d, journal %d: %v", i, k, err)
			}
			if got := logOf(t, s); !seen[fmt.Sprint(got)] {
				t.Errorf("database %d, journal %d: %q was never there", i, k, got)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Rows of another database's journal that do not fit are left out.
func TestReplayLeavesOutWhatDoesNotFit(t *testing.T) {
	s := openKept(t)
	fill(t, s, "s1", 1, 2, 1)
	drain(t, s)
	copied := crash(t, s.path)
	generation := s.journal.generation
	var journal []byte
	for _, c := range []store.Chunk{
		{SessionID: "unknown", First: 1, Last: 1},
		{SessionID: "s1", First: 2, Last: 2},
		{SessionID: "s1", First: 3, Last: 3},
		{SessionID: "s1", First: 5, Last: 5},
	} {
		c.Events = benchEvents(1)
		journal = appendRecord(journal, generation, &c)
	}
	if got := damaged(t, copied, filepath.Join(t.TempDir(), "towline.db"), journal, "foreign"); got != 3 {
		t.Errorf("head %d, want 3", got)
	}
}

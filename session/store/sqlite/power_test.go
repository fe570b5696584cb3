package sqlite

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/towline-dev/towline/session/store"
)

// openAt opens a store as if the machine's boot had this id.
func openAt(t *testing.T, path, boot string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{Path: path, boot: func() string { return boot }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// crash copies a store's files as they are, which is what SIGKILL leaves.
func crash(t testing.TB, path string) (copied string) {
	t.Helper()
	copied = filepath.Join(t.TempDir(), "towline.db")
	for _, suffix := range []string{"", "-wal"} {
		copyFile(t, path+suffix, copied+suffix, -1)
	}
	copyFile(t, journalPath(path), journalPath(copied), -1)
	return copied
}

// copyFile copies the first n bytes of a file, or all if n is negative.
func copyFile(t testing.TB, from, to string, n int64) {
	t.Helper()
	r, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if n < 0 {
		_, err = io.Copy(w, r)
	} else {
		_, err = io.CopyN(w, r, n)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// epochs returns the epochs of the sessions "rest" and "open".
func epochs(t *testing.T, s *Store) (rest, open string) {
	t.Helper()
	a, err := s.Session(t.Context(), "rest")
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Session(t.Context(), "open")
	if err != nil {
		t.Fatal(err)
	}
	return a.Epoch, b.Epoch
}

func TestEpochAfterPowerLoss(t *testing.T) {
	for _, tc := range []struct {
		name, boot   string
		closed, same bool
		taken        bool // the journal
	}{
		{"closed, same boot", "boot1", true, true, false},
		{"closed, other boot", "boot2", true, true, false},
		{"killed, same boot", "boot1", false, true, false},
		{"killed, other boot", "boot2", false, false, false},
		{"killed, unknown boot", "", false, false, false},
		{"closed, without journal", "boot1", true, true, true},
		{"killed, without journal", "boot1", false, false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "towline.db")
			s := openAt(t, path, "boot1")
			err := s.Commit(t.Context(), &store.Batch{Create: []store.Session{{ID: "rest", Epoch: "e"}, {ID: "open", Epoch: "e", Open: true}}})
			if err != nil {
				t.Fatal(err)
			}
			copied := crash(t, path)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if !tc.closed {
				path = copied
			}
			if tc.taken {
				if err := os.Remove(journalPath(path)); err != nil {
					t.Fatal(err)
				}
			}
			s = openAt(t, path, tc.boot)
			defer s.Close()
			rest, open := epochs(t, s)
			if rest != "e" {
				t.Errorf("the session at rest has epoch %q", rest)
			}
			if (open == "e") != tc.same {
				t.Errorf("the open session has epoch %q", open)
			}
		})
	}
}

// Two power losses give two epochs, and every session its own.
func TestEpochsDiffer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "towline.db")
	s := openAt(t, path, "boot1")
	defer func() { s.Close() }()
	err := s.Commit(t.Context(), &store.Batch{Create: []store.Session{{ID: "rest", Epoch: "e", Open: true}, {ID: "open", Epoch: "e", Open: true}}})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{"e": true}
	for _, boot := range []string{"boot2", "boot3"} {
		path = crash(t, path)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openAt(t, path, boot)
		a, b := epochs(t, s)
		if seen[a] || seen[b] || a == b || len(a) != 16 {
			t.Errorf("epochs %q and %q", a, b)
		}
		seen[a], seen[b] = true, true
	}
}

package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/towline-dev/towline/session/store"
	"github.com/towline-dev/towline/session/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		return open(t, filepath.Join(t.TempDir(), "state", "towline.db"))
	})
}

// open opens a store that the test's end closes.
func open(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

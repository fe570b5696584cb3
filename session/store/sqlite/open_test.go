package sqlite

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/towline-dev/towline/session/store"
)

func TestOpenMakesPrivateFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "state", "towline.db")
	s := open(t, path)
	fill(t, withSession(t, s), "s1", 1, 1, 1)
	for name, want := range map[string]os.FileMode{
		filepath.Dir(path): 0o700,
		path:               0o600,
		path + "-wal":      0o600,
		path + "-shm":      0o600,
		journalPath(path):  0o600,
		filepath.Join(filepath.Dir(path), "store.lock"): 0o600,
	} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %04o, want %04o", filepath.Base(name), got, want)
		}
	}
}

// withSession adds the open session s1.
func withSession(tb testing.TB, s *Store) *Store {
	tb.Helper()
	create := store.Session{ID: "s1", Epoch: "e1", Open: true}
	if err := s.Commit(tb.Context(), &store.Batch{Create: []store.Session{create}, Durable: true}); err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestD08_FolderOfEveryone(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Options{Path: filepath.Join(dir, "towline.db")})
	if err == nil || !strings.Contains(err.Error(), "everyone may write") {
		t.Errorf("Open: %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("files were made: %v", left)
	}
}

func TestD08_FolderThatCannotBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Options{Path: filepath.Join(file, "towline.db")}); err == nil {
		t.Error("Open below a file succeeded")
	}
}

func TestD08_SecondServer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "towline.db")
	s := withSession(t, open(t, path))
	if _, err := Open(t.Context(), Options{Path: path}); !errors.Is(err, store.ErrLocked) {
		t.Errorf("second Open: %v, want ErrLocked", err)
	}
	fill(t, s, "s1", 1, 1, 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if v, err := open(t, path).Session(t.Context(), "s1"); err != nil || v.Head != 1 {
		t.Errorf("after the first was closed: head %d, %v", v.Head, err)
	}
}

func TestOpenRefusesOtherFiles(t *testing.T) {
	database := func(script string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			db, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.Exec(script); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tc := range []struct {
		name, want string
		make       func(t *testing.T, path string)
	}{
		{"newer version", "newer version", func(t *testing.T, path string) {
			if err := open(t, path).Close(); err != nil {
				t.Fatal(err)
			}
			database("PRAGMA user_version = 99")(t, path)
		}},
		{"other program", "another program", database("CREATE TABLE t (x); PRAGMA application_id = 7")},
		{"other program with versions", "another program", database("CREATE TABLE t (x); PRAGMA user_version = 1")},
		{"no database", "not a SQLite database", func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte("hello"), 0o600); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "towline.db")
			tc.make(t, path)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Open(t.Context(), Options{Path: path}); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Open: %v, want %q", err, tc.want)
			}
			after, err := os.ReadFile(path)
			if err != nil || !cmp.Equal(string(before), string(after)) {
				t.Errorf("the file was touched (%v)", err)
			}
		})
	}
}

// A crash while the first schema is written leaves an empty file or one
// without a version; both are filled.
func TestOpenAfterUnfinishedMigration(t *testing.T) {
	path := filepath.Join(t.TempDir(), "towline.db")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	withSession(t, open(t, path))
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// A store of schema 1 is brought up to date; programs that know only that one
// refuse it then, since they know nothing of the journal.
func TestOpenOfSchema1(t *testing.T) {
	path := filepath.Join(t.TempDir(), "towline.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	first, err := schemaFiles.ReadFile(schemaSteps[0])
	if err != nil {
		t.Fatal(err)
	}
	script := string(first) + `PRAGMA application_id = 1414485836; PRAGMA user_version = 1;
		INSERT INTO sessions VALUES (1, 's1', 0, 0, '', '', '', 'e1', 1, 0, 0, 0);
		INSERT INTO records VALUES ('s1', 0, x'', ?1)`
	if _, err := db.ExecContext(t.Context(), script, recordChecksum(&store.Session{
		ID: "s1", CreatedAt: time.UnixMilli(0), UpdatedAt: time.UnixMilli(0),
	})); err != nil {
		t.Fatal(err)
	}
	s := open(t, path)
	fill(t, s, "s1", 1, 2, 1)
	if got := head(t, open(t, crash(t, path)), benchEvents(1)); got != 2 {
		t.Errorf("head %d, want 2", got)
	}
	if got := table(t, s, "PRAGMA user_version"); got != "2" {
		t.Errorf("the schema is %s", got)
	}
}

func TestSchemaStepsHaveAllFiles(t *testing.T) {
	files, err := schemaFiles.ReadDir("schema")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, "schema/"+f.Name())
	}
	if d := cmp.Diff(names, schemaSteps); d != "" {
		t.Error(d)
	}
}

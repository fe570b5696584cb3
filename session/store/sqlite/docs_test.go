package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/towline-dev/towline/session/store"
)

// The SQL of docs/STORE.md does what is said of it.
func TestDocumentedQueries(t *testing.T) {
	page, err := os.ReadFile("../../../docs/STORE.md")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, m := range regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		found = append(found, m[1])
	}
	want := []string{
		"permission.resolved|1 turn.ended|1 turn.started|1",
		"t1|completed|0.25",
		"s1|2026-01-02T03:04:06.000Z|p1|deny|client",
	}
	if len(found) != len(want)+1 {
		t.Fatalf("%d statements, want %d", len(found), len(want)+1)
	}
	s := withSession(t, open(t, filepath.Join(t.TempDir(), "towline.db")))
	events := `[{"seq":1,"session_id":"s1","time":"2026-01-02T03:04:05.000Z","type":"turn.started","turn_id":"t1","source":"server","data":{}},` +
		`{"seq":2,"session_id":"s1","time":"2026-01-02T03:04:06.000Z","type":"permission.resolved","turn_id":"t1","source":"client",` +
		`"data":{"permission_id":"p1","decision":"deny","by":{"kind":"client"}}},` +
		`{"seq":3,"session_id":"s1","time":"2026-01-02T03:04:07.000Z","type":"turn.ended","turn_id":"t1","source":"agent",` +
		`"data":{"outcome":"completed","cost_usd":0.25}}]`
	err = s.Commit(t.Context(), &store.Batch{Chunks: []store.Chunk{{SessionID: "s1", First: 1, Last: 3, Events: []byte(events)}}})
	if err != nil {
		t.Fatal(err)
	}
	drain(t, s)
	for i, query := range found[:len(want)] {
		if d := cmp.Diff(want[i], table(t, s, query)); d != "" {
			t.Errorf("%s (-want +got):\n%s", query, d)
		}
	}
	if _, err := s.conn.ExecContext(t.Context(), found[len(want)]); err != nil {
		t.Fatal(err)
	}
	if v, err := s.Session(t.Context(), "s1"); err != nil || v.Epoch == "e1" {
		t.Errorf("epoch %q, %v", v.Epoch, err)
	}
	if got := table(t, s, "SELECT * FROM events WHERE seq = 1"); got != "s1|1|2026-01-02T03:04:05.000Z|turn.started|t1|server|{}" {
		t.Errorf("the view's columns: %s", got)
	}
}

// table runs a query and returns its rows, columns joined by bars.
func table(t *testing.T, s *Store, query string) string {
	t.Helper()
	rows, err := s.readers.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for rows.Next() {
		values, to := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			to[i] = &values[i]
		}
		if err := rows.Scan(to...); err != nil {
			t.Fatal(err)
		}
		var line []string
		for _, v := range values {
			line = append(line, fmt.Sprint(v))
		}
		lines = append(lines, strings.Join(line, "|"))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, " ")
}

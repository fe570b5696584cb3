package captures

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/towline-dev/towline/protocol"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Golden replays every recording and compares its events with the golden ones,
// or writes them with -update.
func (r *Recordings) Golden(t *testing.T) {
	t.Helper()
	for name, lines := range r.Lines(t) {
		t.Run(name, func(t *testing.T) {
			got := NDJSON(t, r.Events(t, name, lines))
			path := filepath.Join(r.Dir, "golden", "translator", name+".ndjson")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// NDJSON writes events one a line.
func NDJSON(t testing.TB, events []protocol.Data) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	for _, d := range events {
		if err := e.Encode(struct {
			Type protocol.EventType `json:"type"`
			Data protocol.Data      `json:"data"`
		}{d.EventType(), d}); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

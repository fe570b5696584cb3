package captures

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/towline-dev/towline/agents/agenttest/golden"
	"github.com/towline-dev/towline/protocol"
)

// Golden replays every recording and compares its events with the golden ones,
// or writes them with -update.
func (r *Recordings) Golden(t *testing.T) {
	t.Helper()
	for name, lines := range r.Lines(t) {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(r.Dir, "golden", "translator", name+".ndjson")
			golden.Compare(t, path, []byte(NDJSON(t, r.Events(t, name, lines))))
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

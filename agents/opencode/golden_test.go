package opencode

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

var update = flag.Bool("update", false, "write the golden files")

const captureDir = "../../testdata/opencode"

// captures returns the recordings by their names.
func captures(t testing.TB) map[string][]json.RawMessage {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(captureDir, "*.jsonl"))
	if err != nil || len(paths) != 22 {
		t.Fatalf("found %d captures (%v), want 22", len(paths), err)
	}
	all := map[string][]json.RawMessage{}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var lines []json.RawMessage
		for line := range bytes.Lines(b) {
			lines = append(lines, bytes.TrimSpace(line))
		}
		all[strings.TrimSuffix(filepath.Base(path), ".jsonl")] = lines
	}
	return all
}

// played is what a replay gave: reports and commands, in their order.
type played struct {
	command agents.Command
	event   protocol.Data
}

// play replays a recording.
func play(t testing.TB, lines []json.RawMessage) []played {
	t.Helper()
	var all []played
	r := newReplay()
	for _, line := range lines {
		var l struct {
			Dir string `json:"dir"`
		}
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatal(err)
		}
		if l.Dir == "in" {
			for _, c := range r.In(line) {
				all = append(all, played{command: c})
			}
			continue
		}
		for _, report := range r.Out(line) {
			for _, d := range report.Events {
				all = append(all, played{event: d})
			}
		}
	}
	return all
}

// eventsOf returns the events of a replay.
func eventsOf(all []played) []protocol.Data {
	var events []protocol.Data
	for _, p := range all {
		if p.event != nil {
			events = append(events, p.event)
		}
	}
	return events
}

// ndjson writes events one a line.
func ndjson(t testing.TB, events []protocol.Data) string {
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

// Every capture, replayed, gives its golden events.
func TestGolden(t *testing.T) {
	for name, lines := range captures(t) {
		t.Run(name, func(t *testing.T) {
			got := ndjson(t, eventsOf(play(t, lines)))
			path := filepath.Join(captureDir, "golden", name+".ndjson")
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

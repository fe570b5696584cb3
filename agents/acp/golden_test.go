package acp

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

const captureDir = "../../testdata/acp"

// captures returns the recordings by their names.
func captures(t testing.TB) map[string][]json.RawMessage {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(captureDir, "*.jsonl"))
	if err != nil || len(paths) != 49 {
		t.Fatalf("found %d captures (%v), want 49", len(paths), err)
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

// play replays a recording of the agent that its name begins with, and returns
// the events and the commands.
func play(t testing.TB, name string, lines []json.RawMessage) ([]protocol.Data, []agents.Command) {
	t.Helper()
	agent, _, _ := strings.Cut(name, "-")
	var events []protocol.Data
	var commands []agents.Command
	r := Replayer(agent).Replay()
	for _, line := range lines {
		var l struct {
			Dir string `json:"dir"`
		}
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatal(err)
		}
		switch l.Dir {
		case "in":
			commands = append(commands, r.In(line)...)
		case "out", "exit":
			for _, report := range r.Out(line) {
				events = append(events, report.Events...)
			}
		}
	}
	return events, commands
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
			events, _ := play(t, name, lines)
			got := ndjson(t, events)
			path := filepath.Join(captureDir, "golden", "translator", name+".ndjson")
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

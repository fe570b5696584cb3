// Package captures replays the recorded traffic of real agents in tests: it
// compares what becomes of a recording with golden events, and checks what must
// hold of every translator's reports. It is test support.
package captures

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// Recordings are what was recorded of one agent. A recording is a file
// NAME.jsonl of lines {"dir":"in"|"out"|"exit"|...,"frame":{...}}; its golden
// events are in golden/translator/NAME.ndjson beside it.
type Recordings struct {
	// Dir is the folder, relative to the package that is tested.
	Dir string
	// Count is how many there are, so that none gets lost unseen.
	Count int
	// Replay returns a fresh replay for the recording of that name.
	Replay func(name string) agents.Replay
	// Exceptions are the only violations that are let pass.
	Exceptions []Exception
}

// Step is one thing that a replay gave: a command or an event, the other is
// nil.
type Step struct {
	Command agents.Command
	Event   protocol.Data
}

// Lines returns the lines of all recordings by their names.
func (r *Recordings) Lines(t testing.TB) map[string][]json.RawMessage {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(r.Dir, "*.jsonl"))
	if err != nil || len(paths) != r.Count {
		t.Fatalf("found %d recordings (%v), want %d", len(paths), err, r.Count)
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

// Play replays the recording of that name and returns what came of it, in
// order. Lines of a dir that is neither in, out nor exit are remarks.
func (r *Recordings) Play(t testing.TB, name string, lines []json.RawMessage) []Step {
	t.Helper()
	var steps []Step
	replay := r.Replay(name)
	for _, line := range lines {
		var l struct {
			Dir string `json:"dir"`
		}
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatal(err)
		}
		switch l.Dir {
		case "in":
			for _, c := range replay.In(line) {
				steps = append(steps, Step{Command: c})
			}
		case "out", "exit":
			for _, report := range replay.Out(line) {
				for _, d := range report.Events {
					steps = append(steps, Step{Event: d})
				}
			}
		}
	}
	return steps
}

// Events replays a recording and returns the events.
func (r *Recordings) Events(t testing.TB, name string, lines []json.RawMessage) []protocol.Data {
	t.Helper()
	var events []protocol.Data
	for _, s := range r.Play(t, name, lines) {
		if s.Event != nil {
			events = append(events, s.Event)
		}
	}
	return events
}

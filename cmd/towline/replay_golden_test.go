package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/towline-dev/towline/agents/agenttest/e2e"
	"github.com/towline-dev/towline/protocol"
)

// recordings is where the captures of the agents' native traffic lie.
var recordings = filepath.Join("..", "..", "testdata")

// Every capture of Claude Code, replayed by the command, gives its golden
// universal events, byte for byte, and the events keep all invariants.
func TestReplayGolden(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(recordings, "claude", "*.jsonl"))
	if err != nil || len(paths) != 26 {
		t.Fatalf("found %d captures (%v), want 26", len(paths), err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".jsonl")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := replayed(t, "claude", path)
			checkInvariants(t, got)
			golden := filepath.Join(recordings, "claude", "golden", "universal", name+".ndjson")
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// replayed is what `towline agents replay` prints.
func replayed(t *testing.T, agent, path string) []byte {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := newAgentsReplay(&terminal{out: &out, err: &errs})
	cmd.SetArgs([]string{agent, path})
	if err := cmd.Execute(); err != nil || errs.Len() > 0 {
		t.Fatalf("replay ended with %v and said %q", err, errs.String())
	}
	return out.Bytes()
}

// checkInvariants fails the test for what is wrong with a session's events.
func checkInvariants(t *testing.T, ndjson []byte) {
	t.Helper()
	c := e2e.NewInvariants()
	for line := range bytes.Lines(ndjson) {
		var e protocol.Event
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		c.See(e)
	}
	c.Rest()
	for _, fault := range c.Faults() {
		t.Error(fault)
	}
}

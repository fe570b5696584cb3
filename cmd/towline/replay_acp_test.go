package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Every capture of an agent that speaks ACP, replayed by the command, gives its
// golden universal events, byte for byte, and the events keep all invariants.
func TestReplayACPGolden(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(recordings, "acp", "*.jsonl"))
	if err != nil || len(paths) != 49 {
		t.Fatalf("found %d captures (%v), want 49", len(paths), err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".jsonl")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			agent, _, _ := strings.Cut(name, "-")
			got := replayed(t, "acp:"+agent, path)
			checkInvariants(t, got, true)
			golden := filepath.Join(recordings, "acp", "golden", "universal", name+".ndjson")
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

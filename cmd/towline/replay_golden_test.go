package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents/agenttest/golden"
	"github.com/towline-dev/towline/cmd/towline/conformance"
	"github.com/towline-dev/towline/protocol"
)

// recordings is where the captures of the agents' native traffic lie.
var recordings = filepath.Join("..", "..", "testdata")

// replayedAgents are the folders of the captures that have golden universal
// events, with the number of captures.
var replayedAgents = map[string]int{"claude": 26, "codex": 25, "amp": 25, "pi": 13, "acp": 49, "opencode": 22}

// unfinished are the captures that end in the middle of a turn, and why.
var unfinished = map[string]string{
	"opencode/20-parallel-tools-permission-rules": "the recording ends while a permission waits",
	"amp/tool_ask_hangs":                          "Amp waits for ever for an answer on a terminal",
	"amp/tool_default_rules":                      "Amp waits for ever for an answer on a terminal",
	"codex/21a-killed-with-pending-approval":      "the process was killed there",
}

// Every capture, replayed by the command, gives its golden universal events,
// byte for byte, and the events keep all invariants.
func TestReplayGolden(t *testing.T) {
	for agent, number := range replayedAgents {
		paths, err := filepath.Glob(filepath.Join(recordings, agent, "*.jsonl"))
		if err != nil || len(paths) != number {
			t.Fatalf("found %d captures of %s (%v), want %d", len(paths), agent, err, number)
		}
		for _, path := range paths {
			name := strings.TrimSuffix(filepath.Base(path), ".jsonl")
			t.Run(agent+"/"+name, func(t *testing.T) {
				t.Parallel()
				compareReplay(t, agent, name, path)
			})
		}
	}
}

// compareReplay replays one capture of a folder and compares it with its golden
// events.
func compareReplay(t *testing.T, folder, name, path string) {
	t.Helper()
	agent := folder
	if folder == "acp" { // which says in the capture's name what spoke it
		spoke, _, _ := strings.Cut(name, "-")
		agent = "acp:" + spoke
	}
	got := replayed(t, agent, path)
	checkInvariants(t, got, unfinished[folder+"/"+name] == "")
	golden.Compare(t, filepath.Join(recordings, folder, "golden", "universal", name+".ndjson"), got)
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
// finished tells that nothing is open at their end.
func checkInvariants(t *testing.T, ndjson []byte, finished bool) {
	t.Helper()
	c := conformance.NewInvariants()
	for line := range bytes.Lines(ndjson) {
		var e protocol.Event
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		c.See(e)
	}
	if finished {
		c.Rest()
	}
	for _, fault := range c.Faults() {
		t.Error(fault)
	}
}

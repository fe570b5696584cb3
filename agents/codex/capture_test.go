package codex

import (
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest/captures"
	"github.com/towline-dev/towline/agents/agenttest/talk"
	"github.com/towline-dev/towline/protocol"
)

// recordings are those of the real CLI, with what is strange in them.
var recordings = captures.Recordings{
	Dir: "../../testdata/codex", Count: 25, Replay: func(string) agents.Replay { return newReplay() },
	Exceptions: []captures.Exception{
		{Rule: captures.TurnsEnd, Recording: "21a-killed-with-pending-approval", Times: 1, Reason: "the process was killed there"},
		{Rule: captures.ItemsEnd, Recording: "21a-killed-with-pending-approval", Times: 1, Reason: "the process was killed there"},
		{Rule: captures.AsksEnd, Recording: "21a-killed-with-pending-approval", Times: 1, Reason: "the process was killed there"},
		{Rule: captures.AsksBelongToCalls, Recording: "09-plan-mode-user-input", Times: 1, Reason: "the question is asked outside of a call"},
		{Rule: captures.AsksBelongToCalls, Recording: "10-permissions-request", Times: 2, Reason: "more rights are asked for outside of a call"},
		{Rule: captures.PromptsFit, Recording: "19-rpc-errors", Times: 1, Reason: "the recorded client sent a prompt before the turn of the one before was told"},
	},
}

// ndjson writes events one a line.
var ndjson = captures.NDJSON

// want checks that a text holds the parts, in that order; wantNone, that it has
// none of them.
var (
	want     = talk.InOrder
	wantNone = talk.HoldsNone
)

// readUntil reads reports until an event of the type came, and returns all.
var readUntil = talk.Watch

// Every recording, replayed, gives its golden events.
func TestGolden(t *testing.T) { recordings.Golden(t) }

// Every recording keeps the rules of all translators.
func TestInvariants(t *testing.T) { recordings.Invariants(t) }

// Every native turn of a thread that is no subagent's is one turn.
func TestTurnsMatch(t *testing.T) {
	want := map[string]int{
		"01-basic-text-reasoning": 2, "12-interrupt": 4, "13-steer": 2, "16-parallel-threads": 3,
		"17-fork-list-read-compact": 5, "18-model-errors": 19, "22-subagents": 1, "23-websocket-listener": 3,
	}
	for name, lines := range recordings.Lines(t) {
		if want[name] == 0 {
			continue
		}
		ended := 0
		for _, d := range recordings.Events(t, name, lines) {
			if d.EventType() == protocol.TypeTurnEnded {
				ended++
			}
		}
		if ended != want[name] {
			t.Errorf("%s: %d turns, want %d", name, ended, want[name])
		}
	}
}

package pi

import (
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest/captures"
)

// recordings are those of the real CLI, with what is strange in them.
var recordings = captures.Recordings{
	Dir: "../../testdata/pi", Count: 13, Replay: func(string) agents.Replay { return newReplay() },
	Exceptions: []captures.Exception{
		{Rule: captures.AsksAreHashed, Reason: "the session gives the hash"},
		{Rule: captures.PromptsFit, Recording: "model_error", Times: 1, Reason: "the replay knows of a turn's end with the next prompt"},
	},
}

// ndjson writes events one a line.
var ndjson = captures.NDJSON

// Every recording, replayed, gives its golden events.
func TestGolden(t *testing.T) { recordings.Golden(t) }

// Every recording keeps the rules of all translators.
func TestInvariants(t *testing.T) { recordings.Invariants(t) }

package pi

import (
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest/captures"
	"github.com/towline-dev/towline/agents/agenttest/talk"
)

// recordings are those of the real CLI, with what is strange in them.
var recordings = captures.Recordings{
	Dir: "../../testdata/pi", Count: 13, Replay: func(string) agents.Replay { return newReplay() },
	Exceptions: []captures.Exception{
		{Rule: captures.PromptsFit, Recording: "model_error", Times: 1, Reason: "the replay knows of a turn's end with the next prompt"},
	},
}

// ndjson writes events one a line.
var ndjson = captures.NDJSON

// want checks that a text holds the parts; wantNone, that it has none of them.
var (
	want     = talk.Holds
	wantNone = talk.HoldsNone
)

// finish closes a connection and reads it to its end.
var finish = talk.Finish

// readUntil reads reports until an event of the type came, and returns all.
var readUntil = talk.Until

// Every recording, replayed, gives its golden events.
func TestGolden(t *testing.T) { recordings.Golden(t) }

// Every recording keeps the rules of all translators.
func TestInvariants(t *testing.T) { recordings.Invariants(t) }

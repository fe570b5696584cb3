package amp

import (
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest/captures"
	"github.com/towline-dev/towline/agents/agenttest/talk"
)

// recordings are those of the real CLI, with what is strange in them.
var recordings = captures.Recordings{
	Dir: "../../testdata/amp", Count: 25, Replay: func(string) agents.Replay { return newReplay() },
	Exceptions: []captures.Exception{
		{Rule: captures.TurnsEnd, Recording: "tool_ask_hangs", Times: 1, Reason: "a rule says ask, and the CLI waits for ever (section 5)"},
		{Rule: captures.ItemsEnd, Recording: "tool_ask_hangs", Times: 1, Reason: "a rule says ask, and the CLI waits for ever (section 5)"},
		{Rule: captures.SomeTurnEnds, Recording: "tool_ask_hangs", Times: 1, Reason: "a rule says ask, and the CLI waits for ever (section 5)"},
		{Rule: captures.TurnsEnd, Recording: "tool_default_rules", Times: 1, Reason: "a built-in rule says ask, and the CLI waits for ever (section 5)"},
		{Rule: captures.ItemsEnd, Recording: "tool_default_rules", Times: 1, Reason: "a built-in rule says ask, and the CLI waits for ever (section 5)"},
		{Rule: captures.SomeTurnEnds, Recording: "tool_default_rules", Times: 1, Reason: "a built-in rule says ask, and the CLI waits for ever (section 5)"},
		{Rule: captures.TurnsEnd, Recording: "mode_deep", Times: 1, Reason: "the mode is refused before the first frame"},
		{Rule: captures.SomeTurnEnds, Recording: "mode_deep", Times: 1, Reason: "the mode is refused before the first frame"},
		{Rule: captures.SomeTurnEnds, Recording: "bad_input", Times: 1, Reason: "a line that is not JSON ends the process"},
	},
}

// ndjson writes events one a line.
var ndjson = captures.NDJSON

// want checks that a text holds the parts; wantNone, that it has none of them.
var (
	want     = talk.Holds
	wantNone = talk.HoldsNone
)

// Every recording, replayed, gives its golden events.
func TestGolden(t *testing.T) { recordings.Golden(t) }

// Every recording keeps the rules of all translators.
func TestInvariants(t *testing.T) { recordings.Invariants(t) }

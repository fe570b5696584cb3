package opencode

import (
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest/captures"
)

// recordings are those of the real CLI, with what is strange in them.
var recordings = captures.Recordings{
	Dir: "../../testdata/opencode", Count: 22, Replay: func(string) agents.Replay { return newReplay() },
	Exceptions: []captures.Exception{
		{Rule: captures.TurnsAreReported, Reason: "the session opens the turn of its prompt; OpenCode tells only of others"},
		{Rule: captures.CallsBeginWithInput, Reason: "a call is told before its input is"},
		{Rule: captures.PromptsFit, Recording: "06-second-prompt-mid-turn", Times: 2, Reason: "the recorded client sends prompts while a turn is open"},
		{Rule: captures.PromptsFit, Recording: "09-prompt-lost-right-after-error", Times: 2, Reason: "the recorded client sends prompts while a turn is open"},
		{Rule: captures.PromptsFit, Recording: "22-abort-race-and-client-disconnect", Times: 2, Reason: "the recorded client sends prompts while a turn is open"},
		{Rule: captures.AsksEndInTurn, Recording: "05-abort", Times: 1, Reason: "the session withdraws what an interrupt leaves"},
		{Rule: captures.TurnsEnd, Recording: "10-kill-restart-resume", Times: 2, Reason: "killed in a command, then while a permission waited"},
		{Rule: captures.ItemsEnd, Recording: "10-kill-restart-resume", Times: 2, Reason: "killed in a command, then while a permission waited"},
		{Rule: captures.AsksEnd, Recording: "10-kill-restart-resume", Times: 1, Reason: "killed while it waited"},
		{Rule: captures.TurnsEnd, Recording: "18-signals", Times: 3, Reason: "killed in a command, three times"},
		{Rule: captures.ItemsEnd, Recording: "18-signals", Times: 3, Reason: "killed in a command, three times"},
		{Rule: captures.SomeTurnEnds, Recording: "18-signals", Times: 1, Reason: "killed in a command, three times"},
		{Rule: captures.TurnsEnd, Recording: "20-parallel-tools-permission-rules", Times: 1, Reason: "the recording ends while a permission waits"},
		{Rule: captures.ItemsEnd, Recording: "20-parallel-tools-permission-rules", Times: 1, Reason: "the recording ends while a permission waits"},
		{Rule: captures.AsksEnd, Recording: "20-parallel-tools-permission-rules", Times: 1, Reason: "the recording ends while a permission waits"},
		{Rule: captures.SomeTurnEnds, Recording: "21-v2-api-probe", Times: 1, Reason: "it is about the other API"},
	},
}

// ndjson writes events one a line.
var ndjson = captures.NDJSON

// Every recording, replayed, gives its golden events.
func TestGolden(t *testing.T) { recordings.Golden(t) }

// Every recording keeps the rules of all translators.
func TestInvariants(t *testing.T) { recordings.Invariants(t) }

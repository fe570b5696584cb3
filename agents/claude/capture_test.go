package claude

import (
	"encoding/json"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest/captures"
	"github.com/towline-dev/towline/agents/agenttest/talk"
	"github.com/towline-dev/towline/protocol"
)

// recordings are those of the real CLI, with what is strange in them.
var recordings = captures.Recordings{
	Dir: "../../testdata/claude", Count: 26, Replay: func(string) agents.Replay { return newReplay() },
	Exceptions: []captures.Exception{
		{Rule: captures.CallsBeginWithInput, Reason: "the input streams"},
		{Rule: captures.TurnsEnd, Recording: "resume-after-kill", Times: 1, Reason: "the process was killed while it streamed"},
		{Rule: captures.ItemsEnd, Recording: "resume-after-kill", Times: 1, Reason: "the process was killed while it streamed"},
		{Rule: captures.AsksEndInTurn, Recording: "stdin-eof-permission-pending", Times: 1, Reason: "nobody could answer any more, and the session closes what is left"},
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

// finish closes a connection and reads it to its end.
var finish = talk.Finish

// readUntil reads reports until an event of the type came, and returns all.
var readUntil = talk.Until

// Every recording, replayed, gives its golden events.
func TestGolden(t *testing.T) { recordings.Golden(t) }

// Every recording keeps the rules of all translators.
func TestInvariants(t *testing.T) { recordings.Invariants(t) }

// Every recorded result ends one turn, and the turns' costs add up to what
// the process counted.
func TestTurnsMatchResults(t *testing.T) {
	for name, lines := range recordings.Lines(t) {
		if name == "resume-after-kill" {
			continue // several processes; TestSection6CostOfAFork
		}
		t.Run(name, func(t *testing.T) {
			results, total, last := 0, 0.0, 0.0
			for _, line := range lines {
				var l struct {
					Frame struct {
						Type string  `json:"type"`
						Cost float64 `json:"total_cost_usd"`
					} `json:"frame"`
				}
				if err := json.Unmarshal(line, &l); err != nil {
					t.Fatal(err)
				}
				if l.Frame.Type == "result" {
					results++
					if l.Frame.Cost < last {
						last = 0 // /clear counts from zero again
					}
					total += l.Frame.Cost - last
					last = l.Frame.Cost
				}
			}
			events := recordings.Events(t, name, lines)
			ended, cost := 0, 0.0
			for _, d := range events {
				if e, ok := d.(*protocol.TurnEnded); ok {
					ended++
					cost += *e.CostUSD
				}
			}
			if ended != results || cost < total-1e-9 || cost > total+1e-9 {
				t.Errorf("%d turns that cost %g, want %d and %g", ended, cost, results, total)
			}
		})
	}
}

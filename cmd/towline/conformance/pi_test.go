package conformance_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/cmd/towline/conformance"
	"github.com/towline-dev/towline/protocol"
)

// A prompt that waits inside Pi to join a turn that is interrupted is told as
// dropped, and no later turn carries it out: Pi is ended and resumed.
func TestPiSteerIsDroppedByAnInterrupt(t *testing.T) {
	p := place(t, "pi")
	slow := p.Model.On("slow", agenttest.Play(agenttest.Block{Text: "A long story.", Hold: true}))
	next := p.Model.On("next", agenttest.Play(agenttest.Say("Next.")))
	s := conformance.Serve(t, p.Agent)
	r := conformance.Record(t, s.Client, s.Create(p, protocol.SessionCreate{}), protocol.FormatJSON)
	say := func(text string, d protocol.Delivery) string {
		t.Helper()
		result, err := r.Prompt(t.Context(), protocol.Prompt{Text: text, Delivery: d})
		ok(t, err)
		return result.PromptID
	}
	first := say("Tell of the lighthouse. "+slow.Marker(), "")
	r.AwaitHeld(slow)
	steered := say("Delete everything.", protocol.DeliverSteer)
	r.Await(want(protocol.TypeNotice, fields{"code": "queue_updated"}))
	last := say("Go on. "+next.Marker(), protocol.DeliverInterrupt)
	r.Await(want(protocol.TypeError, fields{"code": "prompt_dropped", "details.prompt_id": steered}))
	r.Await(want(protocol.TypeTurnEnded, fields{"outcome": "interrupted"}))
	r.Await(want(protocol.TypeAgentExited, fields{"message": "~prompt that was dropped"}))
	r.Await(want(protocol.TypeTurnEnded, fields{"outcome": "completed"}))
	var turns []string
	for _, e := range r.Events {
		if d, ok := e.Data.(*protocol.TurnStarted); ok {
			turns = append(turns, strings.Join(d.PromptIDs, " "))
		}
	}
	if got, want := fmt.Sprint(turns), fmt.Sprint([]string{first, last}); got != want {
		t.Errorf("the turns are %s, want %s", got, want)
	}
	requests := next.Requests()
	if len(requests) != 1 {
		t.Fatalf("the model was asked %d times", len(requests))
	}
	body := string(requests[0].Body)
	if strings.Contains(body, "Delete everything") || !strings.Contains(body, "Tell of the lighthouse") {
		t.Errorf("the next turn is asked for with %s", body)
	}
}

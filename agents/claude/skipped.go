package claude

import (
	"strings"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// tooLargeCall is what the model reads of a call that nobody could be asked for.
const tooLargeCall = "This call is too large to be shown to the user, so it was denied. Do the same in several smaller calls."

// Skipped takes a frame that was too long to be read (agents.Skipper): a
// permission may hold a whole file, and a result the inputs that were denied.
func (t *translator) Skipped(head, tail []byte) agents.Output {
	var o output
	e := agents.ReadEnds(head, tail)
	kind := e.Text("type")
	// A result may have its type in the middle; no other frame tells this time.
	if kind == "" && e.Fields["duration_api_ms"] != nil {
		kind = "result"
	}
	switch {
	case kind == "control_request" && e.Text("request_id") != "":
		refuseSkipped(e, &o)
	case kind == "control_response" && e.InnerText("request_id") != "":
		t.answerSkipped(e.InnerText("request_id"), &o)
	case kind == "result" && t.ready:
		t.resultSkipped(&o)
	case kind == "", kind == "control_request", kind == "control_response", kind == "result":
		if !t.ready || t.turn.open || len(t.prompts)+len(t.requests) > 0 {
			o.Broken = "Claude Code wrote a message that is longer than this server reads, and it may be one that is waited for"
		}
	}
	return o.Output
}

// refuseSkipped answers a request, for which the CLI would wait.
func refuseSkipped(e agents.Ends, o *output) {
	id, what := e.Text("request_id"), e.InnerText("subtype")
	if what == "can_use_tool" {
		o.send(reply(id, denied{Behavior: "deny", Message: tooLargeCall}))
	} else {
		o.send(refusal(id))
	}
	what = strings.TrimSpace(what + " " + e.InnerText("tool_name"))
	o.emit(&protocol.ErrorEvent{
		Code:    string(protocol.CodeTooLarge),
		Message: agents.OneLine("a request of the agent is longer than this server reads, so it was refused: " + what),
	})
}

// answerSkipped fails the request of ours that was answered.
func (t *translator) answerSkipped(id string, o *output) {
	r, ok := t.requests[id]
	delete(t.requests, id)
	switch {
	case !ok:
	case r.kind == askInitialize:
		o.Broken = "Claude Code's answer to the opening is longer than this server reads"
	default:
		o.emit(&protocol.ErrorEvent{
			Code:    "configure_failed",
			Message: "the agent's answer is longer than this server reads, so nothing tells whether it did what it was asked for",
		})
	}
}

// resultSkipped ends the turn: how it ended is not known, nor what it used.
func (t *translator) resultSkipped(o *output) {
	end := &protocol.TurnEnded{Outcome: protocol.OutcomeFailed, Error: &protocol.Failure{
		Code:    string(protocol.CodeTooLarge),
		Message: "the agent ended the turn with a message that is longer than this server reads, so nothing tells how it ended; look at what it did, then prompt again",
	}}
	if t.interrupting() {
		end = &protocol.TurnEnded{Outcome: protocol.OutcomeInterrupted}
	}
	t.forgetAsks()
	t.endTurn(end, nil, o)
}

package acp

import (
	"encoding/json"

	"github.com/towline-dev/towline/agents/jsonrpc"
	"github.com/towline-dev/towline/protocol"
)

// turn is the open turn. It lasts from a prompt to its answer (section 6).
type turn struct {
	// cancelling tells that session/cancel was sent.
	cancelling bool
	// used is what the turn's model calls used; nil while nothing told it.
	used *protocol.Usage
	// cost is what the process had cost when the turn began.
	cost float64
	// said is the newest piece of a message.
	said string
}

// beginTurn opens the turn of the first prompt in flight.
func (t *translator) beginTurn(o *output) {
	t.closeItems(protocol.OutcomeCompleted, o) // what the agent did between turns
	t.turn = turn{cost: t.usage.cost}
	o.emit(&protocol.TurnStarted{PromptIDs: []string{t.prompts[0].id}, Origin: protocol.SourceClient})
}

// turnEnd maps a prompt's answer.
func (t *translator) turnEnd(result json.RawMessage, err *jsonrpc.Error, o *output) *protocol.TurnEnded {
	end := &protocol.TurnEnded{Outcome: protocol.OutcomeCompleted}
	if err != nil {
		if err.Code == codeCancelled || t.turn.cancelling {
			end.Outcome = protocol.OutcomeInterrupted
			return end
		}
		end.Outcome, end.Error = protocol.OutcomeFailed, failure(err)
		if err.Code == codeAuthRequired {
			o.notice("warning", "auth_required", t.setup.Title+" wants a login: "+t.loginHelp(err), nil)
		}
		return end
	}
	for _, path := range [][]string{turnUsage, t.quirks.TurnUsage} {
		if used := readUsage(result, path); used != nil {
			t.turn.used = used
		}
	}
	switch reason := textAt(result, "stopReason"); reason {
	case "end_turn":
		if end.Error = t.saidFailure(result); end.Error != nil {
			end.Outcome = protocol.OutcomeFailed
		}
	case "cancelled":
		end.Outcome = protocol.OutcomeInterrupted
	case "refusal":
		end.Outcome = protocol.OutcomeRefused
	case "max_tokens", "max_turn_requests":
		end.Outcome = protocol.OutcomeLimit
		end.Error = &protocol.Failure{Code: reason, Message: "the turn reached the agent's limit (" + reason + ")"}
	default:
		o.unparsed("the prompt's answer has an unknown stop reason")
	}
	return end
}

// endTurn closes what the turn left open, then the turn.
func (t *translator) endTurn(end *protocol.TurnEnded, o *output) {
	t.cancelAsks("turn_ended", o)
	t.closeItems(end.Outcome, o)
	t.usage.endTurn(&t.turn, end, o)
	o.emit(end)
	t.turn = turn{}
}

// closeItems completes every open item (section 5.2): agents say nothing of a
// call that was rejected, and some leave one open after a cancel.
func (t *translator) closeItems(outcome protocol.Outcome, o *output) {
	said, ran := protocol.ItemDone, protocol.ItemInterrupted
	switch outcome {
	case protocol.OutcomeInterrupted:
		said = protocol.ItemInterrupted
	case protocol.OutcomeFailed:
		ran = protocol.ItemFailed
	case protocol.OutcomeCompleted, protocol.OutcomeRefused, protocol.OutcomeLimit:
	}
	t.closeSpeech(said, o)
	for _, c := range t.order {
		if !c.done {
			t.complete(c, ran, o)
		}
	}
	clear(t.spoken)
	t.ended, t.tools, t.order = t.tools, map[string]*toolCall{}, nil
}

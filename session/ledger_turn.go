package session

import (
	"strconv"

	"github.com/towline-dev/towline/protocol"
)

// Reasons for cancelled asks, in permission.resolved and question.resolved.
const (
	reasonTurnEnded       = "turn_ended"
	reasonTurnInterrupted = "turn_interrupted"
	reasonAgentExited     = "agent_exited"
	reasonAgentWithdrew   = "agent_withdrew"
	reasonServerRestart   = "server_restart"
	reasonSessionClosed   = "session_closed"
	reasonShutdown        = "shutdown"
)

// acceptPrompt writes prompt.accepted.
func (l *ledger) acceptPrompt(commandID string, d protocol.Delivery, position int, content []protocol.Part, by *protocol.Actor) (promptID string, parts []protocol.Part, seq uint64) {
	l.counters.Prompts++
	promptID = "m" + strconv.Itoa(l.counters.Prompts)
	parts = l.storeParts(content)
	seq = l.add(protocol.SourceClient, &protocol.PromptAccepted{
		PromptID: promptID, CommandID: commandID, Delivery: d, Position: position, By: by, Content: parts,
	})
	return promptID, parts, seq
}

// startTurn opens a turn. The caller has made sure that none is open.
func (l *ledger) startTurn(origin protocol.Source, promptIDs []string) {
	l.counters.Turns++
	l.turn = &turn{id: "t" + strconv.Itoa(l.counters.Turns), started: l.now()}
	if promptIDs == nil {
		promptIDs = []string{}
	}
	source := protocol.SourceServer
	if origin == protocol.SourceAgent {
		source = protocol.SourceAgent
	}
	l.add(source, &protocol.TurnStarted{PromptIDs: promptIDs, Origin: origin})
}

// agentTurn takes an agent's word that a turn began: news only if none is
// open, since the session opens the turns of its own prompts.
func (l *ledger) agentTurn(d *protocol.TurnStarted) {
	if l.turn != nil {
		return
	}
	origin := d.Origin
	if origin != protocol.SourceClient || len(d.PromptIDs) == 0 {
		origin = protocol.SourceAgent
	}
	l.startTurn(origin, d.PromptIDs)
}

// endTurn closes what is open in the turn, then the turn. Without an open turn
// it tells a failure as an error and drops everything else.
func (l *ledger) endTurn(source protocol.Source, d *protocol.TurnEnded, reason string) {
	if l.turn == nil {
		if d.Error != nil {
			l.add(source, &protocol.ErrorEvent{
				Code: d.Error.Code, Message: d.Error.Message, Retryable: d.Error.Retryable, Details: d.Error.Details,
			})
		}
		return
	}
	end := *d
	if l.turn.interrupted && end.Outcome == protocol.OutcomeFailed && end.Error != nil && end.Error.Code == reasonAgentExited {
		end.Outcome, end.Error = protocol.OutcomeInterrupted, nil
	}
	l.cancelAsks(protocol.Actor{Kind: "server"}, reason)
	l.closeItems(itemStatusFor(end.Outcome))
	if end.DurationMS == 0 {
		end.DurationMS = l.now().Sub(l.turn.started).Milliseconds()
	}
	l.add(source, &end)
	l.turn = nil
	clear(l.done)
}

// reasonForTurn is why asks of a turn that ended so are cancelled.
func reasonForTurn(o protocol.Outcome) string {
	if o == protocol.OutcomeInterrupted {
		return reasonTurnInterrupted
	}
	return reasonTurnEnded
}

// itemStatusFor is how items end that a turn left open.
func itemStatusFor(o protocol.Outcome) protocol.ItemStatus {
	switch o {
	case protocol.OutcomeInterrupted:
		return protocol.ItemInterrupted
	case protocol.OutcomeCompleted:
		return protocol.ItemDone
	default:
		return protocol.ItemFailed
	}
}

package opencode

import (
	"encoding/json"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// turn is the open turn, from a prompt (or from a busy that nobody here asked
// for) to the idle that ends it (section 7).
type turn struct {
	open bool
	// accepted tells that the server has told the prompt's message, busy that
	// it has then begun to work. An idle from before is of an earlier turn.
	accepted, busy bool
	// ending tells that an error was told and the first idle came; the turn
	// ends with the second one (section 8.1).
	ending bool
	// interrupted, aborted and rejected tell how a human stopped it.
	interrupted, aborted, rejected bool
	failure                        *protocol.Failure
	finish                         string
	usage                          protocol.Usage
	cost                           float64
}

// openTurn begins the turn of a prompt that is being sent.
func (t *translator) openTurn() {
	t.turn = turn{open: true}
	t.turns++
	t.failed = false
}

// openAgentTurn begins a turn that nobody here asked for.
func (t *translator) openAgentTurn(o *output) {
	t.openTurn()
	t.turn.accepted = true
	o.emit(&protocol.TurnStarted{PromptIDs: []string{}, Origin: protocol.SourceAgent})
}

// statusEvent is a session.status.
type statusEvent struct {
	SessionID string `json:"sessionID"`
	Status    struct {
		Type    string `json:"type"`
		Attempt int    `json:"attempt"`
		Message string `json:"message"`
		// Next is when the next attempt is made, in Unix milliseconds.
		Next int64 `json:"next"`
	} `json:"status"`
}

// sessionStatus follows what the session does. Its idle is told again as
// session.idle, which counts.
func (t *translator) sessionStatus(raw json.RawMessage, o *output) error {
	var e statusEvent
	if err := json.Unmarshal(raw, &e); err != nil {
		return errShape
	}
	switch {
	case e.Status.Type == "retry":
		t.retrying(e, o)
	case e.Status.Type == "busy" && e.SessionID == t.session:
		t.sessionBusy(o)
	case e.Status.Type == "busy", e.Status.Type == "idle":
	default:
		return errUnknown
	}
	return nil
}

// sessionBusy notes that the session works; it is told at every step.
func (t *translator) sessionBusy(o *output) {
	if t.turn.ending && t.newWork() {
		t.endTurn(o) // another prompt runs already (capture 22)
		t.turn.accepted = t.turn.open
	}
	if !t.turn.open {
		t.openAgentTurn(o)
	}
	if !t.turn.accepted || t.turn.busy {
		return
	}
	t.turn.busy = true
	if t.turn.interrupted {
		o.ask(t.abortRequest()) // the first one came before there was work to stop
	}
}

// newWork tells whether a message of a user came that no assistant's message
// has answered yet.
func (t *translator) newWork() bool {
	m := t.messages[t.lastUser]
	return m != nil && !m.answered
}

// retrying tells that the model's API failed and is tried again. What the
// failed attempt has said is never closed by the server.
func (t *translator) retrying(e statusEvent, o *output) {
	t.closeTexts(e.SessionID, o)
	s := e.Status
	o.notice("warning", "retrying", "the model's API failed ("+agents.OneLine(s.Message)+"); OpenCode tries again", map[string]any{
		"attempt": s.Attempt, "next_ms": s.Next, "message": s.Message,
	})
}

// sessionIdle ends the turn, unless it was told of a session that works for
// this one, of an earlier turn, or too early.
func (t *translator) sessionIdle(raw json.RawMessage, o *output) error {
	var e struct {
		SessionID string `json:"sessionID"`
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		return errShape
	}
	if e.SessionID != t.session || !t.turn.open || !t.turn.busy {
		return nil
	}
	if !t.turn.ending && (t.turn.failure != nil || t.turn.aborted) && t.working() {
		// A prompt sent now would be lost: the turn is over with the second
		// idle, or after a while (section 8.1).
		t.turn.ending = true
		o.Settle = true
		return nil
	}
	if t.turn.ending && t.working() {
		return nil
	}
	t.endTurn(o)
	return nil
}

// settled ends a turn whose second idle did not come.
func (t *translator) settled() output {
	var o output
	if t.turn.ending {
		t.endTurn(&o)
	}
	return o
}

// endTurn closes what is open, then the turn, then begins the turn of a
// prompt that waited for it.
func (t *translator) endTurn(o *output) {
	outcome := t.outcome()
	status := protocol.ItemDone
	switch outcome {
	case protocol.OutcomeInterrupted:
		status = protocol.ItemInterrupted
	case protocol.OutcomeFailed, protocol.OutcomeRefused:
		status = protocol.ItemFailed
	case protocol.OutcomeCompleted, protocol.OutcomeLimit:
	}
	t.closeParts("", status, o)
	o.Requests = append(o.Requests, t.rejectAsks()...)
	end := &protocol.TurnEnded{Outcome: outcome}
	if outcome != protocol.OutcomeCompleted && outcome != protocol.OutcomeInterrupted {
		end.Error = t.turn.failure
	}
	usage, cost := t.turn.usage, t.turn.cost
	end.Usage, end.CostUSD = &usage, &cost
	o.emit(end)
	t.failed = t.turn.failure != nil
	t.turn = turn{}
	t.forget()
	t.releaseHeld(o)
}

// forget drops what only the ended turn could add to. Late events of its parts
// find the parts closed; a second turn later they are not known at all and
// belong to no open message.
func (t *translator) forget() {
	clear(t.answeredAsks)
	for id, m := range t.messages {
		if m.old {
			delete(t.messages, id)
		}
		m.old = true
	}
	for id, p := range t.parts {
		if p.old {
			delete(t.parts, id)
			delete(t.calls, p.key)
		}
		p.old = true
	}
}

// releaseHeld sends the prompts that came while the turn was ending.
func (t *translator) releaseHeld(o *output) {
	if len(t.held) == 0 {
		return
	}
	ids := make([]string, 0, len(t.held))
	t.openTurn()
	for _, p := range t.held {
		ids = append(ids, p.PromptID)
		o.ask(t.promptRequest(p))
	}
	t.held = nil
	o.emit(&protocol.TurnStarted{PromptIDs: ids, Origin: protocol.SourceClient})
}

// outcome is how the turn ends.
func (t *translator) outcome() protocol.Outcome {
	switch {
	case t.turn.interrupted, t.turn.aborted:
		return protocol.OutcomeInterrupted
	case t.turn.failure != nil && t.turn.failure.Code == "content_filter":
		return protocol.OutcomeRefused
	case t.turn.failure != nil && t.turn.failure.Code == "message_output_length":
		return protocol.OutcomeLimit
	case t.turn.failure != nil:
		return protocol.OutcomeFailed
	case t.turn.finish == "length":
		return protocol.OutcomeLimit
	case t.turn.rejected && t.turn.finish == "tool-calls":
		return protocol.OutcomeInterrupted // a plain refusal stops the agent
	default:
		return protocol.OutcomeCompleted
	}
}

// instanceDisposed ends the turn: the folder's instance went away under it.
func (t *translator) instanceDisposed(raw json.RawMessage, o *output) error {
	var e struct {
		Directory string `json:"directory"`
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		return errShape
	}
	if e.Directory == t.directory && t.turn.open && t.turn.busy {
		t.turn.failure = &protocol.Failure{Code: "instance_disposed", Message: "OpenCode closed the session's folder; send the prompt again", Retryable: true}
		t.endTurn(o)
	}
	return nil
}

var _ agents.Replay = (*replay)(nil)

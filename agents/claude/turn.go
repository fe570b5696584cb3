package claude

import (
	"encoding/json"
	"slices"

	"github.com/towline-dev/towline/protocol"
)

// turn is the open turn, if any.
type turn struct {
	open bool
	// began tells that the CLI's init was seen; a turn may be reported before,
	// when the CLI is known to start it by itself.
	began     bool
	promptIDs []string
	// interrupted tells that the CLI wrote its marker of an interrupt.
	interrupted bool
	// failure is the API error that the CLI showed last in this turn.
	failure *protocol.Failure
}

// sentPrompt is a prompt that was written and whose turn has not come.
type sentPrompt struct {
	id, uuid string
	// started tells that the CLI took it out of its queue: it belongs to the
	// turn that is open or comes next, also when it was folded into a running
	// one (section 6, queueing).
	started bool
}

// beginTurn reports the turn that the CLI began. uuids are the prompts that it
// names; without any it is the CLI's own turn, such as the one after a
// background task ended (section 6, self-started turns).
func (t *translator) beginTurn(uuids []string, o *output) {
	ids := t.takePrompts(func(p sentPrompt) bool {
		return slices.Contains(uuids, p.uuid) || (!t.echoes && len(uuids) == 0)
	})
	known := t.turn.open && !slices.ContainsFunc(ids, func(id string) bool { return !slices.Contains(t.turn.promptIDs, id) })
	if known {
		t.turn.began = true
		return
	}
	t.openTurn(ids, o)
	t.turn.began = true
}

// openTurn opens a turn for the prompts; without any it is the agent's own.
func (t *translator) openTurn(ids []string, o *output) {
	origin := protocol.SourceClient
	if len(ids) == 0 {
		origin = protocol.SourceAgent
	}
	t.turn = turn{open: true, promptIDs: ids}
	o.emit(&protocol.TurnStarted{PromptIDs: slices.Clone(ids), Origin: origin})
}

// takePrompts removes the sent prompts that belong, and returns their ids.
func (t *translator) takePrompts(belongs func(sentPrompt) bool) []string {
	ids := []string{}
	t.prompts = slices.DeleteFunc(t.prompts, func(p sentPrompt) bool {
		if belongs(p) {
			ids = append(ids, p.id)
			return true
		}
		return false
	})
	return ids
}

// waiting returns the ids of the prompts that the CLI still has in its queue.
func (t *translator) waiting() []string {
	ids := make([]string, 0, len(t.prompts))
	for _, p := range t.prompts {
		ids = append(ids, p.id)
	}
	return ids
}

// endTurn closes the open turn, and opens the next one if the CLI holds
// prompts: it starts those by itself, all in one turn (section 6, queueing).
func (t *translator) endTurn(end *protocol.TurnEnded, uuids []string, o *output) {
	taken := t.takePrompts(func(p sentPrompt) bool { return p.started || slices.Contains(uuids, p.uuid) })
	if !t.turn.open {
		t.openTurn(taken, o)
	}
	o.emit(end)
	t.turn = turn{}
	t.forgetTurn()
	if t.echoes && len(t.prompts) > 0 {
		t.openTurn(t.waiting(), o)
	}
}

// forgetTurn drops what only the ended turn could add to. A subagent that
// runs in the background goes on, so its tools stay.
func (t *translator) forgetTurn() {
	clear(t.messages)
	clear(t.streams)
	for id, c := range t.tools {
		if c.item.ParentID == "" || len(t.tools) > maxTools {
			delete(t.tools, id)
		}
	}
}

// lifecycle follows a prompt through the CLI's queue.
func (t *translator) lifecycle(frame []byte, o *output) error {
	var f struct {
		UUID  string `json:"command_uuid"`
		State string `json:"state"`
	}
	if err := json.Unmarshal(frame, &f); err != nil {
		return errShape
	}
	t.echoes = true
	at := slices.IndexFunc(t.prompts, func(p sentPrompt) bool { return p.uuid == f.UUID })
	if at < 0 {
		return nil
	}
	switch f.State {
	case "started":
		t.prompts[at].started = true
	case "completed":
		t.dropPrompt(at, protocol.OutcomeCompleted, o)
	case "cancelled":
		t.dropPrompt(at, protocol.OutcomeInterrupted, o)
	}
	return nil
}

// dropPrompt removes a prompt that gets no turn: one that was sent twice (only
// completed comes back, section 4) or was cancelled in the queue. If the
// session waits for its turn, that turn ends.
func (t *translator) dropPrompt(at int, outcome protocol.Outcome, o *output) {
	p := t.prompts[at]
	t.prompts = slices.Delete(t.prompts, at, at+1)
	if t.turn.began || len(t.prompts) > 0 {
		return
	}
	if !t.turn.open {
		t.openTurn([]string{p.id}, o)
	}
	o.emit(&protocol.TurnEnded{Outcome: outcome})
	t.turn = turn{}
}

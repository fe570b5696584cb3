package codex

import (
	"encoding/json"

	"github.com/towline-dev/towline/protocol"
)

// turn is the open turn of the session.
type turn struct {
	// open tells that it was reported; began that the server began it.
	open, began bool
	// awaited is the native turn that was promised and has not begun.
	awaited string
	// stop tells that it shall be interrupted as soon as its id is known.
	stop bool
	// stopping tells that it was asked to stop.
	stopping bool
	// usage is what the session had used when it began.
	usage nativeUsage
}

// nativeTurn is a turn as notifications carry it.
type nativeTurn struct {
	ThreadID string `json:"threadId"`
	Turn     struct {
		ID         string       `json:"id"`
		Status     string       `json:"status"`
		Error      *nativeError `json:"error"`
		DurationMS int64        `json:"durationMs"`
		Items      []struct {
			Type string `json:"type"`
			Text string `json:"text"`
		} `json:"items"`
	} `json:"turn"`
}

// turnStarted begins a turn. One of a subagent is no turn of the session.
func (t *translator) turnStarted(params json.RawMessage, o *output) error {
	var p nativeTurn
	if json.Unmarshal(params, &p) != nil || p.Turn.ID == "" {
		return errShape
	}
	th := t.threadOf(p.ThreadID)
	if th == nil {
		return nil
	}
	th.turn = p.Turn.ID
	if th != t.root {
		return nil
	}
	if !t.told {
		// Only now there is something to resume (PROTOCOL.md section 4).
		t.told = true
		o.emit(&protocol.SessionUpdated{NativeSessionID: &t.root.id})
	}
	t.beginTurn(o)
	return nil
}

// beginTurn reports the turn with the prompts that it takes.
func (t *translator) beginTurn(o *output) {
	ids := []string{}
	for i := 0; i < len(t.prompts); {
		p := t.prompts[i]
		if !p.started && !p.steer {
			ids = append(ids, p.id)
		}
		p.started = true
		if p.echoed {
			t.dropPrompt(p)
			continue
		}
		i++
	}
	stop := t.turn.stop
	t.turn = turn{open: true, began: true, usage: t.usage()}
	origin := protocol.SourceClient
	if len(ids) == 0 {
		origin = protocol.SourceAgent
	}
	o.emit(&protocol.TurnStarted{PromptIDs: ids, Origin: origin})
	if stop {
		t.stopTurn(t.root.turn, o)
	}
}

// outcomes maps how a native turn ends.
var outcomes = map[string]protocol.Outcome{
	"completed": protocol.OutcomeCompleted, "interrupted": protocol.OutcomeInterrupted, "failed": protocol.OutcomeFailed,
}

// turnCompleted ends a turn: the only mark of its end (PROTOCOL.md section 5).
// What the server left open is closed first.
func (t *translator) turnCompleted(params json.RawMessage, o *output) error {
	var p nativeTurn
	if json.Unmarshal(params, &p) != nil {
		return errShape
	}
	outcome, ok := outcomes[p.Turn.Status]
	if !ok {
		return errShape
	}
	t.turnOver(p, outcome, o)
	return nil
}

// turnOver closes a turn whose end was told.
func (t *translator) turnOver(p nativeTurn, outcome protocol.Outcome, o *output) {
	th := t.threadOf(p.ThreadID)
	if th == nil {
		return
	}
	th.turn = ""
	if th != t.root {
		t.subagentTurnEnded(th, p, outcome, o)
		return
	}
	if !t.turn.open {
		t.beginTurn(o)
		th.turn = ""
	}
	end := &protocol.TurnEnded{Outcome: outcome, DurationMS: p.Turn.DurationMS}
	if p.Turn.Error != nil {
		end.Error = p.Turn.Error.failure()
		if p.Turn.Error.isLimit() {
			end.Outcome = protocol.OutcomeLimit
		}
		t.tellLogin(p.Turn.Error, o)
	}
	if outcome == protocol.OutcomeInterrupted {
		// An interrupt does not end commands (PROTOCOL.md section 7).
		o.send(t.call(callClean, "thread/backgroundTerminals/clean", map[string]any{"threadId": th.id}, nil))
	}
	t.endTurn(end, o)
}

// endTurn closes what is open, then the turn.
func (t *translator) endTurn(end *protocol.TurnEnded, o *output) {
	t.withdrawAsks(end.Outcome, o)
	t.closeItems(end.Outcome, o)
	used := t.usage().minus(t.turn.usage)
	if used != (nativeUsage{}) {
		u := used.usage()
		end.Usage = &u
	}
	o.emit(end)
	t.turn = turn{}
	t.prompts = keepUnstarted(t.prompts)
}

// keepUnstarted drops the prompts whose turn is over.
func keepUnstarted(prompts []*sentPrompt) []*sentPrompt {
	var kept []*sentPrompt
	for _, p := range prompts {
		if !p.started {
			kept = append(kept, p)
		}
	}
	return kept
}

// interrupt stops the open turn and those of its subagents. A turn whose id is
// not known yet is stopped when it is.
func (t *translator) interrupt(o *output) {
	if t.root == nil {
		return
	}
	switch {
	case t.root.turn != "":
		t.stopTurn(t.root.turn, o)
	case t.turn.awaited != "":
		t.turn.stop = false
		t.stopTurn(t.turn.awaited, o)
	case len(t.prompts) > 0:
		t.turn.stop = true
	}
	for _, th := range t.threads {
		if th != t.root && th.turn != "" {
			o.send(
				t.call(callInterrupt, "turn/interrupt", map[string]any{"threadId": th.id, "turnId": th.turn}, nil),
				t.call(callClean, "thread/backgroundTerminals/clean", map[string]any{"threadId": th.id}, nil),
			)
		}
	}
}

func (t *translator) stopTurn(id string, o *output) {
	t.turn.stop, t.turn.stopping = false, true
	o.send(t.call(callInterrupt, "turn/interrupt", map[string]any{"threadId": t.root.id, "turnId": id}, nil))
}

// idle tells that no turn is open and none can begin.
func (t *translator) idle() bool {
	return t.root == nil || (t.root.turn == "" && t.turn.awaited == "" && len(keepUnstarted(t.prompts)) == 0)
}

// planUpdated takes the agent's to-do list.
func (t *translator) planUpdated(params json.RawMessage, o *output) error {
	var p struct {
		ThreadID string `json:"threadId"`
		Plan     []struct {
			Step   string `json:"step"`
			Status string `json:"status"`
		} `json:"plan"`
	}
	if json.Unmarshal(params, &p) != nil {
		return errShape
	}
	if t.root == nil || p.ThreadID != t.root.id {
		return nil // a subagent's list would replace the session's
	}
	u := &protocol.PlanUpdated{Entries: []protocol.PlanEntry{}}
	for _, s := range p.Plan {
		status := s.Status
		if status == "inProgress" {
			status = "in_progress"
		}
		u.Entries = append(u.Entries, protocol.PlanEntry{Text: s.Step, Status: status})
	}
	o.emit(u)
	return nil
}

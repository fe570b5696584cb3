package session

import (
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// replayStart is the fixed time of all events of a replay.
var replayStart = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Replay makes the events that a session would have written for recorded
// traffic. It is pure: the same recording gives the same events.
type Replay struct {
	l *ledger
}

// NewReplay returns a replay of a session that was just created.
func NewReplay(sessionID, agent, directory string) *Replay {
	r := &Replay{l: newLedger(sessionID, agent, directory, func() time.Time { return replayStart })}
	r.l.start()
	return r
}

// Report takes what the agent reported.
func (r *Replay) Report(report agents.Report) { r.l.report(report) }

// Command takes a command as the session would have sent it: prompts are
// accepted and open their turn, decisions win and are delivered.
func (r *Replay) Command(c agents.Command) {
	by := protocol.Actor{Kind: "client", ClientID: "replay"}
	switch c := c.(type) {
	case *agents.Prompt:
		r.prompt(c, by)
	case *agents.Decide:
		r.resolve(askPermission, c.PermissionID, &decision{
			Kind: askPermission, Option: c.Option, Message: c.Message, Input: c.Input, By: by,
		})
	case *agents.Answer:
		r.resolve(askQuestion, c.QuestionID, &decision{Kind: askQuestion, Answers: c.Answers, By: by})
	case *agents.RejectQuestion:
		r.resolve(askQuestion, c.QuestionID, &decision{Kind: askQuestion, Reject: true, Message: c.Message, By: by})
	case *agents.Interrupt:
		if r.l.turn != nil {
			r.l.turn.interrupted = true
			r.l.cancelAsks(by, reasonTurnInterrupted)
		}
	case *agents.Configure:
		r.l.update(protocol.SourceClient, &protocol.SessionUpdated{
			Title: c.Title, Model: c.Model, Mode: c.Mode, Effort: c.Effort, PermissionMode: c.PermissionMode,
		})
	}
}

// prompt accepts a prompt: into the open turn, or as a new one.
func (r *Replay) prompt(c *agents.Prompt, by protocol.Actor) {
	parts := make([]protocol.Part, len(c.Content))
	for i, p := range c.Content {
		parts[i] = p.Part
		if len(p.Bytes) > 0 {
			parts[i].Data = p.Bytes
		}
	}
	delivery := protocol.DeliverQueue
	if r.l.turn != nil {
		delivery = protocol.DeliverSteer
	}
	id, _, _ := r.l.acceptPrompt("replay:"+c.PromptID, delivery, 0, parts, &by)
	if r.l.turn == nil {
		r.l.startTurn(protocol.SourceClient, []string{id})
	}
}

// resolve closes a pending ask as a client decided it.
func (r *Replay) resolve(kind askKind, native string, d *decision) {
	a := r.l.pendingNative(kind, native)
	if a == nil {
		return
	}
	d.AskID = a.id
	a.decided = d
	r.l.resolveDecided(a, protocol.DeliveredTrue, "")
}

// Events returns the events so far and forgets them.
func (r *Replay) Events() []protocol.Event { return r.l.take().events }

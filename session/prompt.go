package session

import (
	"errors"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// MaxQueue is how many prompts may wait in a session's queue.
const MaxQueue = 16

// queuedPrompt is an accepted prompt that has not reached the agent.
type queuedPrompt struct {
	ID      string
	Content []protocol.Part // as in its event: data and long texts are blobs
}

// prompt accepts a prompt: it is durable when the client hears of it.
func (s *Session) prompt(commandID string, c *protocol.Prompt, by protocol.Actor, reply func(any, error)) {
	content := c.Content
	if c.Text != "" {
		content = append([]protocol.Part{protocol.TextPart(c.Text)}, content...)
	}
	busy := s.ledger.turn != nil || len(s.queue) > 0
	delivery := c.Delivery
	if delivery == "" || !busy {
		delivery = protocol.DeliverQueue
	}
	switch {
	case c.Delivery == protocol.DeliverReject && busy:
		reply(nil, protocol.Errorf(protocol.CodeBusy, "a turn is open; wait for its end, or send the prompt with delivery queue, steer or interrupt"))
		return
	case delivery == protocol.DeliverSteer && s.ledger.turn != nil:
		s.steer(commandID, content, by, reply)
		return
	case len(s.queue) >= MaxQueue:
		reply(nil, protocol.Errorf(protocol.CodeBusy, "%d prompts wait already; withdraw one or wait for a turn to end", MaxQueue))
		return
	}
	position := len(s.queue)
	if delivery == protocol.DeliverInterrupt {
		position = 0
	}
	id, parts, seq := s.ledger.acceptPrompt(commandID, delivery, position, content, &by)
	q := queuedPrompt{ID: id, Content: parts}
	if delivery == protocol.DeliverInterrupt {
		s.queue = append([]queuedPrompt{q}, s.queue...)
		s.interrupt(by)
	} else {
		s.queue = append(s.queue, q)
	}
	s.dispatch()
	reply(&protocol.PromptResult{PromptID: id, Delivery: delivery, Position: position, Seq: seq}, nil)
}

// steer puts a prompt into the open turn.
func (s *Session) steer(commandID string, content []protocol.Part, by protocol.Actor, reply func(any, error)) {
	if !s.capabilities().Steer {
		reply(nil, protocol.Errorf(protocol.CodeCapabilityMissing, "this agent takes no prompt into an open turn; send it with delivery queue or interrupt"))
		return
	}
	if s.link == nil || s.link.conn == nil || s.held != nil {
		reply(nil, protocol.Errorf(protocol.CodeBusy, "the open turn has not reached the agent yet; send the prompt again in a moment, or with delivery queue"))
		return
	}
	id, parts, seq := s.ledger.acceptPrompt(commandID, protocol.DeliverSteer, 0, content, &by)
	s.whenStored(func() { s.sendPrompt(queuedPrompt{ID: id, Content: parts}, true) })
	reply(&protocol.PromptResult{PromptID: id, Delivery: protocol.DeliverSteer, Seq: seq}, nil)
}

// withdraw takes a prompt out of the queue.
func (s *Session) withdraw(c *protocol.PromptWithdraw, by protocol.Actor, reply func(any, error)) {
	for i, q := range s.queue {
		if q.ID == c.PromptID {
			s.queue = append(s.queue[:i:i], s.queue[i+1:]...)
			s.ledger.add(protocol.SourceClient, &protocol.PromptWithdrawn{PromptID: q.ID, By: &by, Reason: "client"})
			reply(struct{}{}, nil)
			return
		}
	}
	reply(nil, protocol.Errorf(protocol.CodeNotFound, "no prompt of that id waits in the queue; it may have started already (interrupt the turn then)"))
}

// dispatch starts the next prompt's turn if nothing is open. The turn's start
// is stored before a byte goes to the agent, so that after a crash a prompt
// is never delivered twice (RELIABILITY S25).
func (s *Session) dispatch() {
	if s.ledger.turn != nil || s.held != nil || len(s.queue) == 0 || s.leaving || s.ending != nil || s.ledger.ended {
		return
	}
	if s.link != nil && s.link.closing {
		return // linkEnded comes, then the next dispatch
	}
	q := s.queue[0]
	s.queue = s.queue[1:]
	s.held = &q
	s.ledger.startTurn(protocol.SourceClient, []string{q.ID})
	s.ledger.turn.held = true
	s.whenStored(func() {
		if s.held == &q {
			s.deliver()
		}
	})
}

// whenStored runs f on the owner once everything so far is durable.
func (s *Session) whenStored(f func()) {
	s.stage(func(p *pending) {
		p.durable = true
		p.after = append(p.after, func(err error) {
			if err == nil {
				s.inbox.put(f)
			}
		})
	})
}

// deliver hands the held prompt to the agent, starting it if need be.
func (s *Session) deliver() {
	if s.link == nil {
		s.open()
		return
	}
	if s.link.conn == nil || s.link.closing {
		return // opened or linkEnded goes on from there
	}
	q := *s.held
	s.held = nil
	s.ledger.turn.held = false
	s.sendPrompt(q, false)
}

// sendPrompt hands a prompt to the courier.
func (s *Session) sendPrompt(q queuedPrompt, steer bool) {
	t := s.ledger.turn
	s.send(outgoing{
		command: func() (agents.Command, error) {
			content, err := s.resolve(q.Content)
			return &agents.Prompt{PromptID: q.ID, Content: content, Steer: steer}, err
		},
		done: func(err error) {
			if err == nil {
				return
			}
			if !steer && s.ledger.turn == t && errors.Is(err, errNotEntered) {
				s.ledger.endTurn(protocol.SourceServer, &protocol.TurnEnded{Outcome: protocol.OutcomeInterrupted}, reasonTurnInterrupted)
				return
			}
			if steer || s.ledger.turn != t {
				s.ledger.add(protocol.SourceServer, &protocol.ErrorEvent{
					Code: string(protocol.CodeOf(err)), Message: "a prompt did not reach the agent: " + protocol.AsError(err).Message,
				})
				return
			}
			s.failTurn(err)
		},
	})
}

// failTurn ends the open turn with an error of ours.
func (s *Session) failTurn(err error) {
	e := protocol.AsError(err)
	s.ledger.endTurn(protocol.SourceServer, &protocol.TurnEnded{
		Outcome: protocol.OutcomeFailed,
		Error:   &protocol.Failure{Code: string(e.Code), Message: e.Message, Details: e.Details},
	}, reasonTurnEnded)
}

// capabilities returns what the agent says it does.
func (s *Session) capabilities() protocol.Capabilities { return s.agent.Capabilities() }

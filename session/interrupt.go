package session

import (
	"context"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// interruptGrace is how long an agent may take to end an interrupted turn.
// After that it is stopped, and the next prompt resumes it.
const interruptGrace = 5 * time.Second

// errNotEntered is what becomes of a prompt that is being typed, or waits for
// it, when a person interrupts.
var errNotEntered = protocol.Errorf(protocol.CodeBusy, "the turn was interrupted before this prompt was entered; send it again if it is still wanted")

// interrupt stops the open turn: its asks are cancelled at once, so that no
// later decision can count, and the agent is told. Without a turn it does
// nothing.
func (s *Session) interrupt(by protocol.Actor) {
	t := s.ledger.turn
	if t == nil {
		return
	}
	t.interrupted = true
	s.ledger.cancelAsks(by, reasonTurnInterrupted)
	if s.held != nil { // it has not reached the agent
		s.dropHeld()
		return
	}
	l := s.link
	if l == nil || l.conn == nil {
		return
	}
	if _, types := l.conn.(agents.TerminalConn); types {
		l.stopTyping(errNotEntered) // at once: the courier may be busy with typing
		l.typing, l.stopTyping = context.WithCancelCause(context.Background())
	}
	s.send(outgoing{
		command: func() (agents.Command, error) { return &agents.Interrupt{}, nil },
		done:    func(error) {}, // the grace below covers an agent that did not hear
	})
	time.AfterFunc(interruptGrace, func() {
		s.inbox.put(func() {
			if s.ledger.turn == t && s.link == l {
				s.closeLink()
			}
		})
	})
}

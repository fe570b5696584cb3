package session

import (
	"github.com/towline-dev/towline/protocol"
)

// ending is a session on its way out: it waits for its agent to be gone.
type ending struct {
	by    protocol.Actor
	reply func(any, error)
}

// end ends the session: the queue is withdrawn, asks are cancelled, the agent
// is stopped; then session.ended is written and the command answered.
func (s *Session) end(e *ending) {
	s.ending = e
	for _, q := range s.queue {
		s.ledger.add(protocol.SourceServer, &protocol.PromptWithdrawn{PromptID: q.ID, By: &e.by, Reason: reasonSessionClosed})
	}
	s.queue = nil
	s.ledger.cancelAsks(e.by, reasonSessionClosed)
	if t := s.ledger.turn; t != nil {
		t.interrupted = true
		s.dropHeld()
	}
	if s.link == nil {
		s.finishEnd()
		return
	}
	s.closeLink()
}

// dropHeld ends the turn of a prompt that has not reached the agent.
func (s *Session) dropHeld() {
	if s.held == nil {
		return
	}
	s.held = nil
	s.ledger.endTurn(protocol.SourceServer, &protocol.TurnEnded{Outcome: protocol.OutcomeInterrupted}, reasonTurnInterrupted)
}

// finishEnd writes session.ended.
func (s *Session) finishEnd() {
	e := s.ending
	s.ending = nil
	s.ledger.end(&protocol.SessionEnded{Reason: "terminated", By: protocol.SourceClient})
	e.reply(struct{}{}, nil)
}

// shutdown is posted when the server stops: what is open is told as cut by the
// shutdown, the agent is stopped, and the owner ends. Prompts that wait stay
// in the queue and run after the next start.
func (s *Session) shutdown() {
	s.leaving = true
	s.ledger.cancelAsks(protocol.Actor{Kind: "server"}, reasonShutdown)
	s.held = nil
	if s.ledger.turn != nil {
		s.ledger.endTurn(protocol.SourceServer, &protocol.TurnEnded{
			Outcome: protocol.OutcomeFailed,
			Error:   &protocol.Failure{Code: "server_shutdown", Message: "the server was stopped; the next prompt resumes the agent", Retryable: true},
		}, reasonShutdown)
	}
	s.closeLink()
}

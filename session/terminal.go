package session

import (
	"context"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// TerminalRequest says which terminal of a session is wanted.
type TerminalRequest struct {
	// Run is the life of the program that a client has seen before; empty for
	// any. A run that has ended is not replaced by a new one, so that a client
	// that was cut off learns of the end.
	Run string
	// Start starts the program if it does not run.
	Start bool
}

// Terminal returns the session's live terminal. It may be used after the
// program's end, and by any goroutine. Refusals: capability_missing if the
// agent has none, agent_not_running if the program does not run and is not to
// be started, or what kept it from starting.
func (s *Session) Terminal(ctx context.Context, r TerminalRequest) (agents.Terminal, error) {
	type answer struct {
		terminal agents.Terminal
		opening  *link
		err      error
	}
	for tries := 0; ; tries++ {
		found := make(chan answer, 1)
		s.inbox.put(func() {
			t, l, err := s.terminal(r, tries == 0)
			found <- answer{t, l, err}
		})
		var a answer
		select {
		case a = <-found:
		case <-s.done:
			return nil, draining()
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if a.err != nil || a.terminal != nil {
			return a.terminal, a.err
		}
		select {
		case <-a.opening.opened:
		case <-s.done:
			return nil, draining()
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if err := a.opening.failed; err != nil {
			return nil, err
		}
	}
}

// terminal returns the terminal, or the link that has to open first.
func (s *Session) terminal(r TerminalRequest, first bool) (agents.Terminal, *link, error) {
	if _, ok := s.agent.(agents.TerminalAgent); !ok {
		return nil, nil, protocol.Errorf(protocol.CodeCapabilityMissing, "this session's agent has no terminal; attach to its events instead")
	}
	over := s.ledger.ended || s.ending != nil
	switch {
	case s.screen != nil && r.Run == s.screen.Run():
		return s.screen, nil, nil
	case s.leaving:
		return nil, nil, draining()
	case s.link != nil && s.link.conn == nil:
		return nil, s.link, nil
	case s.screen == nil && r.Run != "" && r.Run == s.past && !over:
		return nil, nil, protocol.Errorf(protocol.CodeAgentNotRunning,
			"the program on this terminal has ended, and its output is no longer kept; attach anew to start it again")
	case s.link == nil && r.Start && first && !over:
		s.open()
		return nil, s.link, nil
	case s.screen != nil:
		return s.screen, nil, nil
	case over:
		return nil, nil, protocol.Errorf(protocol.CodeAgentNotRunning, "the session has ended, and its terminal with it; create a new one")
	default:
		return nil, nil, protocol.Errorf(protocol.CodeAgentNotRunning,
			"the program on this terminal does not run; attach with a credential that has the scope prompt to start it")
	}
}

// terminalKept is how long a terminal is kept after its program's end, for
// clients that come back: it takes a megabyte and more.
const terminalKept = 5 * time.Minute

// forgetTerminal forgets the terminal of a program that has just ended, some
// minutes later. Who reads it then reads on.
func (s *Session) forgetTerminal() {
	if s.screen == nil {
		return
	}
	run := s.screen.Run()
	time.AfterFunc(terminalKept, func() {
		s.inbox.put(func() {
			if s.screen != nil && s.screen.Run() == run {
				s.screen, s.past = nil, run
			}
		})
	})
}

// noteTerminal keeps the terminal of a connection, if it has one.
func (s *Session) noteTerminal(conn agents.Conn) {
	if c, ok := conn.(agents.TerminalConn); ok {
		s.screen = c.Terminal()
	}
}

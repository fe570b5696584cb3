package session

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

const (
	// openLimit bounds the start of an agent.
	openLimit = 60 * time.Second
	// sendLimit bounds one write to an agent that does not read.
	sendLimit = 10 * time.Second
	// courierQueue is how many commands may wait for an agent that does not
	// read.
	courierQueue = 64
	// reportCredits is how many batches of reports may be on their way to the
	// disk before the agent is no longer read from: back-pressure.
	reportCredits = 16
)

// link is a session's connection to its agent, from the start of opening it
// until nothing of it is left. Its goroutines are the session's tasks.
type link struct {
	conn    agents.Conn   // nil while opening
	opened  chan struct{} // closed when opening is over; failed is set then
	failed  error
	cancel  context.CancelFunc
	courier chan outgoing
	credits chan struct{}
	// typing ends with the next interrupt: a prompt that is typed as a person
	// would (agents.TerminalConn) is not entered after it.
	typing     context.Context //nolint:containedctx // the time between two interrupts, no call's
	stopTyping context.CancelCauseFunc
	closing    bool
	gone       atomic.Bool
}

// outgoing is a command on its way to the agent. command runs on the courier;
// done runs on the owner: nil if the agent's side of the pipe has it, a
// *protocol.Error if nothing was delivered, another error if that is unknown.
type outgoing struct {
	command func() (agents.Command, error)
	done    func(error)
	// until is set by send: what is not delivered by then need not be.
	until context.Context //nolint:containedctx // ends while the command waits, too
}

// start says how to open the native session.
func (s *Session) start() agents.Start {
	k, req := s.ledger.known, s.rec.Request
	st := agents.Start{
		SessionID: s.id, Directory: req.Directory, Model: k.Model, Mode: k.Mode, Effort: k.Effort,
		PermissionMode: k.PermissionMode, SystemPrompt: req.SystemPrompt, Env: req.Env, MCP: req.MCP,
		Resume: k.Native, KeepRaw: req.Raw, Spent: s.ledger.usage,
	}
	if k.Native == "" {
		st.Resume = req.Resume
		st.Fork = s.rec.ForkedOf != ""
	}
	return st
}

// open begins to open the agent; opened goes on.
func (s *Session) open() {
	ctx, cancel := context.WithTimeout(context.Background(), openLimit)
	l := &link{
		cancel: cancel, opened: make(chan struct{}),
		courier: make(chan outgoing, courierQueue), credits: make(chan struct{}, reportCredits),
	}
	l.typing, l.stopTyping = context.WithCancelCause(context.Background())
	s.link = l
	starting := protocol.StatusStarting
	s.ledger.update(protocol.SourceServer, &protocol.SessionUpdated{Status: &starting})
	st := s.start()
	s.tasks.Go(func() {
		conn, err := s.agent.Open(ctx, st)
		cancel()
		s.inbox.put(func() { s.opened(l, conn, err) })
	})
}

// opened takes the outcome of open.
func (s *Session) opened(l *link, conn agents.Conn, err error) {
	l.failed = err
	defer close(l.opened)
	running := protocol.StatusRunning
	if s.ledger.turn == nil {
		running = protocol.StatusIdle
	}
	s.ledger.update(protocol.SourceServer, &protocol.SessionUpdated{Status: &running})
	if err != nil {
		s.link = nil
		s.openFailed(err)
		return
	}
	l.conn = conn
	s.noteTerminal(conn)
	s.tasks.Go(func() { s.pump(l) })
	s.tasks.Go(func() { s.deliverAll(l) })
	if l.closing {
		s.closeConn(l)
		return
	}
	if s.held != nil {
		s.deliver()
	}
}

// openFailed ends the held prompt's turn: the agent could not be started.
func (s *Session) openFailed(err error) {
	if protocol.CodeOf(err) == protocol.CodeInternal {
		s.m.o.Log.Error().Err(err).Str("session", s.id).Str("agent", s.agent.Name()).Msg("Cannot start the agent")
		err = protocol.Errorf(protocol.CodeAgentStartFailed, "the agent could not be started; the server's log has the cause")
	}
	if s.held != nil {
		s.held = nil
		s.failTurn(err)
	}
	s.settle()
}

// pump reads the agent's reports and gives them to the owner, as long as there
// are credits: an agent that outruns the disk is simply not read from.
func (s *Session) pump(l *link) {
	for {
		reports, err := l.conn.Recv()
		if len(reports) > 0 {
			l.credits <- struct{}{}
			s.inbox.put(func() { s.reported(l, reports) })
		}
		if err != nil {
			s.inbox.put(func() { s.linkEnded(l) })
			return
		}
	}
}

// reported takes reports; their credit comes back when they are stored. After
// an exit nothing more goes to the agent: what comes now is for its next run.
func (s *Session) reported(l *link, reports []agents.Report) {
	for _, r := range reports {
		s.ledger.report(r)
		if s.link == l && slices.ContainsFunc(r.Events, isExit) {
			s.closeLink()
		}
	}
	if len(s.ledger.out.events) == 0 {
		<-l.credits
		return
	}
	s.stage(func(p *pending) {
		p.after = append(p.after, func(error) { <-l.credits })
	})
}

// isExit tells the event that is the last one of an agent.
func isExit(d protocol.Data) bool { return d.EventType() == protocol.TypeAgentExited }

// send gives a command to the courier.
func (s *Session) send(o outgoing) {
	l := s.link
	if l == nil || l.conn == nil || l.closing {
		o.done(protocol.Errorf(protocol.CodeAgentNotRunning, "the agent is not running; the next prompt starts it"))
		return
	}
	o.until = l.typing
	select {
	case l.courier <- o:
	default:
		o.done(protocol.Errorf(protocol.CodeBusy, "the agent does not read what it is sent; interrupt the turn or try again later"))
	}
}

// deliverAll is the courier: it alone sends to the agent, in order. When a
// delivery's outcome is unknown the connection is of no more use.
func (s *Session) deliverAll(l *link) {
	for o := range l.courier {
		err := s.deliverOne(l, o)
		s.inbox.put(func() { o.done(err) })
		if err != nil && !isRefusal(err) {
			s.inbox.put(func() {
				if s.link == l {
					s.closeLink()
				}
			})
		}
	}
}

// deliverOne makes and sends one command.
func (s *Session) deliverOne(l *link, o outgoing) error {
	if l.gone.Load() {
		return protocol.Errorf(protocol.CodeAgentNotRunning, "the agent is not running; the next prompt starts it")
	}
	c, err := o.command()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(o.until, sendLimit)
	defer cancel()
	return l.conn.Send(ctx, c)
}

// isRefusal tells an error after which nothing was delivered.
func isRefusal(err error) bool {
	_, ok := errors.AsType[*protocol.Error](err)
	return ok
}

// closeLink begins to end the agent's connection; linkEnded goes on.
func (s *Session) closeLink() {
	l := s.link
	if l == nil || l.closing {
		return
	}
	l.closing = true
	l.cancel()
	if l.conn != nil {
		s.closeConn(l)
	}
}

// closeConn runs the agent's stop sequence.
func (s *Session) closeConn(l *link) {
	l.closing = true
	s.tasks.Go(func() {
		if err := l.conn.Close(); err != nil {
			s.m.o.Log.Warn().Err(err).Str("session", s.id).Msg("Cannot stop the agent cleanly")
		}
	})
}

// linkEnded takes the end of the agent's connection: what it left open is
// closed, and the next prompt starts the agent again.
func (s *Session) linkEnded(l *link) {
	l.gone.Store(true)
	close(l.courier)
	if s.link == l {
		s.link = nil
		s.forgetTerminal()
	}
	if !l.closing {
		s.closeConn(l) // reaps what the agent left behind
	}
	s.ledger.agentExited(protocol.SourceServer, &protocol.AgentExited{Message: "the connection to the agent ended"})
	s.settle()
}

// settle goes on after the agent is gone: it finishes an end that waited.
func (s *Session) settle() {
	if s.ending != nil {
		s.finishEnd()
	}
	if s.held != nil && s.link == nil {
		s.deliver()
	}
	if s.resting() && s.rowOpen {
		s.rest()
	}
}

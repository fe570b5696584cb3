package session

import (
	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// configure changes the session's settings. They hold from the next prompt on
// at the latest; a running agent is told at once.
func (s *Session) configure(c *protocol.SessionConfigure, reply func(any, error)) {
	next := s.start()
	for _, f := range []struct {
		name string
		to   *string
		from *string
	}{
		{"model", &next.Model, c.Model},
		{"mode", &next.Mode, c.Mode},
		{"effort", &next.Effort, c.Effort},
		{"permission_mode", &next.PermissionMode, c.PermissionMode},
	} {
		if f.from == nil {
			continue
		}
		if err := agents.CheckValue(f.name, *f.from); err != nil {
			reply(nil, err)
			return
		}
		*f.to = *f.from
	}
	if err := check(s.agent, next); err != nil {
		reply(nil, err)
		return
	}
	s.ledger.update(protocol.SourceClient, &protocol.SessionUpdated{
		Title: c.Title, Model: c.Model, Mode: c.Mode, Effort: c.Effort, PermissionMode: c.PermissionMode,
	})
	if s.link != nil && s.link.conn != nil && !s.ledger.ended {
		s.whenStored(func() { s.sendConfigure(c) })
	}
	reply(struct{}{}, nil)
}

// sendConfigure tells a running agent.
func (s *Session) sendConfigure(c *protocol.SessionConfigure) {
	s.send(outgoing{
		command: func() (agents.Command, error) {
			return &agents.Configure{Title: c.Title, Model: c.Model, Mode: c.Mode, Effort: c.Effort, PermissionMode: c.PermissionMode}, nil
		},
		done: func(err error) {
			if err != nil {
				s.ledger.add(protocol.SourceServer, &protocol.Notice{
					Level: "warning", Code: "configure", Message: "the running agent was not told of the new settings; they hold when it starts again",
				})
			}
		},
	})
}

// check asks an agent that can tell whether it would take these settings.
func check(a agents.Agent, st agents.Start) error {
	if c, ok := a.(agents.Checker); ok {
		return c.Check(st)
	}
	return nil
}

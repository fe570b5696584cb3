package session

import (
	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// configure changes the session's settings. They hold from the next prompt on
// at the latest; a running agent is told at once. checkSettings has passed.
func (s *Session) configure(c *protocol.SessionConfigure, reply func(any, error)) {
	s.ledger.update(protocol.SourceClient, &protocol.SessionUpdated{
		Title: c.Title, Model: c.Model, Mode: c.Mode, Effort: c.Effort, PermissionMode: c.PermissionMode,
	})
	if s.link != nil && s.link.conn != nil && !s.ledger.ended {
		s.whenStored(func() { s.sendConfigure(c) })
	}
	reply(struct{}{}, nil)
}

// checkSettings refuses settings that the agent would not take. It runs on the
// caller's goroutine, since an agent may have to ask its process.
func (s *Session) checkSettings(c *protocol.SessionConfigure) error {
	info := s.Info()
	next := agents.Start{
		SessionID: s.id, Directory: info.Directory, Model: info.Model, Mode: info.Mode, Effort: info.Effort,
		PermissionMode: info.PermissionMode, Resume: info.NativeSessionID,
	}
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
			return err
		}
		*f.to = *f.from
	}
	return check(s.agent, next)
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

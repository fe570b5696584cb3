package codex

import (
	"context"
	"io"
	"sync"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// loginConn is the connection of a session that nobody is logged in for.
// Without it the first turn would try to reach the model for a minute
// (PROTOCOL.md section 2). It says so, fails the first prompt and ends; the
// next prompt looks again.
type loginConn struct {
	once sync.Once
	told bool
	// over is closed by the prompt or by Close; failed tells that a prompt
	// waits for its end.
	over   chan struct{}
	failed bool
	ended  bool
}

var _ agents.Conn = (*loginConn)(nil)

func newLoginConn() *loginConn { return &loginConn{over: make(chan struct{})} }

// Recv returns the notice, then, once a prompt came, its failed turn.
func (c *loginConn) Recv() ([]agents.Report, error) {
	if !c.told {
		c.told = true
		return []agents.Report{{Events: []protocol.Data{&protocol.Notice{Level: "warning", Code: "auth_required", Message: loginAdvice}}}}, nil
	}
	<-c.over
	if !c.failed || c.ended {
		return nil, io.EOF
	}
	c.ended = true
	return []agents.Report{{Events: []protocol.Data{&protocol.TurnEnded{
		Outcome: protocol.OutcomeFailed,
		Error:   &protocol.Failure{Code: string(protocol.CodeAgentStartFailed), Message: loginAdvice},
	}}}}, nil
}

// Send takes one prompt, to fail it.
func (c *loginConn) Send(_ context.Context, command agents.Command) error {
	if _, ok := command.(*agents.Prompt); !ok {
		return notOpen()
	}
	err := error(notOpen())
	c.once.Do(func() {
		err = nil
		c.failed = true
		close(c.over)
	})
	return err
}

// Close ends Recv.
func (c *loginConn) Close() error {
	c.once.Do(func() { close(c.over) })
	return nil
}

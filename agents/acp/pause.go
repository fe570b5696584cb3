package acp

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// pausing is a connection to an agent that needs a moment after a turn that
// failed (Quirks.AfterFailure). It is no part of the translator, which has no
// clock.
type pausing struct {
	*agents.Stdio
	*pause
}

// pause is when the next prompt may be sent.
type pause struct {
	after time.Duration
	until atomic.Pointer[time.Time]
}

// look notes the end of a turn that failed.
func (p *pause) look(out agents.Output) {
	for _, d := range out.Events {
		if e, ok := d.(*protocol.TurnEnded); ok && e.Outcome == protocol.OutcomeFailed && p.after > 0 {
			until := time.Now().Add(p.after)
			p.until.Store(&until)
		}
	}
}

// Send sends a command, a prompt not before its time.
func (p pausing) Send(ctx context.Context, c agents.Command) error {
	until := p.until.Load()
	if _, ok := c.(*agents.Prompt); ok && until != nil {
		timer := time.NewTimer(time.Until(*until))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return protocol.Errorf(protocol.CodeTimeout, "the prompt was not sent in time; send it again")
		}
	}
	return p.Stdio.Send(ctx, c)
}

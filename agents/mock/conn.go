package mock

import (
	"cmp"
	"context"
	"errors"
	"io"
	"sync"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// backlog is how many reports may wait for Recv before a script is held back.
const backlog = 256

var (
	errInterrupted = errors.New("the turn was interrupted")
	errClosed      = errors.New("the connection was closed")
)

// Conn is one open native session.
type Conn struct {
	agent *Agent
	start agents.Start
	id    string

	// life ends when the connection is closed.
	life context.Context //nolint:containedctx // the connection's life, not a call's
	kill context.CancelCauseFunc
	// next holds the turn that run shall take up.
	next chan *turn
	// done is closed when run has returned.
	done chan struct{}
	// more wakes Recv; room wakes a script that was held back.
	more, room chan struct{}

	mu      sync.Mutex
	memory  memory
	turn    *turn // the open turn
	pending []agents.Report
	ended   bool // no report will come after pending
}

func newConn(a *Agent, s agents.Start, id string, m memory) *Conn {
	c := &Conn{
		agent: a, start: s, id: id, memory: m,
		next: make(chan *turn, 1), done: make(chan struct{}),
		more: make(chan struct{}, 1), room: make(chan struct{}, 1),
	}
	c.life, c.kill = context.WithCancelCause(context.Background())
	return c
}

// run reports the opening, then runs one script after the other until the
// connection is closed or a script ends it.
func (c *Conn) run() {
	defer close(c.done)
	c.put(&protocol.AgentStarted{Version: Version})
	c.put(&protocol.SessionStarted{
		Agent: name, AgentVersion: Version, NativeSessionID: c.id, Directory: c.start.Directory,
		Model: c.memory.model, Mode: c.memory.mode, Resumed: c.start.Resume != "",
	})
	c.put(&protocol.CommandsUpdated{Commands: slashCommands()})
	exit := &protocol.AgentExited{ExitCode: new(int), Message: "the connection was closed"}
	for {
		select {
		case t := <-c.next:
			if e := t.run(); e != nil {
				c.finish(e)
				return
			}
		case <-c.life.Done():
			c.finish(exit)
			return
		}
	}
}

// finish reports the exit and lets Recv end.
func (c *Conn) finish(exit *protocol.AgentExited) {
	c.kill(errClosed)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn = nil
	c.pending = append(c.pending, agents.Report{Events: []protocol.Data{exit}})
	c.ended = true
	wake(c.more)
}

// Send takes a command. It never blocks. Refusals: agent_not_running after the
// end, busy for a prompt while a turn is open, invalid_request for a steering
// prompt without a turn, permission_closed for an ask that does not wait.
func (c *Conn) Send(_ context.Context, cmd agents.Command) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended || c.life.Err() != nil {
		return protocol.Errorf(protocol.CodeAgentNotRunning, "the mock agent has ended; send a prompt to start it again")
	}
	switch cmd := cmd.(type) {
	case *agents.Prompt:
		return c.promptLocked(cmd)
	case *agents.Interrupt:
		if c.turn != nil {
			c.turn.stop(errInterrupted)
		}
		return nil
	case *agents.Decide:
		return c.answerLocked(cmd.PermissionID, cmd)
	case *agents.Answer:
		return c.answerLocked(cmd.QuestionID, cmd)
	case *agents.RejectQuestion:
		return c.answerLocked(cmd.QuestionID, cmd)
	case *agents.Configure:
		return c.configureLocked(cmd)
	default:
		return protocol.Errorf(protocol.CodeCapabilityMissing, "the mock agent cannot do this; it takes prompts, decisions, answers, interrupts and settings")
	}
}

func (c *Conn) promptLocked(p *agents.Prompt) error {
	switch {
	case p.Steer && (c.turn == nil || c.turn.ctx.Err() != nil):
		return protocol.Errorf(protocol.CodeInvalidRequest, "no turn is open to steer; send the prompt with delivery queue")
	case p.Steer:
		c.turn.steers = append(c.turn.steers, p)
		wake(c.turn.nudge)
		return nil
	case c.turn != nil:
		return protocol.Errorf(protocol.CodeBusy, "a turn is open; wait for its end, steer or interrupt it")
	}
	c.memory.prompts++
	c.turn = newTurn(c, p)
	c.next <- c.turn // it has room: there was no turn
	return nil
}

// answerLocked gives an answer to the ask that waits for it.
func (c *Conn) answerLocked(id string, cmd agents.Command) error {
	if c.turn == nil || c.turn.asking != id || c.turn.ctx.Err() != nil {
		return protocol.Errorf(protocol.CodePermissionClosed, "the mock agent does not wait for this answer any more")
	}
	c.turn.asking = ""
	c.turn.answers <- cmd // it has room: one ask waits, and is answered once
	return nil
}

// configureLocked changes settings and reports what changed, all or nothing.
func (c *Conn) configureLocked(cmd *agents.Configure) error {
	var model, mode, permission string
	for _, s := range []struct{ from, to *string }{{cmd.Model, &model}, {cmd.Mode, &mode}, {cmd.PermissionMode, &permission}} {
		if s.from != nil {
			*s.to = *s.from
		}
	}
	if cmd.Effort != nil {
		return noEffort()
	}
	if err := firstError(checkModel(model), checkMode("mode", mode, modes), checkMode("permission_mode", permission, permissionModes)); err != nil {
		return err
	}
	c.memory.model = cmp.Or(model, c.memory.model)
	c.memory.mode = cmp.Or(mode, c.memory.mode)
	c.memory.permissionMode = cmp.Or(permission, c.memory.permissionMode)
	c.putLocked(&protocol.SessionUpdated{Title: cmd.Title, Model: cmd.Model, Mode: cmd.Mode, PermissionMode: cmd.PermissionMode})
	return nil
}

// Recv blocks for reports; io.EOF after the last one.
func (c *Conn) Recv() ([]agents.Report, error) {
	for {
		c.mu.Lock()
		reports, ended := c.pending, c.ended
		c.pending = nil
		c.mu.Unlock()
		if len(reports) > 0 {
			wake(c.room)
			return reports, nil
		}
		if ended {
			return nil, io.EOF
		}
		<-c.more
	}
}

// Close stops the script, waits for it and lets Recv end.
func (c *Conn) Close() error {
	c.kill(errClosed)
	<-c.done
	return nil
}

// put reports events as one report, whatever waits already.
func (c *Conn) put(events ...protocol.Data) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.putLocked(events...)
}

func (c *Conn) putLocked(events ...protocol.Data) {
	c.pending = append(c.pending, agents.Report{Events: events})
	wake(c.more)
}

// wake puts a token into a signal channel, unless one is there.
func wake(signal chan struct{}) {
	select {
	case signal <- struct{}{}:
	default:
	}
}

// snapshot returns what the native session knows now.
func (c *Conn) snapshot() memory {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.memory.clone()
}

// allow remembers that a kind of permission was allowed for the session.
func (c *Conn) allow(kind protocol.PermissionKind) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.memory.allowed[kind] = true
}

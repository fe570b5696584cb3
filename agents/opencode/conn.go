package opencode

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/opencode/project"
	"github.com/towline-dev/towline/protocol"
)

const (
	// settleTime is how long a failed turn waits for its second idle
	// (section 8.1).
	settleTime = 1500 * time.Millisecond
	// closeTime bounds what Close asks of the server.
	closeTime = 2 * time.Second
	// maxWaiting bounds the reports that nobody has taken, in bytes of their
	// frames: one session that is not read must not fill the memory of all.
	maxWaiting = 64 << 20
)

// conn is one native session of the shared server. Its events come from the
// server's stream, its commands go out as requests of its own.
type conn struct {
	life      *life
	session   string
	directory string
	keepRaw   bool
	// gate is the translator's; nil for none.
	gate *project.Gate

	// tasks are the goroutine that performs the requests which events lead
	// to, and one for each request that is answered at the end of a turn.
	tasks  sync.WaitGroup
	ctx    context.Context //nolint:containedctx // the conn's own end
	cancel context.CancelFunc
	// wake and work have room for one: something is waiting, something is to
	// be done.
	wake, work chan struct{}
	// sending keeps commands in order.
	sending sync.Mutex
	closing sync.Once

	mu         sync.Mutex
	translator *translator
	waiting    []agents.Report
	bytes      int
	requests   []request
	settle     *time.Timer
	looks      *time.Timer
	ended      bool
	// turnAt is when the newest turn began; turns tells which that is.
	turnAt time.Time
	turns  int
}

var _ agents.Conn = (*conn)(nil)

// newConn returns a conn whose goroutine runs.
func newConn(l *life, t *translator, keepRaw bool) *conn {
	ctx, cancel := context.WithCancel(context.Background())
	c := &conn{
		life: l, session: t.session, directory: t.directory, keepRaw: keepRaw, gate: t.gate, translator: t,
		ctx: ctx, cancel: cancel, wake: make(chan struct{}, 1), work: make(chan struct{}, 1),
	}
	c.tasks.Go(c.perform)
	return c
}

// signal wakes whoever waits on a channel with room for one.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// deliver takes an event of the stream.
func (c *conn) deliver(e event, frame []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	o := c.translator.native(e, frame)
	if c.keepRaw {
		o.Raw = slices.Clone(frame)
	}
	c.applyLocked(o, len(frame))
}

// applyLocked does what the translator wants.
func (c *conn) applyLocked(o output, size int) {
	if len(o.Events) > 0 {
		c.reportLocked(o.Report, size)
	}
	if len(o.Requests) > 0 {
		c.requests = append(c.requests, o.Requests...)
		signal(c.work)
	}
	if c.turns != c.translator.turns {
		c.turns, c.turnAt = c.translator.turns, time.Now()
	}
	if o.Look {
		c.looks = time.AfterFunc(settleTime, c.look)
	}
	if o.Settle {
		c.settle = time.AfterFunc(settleTime, c.settled)
	}
	if o.Gone {
		c.endLocked("OpenCode's session was deleted")
	}
}

// settled tells the translator that the second idle did not come.
func (c *conn) settled() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.applyLocked(c.translator.settled(), 0)
	}
}

// report hands a report to Recv.
func (c *conn) report(r agents.Report) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reportLocked(r, 0)
}

func (c *conn) reportLocked(r agents.Report, size int) {
	if c.ended {
		return
	}
	if c.bytes += size; c.bytes > maxWaiting {
		c.endLocked("the session took its events too slowly")
		return
	}
	c.waiting = append(c.waiting, r)
	signal(c.wake)
}

// endLocked ends the conn: nothing comes after the reports that wait.
func (c *conn) endLocked(why string) {
	c.exitLocked(&protocol.AgentExited{Message: why})
}

// exited tells the end of the process.
func (c *conn) exited(d *protocol.AgentExited) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.exitLocked(d)
}

func (c *conn) exitLocked(d *protocol.AgentExited) {
	if c.ended {
		return
	}
	c.waiting = append(c.waiting, agents.Report{Events: []protocol.Data{d}})
	c.stopLocked()
}

// stopLocked lets Recv end.
func (c *conn) stopLocked() {
	c.ended = true
	for _, timer := range []*time.Timer{c.settle, c.looks} {
		if timer != nil {
			timer.Stop()
		}
	}
	signal(c.wake)
}

// Recv returns the next reports, then io.EOF.
func (c *conn) Recv() ([]agents.Report, error) {
	for {
		c.mu.Lock()
		reports, ended := c.waiting, c.ended
		c.waiting, c.bytes = nil, 0
		c.mu.Unlock()
		if len(reports) > 0 {
			return reports, nil
		}
		if ended {
			return nil, io.EOF
		}
		<-c.wake
	}
}

// Send turns a command into requests and performs them.
func (c *conn) Send(ctx context.Context, cmd agents.Command) error {
	c.sending.Lock()
	defer c.sending.Unlock()
	if _, ok := cmd.(*agents.Prompt); ok && c.gate != nil {
		// The server loads plugins with a prompt, and those may be newer than
		// the session.
		if err := c.gate.Check(); err != nil {
			return err
		}
	}
	c.mu.Lock()
	if c.ended {
		c.mu.Unlock()
		return notRunning()
	}
	o, err := c.translator.command(cmd)
	requests := o.Requests
	o.Requests = nil
	c.applyLocked(o, 0)
	c.mu.Unlock()
	if err != nil {
		return err
	}
	for _, r := range requests {
		if err := c.request(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// notRunning is the refusal of a conn whose process has ended.
func notRunning() *protocol.Error {
	return protocol.Errorf(protocol.CodeAgentNotRunning, "OpenCode is not running; the next prompt starts it")
}

// request performs one request of a command. Plumbing that fails is not the
// command's affair.
func (c *conn) request(ctx context.Context, r request) error {
	if r.Long {
		c.tasks.Go(func() { c.answer(c.ctx, r, longTime) })
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	a, err := c.life.client.do(ctx, r, c.directory)
	switch {
	case err != nil && r.Kind == askPlumbing:
		c.life.suspect()
		return nil
	case errors.Is(err, errNotSent):
		c.undo(r)
		return notRunning()
	case err != nil:
		c.life.suspect()
		if r.Kind == askPrompt {
			return protocol.Errorf(protocol.CodeTimeout, "OpenCode does not answer; it is looked after, send the prompt again in a minute")
		}
		return fmt.Errorf("cannot tell whether OpenCode got the command: %w", err)
	case !a.ok() && r.Kind != askPlumbing:
		c.undo(r)
		return refusalOf(r, a)
	}
	return nil
}

// undo takes back the turn of a prompt that the server refused: the session
// tells its end.
func (c *conn) undo(r request) {
	if r.Kind != askPrompt {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.translator.promptRefused()
}

// refusalOf is what a client is told of a refused request.
func refusalOf(r request, a answer) *protocol.Error {
	e := refusal(a)
	if r.Kind == askDecide && e.Code == protocol.CodeNotFound {
		return protocol.Errorf(protocol.CodePermissionClosed, "OpenCode does not wait for this answer any more")
	}
	return e
}

// perform does what events lead to, one request after the other.
func (c *conn) perform() {
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-c.work:
		}
		for r, ok := c.nextRequest(); ok; r, ok = c.nextRequest() {
			if r.Long {
				c.tasks.Go(func() { c.answer(c.ctx, r, longTime) })
				continue
			}
			c.answer(c.ctx, r, callTime)
		}
	}
}

// nextRequest takes a request off the queue.
func (c *conn) nextRequest() (request, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.requests) == 0 {
		return request{}, false
	}
	r := c.requests[0]
	c.requests = c.requests[1:]
	return r, true
}

// answer performs a request and gives the translator what came of it.
func (c *conn) answer(ctx context.Context, r request, limit time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	a, err := c.life.client.do(ctx, r, c.directory)
	if err != nil && !errors.Is(err, context.Canceled) {
		c.life.suspect()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.applyLocked(c.translator.answered(r, a), 0)
	}
}

// Close stops an open turn, with its asks refused first, and lets go of the
// session. The process goes on for the others.
func (c *conn) Close() error {
	c.closing.Do(func() {
		c.mu.Lock()
		var o output
		if !c.ended {
			c.translator.interrupt(&o)
		}
		c.stopLocked()
		c.mu.Unlock()
		c.life.routes.remove(c)
		ctx, cancel := context.WithTimeout(context.Background(), closeTime)
		defer cancel()
		for _, r := range o.Requests {
			_, _ = c.life.client.do(ctx, r, c.directory) // a server that is gone needs none
		}
		c.cancel()
		c.tasks.Wait()
	})
	return nil
}

package amp

import (
	"context"
	"io"
	"sync"
	"syscall"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// lastWords is how long a process may take to end after its last word.
const lastWords = 2 * time.Second

// conn is one thread over all of its processes.
//
// Recv reads the process at hand; when one has ended as it should, Recv waits
// for the next, which Send starts for the next prompt. Send waits for Recv to
// have read the last process to its end, so a connection must be read all the
// time. Close ends all.
type conn struct {
	// spawn starts a process; thread is the one to go on with.
	spawn  func(ctx context.Context, c *conn, thread string, first bool) (*agents.Stdio, error)
	wire   *wire
	bridge *bridge
	files  *sideFiles
	gate   gate

	mu sync.Mutex
	// process is the process at hand; nil while the thread rests.
	process *process
	// closed tells that Close was called, lost that a process ended without a
	// word.
	closed, lost bool
	// changed is closed, and replaced, when one of these has changed.
	changed chan struct{}
}

// process is one process of the thread.
type process struct {
	*agents.Stdio
	// first tells that it is the connection's first: its start is reported.
	first bool
	// retired is closed when its end was taken.
	retired chan struct{}
}

var _ agents.Conn = (*conn)(nil)

// changeLocked wakes who waits for a change.
func (c *conn) changeLocked() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// start starts a process and makes it the one at hand.
func (c *conn) start(ctx context.Context, first bool) (*process, error) {
	thread := ""
	c.wire.do(func(t *translator, _ *output) {
		t.over = false
		if t.saved {
			thread = t.thread
		}
	})
	stdio, err := c.spawn(ctx, c, thread, first)
	if err != nil {
		return nil, err
	}
	p := &process{Stdio: stdio, first: first, retired: make(chan struct{})}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		_ = stdio.Close()
		return nil, notRunning()
	}
	c.process = p
	c.changeLocked()
	c.mu.Unlock()
	return p, nil
}

// Recv implements agents.Conn.
func (c *conn) Recv() ([]agents.Report, error) {
	for {
		p, err := c.current()
		if err != nil {
			return nil, err
		}
		reports, err := p.Recv()
		if err != nil {
			c.retire(p)
			continue
		}
		if reports = c.sift(p, reports); len(reports) > 0 {
			return reports, nil
		}
	}
}

// current waits for a process to read; io.EOF if there will be none.
func (c *conn) current() (*process, error) {
	for {
		c.mu.Lock()
		p, done, changed := c.process, c.closed || c.lost, c.changed
		c.mu.Unlock()
		switch {
		case p != nil:
			return p, nil
		case done:
			return nil, io.EOF
		}
		<-changed
	}
}

// sift takes out of the reports what is no news for the session: the start of
// a later process, and the end of one that had said its last word.
func (c *conn) sift(p *process, reports []agents.Report) []agents.Report {
	kept := reports[:0]
	for _, r := range reports {
		var events []protocol.Data
		for _, d := range r.Events {
			switch d := d.(type) {
			case *protocol.AgentStarted:
				if p.first {
					events = append(events, d)
				}
			case *protocol.AgentExited:
				events = append(events, c.exited(d)...)
			default:
				events = append(events, d)
			}
		}
		r.Events = events
		if len(r.Events) > 0 || len(r.Raw) > 0 {
			kept = append(kept, r)
		}
	}
	return kept
}

// exited takes the end of a process. When we are closing it is news in any
// case.
func (c *conn) exited(e *protocol.AgentExited) []protocol.Data {
	wanted := false
	events := c.wire.do(func(t *translator, o *output) { wanted = t.exited(e, o) })
	c.mu.Lock()
	defer c.mu.Unlock()
	if wanted && c.closed {
		events = append(events, e)
	}
	c.lost = c.lost || !wanted
	return events
}

// retire takes a process that was read to its end.
func (c *conn) retire(p *process) {
	_ = p.Close() // it is gone already; this waits for what it left behind
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process == p {
		c.process = nil
		c.changeLocked()
	}
	close(p.retired)
}

// Send implements agents.Conn.
func (c *conn) Send(ctx context.Context, command agents.Command) error {
	switch command := command.(type) {
	case *agents.Prompt:
		return c.prompt(ctx, command)
	case *agents.Interrupt:
		return c.interrupt(command)
	default:
		_, err := c.wire.Command(command)
		return err
	}
}

// prompt sends a prompt, to a new process if there is none that takes it. One
// that said its last word just now takes nothing any more.
func (c *conn) prompt(ctx context.Context, command *agents.Prompt) error {
	for attempt := 0; ; attempt++ {
		p, err := c.ready(ctx)
		if err != nil {
			return err
		}
		err = p.Send(ctx, command)
		if err == nil || c.told(command) {
			return nil
		}
		if protocol.CodeOf(err) != protocol.CodeAgentNotRunning || attempt > 0 {
			return err
		}
		if err := c.await(ctx, p); err != nil {
			return err
		}
	}
}

// told takes back a prompt that did not reach its process, and tells whether
// the end of that process told of it: then it must not be sent again.
func (c *conn) told(p *agents.Prompt) (told bool) {
	c.wire.do(func(t *translator, _ *output) { told = t.takeBack(p.PromptID) })
	return told
}

// ready returns the process at hand, or a new one.
func (c *conn) ready(ctx context.Context) (*process, error) {
	c.mu.Lock()
	p, closed := c.process, c.closed || c.lost
	c.mu.Unlock()
	if closed {
		return nil, notRunning()
	}
	over := false
	c.wire.do(func(t *translator, _ *output) { over = t.over })
	if p != nil && !over {
		return p, nil
	}
	if p != nil {
		if err := c.await(ctx, p); err != nil {
			return nil, err
		}
	}
	return c.start(ctx, false)
}

// await waits for the end of a process that has said its last word.
func (c *conn) await(ctx context.Context, p *process) error {
	patience := time.AfterFunc(lastWords, func() { _ = p.Signal(syscall.SIGKILL) })
	defer patience.Stop()
	select {
	case <-p.retired:
		return nil
	case <-ctx.Done():
		return protocol.Errorf(protocol.CodeBusy, "Amp's last process has not ended yet; send the prompt again in a moment")
	}
}

// interrupt ends the turn by ending its process: there is no other way
// (section 4). Without a turn there is nothing to end.
func (c *conn) interrupt(command agents.Command) error {
	if _, err := c.wire.Command(command); err != nil {
		return err
	}
	open := false
	c.wire.do(func(t *translator, _ *output) { open = t.turn.interrupting })
	c.mu.Lock()
	p := c.process
	c.mu.Unlock()
	if p == nil || !open {
		return nil
	}
	return p.Signal(syscall.SIGINT)
}

// asked implements asker. The ask goes through the process's stream, so that
// it comes after the call that it is for.
func (c *conn) asked(id string, r askRequest) {
	r.OpensGate = c.gate.opens(r.Tool, r.Input)
	c.tell(func(t *translator, o *output) { t.asked(id, r, o) }, id)
}

// late implements asker.
func (c *conn) late(id string) { c.tell(func(t *translator, o *output) { t.unpark(id, o) }, id) }

// gone implements asker.
func (c *conn) gone(id string) { c.tell(func(t *translator, o *output) { t.gone(id, o) }, id) }

// tell lets the translator take what a delegate did. Without a process nobody
// runs a call, so nobody can ask for one.
func (c *conn) tell(f func(t *translator, o *output), id string) {
	c.mu.Lock()
	p := c.process
	c.mu.Unlock()
	if p == nil {
		c.bridge.answer(answer{ask: id, message: "Amp is not running."})
		return
	}
	p.Tell(func() agents.Report { return agents.Report{Events: c.wire.do(f)} })
}

// Close implements agents.Conn.
func (c *conn) Close() error {
	c.mu.Lock()
	c.closed = true
	p := c.process
	c.changeLocked()
	c.mu.Unlock()
	var err error
	if p != nil {
		err = p.Close()
	}
	c.bridge.close()
	c.files.Remove()
	return err
}

func notRunning() error {
	return protocol.Errorf(protocol.CodeAgentNotRunning, "the agent's process has ended; send the command again to start it anew")
}

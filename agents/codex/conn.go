package codex

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// What Close waits for: the end of an open turn, then the process's last
// answer. A process that is silent for longer is stopped.
const (
	turnTime  = 3 * time.Second
	leaveTime = 2 * time.Second
)

// maxWaiting bounds the reports that nobody has taken, in bytes of their
// frames: one session that is not read must not fill the memory of all.
const maxWaiting = 64 << 20

// conn is one session's connection to the shared process.
type conn struct {
	server  *server
	t       *translator
	keepRaw bool
	// release gives the place in the process back, once.
	release func()
	// leaving tells the hub, which alone uses it, that Close was called.
	leaving bool
	// strays are folders that the sandbox may leave in the workspace.
	strays []string

	// ready is closed when the thread was opened or refused; away when the
	// process has answered our last request.
	ready, away         chan struct{}
	readyOnce, awayOnce sync.Once
	closeOnce           sync.Once
	closeErr            error

	mu sync.Mutex
	// more is signalled when reports came or the end did.
	more    sync.Cond
	waiting []agents.Report
	// bytes is the size of the frames behind them.
	bytes int
	ended bool
}

var _ agents.Conn = (*conn)(nil)

func newConn(s *server, t *translator, keepRaw bool, release func()) *conn {
	c := &conn{server: s, t: t, keepRaw: keepRaw, release: release, ready: make(chan struct{}), away: make(chan struct{})}
	if dir := t.setup.start.Directory; dir != "" {
		c.strays = missingFolders(dir)
	}
	c.more.L = &c.mu
	return c
}

// push gives a report, which came of a frame of that size, to Recv. The
// connection of a session that does not take them ends.
func (c *conn) push(r agents.Report, size int) {
	if len(r.Events) == 0 && len(r.Raw) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	if c.bytes += size; c.bytes > maxWaiting {
		r = agents.Report{Events: []protocol.Data{&protocol.AgentExited{Message: "the session took its events too slowly"}}}
		c.ended = true
	}
	c.waiting = append(c.waiting, r)
	c.more.Broadcast()
}

// end lets Recv end after what waits, and last.
func (c *conn) end(last ...agents.Report) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.waiting = append(c.waiting, last...)
		c.ended = true
		c.more.Broadcast()
	}
}

func (c *conn) opened() { c.readyOnce.Do(func() { close(c.ready) }) }
func (c *conn) left()   { c.awayOnce.Do(func() { close(c.away) }) }

// Recv returns the next reports: first AgentStarted. If the process ended, the
// last is AgentExited.
func (c *conn) Recv() ([]agents.Report, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.waiting) == 0 && !c.ended {
		c.more.Wait()
	}
	if len(c.waiting) == 0 {
		return nil, io.EOF
	}
	batch := c.waiting
	c.waiting, c.bytes = nil, 0
	return batch, nil
}

// Send hands a command to the process.
func (c *conn) Send(ctx context.Context, command agents.Command) error {
	c.mu.Lock()
	ended := c.ended
	c.mu.Unlock()
	if ended {
		return notOpen()
	}
	return c.server.send(ctx, &forward{command, c})
}

// Close ends the thread: its turn and its commands stop, and the process, if
// nobody else needs it, a while later.
func (c *conn) Close() error {
	c.closeOnce.Do(func() {
		c.closeErr = c.server.detach(c)
		if !c.server.works(c.t.setup.start.Directory) {
			removeEmpty(c.strays)
		}
		c.end()
		c.release()
	})
	return c.closeErr
}

// exited tells that the process has ended.
func (c *conn) exited(d *protocol.AgentExited) {
	c.end(agents.Report{Events: []protocol.Data{d}})
	c.opened()
	c.left()
}

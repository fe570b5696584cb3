package pi

import (
	"sync"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// conn is a process with its files, and the clock that the translator lacks.
type conn struct {
	*agents.Stdio
	files *sideFiles
	// translator is used inside Tell alone.
	translator *translator

	mu sync.Mutex
	// timers end dialogs, by their ids.
	timers map[string]*time.Timer
	closed bool
	// expiring waits for timers that have fired.
	expiring sync.WaitGroup
}

// Recv implements agents.Conn. It watches the time of dialogs that have one:
// Pi does not tell when it closes them.
func (c *conn) Recv() ([]agents.Report, error) {
	reports, err := c.Stdio.Recv()
	for _, r := range reports {
		for _, d := range r.Events {
			switch d := d.(type) {
			case *protocol.PermissionRequested:
				if after := c.watch(d.Permission.PermissionID); after > 0 {
					at := protocol.At(time.Now().Add(after))
					d.Permission.ExpiresAt = &at
				}
			case *protocol.QuestionRequested:
				c.watch(d.Question.QuestionID)
			}
		}
	}
	return reports, err
}

// watch lets a dialog expire when its time is over. It returns that time; 0
// for none.
func (c *conn) watch(id string) (after time.Duration) {
	c.Tell(func() agents.Report {
		if a := c.translator.asks[id]; a != nil {
			after = a.timeout
		}
		return agents.Report{}
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	if after == 0 || c.closed || c.timers[id] != nil {
		return after
	}
	c.expiring.Add(1)
	c.timers[id] = time.AfterFunc(after, func() { c.expire(id) })
	return after
}

// expire ends a dialog whose time is over.
func (c *conn) expire(id string) {
	defer c.expiring.Done()
	c.Tell(func() agents.Report { return c.translator.expire(id) })
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.timers, id)
}

// Close ends the process and removes its files.
func (c *conn) Close() error {
	err := c.Stdio.Close()
	c.files.Remove()
	c.mu.Lock()
	c.closed = true
	for _, t := range c.timers {
		if t.Stop() {
			c.expiring.Done()
		}
	}
	clear(c.timers)
	c.mu.Unlock()
	c.expiring.Wait()
	return err
}

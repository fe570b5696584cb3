package terminal

import (
	"context"
	"io"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// maxNews is how many bytes Next returns at most.
const maxNews = 64 << 10

// Terminal returns the live terminal.
func (c *Conn) Terminal() agents.Terminal { return live{c} }

// live is a Conn as people at terminals see it.
type live struct{ c *Conn }

// Run names this life of the program.
func (l live) Run() string { return l.c.run }

// Snapshot returns what the terminal is and shows.
func (l live) Snapshot() agents.TerminalSnapshot {
	c := l.c
	c.mu.Lock()
	defer c.mu.Unlock()
	return agents.TerminalSnapshot{
		Oldest: c.ring.start(), Offset: c.ring.end, Version: c.version, Rows: c.rows, Cols: c.cols,
		Lease: c.lease.shown(time.Now()), Screen: c.screen.show(), HistoryBytes: c.o.History,
	}
}

// Next blocks for what follows the cursor.
func (l live) Next(ctx context.Context, at *agents.TerminalCursor) (agents.TerminalNews, error) {
	for {
		news, found, moved := l.c.next(at)
		switch {
		case found:
			return news, nil
		case at.Told:
			return news, io.EOF
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return news, context.Cause(ctx)
		}
	}
}

// next looks for what follows the cursor; else it returns what to wait for.
func (c *Conn) next(at *agents.TerminalCursor) (news agents.TerminalNews, found bool, moved <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at.Version != c.version {
		at.Version = c.version
		return agents.TerminalNews{Changed: true, Rows: c.rows, Cols: c.cols, Lease: c.lease.shown(time.Now())}, true, nil
	}
	if from, p := c.ring.read(at.Offset, maxNews); len(p) > 0 {
		at.Offset = from + int64(len(p))
		return agents.TerminalNews{At: from, Bytes: p}, true, nil
	}
	if c.exit != nil && !at.Told {
		at.Told = true
		return agents.TerminalNews{Exit: c.exit}, true, nil
	}
	return news, false, c.moved
}

// Type types a client's keys, and takes or prolongs its lease.
func (l live) Type(by protocol.Actor, keys []byte) error {
	if err := l.c.mayType(by); err != nil {
		return err
	}
	return l.c.typeKeys(by.ClientID, string(keys))
}

// mayType takes or prolongs a client's lease.
func (c *Conn) mayType(by protocol.Actor) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.exit != nil {
		return errEnded()
	}
	changed, err := c.lease.use(by, time.Now())
	if changed {
		c.changeLocked()
	}
	return err
}

// changeLocked tells all readers that the size or the lease changed.
func (c *Conn) changeLocked() {
	c.version++
	c.tellLocked()
}

// Resize changes the size, of the program's terminal and of the screen. Who
// does not type must not change it for who does.
func (l live) Resize(by protocol.Actor, rows, cols int) error {
	if err := protocol.CheckTerminalSize(rows, cols); err != nil {
		return err
	}
	c := l.c
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if holder := c.lease.held(now).ClientID; holder != "" && holder != by.ClientID {
		return c.lease.refusal(now)
	}
	if c.exit != nil {
		return errEnded()
	}
	if rows == c.rows && cols == c.cols {
		return nil
	}
	if err := c.process.Resize(rows, cols); err != nil {
		return errEnded() // the terminal is gone: its program has just ended
	}
	c.rows, c.cols = rows, cols
	c.screen.resize(rows, cols)
	c.changeLocked()
	return nil
}

// TakeLease gives the lease to a client.
func (l live) TakeLease(by protocol.Actor) {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	if l.c.lease.take(by, time.Now()) {
		l.c.changeLocked()
	}
}

// ReleaseLease gives the lease back.
func (l live) ReleaseLease(by protocol.Actor) {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	if l.c.lease.release(by, time.Now()) {
		l.c.changeLocked()
	}
}

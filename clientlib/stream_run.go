package clientlib

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/towline-dev/towline/protocol"
)

// run serves one connection after the other until the Stream ends. It owns
// the Stream's other goroutine, the writer, which lives as long as a
// connection.
func (s *Stream) run(c *conn) {
	defer close(s.done)
	var wait backoff
	for {
		var err error
		if c != nil {
			err = s.serve(c, &wait)
		} else {
			c, err = s.connect(s.ctx, protocol.Cursor{After: s.place().seq})
			if err == nil {
				continue
			}
		}
		if s.ended() {
			return
		}
		what := adviceForError(err)
		if what == stop {
			s.end(final(c, err))
			return
		}
		pause := wait.next(what, retryAfter(c, err))
		c = nil
		if s.opts.OnDisconnect != nil {
			s.opts.OnDisconnect(err, pause)
		}
		if !sleep(s.ctx, pause) {
			return
		}
	}
}

// serve reads a connection until it ends, with a writer beside it.
func (s *Stream) serve(c *conn, wait *backoff) error {
	s.mu.Lock()
	s.conn = c
	s.mu.Unlock()
	ctx, cancel := context.WithCancel(s.ctx)
	var writer sync.WaitGroup
	writer.Go(func() { s.write(ctx, c) })
	err := s.readAll(c, wait)
	s.mu.Lock()
	s.conn = nil
	s.mu.Unlock()
	cancel()
	c.close()
	writer.Wait()
	return err
}

// readAll handles frames until the connection fails.
func (s *Stream) readAll(c *conn, wait *backoff) error {
	for {
		if err := s.awaitRoom(c); err != nil {
			return err
		}
		f, err := c.read(s.ctx)
		if err != nil {
			return err
		}
		if err := s.handle(c, f); err != nil {
			return err
		}
		wait.reset()
	}
}

// awaitRoom holds the reader back while nobody takes the events.
func (s *Stream) awaitRoom(c *conn) error {
	for {
		s.mu.Lock()
		full := len(s.queue) >= maxQueued && len(s.pending) == 0 && s.err == nil
		s.mu.Unlock()
		if !full {
			return nil
		}
		c.silence.Stop()
		select {
		case <-s.room:
		case <-s.ctx.Done():
			return s.ctx.Err()
		}
	}
}

// write sends unsent commands, in the order in which they were given, until
// ctx ends.
func (s *Stream) write(ctx context.Context, c *conn) {
	for {
		for p := s.nextUnsent(c); p != nil; p = s.nextUnsent(c) {
			if err := c.ws.Write(ctx, c.kind, p.frame); err != nil {
				return // the reader sees the broken connection, too
			}
		}
		select {
		case <-s.unsent:
		case <-ctx.Done():
			return
		}
	}
}

// nextUnsent takes the oldest command that this connection has not sent.
func (s *Stream) nextUnsent(c *conn) *pending {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.pending {
		if p.sentOn != c {
			p.sentOn = c
			return p
		}
	}
	return nil
}

// ended tells whether Close was called.
func (s *Stream) ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err != nil
}

// final is the error that the Stream ends with: io.EOF for a normal close.
func final(c *conn, err error) error {
	ce, ok := errors.AsType[websocket.CloseError](err)
	if !ok {
		return err
	}
	if ce.Code == websocket.StatusNormalClosure {
		return io.EOF
	}
	out := &CloseError{Status: ce.Code, Reason: ce.Reason}
	if c != nil && c.goodbye != nil {
		out.Code = c.goodbye.Code
		if out.Reason == "" {
			out.Reason = c.goodbye.Reason
		}
	}
	return out
}

// retryAfter is what the server asked to wait at least.
func retryAfter(c *conn, err error) time.Duration {
	if e, ok := errors.AsType[*StatusError](err); ok {
		return e.RetryAfter
	}
	if c != nil && c.goodbye != nil {
		return time.Duration(c.goodbye.RetryMS) * time.Millisecond
	}
	return 0
}

// sleep waits for d and tells whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

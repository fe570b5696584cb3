package opencode

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/towline-dev/towline/protocol"
)

const (
	// reopenTime is how long the server may take to let the stream be opened
	// again, and reopenPause is between two tries.
	reopenTime  = 20 * time.Second
	reopenPause = 50 * time.Millisecond
	// catchUpTime bounds what a session reads to catch up.
	catchUpTime = 20 * time.Second
	// caughtUp is how many messages it reads: more than a turn has steps.
	caughtUp = 500
)

// follow reads the stream to its end. One that breaks while the server lives
// is opened again, and every session reads from the server what it has missed:
// the stream itself repeats nothing (section 5). The error says why there is
// no stream any more.
func (l *life) follow(s *stream) error {
	for {
		err := l.read(s)
		if errors.Is(err, errSilent) && !l.answers() {
			return err
		}
		next := l.reopen()
		if next == nil {
			return err
		}
		// What happens from here on waits in the new stream.
		if missed := l.catchUp(s.heard); missed != nil {
			next.close()
			return missed
		}
		s = next
	}
}

// read reads one stream, to its end or the process's.
func (l *life) read(s *stream) error {
	stop := make(chan struct{})
	var watch sync.WaitGroup
	defer watch.Wait()
	defer close(stop)
	watch.Go(func() {
		select {
		case <-l.process.Exited():
			s.cancel(io.EOF)
		case <-stop:
		}
	})
	return s.read(l.routes.dispatch)
}

// reopen opens the stream again; nil if the server is gone, or shall go, or
// does not answer in time.
func (l *life) reopen() *stream {
	ctx, cancel := context.WithTimeout(context.Background(), reopenTime)
	defer cancel()
	for l.reason() == "" {
		if s, err := openStream(ctx, l.client, l.quiet); err == nil {
			return s
		}
		select {
		case <-l.process.Exited():
			return nil
		case <-ctx.Done():
			return nil
		case <-time.After(reopenPause):
		}
	}
	return nil
}

// catchUp lets every session read what came after the last that was heard.
func (l *life) catchUp(heard time.Time) error {
	for _, c := range l.routes.all() {
		if err := c.catchUp(heard); err != nil {
			return err
		}
	}
	return nil
}

// catchUp reads what the session has missed. Its commands wait meanwhile, so
// that nobody answers an ask that is being looked for.
func (c *conn) catchUp(heard time.Time) error {
	c.sending.Lock()
	defer c.sending.Unlock()
	ctx, cancel := context.WithTimeout(c.ctx, catchUpTime)
	defer cancel()
	c.mu.Lock()
	if c.translator.turn.open {
		heard = c.turnAt
	}
	c.mu.Unlock()
	s, err := c.snapshot(ctx, heard.UnixMilli())
	if err != nil {
		if c.ctx.Err() != nil {
			return nil // the session was closed meanwhile
		}
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.applyLocked(c.translator.catchUp(s), 0)
	}
	return nil
}

// snapshot reads how the session is now.
func (c *conn) snapshot(ctx context.Context, since int64) (snapshot, error) {
	s := snapshot{Since: since, Messages: map[string][]storedMessage{}}
	a, err := c.life.client.do(ctx, request{Method: http.MethodGet, Path: sessionPath(c.session, "")}, c.directory)
	if err == nil && a.Status == http.StatusNotFound {
		s.Gone = true
		return s, nil
	}
	if err != nil || !a.ok() {
		return s, fmt.Errorf("cannot read the session again: status %d: %w", a.Status, err)
	}
	s.Session = a.Body
	if err := c.readSession(ctx, c.session, &s); err != nil {
		return s, err
	}
	var status map[string]json.RawMessage
	for path, to := range map[string]any{
		sessionPath(c.session, "/todo"): &s.Todos, "/permission": &s.Permissions, "/question": &s.Questions, "/session/status": &status,
	} {
		if err := c.list(ctx, path, to); err != nil {
			return s, err
		}
	}
	s.Busy = status[c.session] != nil
	return s, nil
}

// readSession reads the messages of a session and of the subagents' sessions
// below it that did something since.
func (c *conn) readSession(ctx context.Context, id string, s *snapshot) error {
	var messages []storedMessage
	if err := c.list(ctx, fmt.Sprintf("%s?limit=%d", sessionPath(id, "/message"), caughtUp), &messages); err != nil {
		return err
	}
	s.Messages[id] = messages
	var children []nativeSession
	if err := c.list(ctx, sessionPath(id, "/children"), &children); err != nil {
		return err
	}
	for _, child := range children {
		if s.Messages[child.ID] != nil || child.Time.Updated < s.Since {
			continue
		}
		s.Children = append(s.Children, childSession{child.ID, id})
		c.life.routes.add(child.ID, c)
		if err := c.readSession(ctx, child.ID, s); err != nil {
			return err
		}
	}
	return nil
}

// list reads a listing.
func (c *conn) list(ctx context.Context, path string, to any) error {
	a, err := c.life.client.do(ctx, request{Method: http.MethodGet, Path: path}, c.directory)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(a.Body, to); err != nil || !a.ok() {
		return protocol.Errorf(protocol.CodeInternal, "OpenCode did not list %s: it answered %d", path, a.Status)
	}
	return nil
}

// look asks, in a while, whether the session still works.
func (c *conn) look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.requests = append(c.requests, request{Method: http.MethodGet, Path: "/session/status", Kind: askStatus})
		signal(c.work)
	}
}

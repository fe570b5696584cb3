package opencode

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// The states of the shared process, as protocol.SharedProcess tells them.
const (
	statusStopped  = "stopped"
	statusStarting = "starting"
	statusRunning  = "running"
	statusBackoff  = "backoff"
)

const (
	// firstBackoff doubles with each failure in a row, up to maxBackoff.
	firstBackoff = 500 * time.Millisecond
	maxBackoff   = 30 * time.Second
	// steadyTime is how long a life must last to forget the failures before.
	steadyTime = time.Minute
)

// server is the process that all sessions share. It is started by the first
// that needs it, and again by the first that needs it after its end, but not
// before the back-off is over. Safe for concurrent use.
type server struct {
	// begin starts one life.
	begin func(ctx context.Context, ended func(*life, agents.Exit)) (*life, error)
	log   zerolog.Logger

	// starts are the goroutines that start lives.
	starts sync.WaitGroup
	// ctx ends with close.
	ctx    context.Context //nolint:containedctx // bounds every start
	cancel context.CancelFunc

	mu     sync.Mutex
	status string
	life   *life
	// latest is the newest life, also after its end; close waits for it.
	latest *life
	// start is the start that is under way; nil for none.
	start *start
	// lives counts the lives that ended unasked; failures those in a row.
	restarts, failures int
	began              time.Time
	notBefore          time.Time
	lastError          string
	closed             bool
}

// start is a start under way; done is closed when life or err is set.
type start struct {
	done chan struct{}
	life *life
	err  error
}

func newServer(begin func(context.Context, func(*life, agents.Exit)) (*life, error), log zerolog.Logger) *server {
	ctx, cancel := context.WithCancel(context.Background())
	return &server{begin: begin, log: log, ctx: ctx, cancel: cancel, status: statusStopped}
}

// acquire returns the running life, after starting one if there is none.
func (s *server) acquire(ctx context.Context) (*life, error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, protocol.Errorf(protocol.CodeDraining, "the server is stopping; try again when it runs")
	}
	if s.life != nil {
		defer s.mu.Unlock()
		return s.life, nil
	}
	if s.start == nil {
		s.start = &start{done: make(chan struct{})}
		st := s.start
		s.starts.Go(func() { s.startLife(st) })
	}
	st := s.start
	s.mu.Unlock()
	select {
	case <-st.done:
		return st.life, st.err
	case <-ctx.Done():
		return nil, startFailed("it was not ready in time", nil)
	}
}

// startLife waits for the back-off and starts a life.
func (s *server) startLife(st *start) {
	l, err := s.tryLife()
	s.mu.Lock()
	defer s.mu.Unlock()
	st.life, st.err = l, err
	s.start = nil
	switch {
	case err != nil:
		s.failedLocked(protocol.AsError(err).Message)
	case s.status == statusStarting: // else it has ended already
		s.status, s.life, s.latest, s.began = statusRunning, l, l, time.Now()
	default:
		s.latest = l
	}
	close(st.done)
}

// tryLife makes one attempt.
func (s *server) tryLife() (*life, error) {
	s.mu.Lock()
	wait := time.Until(s.notBefore)
	if wait > 0 {
		s.status = statusBackoff
	}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(s.ctx, max(wait, 0)+startTime)
	defer cancel()
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil, startFailed("Towline is stopping", nil)
		}
	}
	s.mu.Lock()
	s.status = statusStarting
	s.mu.Unlock()
	return s.begin(ctx, s.ended)
}

// ended takes the end of a life.
func (s *server) ended(l *life, exit agents.Exit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.life = nil
	if s.closed {
		s.status = statusStopped
		return
	}
	if time.Since(s.began) > steadyTime {
		s.failures = 0
	}
	s.restarts++
	reason := l.reason()
	if reason == "" {
		reason = "OpenCode's server ended (" + exit.String() + ")"
	}
	s.failedLocked(reason)
	s.log.Warn().Str("reason", reason).Msg("OpenCode's shared server is gone; the next prompt starts it again")
}

// failedLocked counts a failure and puts the next start off.
func (s *server) failedLocked(why string) {
	backoff := min(firstBackoff<<min(s.failures, 10), maxBackoff)
	s.failures++
	s.status, s.lastError, s.notBefore = statusStopped, why, time.Now().Add(backoff)
}

// info tells how the process is.
func (s *server) info() *protocol.SharedProcess {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &protocol.SharedProcess{Status: s.status, Restarts: s.restarts, LastError: s.lastError}
	if p.Status == statusStopped && time.Now().Before(s.notBefore) {
		p.Status = statusBackoff
	}
	if s.life != nil {
		at := protocol.At(s.began)
		p.PID, p.StartedAt, p.LastError = s.life.process.PID(), &at, ""
	}
	return p
}

// close ends the process and waits until nothing of it is left.
func (s *server) close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.starts.Wait()
	s.mu.Lock()
	l, running := s.latest, s.life != nil
	s.mu.Unlock()
	switch {
	case running:
		return l.stop()
	case l != nil:
		<-l.ended // it ended by itself, and may still be telling so
	}
	return nil
}

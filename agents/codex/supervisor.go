package codex

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/towline-dev/towline/protocol"
)

// The restart policy.
const (
	// grace is how long a process without sessions stays.
	defaultGrace = time.Minute
	// steady is how long a process must live for its end to count as the
	// first of a series.
	steady = time.Minute
	// maxBackoff is the longest wait before another start.
	maxBackoff = 30 * time.Second
	// hopeless is after how many ends in a row the state is called failed.
	hopeless = 5
)

// backoff is how long to wait after so many unexpected ends in a row: nothing
// after the first, then 1 s, doubling.
func backoff(ends int) time.Duration {
	if ends < 2 {
		return 0
	}
	return min(time.Second<<min(ends-2, 10), maxBackoff)
}

// supervisor keeps the one process: it starts it at the first use and after a
// crash, and stops it when nobody has used it for a while. All methods are
// safe for concurrent use.
type supervisor struct {
	// start starts a process, which calls ended at its end.
	start func(ctx context.Context, ended func(*server)) (*server, error)
	grace time.Duration
	log   zerolog.Logger

	mu      sync.Mutex
	current *server
	users   int
	// starting is closed when the start under way is over; nil for none.
	starting chan struct{}
	// stopping are those that we stop, so that their end is expected.
	stopping map[*server]bool
	idle     *time.Timer
	closed   bool
	ends     int // unexpected ends in a row
	restarts int
	notUntil time.Time
	last     string // the last unexpected end
	tasks    sync.WaitGroup
}

// acquire returns the running process, starting it if need be, with a place in
// it; release gives the place back.
func (v *supervisor) acquire(ctx context.Context) (*server, error) {
	for {
		v.mu.Lock()
		switch {
		case v.closed:
			v.mu.Unlock()
			return nil, protocol.Errorf(protocol.CodeDraining, "the server is stopping, so no session of Codex is opened")
		case v.current != nil:
			s := v.current
			v.users++
			v.stopIdleLocked()
			v.mu.Unlock()
			if s.stale() {
				v.renew(s)
				continue
			}
			return s, nil
		}
		wait, pause := v.starting, time.Until(v.notUntil)
		if wait == nil && pause <= 0 {
			v.starting = make(chan struct{})
			v.mu.Unlock()
			if err := v.begin(ctx); err != nil {
				return nil, err
			}
			continue
		}
		v.mu.Unlock()
		if err := await(ctx, wait, pause); err != nil {
			return nil, err
		}
	}
}

// await waits for a start under way, or else for a time.
func await(ctx context.Context, started <-chan struct{}, pause time.Duration) error {
	var after <-chan time.Time
	if started == nil {
		timer := time.NewTimer(pause)
		defer timer.Stop()
		after = timer.C
	}
	select {
	case <-started:
		return nil
	case <-after:
		return nil
	case <-ctx.Done():
		return protocol.Errorf(protocol.CodeAgentStartFailed, "Codex is not ready to start again after a crash; try again in half a minute")
	}
}

// awaitStopped waits for the end of processes that we stop: two must not share
// one home (PROTOCOL.md section 2). They take a few seconds at most.
func (v *supervisor) awaitStopped() {
	v.mu.Lock()
	stopping := slices.Collect(maps.Keys(v.stopping))
	v.mu.Unlock()
	for _, s := range stopping {
		<-s.done
	}
}

// begin starts the process, when the ones before it have ended.
func (v *supervisor) begin(ctx context.Context) error {
	v.awaitStopped()
	s, err := v.start(ctx, v.ended)
	v.mu.Lock()
	defer v.mu.Unlock()
	close(v.starting)
	v.starting = nil
	if err != nil {
		if protocol.CodeOf(err) != protocol.CodeAgentNotInstalled {
			v.failedLocked(protocol.AsError(err).Message)
		}
		return err
	}
	if v.ends > 0 {
		v.restarts++
	}
	select {
	case <-s.done: // it ended at once; ended has counted it
	default:
		v.current = s
	}
	return nil
}

// failedLocked counts an unexpected end, or a start that failed.
func (v *supervisor) failedLocked(why string) {
	v.ends++
	v.last = why
	v.notUntil = time.Now().Add(backoff(v.ends))
}

// ended takes the end of a process.
func (v *supervisor) ended(s *server) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.current == s {
		v.current, v.users = nil, 0
		v.stopIdleLocked()
	}
	if v.stopping[s] {
		delete(v.stopping, s)
		return
	}
	if time.Since(s.started) > steady {
		v.ends = 0
	}
	v.failedLocked(exitSentence(s.exit))
	v.log.Warn().Str("end", v.last).Int("in_a_row", v.ends).Msg("Codex's process ended; the next prompt starts it again")
}

// exitSentence says how a process ended.
func exitSentence(d *protocol.AgentExited) string {
	switch {
	case d.Message != "":
		return d.Message
	case d.Signal != "":
		return "the Codex process was ended by " + d.Signal
	case d.ExitCode != nil && *d.ExitCode != 0:
		return "the Codex process ended with an error"
	default:
		return "the Codex process ended by itself"
	}
}

// release gives a place back. The last one starts the time after which the
// process is stopped; at once means now.
func (v *supervisor) release(s *server, atOnce bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.current != s {
		return
	}
	v.users--
	if v.users > 0 || v.closed {
		return
	}
	v.stopIdleLocked()
	if atOnce {
		v.retireLocked(s)
		return
	}
	v.idle = time.AfterFunc(v.grace, func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		if v.current == s && v.users == 0 && !v.closed {
			v.retireLocked(s)
		}
	})
}

func (v *supervisor) stopIdleLocked() {
	if v.idle != nil {
		v.idle.Stop()
		v.idle = nil
	}
}

// retireLocked stops the current process in the background.
func (v *supervisor) retireLocked(s *server) {
	v.current, v.users = nil, 0
	v.expectLocked(s)
	v.tasks.Go(func() {
		_ = s.stop()
		s.wait()
	})
}

// renew stops a process, so that the next one to need it starts another.
func (v *supervisor) renew(s *server) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.current == s && !v.closed {
		v.stopIdleLocked()
		v.retireLocked(s)
	}
}

func (v *supervisor) expectLocked(s *server) {
	if v.stopping == nil {
		v.stopping = map[*server]bool{}
	}
	v.stopping[s] = true
}

// close stops the process and waits for its end. No other is started.
func (v *supervisor) close() error {
	v.mu.Lock()
	v.closed = true
	v.stopIdleLocked()
	wait, s := v.starting, v.current
	v.mu.Unlock()
	if wait != nil {
		<-wait
		v.mu.Lock()
		s = v.current
		v.mu.Unlock()
	}
	var err error
	if s != nil {
		v.mu.Lock()
		v.expectLocked(s)
		v.mu.Unlock()
		err = s.stop()
		s.wait()
	}
	v.tasks.Wait()
	return err
}

// status is what GET /v1/agents tells of the process.
func (v *supervisor) status() *protocol.SharedProcess {
	v.mu.Lock()
	defer v.mu.Unlock()
	p := &protocol.SharedProcess{Status: "stopped", Restarts: v.restarts, LastError: v.last}
	switch {
	case v.current != nil:
		at := protocol.At(v.current.started)
		p.Status, p.StartedAt, p.PID = "running", &at, v.current.processID()
	case v.starting != nil:
		p.Status = "starting"
	case v.ends >= hopeless:
		p.Status = "failed"
	case time.Now().Before(v.notUntil):
		p.Status = "backoff"
	}
	return p
}

package codex

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/jsonrpc"
	"github.com/towline-dev/towline/protocol"
)

// The limits of a process's silence.
const (
	// startTime is how long the handshake may take.
	startTime = 30 * time.Second
	// answerTime is how long a request may wait for its answer.
	answerTime = 30 * time.Second
	// recheckTime is how often the user's files are looked at.
	recheckTime = 5 * time.Second
)

// watching says how a process is looked after.
type watching struct {
	// silence is answerTime, and recheck is recheckTime; shorter in tests.
	silence, recheck time.Duration
	// changed tells that the user's login or configuration is another one than
	// the process has, which it would never see: it reads them once.
	changed func() bool
	// renew puts another process in the place of this one.
	renew func(*server)
}

// server is one running process. Its goroutines end with the process; wait
// waits for them.
type server struct {
	stdio   *agents.Stdio
	pid     int
	version string
	facts   facts
	started time.Time
	watching
	// asked wakes the watch when a request was written.
	asked chan struct{}
	// heard tells that the process wrote something since it was last looked at.
	heard atomic.Bool
	done  chan struct{}
	tasks sync.WaitGroup

	mu    sync.Mutex
	conns map[*conn]bool
	exit  *protocol.AgentExited
	// silent tells that we ended the process because it did not answer.
	silent bool
	// outdated tells that we ended it because the user's files have changed.
	outdated bool
}

// startServer starts a process and waits for its handshake. ended is called
// once, when the process has ended and everyone was told.
func startServer(ctx context.Context, o agents.StdioOptions, w watching, ended func(*server)) (*server, error) {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	h := newHub()
	o.Translator = h
	stdio, err := agents.OpenStdio(ctx, o)
	if err != nil {
		return nil, err
	}
	s := &server{
		stdio: stdio, version: o.Version, facts: h.facts, started: time.Now(), watching: w,
		asked: make(chan struct{}, 1), done: make(chan struct{}), conns: map[*conn]bool{},
	}
	first, _ := stdio.Recv() // it waits already: AgentStarted
	s.told(first)
	s.tasks.Go(func() { s.read(ended) })
	if h.refused != "" {
		_ = s.stop()
		s.wait()
		return nil, protocol.Errorf(protocol.CodeAgentStartFailed, "Codex refused the connection: %s", cleanLine(h.refused))
	}
	s.tasks.Go(s.watch)
	return s, nil
}

// read drains the process until its end. All that it means for a session the
// hub has handed on already.
func (s *server) read(ended func(*server)) {
	for {
		reports, err := s.stdio.Recv()
		s.heard.Store(true)
		s.told(reports)
		if errors.Is(err, io.EOF) {
			break
		}
	}
	s.mu.Lock()
	if s.exit == nil {
		s.exit = &protocol.AgentExited{Message: "the Codex process ended"}
	}
	switch {
	case s.silent:
		s.exit.Message = "Codex's process did not answer any more and was ended"
	case s.outdated:
		s.exit.Message = "Codex's login or configuration has changed, so its process is started anew; the next prompt goes on"
	}
	exit, conns := s.exit, s.conns
	s.conns = nil
	s.mu.Unlock()
	close(s.done)
	ended(s) // before a session hears of it and opens its thread again
	for c := range conns {
		c.exited(exit)
	}
	_ = s.stdio.Close() // nothing is left to stop, only to clean up
}

// told takes what the pipe reports beside the frames: the process's begin and
// end, and lines that are none.
func (s *server) told(reports []agents.Report) {
	for _, r := range reports {
		for _, d := range r.Events {
			switch d := d.(type) {
			case *protocol.AgentStarted:
				s.mu.Lock()
				s.pid = d.PID
				s.mu.Unlock()
			case *protocol.AgentExited:
				s.mu.Lock()
				s.exit = d
				s.mu.Unlock()
			case *protocol.AgentUnparsed:
				s.tellAll(d)
			}
		}
	}
}

// tellAll tells every session.
func (s *server) tellAll(d protocol.Data) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.push(agents.Report{Events: []protocol.Data{d}}, 0)
	}
}

// open opens a thread. The error is a *protocol.Error.
func (s *server) open(ctx context.Context, set setup, release func()) (*conn, error) {
	c := newConn(s, newTranslator(set, nil), set.start.KeepRaw, release)
	s.mu.Lock()
	if s.conns == nil {
		s.mu.Unlock()
		return nil, notOpen()
	}
	s.conns[c] = true
	c.push(agents.Report{Events: []protocol.Data{&protocol.AgentStarted{PID: s.pid, Version: s.version}}}, 0)
	s.mu.Unlock()
	if err := s.send(ctx, &attach{c: c}); err != nil {
		s.forget(c)
		return nil, err
	}
	select {
	case <-c.ready:
	case <-ctx.Done():
		_ = s.detach(c)
		return nil, protocol.Errorf(protocol.CodeTimeout, "Codex did not open the thread in time; try again, or restart the server if it stays so")
	}
	if err := s.openError(c); err != nil {
		_ = s.detach(c)
		return nil, err
	}
	return c, nil
}

// openError says why a thread that is not open is not.
func (s *server) openError(c *conn) error {
	s.mu.Lock()
	exit := s.exit
	s.mu.Unlock()
	if exit != nil {
		return protocol.Errorf(protocol.CodeAgentStartFailed, "the Codex process ended while it opened the thread; try again").
			WithDetails(map[string]any{"stderr": exit.Stderr})
	}
	var failure *protocol.Error
	if err := s.inspect(func(*hub) [][]byte { failure = c.t.failure; return nil }); err != nil {
		return err
	}
	if failure != nil {
		return failure
	}
	return nil
}

// send hands a command to the hub.
func (s *server) send(ctx context.Context, c agents.Command) error {
	err := s.stdio.Send(ctx, c)
	select {
	case s.asked <- struct{}{}:
	default:
	}
	return err
}

// inspect runs do where the hub runs, and writes what it returns.
func (s *server) inspect(do func(*hub) [][]byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return s.stdio.Send(ctx, &inspect{do: do})
}

// forget takes a connection off the list; false if it was not there.
func (s *server) forget(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.conns[c]
	delete(s.conns, c)
	return known
}

// works tells whether a session has a thread in the folder: then the folders
// that its sandbox made may be in use.
func (s *server) works(dir string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if c.t.setup.start.Directory == dir {
			return true
		}
	}
	return false
}

// detach ends a connection. A process that does not answer any more is of no
// use to the others either, and is stopped.
func (s *server) detach(c *conn) error {
	if !s.forget(c) {
		return nil
	}
	for _, step := range []struct {
		atOnce bool
		wait   time.Duration
	}{{false, turnTime}, {true, leaveTime}} {
		ctx, cancel := context.WithTimeout(context.Background(), step.wait)
		defer cancel()
		if err := s.send(ctx, &detach{c: c, atOnce: step.atOnce}); protocol.CodeOf(err) == protocol.CodeAgentNotRunning {
			return nil
		}
		select {
		case <-c.away:
			return nil
		case <-s.done:
			return nil
		case <-ctx.Done():
		}
	}
	return s.stop()
}

// watch sees to it that every request gets an answer, and every turn an end:
// a request that is overdue fails, and a process that says nothing while it has
// something to do is asked for a sign of life. If there is none it is stopped.
func (s *server) watch() {
	for {
		select {
		case <-s.done:
			return
		case <-s.asked:
		case <-time.After(s.recheck):
			if s.stale() {
				s.renew(s)
				return
			}
		}
		for now := s.look(nil, false); now.busy; {
			s.heard.Store(false)
			if !s.sleep(s.silence) {
				return
			}
			if now = s.look(now.calls, !s.heard.Load()); now.dead {
				s.giveUp()
				return
			}
		}
	}
}

// stale tells that the user's files have changed and that nobody is in the
// middle of a turn. If so, no command is taken any more.
func (s *server) stale() (yes bool) {
	if !s.changed() {
		return false
	}
	_ = s.inspect(func(h *hub) [][]byte {
		now, _ := h.look(nil, false)
		yes = !now.busy
		h.closed = h.closed || yes
		return nil
	})
	if yes {
		s.mu.Lock()
		s.outdated = true
		s.mu.Unlock()
	}
	return yes
}

// giveUp ends a process that does not answer.
func (s *server) giveUp() {
	s.mu.Lock()
	s.silent = true
	s.mu.Unlock()
	s.tasks.Go(func() { _ = s.stdio.Close() })
}

// sleep waits; false if the process ended first.
func (s *server) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-s.done:
		return false
	case <-timer.C:
		return true
	}
}

// look looks after the process (hub.look). The end of the process ends the
// watch.
func (s *server) look(waiting []jsonrpc.ID, quiet bool) (now pulse) {
	_ = s.inspect(func(h *hub) (frames [][]byte) {
		now, frames = h.look(waiting, quiet)
		return frames
	})
	return now
}

// stop ends the process and everything that it started.
func (s *server) stop() error {
	err := s.stdio.Close()
	<-s.done
	return err
}

// wait waits for the goroutines; the process must be stopped.
func (s *server) wait() { s.tasks.Wait() }

// processID is the process's id; 0 before it is known.
func (s *server) processID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pid
}

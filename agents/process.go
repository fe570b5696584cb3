package agents

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/towline-dev/towline/protocol"
)

// ProcessState is how far a process is in its life:
//
//	initial -> starting -> running -> stopping -> killing -> exited
//
// where each of the middle states may also go to exited directly.
type ProcessState string

// The states of a process.
const (
	ProcessInitial  ProcessState = "initial"
	ProcessStarting ProcessState = "starting"
	ProcessRunning  ProcessState = "running"
	ProcessStopping ProcessState = "stopping"
	ProcessKilling  ProcessState = "killing"
	ProcessExited   ProcessState = "exited"
)

// ProcessOptions says what to start.
type ProcessOptions struct {
	// Path is the executable, absolute. Args are its arguments without its
	// name. There is no shell anywhere.
	Path string
	Args []string
	// Dir is the working folder.
	Dir string
	// Env is the whole environment, as Environment.Build makes it. Marks
	// that let the sweep find descendants are added.
	Env []string
	// SessionID is the session that the process runs for; empty for a
	// process that serves many.
	SessionID string
	// Credential is the user that the process runs as; nil means the
	// server's. Only a server that is root can choose, and only another user
	// keeps an agent from reading the server's memory.
	Credential *syscall.Credential
	// StateDir is the server's state folder. A record of the running process
	// is kept there, for SweepLeftovers; empty keeps none.
	StateDir string
}

// StopOptions are the delays of the stop sequence, counted from its begin.
type StopOptions struct {
	// TermAfter is when SIGTERM goes to the process group; 0 means 1 s. Until
	// then the process may end by itself, since its stdin is closed.
	TermAfter time.Duration
	// KillAfter is when SIGKILL goes to the process group; 0 means 5 s.
	KillAfter time.Duration
}

// Exit tells how a process ended.
type Exit struct {
	// Code is the exit code; nil if a signal ended it.
	Code *int
	// Signal is the signal's name, such as SIGKILL; empty if none did.
	Signal string
	Stderr *protocol.Stderr
}

// Process is a child in its own process group, with pipes. One goroutine of
// its own waits for its end; Stop, or the end itself, ends that goroutine.
// All methods are safe for concurrent use.
type Process struct {
	cmd    *exec.Cmd
	run    string
	record string
	stdin  *os.File
	stdout *output
	stderr Stderr

	// reaped is closed once the status was collected, exited once exit is
	// set as well, gone once the sweep is done.
	reaped, exited, gone chan struct{}

	mu     sync.Mutex
	state  ProcessState
	exit   Exit
	family []identity
}

// StartProcess starts a process: own process group, no descriptors but 0 to 2,
// on Linux killed when the server dies, and first in line when memory is out.
func StartProcess(o ProcessOptions) (*Process, error) {
	p, err := newProcess(o)
	if err != nil {
		return nil, err
	}
	errOut, err := p.launch()
	if err != nil {
		return nil, err
	}
	p.running(o.StateDir)
	go p.watch(errOut)
	return p, nil
}

// newProcess returns a process that is not started yet.
func newProcess(o ProcessOptions) (*Process, error) {
	run, err := newRun(o.StateDir)
	if err != nil {
		return nil, err
	}
	p := &Process{
		run: run, state: ProcessInitial,
		cmd:    exec.Command(o.Path, o.Args...), //nolint:noctx // it outlives any call; Stop ends it
		reaped: make(chan struct{}), exited: make(chan struct{}), gone: make(chan struct{}),
	}
	p.cmd.Dir = o.Dir
	p.cmd.Env = append(append([]string(nil), o.Env...), "TOWLINE_SESSION="+o.SessionID, runVariable+"="+run)
	p.cmd.SysProcAttr = processAttributes()
	p.cmd.SysProcAttr.Credential = o.Credential
	return p, nil
}

// start starts the command as a child that the reaper leaves alone.
func (p *Process) start() error {
	p.setState(ProcessStarting)
	closeOnExec()
	return Own(func() (int, error) {
		if err := p.cmd.Start(); err != nil {
			return 0, err
		}
		return p.PID(), nil
	})
}

// running notes that the command was started.
func (p *Process) running(stateDir string) {
	p.setState(ProcessRunning)
	deprioritize(p.PID())
	p.record = keepRecord(stateDir, p.run, p.PID())
}

// launch makes the pipes and starts the command. It returns the process's
// standard error.
func (p *Process) launch() (errOut *output, err error) {
	var files []*os.File
	pipe := func() (r, w *os.File) {
		if err == nil {
			if r, w, err = os.Pipe(); err == nil {
				files = append(files, r, w)
			}
		}
		return r, w
	}
	in, stdin := pipe()
	stdout, out := pipe()
	stderr, errFile := pipe()
	if err == nil {
		p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = in, out, errFile
		err = p.start()
	}
	if err != nil {
		for _, f := range files {
			_ = f.Close()
		}
		return nil, fmt.Errorf("cannot start the process: %w", err)
	}
	for _, f := range []*os.File{in, out, errFile} {
		_ = f.Close()
	}
	p.stdin = stdin
	p.stdout = &output{file: stdout, ended: p.reaped}
	return &output{file: stderr, ended: p.reaped}, nil
}

// PID returns the process's id, which is also its group's.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Stdin returns the writing end of the process's standard input. Writing obeys
// deadlines.
func (p *Process) Stdin() *os.File { return p.stdin }

// Stdout returns the process's standard output. It ends when the process ends,
// even if a descendant keeps the pipe open. One goroutine must read it, or the
// process will block when the pipe is full.
func (p *Process) Stdout() io.Reader { return p.stdout }

// State returns how far the process is.
func (p *Process) State() ProcessState {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

// Exited is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Gone is closed when the process has ended and its descendants were swept.
func (p *Process) Gone() <-chan struct{} { return p.gone }

// Wait waits for the end of the process and tells how it ended.
func (p *Process) Wait() Exit {
	<-p.exited
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.exit
}

// Stderr returns what the process has written to its standard error so far.
func (p *Process) Stderr() *protocol.Stderr { return p.stderr.Report() }

// Signal sends a signal to the process alone. It does nothing after the end.
func (p *Process) Signal(sig os.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("cannot signal the process: %w", err)
	}
	return nil
}

// Stop ends the process and everything that it started: it closes stdin, then
// sends SIGTERM and SIGKILL to the group, then sweeps. It returns when nothing
// is left, or 1 s after SIGKILL at the latest, then with an error. It may be
// called often; callers at the same time all wait.
func (p *Process) Stop(o StopOptions) error {
	begin := time.Now()
	term, kill := orDefault(o.TermAfter, time.Second), orDefault(o.KillAfter, 5*time.Second)
	p.remember()
	p.setState(ProcessStopping)
	_ = p.stdin.Close()
	if !waitUntil(p.exited, begin.Add(min(term, kill))) {
		p.remember()
		p.signalGroup(syscall.SIGTERM)
	}
	if !waitUntil(p.exited, begin.Add(kill)) {
		p.remember()
		p.setState(ProcessKilling)
		p.kill()
	}
	if !waitUntil(p.gone, maxTime(begin.Add(kill), time.Now()).Add(time.Second)) {
		return fmt.Errorf("cannot end process %d: it does not die", p.PID())
	}
	return nil
}

// watch waits for the end of the process, tells it, and cleans up behind it.
func (p *Process) watch(errOut *output) {
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		p.copyStderr(errOut)
	}()
	p.reap()
	errOut.wake()
	<-copied
	_ = p.stdin.Close()
	p.finish()
}

// finish tells the end of a process that was reaped, and sweeps behind it.
func (p *Process) finish() {
	p.mu.Lock()
	p.exit = exitOf(p.cmd.ProcessState)
	p.exit.Stderr = p.stderr.Report()
	p.state = ProcessExited
	family := p.family
	p.mu.Unlock()
	close(p.exited)
	p.stdout.wake()

	sweep(p.run, family)
	dropRecord(p.record)
	close(p.gone)
}

// copyStderr reads standard error to its end.
func (p *Process) copyStderr(from *output) {
	buf := make([]byte, 4<<10)
	for {
		n, err := from.Read(buf)
		_, _ = p.stderr.Write(buf[:n])
		if err != nil && !errors.Is(err, errWoken) {
			return
		}
	}
}

// remember notes the descendants that the process has now. After its end the
// link from a descendant to it is lost.
func (p *Process) remember() {
	found := descendants(p.PID())
	p.mu.Lock()
	p.family = append(p.family, found...)
	p.mu.Unlock()
}

// kill sends SIGKILL to the group.
func (p *Process) kill() { p.signalGroup(syscall.SIGKILL) }

// signalGroup signals the group as long as the process itself has not been
// reaped: afterwards its number may belong to another group.
func (p *Process) signalGroup(sig syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.reaped:
	default:
		_ = syscall.Kill(-p.PID(), sig)
	}
}

// setState moves on; a process that exited stays exited.
func (p *Process) setState(s ProcessState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state != ProcessExited && p.state != ProcessKilling {
		p.state = s
	}
}

// exitOf reads a wait status.
func exitOf(state *os.ProcessState) Exit {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return Exit{Signal: unix.SignalName(status.Signal())}
	}
	code := state.ExitCode()
	return Exit{Code: &code}
}

// String is the end in a few words: exit code 3, or SIGKILL.
func (e Exit) String() string {
	if e.Code != nil {
		return fmt.Sprintf("exit code %d", *e.Code)
	}
	return e.Signal
}

// waitUntil waits for done; false if the time came first.
func waitUntil(done <-chan struct{}, at time.Time) bool {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d <= 0 {
		return otherwise
	}
	return d
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

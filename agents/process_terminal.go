package agents

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// TerminalProcess is a Process whose input and output are a terminal of its
// own. It leads a session there, so what it starts in the foreground and in the
// background is in groups of its own; the sweep finds all of them by their mark.
//
// One goroutine must Read up to io.EOF, which comes when the process has ended,
// even if a descendant keeps the terminal open. All other methods may be called
// from any goroutine, also after the end.
type TerminalProcess struct {
	process *Process
	master  *output
	// tty is the side of the terminal that the process has. Holding it open
	// keeps reads from failing while a program has closed its own.
	tty *os.File
	// writing holds a token while one caller's keys are written, so that they
	// stay together; stops counts how often such a caller was to be stopped.
	writing chan struct{}
	stops   atomic.Uint64
}

// StartTerminal starts a process on a terminal of so many rows and columns.
func StartTerminal(o ProcessOptions, rows, cols int) (*TerminalProcess, error) {
	p, err := newProcess(o)
	if err != nil {
		return nil, err
	}
	master, tty, err := openTerminal(rows, cols)
	if err != nil {
		return nil, err
	}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = tty, tty, tty
	attributes := p.cmd.SysProcAttr
	attributes.Setpgid = false // a session's leader leads its group already
	attributes.Setsid, attributes.Setctty = true, true
	if c := attributes.Credential; c != nil {
		err = tty.Chown(int(c.Uid), -1) // programs open it by its name, too
	}
	if err == nil {
		err = p.start()
	}
	if err != nil {
		_ = master.Close()
		_ = tty.Close()
		return nil, fmt.Errorf("cannot start the process: %w", err)
	}
	p.running(o.StateDir)
	t := &TerminalProcess{process: p, tty: tty, master: &output{file: master, ended: p.reaped}, writing: make(chan struct{}, 1)}
	p.stdout = t.master
	go t.watch()
	return t, nil
}

// openTerminal opens a terminal. The master obeys deadlines: the library's own
// file does not, because its calls have made it a blocking one.
func openTerminal(rows, cols int) (master, tty *os.File, err error) {
	blocking, tty, err := pty.Open()
	if err != nil {
		return nil, nil, fmt.Errorf("cannot open a terminal: %w", err)
	}
	defer func() { _ = blocking.Close() }()
	fd, err := unix.FcntlInt(blocking.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err == nil {
		err = unix.SetNonblock(fd, true)
		master = os.NewFile(uintptr(fd), "terminal")
	}
	if err == nil {
		err = setSize(master, rows, cols)
	}
	if err != nil {
		_ = master.Close() // nil is fine
		_ = tty.Close()
		return nil, nil, fmt.Errorf("cannot set up a terminal: %w", err)
	}
	return master, tty, nil
}

// setSize tells the terminal its size, and with it the program.
func setSize(master *os.File, rows, cols int) error {
	size := &unix.Winsize{Row: uint16(rows), Col: uint16(cols)}
	return control(master, func(fd int) error { return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, size) })
}

// control calls f with the file's descriptor, which stays a non-blocking one.
func control(file *os.File, f func(fd int) error) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = f(int(fd)) }); err != nil {
		return err
	}
	return inner
}

// watch waits for the end of the process and cleans up behind it.
func (t *TerminalProcess) watch() {
	t.process.reap()
	_ = t.tty.Close()
	t.process.finish()
}

// PID returns the process's id, which is also its session's and its group's.
func (t *TerminalProcess) PID() int { return t.process.PID() }

// Read reads what the program has written; io.EOF after its end.
func (t *TerminalProcess) Read(p []byte) (int, error) {
	for {
		n, err := t.master.Read(p)
		if n > 0 || !errors.Is(err, errWoken) {
			return n, err
		}
	}
}

// Write types keys: all of them, or as many as the program takes until ctx is
// done, or Discard is called. One caller's keys stay together.
func (t *TerminalProcess) Write(ctx context.Context, keys []byte) (int, error) {
	stops := t.stops.Load()
	select {
	case t.writing <- struct{}{}:
		defer func() { <-t.writing }()
	case <-ctx.Done():
		return 0, fmt.Errorf("cannot type: %w", context.Cause(ctx))
	}
	if err := t.master.file.SetWriteDeadline(time.Time{}); err != nil {
		return 0, fmt.Errorf("cannot type: %w", err)
	}
	if t.stops.Load() != stops { // looked at behind the deadline, which it sets behind the count
		return 0, fmt.Errorf("cannot type: %w", os.ErrDeadlineExceeded)
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		_ = t.master.file.SetWriteDeadline(time.Unix(1, 0))
	})
	n, err := t.master.file.Write(keys)
	if !stop() {
		<-ended // or it would end the next write
	}
	if err != nil {
		return n, fmt.Errorf("cannot type: %w", err)
	}
	return n, nil
}

// Resize changes the terminal's size. The program gets SIGWINCH.
func (t *TerminalProcess) Resize(rows, cols int) error {
	if err := setSize(t.master.file, rows, cols); err != nil {
		return fmt.Errorf("cannot resize the terminal: %w", err)
	}
	return nil
}

// Foreground tells whether the process itself has the terminal, not a command
// that it has started there as a job: a shell at its prompt.
func (t *TerminalProcess) Foreground() bool {
	group := t.PID()
	err := control(t.master.file, func(fd int) (err error) {
		group, err = unix.IoctlGetInt(fd, unix.TIOCGPGRP)
		return err
	})
	return err != nil || group == t.PID()
}

// Exited is closed when the process has ended.
func (t *TerminalProcess) Exited() <-chan struct{} { return t.process.Exited() }

// Wait waits for the end of the process and tells how it ended.
func (t *TerminalProcess) Wait() Exit { return t.process.Wait() }

// hangUpTime is how long a program may take to say its last words after SIGHUP.
const hangUpTime = 500 * time.Millisecond

// Stop ends the process and everything that it started, as when a person
// closes the window: SIGHUP, and if it has not ended after 500 ms the terminal
// goes away, which also reaches a shell that missed the signal. Then SIGTERM,
// SIGKILL and the sweep as Process.Stop.
func (t *TerminalProcess) Stop(o StopOptions) error {
	t.process.remember()
	t.process.signalGroup(syscall.SIGHUP)
	t.process.signalGroup(syscall.SIGCONT) // a stopped program cannot hear
	if !waitUntil(t.Exited(), time.Now().Add(hangUpTime)) {
		t.process.remember()
		t.master.close()
	}
	return t.process.Stop(o)
}

package agents

import (
	"errors"
	"io"
	"os"
	"syscall"
	"time"
)

// errWoken is what a read returns that was woken without bytes. Reading can
// go on.
var errWoken = errors.New("woken")

// pipeLimit is the most that an unprivileged process's pipe can hold.
const pipeLimit = 1 << 20

// Output is our end of a process's standard output or error. Its end is the
// end of the process: a descendant that keeps the pipe open does not prolong
// it. What the process wrote before its end is still read, because then it is
// in the pipe already, and a pipe holds at most 1 MiB.
//
// It closes itself at its end. One goroutine reads; any may wake it.
type output struct {
	file *os.File
	// ended is closed when the process was reaped.
	ended <-chan struct{}
	// last tells that the process has ended; left is how much may still be read.
	last bool
	left int
}

// wake makes a read that waits return errWoken, or the next one if none waits.
func (o *output) wake() {
	_ = o.file.SetReadDeadline(time.Unix(1, 0))
}

// close gives the pipe back. Reading ends.
func (o *output) close() { _ = o.file.Close() }

// Read reads what is there, and waits if nothing is and the process lives.
func (o *output) Read(p []byte) (int, error) {
	n, err := o.read(p)
	if err != nil && !errors.Is(err, errWoken) {
		o.close()
		err = io.EOF // whatever broke the pipe: nothing more comes
	}
	return n, err
}

func (o *output) read(p []byte) (int, error) {
	if o.last {
		return o.readNow(p)
	}
	n, err := o.file.Read(p)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
	}
	// First take the deadline back, then look why it was set: a wake after
	// the look sets it again.
	if err := o.file.SetReadDeadline(time.Time{}); err != nil {
		return 0, err
	}
	select {
	case <-o.ended:
		o.last, o.left = true, pipeLimit
		return o.readNow(p)
	default:
		return 0, errWoken
	}
}

// readNow reads without waiting; an empty pipe is the end.
func (o *output) readNow(p []byte) (n int, err error) {
	if o.left <= 0 || len(p) == 0 {
		return 0, io.EOF
	}
	raw, err := o.file.SyscallConn()
	if err != nil {
		return 0, err
	}
	p = p[:min(len(p), o.left)]
	err = raw.Read(func(fd uintptr) bool {
		for {
			var readErr error
			if n, readErr = syscall.Read(int(fd), p); readErr != syscall.EINTR {
				return true
			}
		}
	})
	if errors.Is(err, os.ErrDeadlineExceeded) {
		_ = o.file.SetReadDeadline(time.Time{})
		return 0, errWoken
	}
	if err != nil || n <= 0 {
		return 0, io.EOF
	}
	o.left -= n
	return n, nil
}

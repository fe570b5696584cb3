package agents

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/towline-dev/towline/protocol"
)

// queuedBytes is how much may wait for an agent that does not read. Commands
// wait one at a time; what could grow are automatic answers.
const queuedBytes = 16 << 20

// errPartWritten tells that an agent got the begin of a frame and not its end.
// Nothing sensible can follow it.
var errPartWritten = errors.New("a frame was written in part only")

// errStillBlocked tells that nothing of a delivery was written in time.
var errStillBlocked = errors.New("the agent does not read its input")

// input writes frames to an agent's standard input, in order, from one
// goroutine, so that reading the agent never waits for writing to it.
type input struct {
	file *os.File
	// broken is called once when no frame can follow anymore.
	broken func()

	mu      sync.Mutex
	queue   []*delivery
	bytes   int
	current *delivery
	closed  bool
	// more is signalled when the queue grew or closed.
	more sync.Cond
}

// delivery is frames that are written whole or not at all, as far as the pipe
// allows.
type delivery struct {
	data []byte
	// done receives the outcome; it has room for it.
	done chan error
}

func newInput(file *os.File, broken func()) *input {
	in := &input{file: file, broken: broken}
	in.more.L = &in.mu
	return in
}

// joinFrames checks frames and gives each its line end. One malformed line
// ends some agents (claude/PROTOCOL.md section 3), so none is ever written.
func joinFrames(frames [][]byte) ([]byte, error) {
	var data []byte
	for _, f := range frames {
		if bytes.ContainsAny(f, "\n\r") || !json.Valid(f) {
			return nil, protocol.Errorf(protocol.CodeInternal,
				"the server made a message for the agent that is not one line of JSON, and did not send it; please report this")
		}
		data = append(append(data, f...), '\n')
	}
	return data, nil
}

// put queues data without waiting. It fails if too much waits already.
func (in *input) put(data []byte) (*delivery, error) {
	d := &delivery{data: data, done: make(chan error, 1)}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed {
		return nil, errNotRunning()
	}
	if in.bytes+len(data) > queuedBytes && in.bytes > 0 {
		return nil, protocol.Errorf(protocol.CodeBusy, "the agent does not read its input; interrupt it or end the session")
	}
	in.queue = append(in.queue, d)
	in.bytes += len(data)
	in.more.Signal()
	return d, nil
}

// await waits for a delivery until ctx is done, and then takes it back as far
// as it was not written: errStillBlocked if nothing was.
func (in *input) await(ctx context.Context, d *delivery) error {
	select {
	case err := <-d.done:
		return err
	case <-ctx.Done():
	}
	in.mu.Lock()
	if i := slices.Index(in.queue, d); i >= 0 {
		in.queue = slices.Delete(in.queue, i, i+1)
		in.bytes -= len(d.data)
		in.mu.Unlock()
		return errStillBlocked
	}
	if in.current == d {
		_ = in.file.SetWriteDeadline(time.Unix(1, 0))
	}
	in.mu.Unlock()
	return <-d.done
}

// serve writes what is queued until close, or until a write fails.
func (in *input) serve() {
	for {
		d := in.next()
		if d == nil {
			return
		}
		n, err := in.file.Write(d.data)
		in.mu.Lock()
		in.current = nil
		in.mu.Unlock()
		switch {
		case err == nil:
			d.done <- nil
		case n == 0 && errors.Is(err, os.ErrDeadlineExceeded):
			d.done <- errStillBlocked
		case n == 0:
			in.close()
			d.done <- errNotRunning()
		default:
			d.done <- errPartWritten
			if !in.close() {
				in.broken()
			}
		}
	}
}

// next waits for a delivery and makes it current; nil after close. What was
// still queued then was not delivered.
func (in *input) next() *delivery {
	in.mu.Lock()
	defer in.mu.Unlock()
	for len(in.queue) == 0 && !in.closed {
		in.more.Wait()
	}
	if in.closed {
		for _, d := range in.queue {
			d.done <- errNotRunning()
		}
		in.queue = nil
		return nil
	}
	d := in.queue[0]
	in.queue = slices.Delete(in.queue, 0, 1)
	in.bytes -= len(d.data)
	in.current = d
	_ = in.file.SetWriteDeadline(time.Time{})
	return d
}

// close refuses all that is not written yet. A write that waits goes on until
// the file is closed. It tells whether the input was closed before.
func (in *input) close() (before bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	before, in.closed = in.closed, true
	in.more.Signal()
	return before
}

func errNotRunning() error {
	return protocol.Errorf(protocol.CodeAgentNotRunning, "the agent's process has ended; send the command again to start it anew")
}

package clientlib

import (
	"errors"
	"fmt"
	"io"

	"github.com/coder/websocket"
	"github.com/towline-dev/towline/protocol"
)

// ErrClosed is returned by calls on a Stream that was closed.
var ErrClosed = errors.New("the stream was closed")

// errProtocol marks answers that no later try would make better.
var errProtocol = errors.New("the server does not speak this protocol")

// GapError tells that events are missing: the server could not continue from
// the cursor. Reading may go on after it.
type GapError struct {
	// From and To are the first and last seq that are not coming.
	From, To uint64
	// Reason is retention, epoch or cursor_ahead as the server gave it, or
	// "hole" if the server skipped events without a word.
	Reason string
	// Epoch is the epoch of what follows; empty if it is the same.
	Epoch string
}

// gapHole is the reason of gaps that the server did not speak of.
const gapHole = "hole"

// Error says what is missing.
func (e *GapError) Error() string {
	return fmt.Sprintf("events %d to %d are missing (%s): read the session's state again", e.From, e.To, e.Reason)
}

// CloseError tells that the server closed the socket in a way that coming back
// would not change.
type CloseError struct {
	// Status is the WebSocket close code.
	Status websocket.StatusCode
	// Reason is the server's reason.
	Reason string
	// Code is the code of the goodbye before the close; empty without one.
	Code protocol.Code
}

// Error says what the server said.
func (e *CloseError) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("the server closed the socket with code %d", int(e.Status))
	}
	return fmt.Sprintf("the server closed the socket with code %d: %s", int(e.Status), e.Reason)
}

// isNormalEnd tells whether the server ended the stream as it should.
func isNormalEnd(err error) bool { return errors.Is(err, io.EOF) }

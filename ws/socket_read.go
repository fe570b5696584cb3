package ws

import (
	"context"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/coder/websocket"

	"github.com/towline-dev/towline/protocol"
)

// readFrames takes in frames until the socket ends.
func (k *socket) readFrames() {
	for {
		// No deadline: an idle client is silent for as long as it answers pings.
		kind, message, err := k.conn.Reader(context.Background())
		if err != nil {
			return
		}
		if !k.readFrame(kind, message) {
			return
		}
	}
}

// readFrame takes in one message. It tells whether to go on.
func (k *socket) readFrame(kind websocket.MessageType, message io.Reader) bool {
	buf := getBuffer()
	defer putBuffer(buf)
	k.due.assembling.set(k.server.now())
	err := readAll(buf, message)
	k.due.assembling.clear()
	if err != nil {
		return false // the library has closed, or the watchdog does
	}
	if kind != k.codec.message {
		k.close(closeWrongType, protocol.CodeInvalidRequest, "wrong frame type: the JSON subprotocol takes text frames, msgpack binary ones")
		return false
	}
	if kind == websocket.MessageText && !utf8.Valid(*buf) {
		k.close(closeBadPayload, protocol.CodeInvalidRequest, "the text frame is not valid UTF-8")
		return false
	}
	frame, err := protocol.DecodeClientFrame(k.codec.format, *buf)
	if _, bad := errors.AsType[*protocol.GuardError](err); bad {
		e := protocol.AsError(err)
		k.close(closeBadPayload, e.Code, e.Message)
		return false
	}
	return k.admit(frame, err)
}

// readAll appends all of r to the buffer.
func readAll(buf *[]byte, r io.Reader) error {
	b := *buf
	defer func() { *buf = b }()
	for {
		if cap(b)-len(b) < 512 {
			b = append(b, make([]byte, max(1024, len(b)))...)[:len(b)]
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// admit passes on a decoded frame, or answers what refuses it. It tells whether
// to go on.
func (k *socket) admit(frame protocol.ClientFrame, err error) bool {
	if !k.frameRate.Allow() || (changes(frame.Command) && !k.commandRate.Allow()) {
		return k.tooFast(frame.ID)
	}
	if err == nil {
		err = k.principal.may(frameScopes[frame.Command.FrameType()])
	}
	if err == nil {
		err = k.dispatch(frame)
	}
	if err != nil {
		k.refuse(frame.ID, err)
	}
	return true
}

// changes tells whether a command changes something.
func changes(c protocol.Command) bool {
	switch c.(type) {
	case nil, *protocol.Ping, *protocol.EventsRead, *protocol.SessionAttach:
		return false
	default:
		return true
	}
}

// tooFast refuses a frame beyond the rate, and after many refusals the socket.
func (k *socket) tooFast(id string) bool {
	if k.refusals++; k.refusals > k.server.limits.Refusals {
		k.close(closeRate, protocol.CodeRateLimited, "too many frames came too fast; reconnect after 5 seconds and send fewer")
		return false
	}
	k.refuse(id, protocol.Errorf(protocol.CodeRateLimited, "frames come too fast; hello's limits tell how many commands are taken per second"))
	return true
}

// refuse answers a command with an error.
func (k *socket) refuse(id string, err error) {
	if protocol.CodeOf(err) == protocol.CodeInternal {
		k.server.log.Error().Err(err).Str("client", k.clientID).Msg("a command failed")
	}
	k.answer(protocol.Result{ID: id, Error: protocol.AsError(err)})
}

// answer sends a result. If that fails the socket is ending, and the client
// sends the command again on its next one.
func (k *socket) answer(r protocol.Result) { _ = k.send(protocol.FrameResult, &r) }

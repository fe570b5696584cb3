package ws

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"time"

	"github.com/coder/websocket"

	"github.com/towline-dev/towline/protocol"
)

// close says goodbye and closes the socket. The first close wins; later ones
// return at once. It returns within Timeouts.Close, whatever the peer does: the
// deadline on the connection bounds the library's close, which would otherwise
// read on for as long as the peer sends.
func (k *socket) close(status websocket.StatusCode, code protocol.Code, reason string) {
	if !k.closing.CompareAndSwap(false, true) {
		return
	}
	_ = k.net.SetDeadline(time.Now().Add(k.server.timeouts.Close))
	k.server.log.Debug().Str("client", k.clientID).Int("status", int(status)).Str("reason", reason).Msg("closing a socket")
	k.goodbye(status, code, reason)
	_ = k.conn.Close(status, reason) // the peer may be gone already
	k.cancel()
}

// closeLater closes without making the caller wait.
func (k *socket) closeLater(status websocket.StatusCode, code protocol.Code, reason string) {
	k.later(func() { k.close(status, code, reason) })
}

// goodbye announces the close, after the frame that is being written.
func (k *socket) goodbye(status websocket.StatusCode, code protocol.Code, reason string) {
	buf := getBuffer()
	defer putBuffer(buf)
	frame, err := protocol.AppendFrame(*buf, k.codec.format, protocol.FrameGoodbye, &protocol.Goodbye{
		Code: code, Reason: reason, After: k.sent.Load(), RetryMS: retryMS(status),
	})
	if err != nil {
		k.server.log.Error().Err(err).Msg("cannot encode a goodbye")
		return
	}
	*buf = frame
	k.writing.Lock()
	defer k.writing.Unlock()
	_ = k.writeLocked(frame) // the close that follows is what counts
}

// retryMS is how long a client should wait before it comes back: spread out
// after a restart, so that not all come at once.
func retryMS(status websocket.StatusCode) int {
	switch status {
	case closeRestart:
		return 200 + rand.IntN(1800) //nolint:gosec // spreads load, guards nothing
	case closeRate:
		return 5000
	default:
		return 0
	}
}

// cut ends the socket of a peer that does not read: by a reset, because a frame
// is stuck half-way and nothing can follow it.
func (k *socket) cut() {
	if !k.closing.CompareAndSwap(false, true) {
		return
	}
	k.server.log.Info().Str("client", k.clientID).Uint64("after", k.sent.Load()).Msg("a slow reader was cut off")
	if tcp, ok := k.net.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // drop what the peer does not read
	}
	_ = k.conn.CloseNow()
	k.cancel()
}

// ping checks that the peer is there. Only the reading goroutine sees pongs, so
// a peer that sends nothing at all is found too.
func (k *socket) ping() {
	ctx, cancel := context.WithTimeout(k.ctx, k.server.timeouts.Pong)
	defer cancel()
	if err := k.conn.Ping(ctx); err != nil && k.ctx.Err() == nil {
		k.close(closeNoPong, protocol.CodeTimeout, "no pong came in time; reconnect with your cursor")
	}
}

// countControl counts a ping or pong of the peer, and closes the socket in a
// flood. It tells whether the frame may be answered.
func (k *socket) countControl() bool {
	if k.control.flood(k.server.limits.ControlPerSecond, time.Now()) {
		k.closeLater(closePolicy, protocol.CodeRateLimited, "too many pings and pongs")
		return false
	}
	return true
}

// linger ends a connection that the library gave up: the peer may still be
// sending, and closing now would reset the connection and lose the close frame
// on its way.
func (k *socket) linger() {
	tcp, ok := k.net.(*net.TCPConn)
	if !ok || tcp.CloseWrite() != nil {
		return // the peer is gone
	}
	_ = tcp.SetDeadline(time.Now().Add(k.server.timeouts.Close))
	_, _ = io.Copy(io.Discard, tcp) // until the peer leaves or the deadline
}

package ws

import (
	"context"
	"errors"
	"net"

	"github.com/coder/websocket"

	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/session"
)

// errClosing tells that a frame was not written because the socket ends.
var errClosing = errors.New("the socket is closing")

// sendEvents sends what the reader delivers until the socket or the session
// ends. A slow peer holds up only this goroutine: nothing is queued for it.
func (k *socket) sendEvents(r *session.Reader) {
	for {
		d, err := r.Next(k.ctx)
		if err != nil {
			k.endOfEvents(err)
			return
		}
		if err := k.deliver(d); err != nil {
			k.endOfEvents(err)
			return
		}
		k.sent.Store(r.After())
	}
}

// deliver writes one delivery as one frame.
func (k *socket) deliver(d session.Delivery) error {
	switch d.Kind {
	case protocol.FrameEvents:
		return k.sendBlocks(d)
	case protocol.FrameLive:
		return k.send(protocol.FrameLive, &protocol.Live{Seq: d.Last})
	case protocol.FrameGap:
		return k.send(protocol.FrameGap, &d.Gap)
	case protocol.FrameAsk:
		return k.send(protocol.FrameAsk, &d.Ask)
	default:
		return nil
	}
}

// sendBlocks writes shared, encoded events: only their bytes are copied.
func (k *socket) sendBlocks(d session.Delivery) error {
	n := 0
	for _, b := range d.Blocks {
		n += b.Len()
	}
	buf := getBuffer()
	defer putBuffer(buf)
	frame := protocol.AppendEventsHeader(*buf, k.codec.format, d.Last, n)
	for i, b := range d.Blocks {
		events, err := k.codec.events(b)
		if err != nil {
			return err
		}
		if i > 0 && k.codec.format == protocol.FormatJSON {
			frame = append(frame, ',')
		}
		frame = append(frame, events...)
	}
	frame = protocol.AppendEventsTrailer(frame, k.codec.format)
	*buf = frame
	return k.write(frame)
}

// send writes one frame.
func (k *socket) send(t protocol.FrameType, body any) error {
	buf := getBuffer()
	defer putBuffer(buf)
	frame, err := protocol.AppendFrame(*buf, k.codec.format, t, body)
	if err != nil {
		k.server.log.Error().Err(err).Str("frame", string(t)).Msg("cannot encode a frame")
		k.closeLater(closeInternal, protocol.CodeInternal, "the server could not encode a frame; reconnect with your cursor")
		return err
	}
	*buf = frame
	return k.write(frame)
}

// write writes one encoded frame, unless the socket is closing. The context
// has no deadline, which would cost more than the write: the watchdog cuts
// writes that take too long.
func (k *socket) write(frame []byte) error {
	k.writing.Lock()
	defer k.writing.Unlock()
	if k.closing.Load() {
		return errClosing
	}
	return k.writeLocked(frame)
}

// writeLocked writes one encoded frame.
func (k *socket) writeLocked(frame []byte) error {
	k.due.writing.set(k.server.now())
	defer k.due.writing.clear()
	return k.conn.Write(context.Background(), k.codec.message, frame)
}

// endOfEvents ends the socket when there is nothing more to read.
func (k *socket) endOfEvents(err error) {
	switch {
	case k.ctx.Err() != nil, k.closing.Load(), websocket.CloseStatus(err) != -1, errors.Is(err, net.ErrClosed):
		// The socket ends already; its reading side sees to it.
	case errors.Is(err, session.ErrDeleted):
		k.close(closeGone, protocol.CodeNotFound, "the session was deleted")
	case errors.Is(err, session.ErrClosed):
		k.close(closeRestart, protocol.CodeDraining, "the server is shutting down; reconnect with your cursor")
	default:
		k.server.log.Error().Err(err).Str("session", k.session.ID()).Msg("cannot read events")
		k.close(closeInternal, protocol.CodeStoreFailed, "the server could not read the session's events; reconnect with your cursor")
	}
}

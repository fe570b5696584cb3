package clientlib

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/coder/websocket"
	"github.com/towline-dev/towline/protocol"
)

const (
	// maxFrame bounds a server frame, in bytes. The server keeps to 1 MiB.
	maxFrame = 8 << 20
	// openTime bounds dialing and the wait for hello.
	openTime = 20 * time.Second
	// quietTime is how long a server may be silent, pings included, if its
	// hello does not tell how often it pings.
	quietTime = 90 * time.Second
	// quietSlack is added to two missed pings.
	quietSlack = 10 * time.Second
	// leaveTime bounds the closing handshake.
	leaveTime = 500 * time.Millisecond
)

// conn is one connection of a Stream. All but silence belongs to the
// goroutine that reads.
type conn struct {
	ws      *websocket.Conn
	format  protocol.Format
	kind    websocket.MessageType
	quiet   time.Duration
	silence *time.Timer // cuts a connection that says nothing
	goodbye *protocol.Goodbye
}

// connect dials and reads hello.
func (s *Stream) connect(ctx context.Context, at protocol.Cursor) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	c, err := s.dial(ctx, at)
	if err != nil {
		return nil, err
	}
	f, err := c.read(ctx)
	if err != nil {
		c.close()
		return nil, fmt.Errorf("cannot read the server's greeting: %w", err)
	}
	hello, ok := f.(*protocol.Hello)
	if !ok || hello.Protocol != protocol.Version {
		c.leave()
		return nil, fmt.Errorf("%w: its first frame is no hello of version %d", errProtocol, protocol.Version)
	}
	if ms := hello.Limits.PingIntervalMS; ms > 0 {
		c.quiet = 2*time.Duration(ms)*time.Millisecond + quietSlack
		c.silence.Reset(c.quiet)
	}
	s.takeHello(hello, at)
	return c, nil
}

// dial opens the socket. A refusal comes back as a *StatusError.
func (s *Stream) dial(ctx context.Context, at protocol.Cursor) (*conn, error) {
	c := &conn{format: s.opts.Format, kind: websocket.MessageText, quiet: quietTime}
	sub := protocol.SubprotocolJSON
	if c.format == protocol.FormatMsgpack {
		c.kind, sub = websocket.MessageBinary, protocol.SubprotocolMsgpack
	}
	//nolint:bodyclose // refusal reads what there is; of a success nothing is to be closed
	ws, resp, err := websocket.Dial(ctx, s.address(at), &websocket.DialOptions{
		HTTPClient:     s.client.http,
		HTTPHeader:     s.client.header(),
		Subprotocols:   []string{sub},
		OnPingReceived: func(context.Context, []byte) bool { c.silence.Reset(c.quiet); return true },
	})
	if err != nil {
		if resp != nil && resp.StatusCode != http.StatusSwitchingProtocols {
			return nil, refusal(resp)
		}
		return nil, err
	}
	c.ws = ws
	ws.SetReadLimit(maxFrame)
	c.silence = time.AfterFunc(c.quiet, func() { _ = ws.CloseNow() })
	if ws.Subprotocol() != sub {
		c.leave()
		return nil, fmt.Errorf("%w: it chose the subprotocol %q instead of %q", errProtocol, ws.Subprotocol(), sub)
	}
	return c, nil
}

// address is the socket's URL at a cursor.
func (s *Stream) address(at protocol.Cursor) string {
	raw := ""
	if s.opts.Raw {
		raw = "1"
	}
	epoch := s.place().epoch
	if at.Head {
		epoch = ""
	}
	return s.client.URL() + withQuery(sessionPath(s.session, "/ws"),
		"after", at.String(), "epoch", epoch, "view", string(s.opts.View), "raw", raw)
}

// read returns the next frame that this version understands.
func (c *conn) read(ctx context.Context) (any, error) {
	for {
		c.silence.Reset(c.quiet)
		kind, b, err := c.ws.Read(ctx)
		if err != nil {
			return nil, err
		}
		if kind != c.kind {
			return nil, fmt.Errorf("%w: it sent a frame of the wrong type", errProtocol)
		}
		_, f, err := protocol.DecodeServerFrame(c.format, b)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errProtocol, err)
		}
		if _, unknown := f.(json.RawMessage); !unknown {
			return f, nil
		}
	}
}

// leave ends the connection politely, which takes at most leaveTime.
func (c *conn) leave() {
	t := time.AfterFunc(leaveTime, func() { _ = c.ws.CloseNow() })
	defer t.Stop()
	_ = c.ws.Close(websocket.StatusNormalClosure, "")
	c.close()
}

// close drops the connection.
func (c *conn) close() {
	c.silence.Stop()
	_ = c.ws.CloseNow()
}

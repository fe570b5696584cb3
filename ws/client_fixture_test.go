package ws_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/towline-dev/towline/protocol"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// client is a WebSocket client that a test reads frame by frame.
type client struct {
	t      testing.TB
	conn   *websocket.Conn
	format protocol.Format
	ids    int
	// seen holds all events that came; until goes through them.
	seen []protocol.Event
	told int
}

// dial opens a socket; query begins with ? or is empty.
func (f *fixture) dial(path string, protocols ...string) *client {
	f.t.Helper()
	c, res, err := f.tryDial(path, http.Header{"Authorization": {"Bearer " + token}}, protocols...)
	if err != nil {
		f.t.Fatalf("dial %s: %v (%v)", path, err, res)
	}
	return c
}

// tryDial opens a socket and returns the handshake's answer.
func (f *fixture) tryDial(path string, header http.Header, protocols ...string) (*client, *http.Response, error) {
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	conn, res, err := websocket.Dial(ctx, "ws://"+f.addr+path, &websocket.DialOptions{HTTPHeader: header, Subprotocols: protocols})
	if err != nil {
		return nil, res, err
	}
	conn.SetReadLimit(4 << 20)
	f.t.Cleanup(func() { _ = conn.CloseNow() })
	c := &client{t: f.t, conn: conn}
	if conn.Subprotocol() == protocol.SubprotocolMsgpack {
		c.format = protocol.FormatMsgpack
	}
	return c, res, nil
}

// read returns the next frame.
func (c *client) read() (protocol.FrameType, any, error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	_, b, err := c.conn.Read(ctx)
	if err != nil {
		return "", nil, err
	}
	return c.decode(b)
}

// decode decodes a frame and notes its events.
func (c *client) decode(b []byte) (protocol.FrameType, any, error) {
	kind, body, err := protocol.DecodeServerFrame(c.format, b)
	if e, ok := body.(*protocol.Events); ok {
		c.seen = append(c.seen, e.Events...)
	}
	return kind, body, err
}

// next returns the next frame that is a T, and fails on the end of the socket.
func next[T any](c *client) T {
	c.t.Helper()
	for {
		_, body, err := c.read()
		if err != nil {
			c.t.Fatalf("no %T: %v", *new(T), err)
		}
		if v, ok := body.(T); ok {
			return v
		}
	}
}

// closeCode reads until the socket ends and returns its close code.
func (c *client) closeCode() (websocket.StatusCode, *protocol.Goodbye) {
	c.t.Helper()
	var bye *protocol.Goodbye
	for {
		_, body, err := c.read()
		if err != nil {
			return websocket.CloseStatus(err), bye
		}
		if b, ok := body.(*protocol.Goodbye); ok {
			bye = b
		}
	}
}

// send sends a command and returns its id.
func (c *client) send(cmd protocol.Command) string {
	c.t.Helper()
	c.ids++
	id := fmt.Sprintf("id-%d", c.ids)
	c.sendAs(id, cmd)
	return id
}

// sendAs sends a command under an id.
func (c *client) sendAs(id string, cmd protocol.Command) {
	c.t.Helper()
	b, err := protocol.EncodeClientFrame(c.format, protocol.ClientFrame{ID: id, Command: cmd})
	if err != nil {
		c.t.Fatal(err)
	}
	kind := websocket.MessageText
	if c.format == protocol.FormatMsgpack {
		kind = websocket.MessageBinary
	}
	c.write(kind, b)
}

// write sends raw bytes.
func (c *client) write(kind websocket.MessageType, b []byte) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	if err := c.conn.Write(ctx, kind, b); err != nil {
		c.t.Fatal(err)
	}
}

// do sends a command and returns its result.
func (c *client) do(cmd protocol.Command) *protocol.Result {
	c.t.Helper()
	return c.await(c.send(cmd))
}

// doAs is do under an id of the test's own.
func (c *client) doAs(id string, cmd protocol.Command) *protocol.Result {
	c.t.Helper()
	c.sendAs(id, cmd)
	return c.await(id)
}

// await returns the result of a command.
func (c *client) await(id string) *protocol.Result {
	c.t.Helper()
	for {
		if r := next[*protocol.Result](c); r.ID == id {
			return r
		}
	}
}

// until returns the events that came since its last call, up to one of the
// type.
func (c *client) until(t protocol.EventType) []protocol.Event {
	c.t.Helper()
	from := c.told
	for c.event().Data.EventType() != t {
	}
	return c.seen[from:c.told]
}

// event returns the next event.
func (c *client) event() protocol.Event {
	c.t.Helper()
	for c.told == len(c.seen) {
		next[*protocol.Events](c)
	}
	c.told++
	return c.seen[c.told-1]
}

// gulp takes frames off the socket as fast as they come, up to one with an event
// of the type, and returns all events so far. A client that decodes each frame
// before it reads the next may be too slow itself, on a busy machine and under
// the race detector, for a test that is about slow ones.
func (c *client) gulp(t protocol.EventType) []protocol.Event {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 3*patience)
	defer cancel()
	var frames [][]byte
	for last := false; !last; {
		_, b, err := c.conn.Read(ctx)
		if err != nil {
			c.t.Fatalf("no %s: %v", t, err)
		}
		frames = append(frames, b)
		last = bytes.Contains(b, fmt.Appendf(nil, `"type":%q`, t))
	}
	for _, b := range frames {
		if _, _, err := c.decode(b); err != nil {
			c.t.Fatal(err)
		}
	}
	return c.seen
}

// dense fails unless the events' seqs follow each other from the first.
func dense(t testing.TB, events []protocol.Event, first uint64) {
	t.Helper()
	for i, e := range events {
		if e.Seq != first+uint64(i) {
			t.Fatalf("event %d has seq %d, want %d", i, e.Seq, first+uint64(i))
		}
	}
}

// decode reads a result's data.
func decode[T any](t testing.TB, r *protocol.Result) T {
	t.Helper()
	var v T
	if !r.OK {
		t.Fatalf("refused: %v", r.Error)
	}
	if err := json.Unmarshal(r.Data, &v); err != nil {
		t.Fatalf("result %s: %v", r.Data, err)
	}
	return v
}

// kind is the type of the client's messages.
func (c *client) kind() websocket.MessageType {
	if c.format == protocol.FormatMsgpack {
		return websocket.MessageBinary
	}
	return websocket.MessageText
}

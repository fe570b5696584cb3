package clientlib

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/towline-dev/towline/protocol"
)

// ErrDisconnected is returned for keys that were not sent because there is no
// connection just now. They are never sent later: who typed them did not see
// what the program has written since.
var ErrDisconnected = errors.New("the terminal is not connected")

// TerminalOptions says what a Terminal begins with. The zero value shows what
// the server has kept of the program's output.
type TerminalOptions struct {
	// Run and After are the place that an earlier Terminal's Cursor told.
	Run   string
	After int64
	// Head begins with the next output instead.
	Head bool
	// Rows and Cols are the size to give the terminal; 0 leaves it.
	Rows, Cols int
	// OnDisconnect, if not nil, is told why the connection was lost and how
	// long Next waits before the next try. Next calls it.
	OnDisconnect func(cause error, wait time.Duration)
}

// TerminalMessage is what a Terminal's Next returns: output, or a frame.
type TerminalMessage struct {
	Bytes []byte
	Frame *protocol.TerminalFrame
}

// Terminal is a session's live terminal as one client sees it. One goroutine
// calls Next; the other methods may be called from any. It starts none itself.
type Terminal struct {
	client  *Client
	session string
	opts    TerminalOptions
	wait    backoff

	mu      sync.Mutex
	conn    *terminalConn // nil while there is none
	run     string
	offset  int64
	located bool // run and offset are known: later connections go on from there
	closed  bool
}

// terminalConn is one connection.
type terminalConn struct {
	ws      *websocket.Conn
	quiet   time.Duration
	silence *time.Timer // cuts a connection that says nothing
}

// Terminal opens a session's live terminal, and starts its program if it does
// not run. Failures of this first connection are returned, not retried. ctx
// bounds the opening only. The first message is hello.
func (c *Client) Terminal(ctx context.Context, session string, opts TerminalOptions) (*Terminal, error) {
	t := &Terminal{client: c, session: session, opts: opts, run: opts.Run, offset: opts.After}
	if err := t.connect(ctx); err != nil {
		return nil, fmt.Errorf("cannot open the terminal of session %s: %w", session, err)
	}
	return t, nil
}

// Screen returns what a session's terminal shows now: a frame of type screen
// with run, offset, rows, cols, lease and screen. It starts nothing: a program
// that never ran is agent_not_running; of one that has ended the last screen is
// returned.
func (c *Client) Screen(ctx context.Context, session string) (protocol.TerminalFrame, error) {
	var f protocol.TerminalFrame
	err := c.call(ctx, http.MethodGet, sessionPath(session, "/terminal"), nil, &f)
	return f, err
}

// connect opens a connection.
func (t *Terminal) connect(ctx context.Context) error {
	k := &terminalConn{quiet: quietTime}
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	//nolint:bodyclose // refusal reads what there is; of a success nothing is to be closed
	ws, resp, err := websocket.Dial(ctx, t.address(), &websocket.DialOptions{
		HTTPClient: t.client.http, HTTPHeader: t.client.header(), Subprotocols: []string{protocol.SubprotocolTerminal},
		OnPingReceived: func(context.Context, []byte) bool { k.silence.Reset(k.quiet); return true },
	})
	if err != nil {
		if resp != nil && resp.StatusCode != http.StatusSwitchingProtocols {
			return refusal(resp)
		}
		return err
	}
	k.ws = ws
	ws.SetReadLimit(maxFrame)
	k.silence = time.AfterFunc(k.quiet, func() { _ = ws.CloseNow() })
	if ws.Subprotocol() != protocol.SubprotocolTerminal {
		k.leave()
		return fmt.Errorf("%w: it chose the subprotocol %q", errProtocol, ws.Subprotocol())
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		k.drop()
		return ErrClosed
	}
	t.conn = k
	return nil
}

// address is the socket's URL at the cursor.
func (t *Terminal) address() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	after := ""
	if t.opts.Head && !t.located {
		after = "head"
	} else if t.offset > 0 {
		after = strconv.FormatInt(t.offset, 10)
	}
	return t.client.URL() + withQuery(sessionPath(t.session, "/terminal"), "run", t.run, "after", after,
		"rows", number(uint64(max(0, t.opts.Rows))), "cols", number(uint64(max(0, t.opts.Cols))))
}

// Next returns the next message. Over a lost connection it goes on where it
// was; what the server has forgotten meanwhile is told by a gap frame, and each
// connection begins with a hello. It returns io.EOF after the program's end, or
// what no later try would change. A ctx that ends costs the connection.
func (t *Terminal) Next(ctx context.Context) (TerminalMessage, error) {
	for {
		k, err := t.connected(ctx)
		var m TerminalMessage
		if err == nil {
			m, err = t.read(ctx, k)
		}
		if err == nil {
			t.wait.reset()
			return m, nil
		}
		if e := t.lost(ctx, k, err); e != nil {
			return TerminalMessage{}, e
		}
	}
}

// connected returns the connection, or opens one.
func (t *Terminal) connected(ctx context.Context) (*terminalConn, error) {
	t.mu.Lock()
	k, closed := t.conn, t.closed
	t.mu.Unlock()
	if closed {
		return nil, ErrClosed
	}
	if k == nil {
		if err := t.connect(ctx); err != nil {
			return nil, err
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		k = t.conn
	}
	return k, nil
}

// lost drops a broken connection and waits; an error ends Next.
func (t *Terminal) lost(ctx context.Context, k *terminalConn, err error) error {
	if k != nil {
		k.drop()
	}
	t.mu.Lock()
	t.conn = nil
	closed := t.closed
	t.mu.Unlock()
	switch {
	case closed:
		return ErrClosed
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	what := adviceForError(err)
	if what == stop {
		return final(nil, err)
	}
	pause := t.wait.next(what, retryAfter(nil, err))
	if t.opts.OnDisconnect != nil {
		t.opts.OnDisconnect(err, pause)
	}
	if !sleep(ctx, pause) {
		return context.Cause(ctx)
	}
	return nil
}

// read returns a connection's next message and moves the cursor.
func (t *Terminal) read(ctx context.Context, k *terminalConn) (TerminalMessage, error) {
	k.silence.Reset(k.quiet)
	kind, b, err := k.ws.Read(ctx)
	if err != nil {
		return TerminalMessage{}, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if kind == websocket.MessageBinary {
		t.offset += int64(len(b))
		return TerminalMessage{Bytes: b}, nil
	}
	f, err := t.takeLocked(k, b)
	if err != nil {
		return TerminalMessage{}, err
	}
	return TerminalMessage{Frame: f}, nil
}

// maxQuiet bounds how long a server may ask to be silent.
const maxQuiet = time.Hour

// takeLocked reads a frame and moves the cursor.
func (t *Terminal) takeLocked(k *terminalConn, b []byte) (*protocol.TerminalFrame, error) {
	f := new(protocol.TerminalFrame)
	if err := json.Unmarshal(b, f); err != nil {
		return nil, fmt.Errorf("%w: %w", errProtocol, err)
	}
	if f.Offset < 0 {
		return nil, fmt.Errorf("%w: the offset %d", errProtocol, f.Offset)
	}
	switch f.Type {
	case protocol.TerminalHello:
		if ms := f.PingIntervalMS; ms > 0 {
			k.quiet = min(2*time.Duration(min(ms, int(maxQuiet.Milliseconds())))*time.Millisecond+quietSlack, maxQuiet)
		}
		t.run, t.offset, t.located = f.Run, f.Offset, true
	case protocol.TerminalGap:
		t.run, t.offset = f.Run, f.Offset
	}
	return f, nil
}

// Type sends keys. They are typed unless a refused frame comes back.
func (t *Terminal) Type(ctx context.Context, keys []byte) error {
	return t.write(ctx, websocket.MessageBinary, keys)
}

// Control sends a control.
func (t *Terminal) Control(ctx context.Context, c protocol.TerminalControl) error {
	if err := c.Validate(); err != nil {
		return err
	}
	if c.Type == protocol.ControlResize {
		t.mu.Lock()
		t.opts.Rows, t.opts.Cols = c.Rows, c.Cols // for later connections
		t.mu.Unlock()
	}
	b, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("cannot encode a control: %w", err)
	}
	return t.write(ctx, websocket.MessageText, b)
}

// write sends one message, if there is a connection.
func (t *Terminal) write(ctx context.Context, kind websocket.MessageType, b []byte) error {
	t.mu.Lock()
	k, closed := t.conn, t.closed
	t.mu.Unlock()
	switch {
	case closed:
		return ErrClosed
	case k == nil:
		return ErrDisconnected
	}
	if err := k.ws.Write(ctx, kind, b); err != nil {
		return fmt.Errorf("%w: %w", ErrDisconnected, err)
	}
	return nil
}

// Cursor returns the place after what Next has returned.
func (t *Terminal) Cursor() (run string, offset int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.run, t.offset
}

// Close ends the connection; the program goes on. A Next that waits returns
// ErrClosed. Close is idempotent.
func (t *Terminal) Close() error {
	t.mu.Lock()
	t.closed = true
	k := t.conn
	t.mu.Unlock()
	if k != nil {
		k.leave()
	}
	return nil
}

// leave ends the connection politely, which takes at most leaveTime.
func (k *terminalConn) leave() {
	timer := time.AfterFunc(leaveTime, func() { _ = k.ws.CloseNow() })
	defer timer.Stop()
	_ = k.ws.Close(websocket.StatusNormalClosure, "")
	k.drop()
}

// drop ends the connection.
func (k *terminalConn) drop() {
	k.silence.Stop()
	_ = k.ws.CloseNow()
}

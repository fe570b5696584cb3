package clientlib

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/towline-dev/towline/protocol"
)

// screenPeer is one connection of a scripted terminal.
type screenPeer struct {
	t     *testing.T
	ctx   context.Context
	ws    *websocket.Conn
	n     int
	query url.Values
}

// screens serves terminals whose script runs once for each connection.
func screens(t *testing.T, script func(p *screenPeer)) *Client {
	n := 0
	return serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" {
			return
		}
		ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{protocol.SubprotocolTerminal}})
		if err != nil {
			t.Errorf("cannot accept: %v", err)
			return
		}
		defer ws.CloseNow()
		n++
		script(&screenPeer{t: t, ctx: r.Context(), ws: ws, n: n - 1, query: r.URL.Query()})
	}))
}

// after is the offset that the client asks for.
func (p *screenPeer) after() int {
	n, _ := strconv.Atoi(p.query.Get("after"))
	return n
}

// send writes a frame, or bytes; a client that is gone is no failure.
func (p *screenPeer) send(messages ...any) {
	for _, m := range messages {
		if text, ok := m.(string); ok {
			_ = p.ws.Write(p.ctx, websocket.MessageBinary, []byte(text))
			continue
		}
		b, err := json.Marshal(m)
		if err != nil {
			p.t.Error(err)
		}
		_ = p.ws.Write(p.ctx, websocket.MessageText, b)
	}
}

func hello(run string, offset int) protocol.TerminalFrame {
	return protocol.TerminalFrame{Type: protocol.TerminalHello, Run: run, Offset: int64(offset), PingIntervalMS: 25_000}
}

// readTerminal reads a terminal to its end.
func readTerminal(t *testing.T, l *Terminal) (text string, frames []protocol.TerminalFrame, err error) {
	var all strings.Builder
	for {
		m, err := l.Next(t.Context())
		if err != nil {
			return all.String(), frames, err
		}
		all.Write(m.Bytes)
		if m.Frame != nil {
			frames = append(frames, *m.Frame)
		}
	}
}

func TestTerminalGoesOnAfterCuts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		output := strings.Repeat("0123456789", 100)
		exit := 3
		c := screens(t, func(p *screenPeer) {
			if p.n > 0 && p.query.Get("run") != "r1" {
				t.Errorf("came back for run %q", p.query.Get("run"))
			}
			at := p.after()
			end := min(at+7+p.n, len(output))
			p.send(hello("r1", at), output[at:end])
			if end == len(output) {
				p.send(protocol.TerminalFrame{Type: protocol.TerminalExit, ExitCode: &exit})
				_ = p.ws.Close(websocket.StatusNormalClosure, "")
			}
		})
		l, err := c.Terminal(t.Context(), "s", TerminalOptions{Rows: 24, Cols: 80})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		text, frames, err := readTerminal(t, l)
		last := frames[len(frames)-1]
		if text != output || !errors.Is(err, io.EOF) || last.Type != protocol.TerminalExit || *last.ExitCode != 3 {
			t.Errorf("%d bytes, last %+v, %v", len(text), last, err)
		}
		if run, offset := l.Cursor(); run != "r1" || offset != int64(len(output)) {
			t.Errorf("the cursor is %s, %d", run, offset)
		}
	})
}

func TestTerminalTellsGaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := screens(t, func(p *screenPeer) {
			if p.n == 0 {
				p.send(hello("r1", 0), "abc")
				return
			}
			if p.after() != 3 {
				t.Errorf("came back at %d", p.after())
			}
			p.send(hello("r2", 0), protocol.TerminalFrame{Type: protocol.TerminalGap, Run: "r2", From: 3, Offset: 10, Reason: "run"}, "xyz")
			_ = p.ws.Close(websocket.StatusCode(4504), "deleted")
		})
		l, err := c.Terminal(t.Context(), "s", TerminalOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		text, frames, err := readTerminal(t, l)
		if closed, ok := errors.AsType[*CloseError](err); !ok || closed.Status != 4504 {
			t.Errorf("ended with %v", err)
		}
		if run, offset := l.Cursor(); text != "abcxyz" || run != "r2" || offset != 13 || frames[2].Reason != "run" {
			t.Errorf("%q, cursor %s %d, frames %+v", text, run, offset, frames)
		}
	})
}

func TestTerminalSendsKeysOnceOrNever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cut := make(chan struct{})
		var typed strings.Builder
		c := screens(t, func(p *screenPeer) {
			if p.n > 0 {
				p.send(hello("r1", 0))
				_, b, _ := p.ws.Read(p.ctx)
				typed.WriteString("|" + string(b))
				return
			}
			p.send(hello("r1", 0))
			for range 2 {
				_, b, _ := p.ws.Read(p.ctx)
				typed.Write(b)
			}
			close(cut)
		})
		l, err := c.Terminal(t.Context(), "s", TerminalOptions{OnDisconnect: func(error, time.Duration) {}})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if m, err := l.Next(t.Context()); err != nil || m.Frame.Type != protocol.TerminalHello {
			t.Fatalf("%+v, %v", m, err)
		}
		if err := l.Control(t.Context(), protocol.TerminalControl{Type: protocol.ControlResize, Rows: 1, Cols: 1}); protocol.CodeOf(err) != protocol.CodeInvalidRequest {
			t.Errorf("a size that no terminal has: %v", err)
		}
		if err := l.Type(t.Context(), []byte("one")); err != nil {
			t.Fatal(err)
		}
		if err := l.Control(t.Context(), protocol.TerminalControl{Type: protocol.ControlTake}); err != nil {
			t.Fatal(err)
		}
		<-cut
		for hellos := 1; hellos < 2; {
			m, err := l.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if m.Frame != nil && m.Frame.Type == protocol.TerminalHello {
				hellos++
			}
		}
		_ = l.Close()
		if err := l.Type(t.Context(), []byte("two")); !errors.Is(err, ErrClosed) {
			t.Errorf("typing after the close: %v", err)
		}
		if _, err := l.Next(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("reading after the close: %v", err)
		}
		synctest.Wait()
		if typed.String() != `one{"type":"lease.take"}|` {
			t.Errorf("typed %q", typed.String())
		}
	})
}

func TestScreen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v1/sessions/s/terminal" {
				_, _ = io.WriteString(w, `{"type":"screen","run":"r1","rows":2,"cols":9,"screen":{"rows":2,"cols":9,"lines":["$ make"]}}`)
			}
		}))
		f, err := c.Screen(t.Context(), "s")
		if err != nil || f.Run != "r1" || f.Screen.Lines[0] != "$ make" {
			t.Errorf("%+v, %v", f, err)
		}
	})
}

func TestTerminalIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/healthz" {
				w.WriteHeader(http.StatusBadRequest)
				_, _ = io.WriteString(w, `{"code":"capability_missing","detail":"no terminal"}`)
			}
		}))
		_, err := c.Terminal(t.Context(), "s", TerminalOptions{Head: true})
		if protocol.CodeOf(err) != protocol.CodeCapabilityMissing {
			t.Errorf("refused with %v", err)
		}
	})
}

// FuzzTerminalFrame: whatever a server sends, the place to go on from is one,
// and the connection is not given up at once nor kept for ever.
func FuzzTerminalFrame(f *testing.F) {
	for _, seed := range []string{
		`{"type":"hello","run":"r1","offset":7,"ping_interval_ms":25000,"screen":{"rows":2,"cols":2,"lines":["x"]}}`,
		`{"type":"hello","ping_interval_ms":9000000000000000000}`, `{"type":"gap","run":"r2","from":3,"offset":-1}`, `{"type":"exit","exit_code":1e9}`,
		`{"type":"lease","lease":null}`, `{"type":5}`, `[]`, `null`, `{"type":"goodbye","after":-5}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		l := &Terminal{client: &Client{}, run: "r0", offset: 5, located: true}
		k := &terminalConn{quiet: quietTime}
		frame, err := l.takeLocked(k, message)
		if (err == nil) != (frame != nil) {
			t.Fatalf("%+v, %v", frame, err)
		}
		if _, offset := l.Cursor(); offset < 0 || k.quiet < quietSlack || k.quiet > maxQuiet {
			t.Fatalf("goes on at %d, quiet for %v", offset, k.quiet)
		}
	})
}

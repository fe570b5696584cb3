package clientlib

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/towline-dev/towline/protocol"
)

// scripted is a server whose socket does what a test says. The script runs
// once for each connection, the first being number 0.
type scripted struct {
	t      *testing.T
	script func(p *peer)
	format protocol.Format
	// before, if not nil, may refuse the upgrade by writing an answer.
	before func(n int, w http.ResponseWriter) bool

	mu    sync.Mutex
	conns int
}

// peer is one connection as the scripted server sees it.
type peer struct {
	*scripted
	ctx   context.Context
	ws    *websocket.Conn
	n     int
	after uint64
	query map[string][]string
}

const testEpoch = "e1"

// play serves a script to a new client.
func play(t *testing.T, format protocol.Format, script func(p *peer)) *Client {
	return serve(t, &scripted{t: t, format: format, script: script})
}

func (s *scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/healthz" {
		return
	}
	s.mu.Lock()
	n := s.conns
	s.conns++
	s.mu.Unlock()
	if s.before != nil && s.before(n, w) {
		return
	}
	sub := protocol.SubprotocolJSON
	if s.format == protocol.FormatMsgpack {
		sub = protocol.SubprotocolMsgpack
	}
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{sub}})
	if err != nil {
		s.t.Errorf("cannot accept: %v", err)
		return
	}
	defer ws.CloseNow()
	after, _ := strconv.ParseUint(r.URL.Query().Get("after"), 10, 64)
	s.script(&peer{scripted: s, ctx: r.Context(), ws: ws, n: n, after: after, query: r.URL.Query()})
}

// send writes a frame; a client that is gone is no failure of the test.
func (p *peer) send(frame any) {
	b, err := protocol.AppendFrame(nil, p.format, frameType(frame), frame)
	if err != nil {
		p.t.Errorf("cannot encode %T: %v", frame, err)
		return
	}
	kind := websocket.MessageText
	if p.format == protocol.FormatMsgpack {
		kind = websocket.MessageBinary
	}
	_ = p.ws.Write(p.ctx, kind, b)
}

// hello greets with a head.
func (p *peer) hello(head uint64) { p.helloIn(testEpoch, head) }

func (p *peer) helloIn(epoch string, head uint64) {
	p.send(&protocol.Hello{
		Protocol: protocol.Version, Epoch: epoch, Head: head, ClientID: "c1",
		Session: protocol.Session{ID: "s1", Agent: "mock", Epoch: epoch, Head: head},
		State:   protocol.State{Seq: head, Status: protocol.StatusIdle},
		Limits:  protocol.Limits{FrameBytes: 1 << 20, PingIntervalMS: 25_000},
	})
}

// events sends the events from first to last in one frame.
func (p *peer) events(first, last uint64) {
	f := &protocol.Events{Last: last}
	for seq := first; seq <= last; seq++ {
		f.Events = append(f.Events, event(seq))
	}
	p.send(f)
}

// recv returns the next command, or false when the client is gone.
func (p *peer) recv() (protocol.ClientFrame, bool) {
	_, b, err := p.ws.Read(p.ctx)
	if err != nil {
		return protocol.ClientFrame{}, false
	}
	f, err := protocol.DecodeClientFrame(p.format, b)
	if err != nil {
		p.t.Errorf("the client sent a frame that cannot be read: %v", err)
		return protocol.ClientFrame{}, false
	}
	return f, true
}

// answer sends an ok result with data.
func (p *peer) answer(id string, data any, duplicate bool) {
	b, err := json.Marshal(data)
	if err != nil {
		p.t.Errorf("cannot encode a result: %v", err)
	}
	p.send(&protocol.Result{ID: id, OK: true, Data: b, Duplicate: duplicate})
}

// close ends the socket with a code.
func (p *peer) close(code websocket.StatusCode, reason string) { _ = p.ws.Close(code, reason) }

// wait stays until the client leaves.
func (p *peer) wait() {
	for {
		if _, ok := p.recv(); !ok {
			return
		}
	}
}

// event makes the event of a seq.
func event(seq uint64) protocol.Event {
	return protocol.Event{
		Seq: seq, SessionID: "s1", Source: protocol.SourceAgent, Time: protocol.At(time.Unix(int64(seq), 0)),
		Data: &protocol.ItemDelta{ItemID: "i1", Kind: protocol.DeltaText, Text: strconv.FormatUint(seq, 10)},
	}
}

// attach opens a stream that the test closes.
func attach(t *testing.T, c *Client, o AttachOptions) *Stream {
	t.Helper()
	s, err := c.Attach(t.Context(), "s1", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// want reads the events from first to last and fails on anything else.
func want(t *testing.T, s *Stream, first, last uint64) {
	t.Helper()
	for seq := first; seq <= last; seq++ {
		e, err := s.Next(t.Context())
		if err != nil {
			t.Fatalf("event %d: %v", seq, err)
		}
		d, ok := e.Data.(*protocol.ItemDelta)
		if e.Seq != seq || !ok || d.Text != strconv.FormatUint(seq, 10) {
			t.Fatalf("got event %d %+v, want %d", e.Seq, e.Data, seq)
		}
	}
}

// frameType is the type that a server frame travels under.
func frameType(frame any) protocol.FrameType {
	switch frame.(type) {
	case *protocol.Hello:
		return protocol.FrameHello
	case *protocol.Events:
		return protocol.FrameEvents
	case *protocol.Live:
		return protocol.FrameLive
	case *protocol.Gap:
		return protocol.FrameGap
	case *protocol.Ask:
		return protocol.FrameAsk
	case *protocol.Result:
		return protocol.FrameResult
	default:
		return protocol.FrameGoodbye
	}
}

package ws_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/rs/zerolog"

	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/ws"
)

func TestT01_UTF8(t *testing.T) {
	f := serve(t, nil)
	f.create("s")
	for name, bytes := range map[string]string{
		"ff fe": "\xff\xfe", "overlong": "\xc0\xaf", "surrogate": "\xed\xa0\x80", "truncated": "\xe2\x82",
	} {
		t.Run(name, func(t *testing.T) {
			s := f.rawDial("/v1/sessions/s/ws?after=head")
			_ = s.write(frame(fin|opText, []byte(`{"type":"prompt","id":"bad","text":"`+bytes+`"}`)))
			if code := s.closeCode(); code != 1007 {
				t.Errorf("close code %d, want 1007", code)
			}
		})
	}
	t.Run("split over fragments", func(t *testing.T) {
		s := f.rawDial("/v1/sessions/s/ws?after=head")
		text := []byte(`{"type":"ping","id":"p","x":"😀"}`)
		cut := bytes.IndexByte(text, 0xf0) + 2
		_ = s.write(frame(opText, text[:cut]))
		_ = s.write(frame(fin|opContinue, text[cut:]))
		if r := s.result(); !r.OK || r.ID != "p" {
			t.Errorf("result %+v", r)
		}
	})
	var page protocol.EventPage
	f.call("GET", "/v1/sessions/s/events", nil, http.StatusOK, &page)
	for _, e := range page.Events {
		if e.Source == protocol.SourceClient {
			t.Errorf("a bad frame left an event: %+v", e)
		}
	}
}

// result returns the next result frame.
func (s *rawSocket) result() *protocol.Result {
	s.t.Helper()
	for {
		op, payload, err := s.read()
		if err != nil {
			s.t.Fatal(err)
		}
		if op != opText {
			continue
		}
		if _, body, err := protocol.DecodeServerFrame(protocol.FormatJSON, payload); err == nil {
			if r, ok := body.(*protocol.Result); ok {
				return r
			}
		}
	}
}

func TestT02_FrameErrors(t *testing.T) {
	f := serve(t, nil)
	f.create("s")
	neighbour := f.dial("/v1/sessions/s/ws?after=head")
	for _, c := range []struct {
		name  string
		bytes []byte
		code  int
	}{
		{"rsv1 without deflate", frame(fin|0x40|opText, []byte("{}")), 1002},
		{"opcode 3", frame(fin|3, nil), 1002},
		{"fragmented ping", frame(opPing, nil), 1002},
		{"long ping", frame(fin|opPing, make([]byte, 126)), 1002},
		{"continuation first", frame(fin|opContinue, []byte("x")), 1002},
		{"new message inside a message", append(frame(opText, []byte("{")), frame(fin|opText, []byte("}"))...), 1002},
		{"close code 1005", frame(fin|opClose, []byte{0x03, 0xed}), 1002},
		{"close payload of one byte", frame(fin|opClose, []byte{3}), 1002},
		{"unmasked", []byte{fin | opText, 2, '{', '}'}, 1006},
		{"top bit of the length", []byte{fin | opText, 0x80 | 127, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 1006},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := f.rawDial("/v1/sessions/s/ws?after=head")
			_ = s.write(c.bytes)
			_ = s.conn.(*net.TCPConn).CloseWrite()
			if code := s.closeCode(); code != c.code {
				t.Errorf("close code %d, want %d", code, c.code)
			}
			if !neighbour.do(&protocol.Ping{}).OK {
				t.Error("the neighbour got no answer")
			}
		})
	}
}

func TestT03_WrongFrameType(t *testing.T) {
	f := serve(t, nil)
	f.create("s")
	for sub, kind := range map[string]websocket.MessageType{
		protocol.SubprotocolJSON: websocket.MessageBinary, protocol.SubprotocolMsgpack: websocket.MessageText,
	} {
		c := f.dial("/v1/sessions/s/ws", sub)
		c.write(kind, []byte(`{"type":"ping","id":"1"}`))
		if code, bye := c.closeCode(); code != 1003 || bye == nil {
			t.Errorf("%s: close code %d, goodbye %v", sub, code, bye)
		}
	}
}

func TestB01_HostileMsgpack(t *testing.T) {
	f := serve(t, nil)
	f.create("s")
	for name, b := range map[string]string{
		"array32 of 4 Gi": "\xdd\xff\xff\xff\xff", "map32 of 4 Gi": "\xdf\xff\xff\xff\xff",
		"bin32 of 4 GiB in a field": "\x81\xa4type\xc6\xff\xff\xff\xff", "nesting": strings.Repeat("\x91", 1<<20),
		"extension": "\xd4\x01\x00", "trailing": "\x80\x80",
	} {
		t.Run(name, func(t *testing.T) {
			c := f.dial("/v1/sessions/s/ws", protocol.SubprotocolMsgpack)
			c.write(websocket.MessageBinary, []byte(b))
			if code, bye := c.closeCode(); code != 1007 || bye == nil || bye.Code != protocol.CodeInvalidRequest {
				t.Errorf("close code %d, goodbye %+v", code, bye)
			}
		})
	}
}

func TestT04_MessageSize(t *testing.T) {
	f := serve(t, nil)
	f.create("s")
	const limit = 1 << 20
	ping := func(size int) []byte {
		head, tail := `{"type":"ping","id":"p","x":"`, `"}`
		return []byte(head + strings.Repeat("x", size-len(head)-len(tail)) + tail)
	}
	t.Run("at the limit", func(t *testing.T) {
		s := f.rawDial("/v1/sessions/s/ws?after=head")
		_ = s.write(frame(fin|opText, ping(limit)))
		if r := s.result(); !r.OK {
			t.Errorf("result %+v", r)
		}
	})
	t.Run("one byte more", func(t *testing.T) {
		s := f.rawDial("/v1/sessions/s/ws?after=head")
		_ = s.write(frame(fin|opText, ping(limit+1)))
		if code := s.closeCode(); code != 1009 {
			t.Errorf("close code %d, want 1009", code)
		}
	})
	t.Run("one byte more in fragments", func(t *testing.T) {
		s := f.rawDial("/v1/sessions/s/ws?after=head")
		text := ping(limit + 1)
		_ = s.write(frame(opText, text[:1024]))
		for text = text[1024:]; len(text) > 1024; text = text[1024:] {
			_ = s.write(frame(opContinue, text[:1024]))
		}
		_ = s.write(frame(fin|opContinue, text))
		if code := s.closeCode(); code != 1009 {
			t.Errorf("close code %d, want 1009", code)
		}
	})
}

func TestT05_EndlessFragments(t *testing.T) {
	f := serve(t, func(o *ws.Options) { o.Timeouts.Message = 300 * time.Millisecond })
	f.create("s")
	s := f.rawDial("/v1/sessions/s/ws?after=head")
	start := time.Now()
	_ = s.write(frame(opText, []byte("{")))
	go every(10*time.Millisecond, func() error { return s.write(frame(opContinue, nil)) })
	if code := s.closeCode(); code != 1008 {
		t.Errorf("close code %d, want 1008", code)
	}
	if took := time.Since(start); took < 300*time.Millisecond {
		t.Errorf("closed after %v, before the deadline", took)
	}
	_ = s.conn.Close()
}

func TestT06_HalfOpenPeer(t *testing.T) {
	f := serve(t, func(o *ws.Options) {
		o.Timeouts.Ping, o.Timeouts.Pong, o.Limits.SocketsPerSession = 100*time.Millisecond, 100*time.Millisecond, 1
		o.Timeouts.Close = 200 * time.Millisecond
	})
	f.create("s")
	s := f.rawDial("/v1/sessions/s/ws") // it answers no ping
	if code := s.closeCode(); code != 4408 {
		t.Errorf("close code %d, want 4408", code)
	}
	_ = s.conn.Close()
	for { // the place is free once the server has noticed the end
		c, res, err := f.tryDial("/v1/sessions/s/ws?after=1", http.Header{"Authorization": {"Bearer " + token}})
		if err == nil {
			next[*protocol.Live](c)
			return
		}
		if res == nil || res.StatusCode != http.StatusServiceUnavailable {
			t.Fatalf("%v %v", res, err)
		}
	}
}

// logWatch tells of log lines that hold a text.
type logWatch struct {
	text string
	seen chan struct{}
}

// Write looks at one line.
func (l logWatch) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(l.text)) {
		select {
		case l.seen <- struct{}{}:
		default:
		}
	}
	return len(p), nil
}

func TestT07_ZeroWindow(t *testing.T) {
	watch := logWatch{"slow reader", make(chan struct{}, 1)}
	f := serve(t, func(o *ws.Options) {
		o.Timeouts.Write, o.Log = 3*time.Second, zerolog.New(watch)
	})
	f.create("s")
	stalled := f.rawDial("/v1/sessions/s/ws")
	_ = stalled.conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	healthy := f.dial("/v1/sessions/s/ws")
	healthy.sendAs("flood", &protocol.Prompt{Text: "flood 60000"})
	dense(t, healthy.gulp(protocol.TypeTurnEnded), 1)
	if len(healthy.seen) < 60_000 {
		t.Errorf("the healthy client saw %d events", len(healthy.seen))
	}
	select {
	case <-watch.seen:
	case <-time.After(patience):
		t.Fatal("the stalled client was not cut off")
	}
}

func TestT09_Subprotocols(t *testing.T) {
	f := serve(t, nil)
	f.create("s")
	js, mp := protocol.SubprotocolJSON, protocol.SubprotocolMsgpack
	for _, c := range []struct {
		name   string
		offer  []string
		status int
		want   string
	}{
		{"none", nil, 101, ""},
		{"unknown", []string{"towline.v9.json"}, 400, ""},
		{"both", []string{mp, js}, 101, js},
		{"msgpack", []string{mp}, 101, mp},
		{"unknown and known", []string{"x", mp}, 101, mp},
		{"wrong case", []string{"Towline.V1.JSON"}, 101, js},
		{"token first", []string{"bearer.eA", mp}, 101, mp},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, res, err := f.tryDial("/v1/sessions/s/ws", http.Header{"Authorization": {"Bearer " + token}}, c.offer...)
			if res == nil || res.StatusCode != c.status {
				t.Fatalf("status %v, want %d (%v)", res, c.status, err)
			}
			got := res.Header.Get("Sec-WebSocket-Protocol")
			if !strings.EqualFold(got, c.want) {
				t.Errorf("subprotocol %q, want %q", got, c.want)
			}
			if client != nil {
				_ = client.conn.CloseNow()
			}
		})
	}
}

func TestFramesBehindTheHandshakeAreKept(t *testing.T) {
	f := serve(t, nil)
	f.create("s")
	for _, size := range []int{40, 3000} {
		early := frame(fin|opText, []byte(`{"type":"ping","id":"early","x":"`+strings.Repeat("x", size)+`"}`))
		if r := f.rawDial("/v1/sessions/s/ws", early...).result(); !r.OK || r.ID != "early" {
			t.Errorf("%d bytes: %+v", size, r)
		}
	}
}

func TestT11_SlowHandshake(t *testing.T) {
	f := serve(t, func(o *ws.Options) { o.Timeouts.Header = 300 * time.Millisecond })
	conn, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	text, start := []byte("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: "+strings.Repeat("x", 4000)), time.Now()
	go every(20*time.Millisecond, func() error {
		_, err := conn.Write(text[:1])
		text = text[1:]
		return err
	})
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	if answer, err := io.ReadAll(conn); errTimeout(err) == err || bytes.Contains(answer, []byte("200 OK")) {
		t.Errorf("the connection was not closed: %v %q", err, answer)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("closed after %v", took)
	}
}

func TestL8_CloseBesideADrippingPeer(t *testing.T) {
	f := serve(t, func(o *ws.Options) { o.Timeouts.Close = time.Second })
	f.create("s")
	s := f.rawDial("/v1/sessions/s/ws")
	// A large frame is announced, and comes byte by byte.
	_ = s.write(frame(fin|opText, make([]byte, 500_000))[:14])
	go every(50*time.Millisecond, func() error { return s.write([]byte{0}) })
	start := time.Now()
	f.stop()
	if took := time.Since(start); took > 4*time.Second {
		t.Errorf("Serve took %v to end", took)
	}
	if code := s.closeCode(); code != 1012 {
		t.Errorf("close code %d, want 1012", code)
	}
	_ = s.conn.Close()
}

func TestS11_ControlFrameFlood(t *testing.T) {
	f := serve(t, nil)
	f.create("s")
	s := f.rawDial("/v1/sessions/s/ws")
	for range 30 {
		_ = s.write(frame(fin|opPing, nil))
	}
	if code := s.closeCode(); code != 1008 {
		t.Errorf("close code %d, want 1008", code)
	}
}

func TestX02_RateLimit(t *testing.T) {
	f := serve(t, func(o *ws.Options) { o.Limits.FramesPerSecond, o.Limits.Refusals = 5, 20 })
	f.create("s")
	c := f.dial("/v1/sessions/s/ws")
	for i := range 100 {
		b := fmt.Appendf(nil, `{"type":"ping","id":"%d"}`, i)
		if c.conn.Write(t.Context(), websocket.MessageText, b) != nil {
			break // closed meanwhile
		}
	}
	refused := 0
	for {
		_, body, err := c.read()
		if err != nil {
			if code := websocket.CloseStatus(err); code != 4429 {
				t.Errorf("close code %d, want 4429 (%v)", code, err)
			}
			break
		}
		if r, ok := body.(*protocol.Result); ok && protocol.CodeOf(resultError(r)) == protocol.CodeRateLimited {
			refused++
		}
	}
	if refused != 20 {
		t.Errorf("%d frames were refused, want 20", refused)
	}
}

// resultError returns a result's error as an error that can be nil.
func resultError(r *protocol.Result) error {
	if r.Error == nil {
		return nil
	}
	return r.Error
}

func TestB04_DeflateBomb(t *testing.T) {
	f := serve(t, func(o *ws.Options) { o.Compression = true })
	f.create("s")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, res, err := websocket.Dial(ctx, "ws://"+f.addr+"/v1/sessions/s/ws", &websocket.DialOptions{
		HTTPHeader: http.Header{"Authorization": {"Bearer " + token}}, CompressionMode: websocket.CompressionContextTakeover,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	if ext := res.Header.Get("Sec-WebSocket-Extensions"); !strings.Contains(ext, "server_no_context_takeover") || !strings.Contains(ext, "client_no_context_takeover") {
		t.Errorf("extensions %q keep a context", ext)
	}
	if err := conn.Write(ctx, websocket.MessageText, make([]byte, 64<<20)); err != nil && websocket.CloseStatus(err) != 1009 {
		t.Logf("the write ended early: %v", err)
	}
	conn.SetReadLimit(4 << 20)
	for {
		if _, _, err := conn.Read(ctx); err != nil {
			if code := websocket.CloseStatus(err); code != 1009 {
				t.Errorf("close code %d, want 1009 (%v)", code, err)
			}
			return
		}
	}
}

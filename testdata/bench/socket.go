package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/coder/websocket"

	"github.com/towline-dev/towline/protocol"
)

// socket is a client's end, as thin as can be: what it costs is not measured,
// but it shares the machine with what is.
type socket struct {
	conn *websocket.Conn
	buf  bytes.Buffer
	// seq is the last event that came; events must follow without a hole.
	seq uint64
	// commands counts what was sent, for ids.
	commands int
}

// dial opens a socket. from is the loopback address to dial from: a server
// limits how fast one address may connect.
func dial(ctx context.Context, url, from string) (*socket, error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	client := &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
	conn, resp, err := websocket.Dial(ctx, url, &websocket.DialOptions{ //nolint:bodyclose // the library replaces it by one in memory
		HTTPClient: client, HTTPHeader: http.Header{"Authorization": {"Bearer " + token}}, Subprotocols: []string{protocol.SubprotocolJSON},
	})
	if resp != nil && resp.StatusCode == http.StatusServiceUnavailable {
		return nil, errNoPlace
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open a socket: %w", err)
	}
	conn.SetReadLimit(maxLine)
	return &socket{conn: conn}, nil
}

// loopback returns the nth address of 127.0.0.0/8.
func loopback(n int) string { return fmt.Sprintf("127.0.%d.%d", 1+n/250, 1+n%250) }

func (s *socket) close() { _ = s.conn.CloseNow() }

// read returns the next frame; it is valid until the next read.
func (s *socket) read(ctx context.Context) ([]byte, error) {
	_, r, err := s.conn.Reader(ctx)
	if err != nil {
		return nil, err
	}
	s.buf.Reset()
	if _, err := s.buf.ReadFrom(r); err != nil {
		return nil, err
	}
	return s.buf.Bytes(), nil
}

// send sends a command.
func (s *socket) send(ctx context.Context, c protocol.Command) error {
	s.commands++
	frame, err := protocol.EncodeClientFrame(protocol.FormatJSON, protocol.ClientFrame{ID: fmt.Sprintf("bench-%d-%d", time.Now().UnixNano(), s.commands), Command: c})
	if err != nil {
		return err
	}
	return s.conn.Write(ctx, websocket.MessageText, frame)
}

// Marks in frames. They stand for what the encoders write, so that a client
// need not decode 100,000 events to count them.
var (
	seqMark     = []byte(`{"seq":`)
	turnEnded   = []byte(`"type":"turn.ended"`)
	eventDelta  = []byte(`"kind":"text","text":"`)
	nativeDelta = []byte(`"type":"text_delta","text":"`)
	resultFrame = []byte(`{"type":"result"`)
	refusedMark = []byte(`"ok":false`)
	liveFrame   = []byte(`{"type":"live"`)
	eventsFrame = []byte(`{"type":"events"`)
)

// errNoPlace tells that the server takes no more sockets.
var errNoPlace = errors.New("the server takes no more sockets")

// errRefused tells that the server refused a command.
var errRefused = errors.New("the server refused a command")

// checkFrame fails for a hole in the events and for a refused command.
func (s *socket) checkFrame(frame []byte) error {
	if bytes.HasPrefix(frame, resultFrame) && bytes.Contains(frame, refusedMark) {
		return fmt.Errorf("%w: %s", errRefused, frame)
	}
	if !bytes.HasPrefix(frame, eventsFrame) {
		return nil
	}
	for rest := frame; ; {
		i := bytes.Index(rest, seqMark)
		if i < 0 {
			return nil
		}
		rest = rest[i+len(seqMark):]
		seq := number(rest)
		if s.seq != 0 && seq != s.seq+1 {
			return fmt.Errorf("event %d came after event %d", seq, s.seq)
		}
		s.seq = seq
	}
}

// number reads the digits that b begins with.
func number(b []byte) uint64 {
	n := 0
	for n < len(b) && b[n] >= '0' && b[n] <= '9' {
		n++
	}
	v, _ := strconv.ParseUint(string(b[:n]), 10, 64)
	return v
}

// stream is what a client saw of one turn of stamped deltas.
type stream struct {
	mark []byte
	// deltas is how many came, in order and without a hole.
	deltas int
	// delays is how long each delta took, if they are kept.
	delays []time.Duration
	keep   bool
}

// take counts the deltas of a frame that came at the time now.
func (st *stream) take(frame []byte, now time.Time) error {
	for rest := frame; ; {
		i := bytes.Index(rest, st.mark)
		if i < 0 {
			return nil
		}
		rest = rest[i+len(st.mark):]
		stamp, after, _ := bytes.Cut(rest[:min(len(rest), 64)], []byte(" "))
		if got := number(after); got != uint64(st.deltas) {
			return fmt.Errorf("delta %d came where delta %d was due", got, st.deltas)
		}
		st.deltas++
		if st.keep {
			st.delays = append(st.delays, now.Sub(time.Unix(0, int64(number(stamp)))))
		}
	}
}

// turn reads a turn of Towline to its end.
func (s *socket) turn(ctx context.Context, st *stream) error {
	for {
		frame, err := s.read(ctx)
		if err != nil {
			return fmt.Errorf("cannot read a frame: %w", err)
		}
		now := time.Now()
		if err := s.checkFrame(frame); err != nil {
			return err
		}
		if err := st.take(frame, now); err != nil {
			return err
		}
		if bytes.Contains(frame, turnEnded) && bytes.HasPrefix(frame, eventsFrame) {
			return nil
		}
	}
}

// lines reads what the relay sends to its end.
func (s *socket) lines(ctx context.Context, st *stream) error {
	for {
		frame, err := s.read(ctx)
		if websocket.CloseStatus(err) == websocket.StatusNormalClosure {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot read a frame: %w", err)
		}
		if err := st.take(frame, time.Now()); err != nil {
			return err
		}
	}
}

// live reads until replay has reached the head.
func (s *socket) live(ctx context.Context) error {
	for {
		frame, err := s.read(ctx)
		if err != nil {
			return fmt.Errorf("cannot read a frame: %w", err)
		}
		if err := s.checkFrame(frame); err != nil {
			return err
		}
		if bytes.HasPrefix(frame, liveFrame) {
			return nil
		}
	}
}

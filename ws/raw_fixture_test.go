package ws_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// Opcodes of RFC 6455.
const (
	opContinue = 0
	opText     = 1
	opBinary   = 2
	opClose    = 8
	opPing     = 9
	opPong     = 10
	fin        = 0x80
)

// rawSocket is a WebSocket at the level of bytes, for what no library sends.
type rawSocket struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
}

// rawDial upgrades a bare TCP connection; early bytes go out in one piece with
// the handshake.
func (f *fixture) rawDial(path string, early ...byte) *rawSocket {
	f.t.Helper()
	conn, err := net.Dial("tcp", f.addr)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n%s", path, f.addr, token, early)
	r := bufio.NewReader(conn)
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		f.t.Fatalf("handshake: %s", res.Status)
	}
	return &rawSocket{t: f.t, conn: conn, r: r}
}

// frame returns a masked frame (with a mask of zeros) whose first byte is head.
func frame(head byte, payload []byte) []byte {
	b := []byte{head}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = append(b, 0x80|126, byte(n>>8), byte(n))
	default:
		b = append(b, 0x80|127)
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}

// write sends bytes; an error means that the server has closed, which the test
// sees when it reads.
func (s *rawSocket) write(b []byte) error {
	_, err := s.conn.Write(b)
	return err
}

// read returns the next frame.
func (s *rawSocket) read() (op byte, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(s.r, head[:]); err != nil {
		return 0, nil, err
	}
	n := uint64(head[1])
	var long [8]byte
	switch n {
	case 126:
		_, err = io.ReadFull(s.r, long[6:])
	case 127:
		_, err = io.ReadFull(s.r, long[:])
	}
	if err != nil {
		return 0, nil, err
	}
	if n >= 126 {
		n = binary.BigEndian.Uint64(long[:])
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(s.r, payload)
	return head[0] & 0x0f, payload, err
}

// closeCode reads up to the close frame and returns its code; 1006 if the
// connection ends without one.
func (s *rawSocket) closeCode() int {
	s.t.Helper()
	for {
		op, payload, err := s.read()
		if errors.Is(err, errTimeout(err)) {
			s.t.Fatal("the server neither answered nor closed")
		}
		if err != nil {
			return 1006
		}
		if op == opClose {
			if len(payload) < 2 {
				return 1005
			}
			return int(binary.BigEndian.Uint16(payload))
		}
	}
}

// errTimeout returns err if it is a timeout, else an error that matches nothing.
func errTimeout(err error) error {
	if t, ok := errors.AsType[net.Error](err); ok && t.Timeout() {
		return err
	}
	return errors.New("no timeout")
}

// every runs f in rounds, at intervals, until it returns an error.
func every(interval time.Duration, f func() error) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for range tick.C {
		if f() != nil {
			return
		}
	}
}

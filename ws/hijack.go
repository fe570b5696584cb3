package ws

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
)

// Sizes of a socket's two buffers. net/http's are 4 KiB each, which is most of
// what an idle socket costs. Large payloads pass both by.
const (
	readBuffer  = 1 << 10
	writeBuffer = 2 << 10
)

// smallBuffers is a response whose connection, once taken over, has small
// buffers.
type smallBuffers struct{ http.ResponseWriter }

// Hijack takes the connection over. What the client sent behind its handshake
// is kept.
func (s smallBuffers) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, old, err := http.NewResponseController(s.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("cannot take the connection over: %w", err)
	}
	n := old.Reader.Buffered()
	early, err := old.Reader.Peek(n)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot take the connection over: %w", err)
	}
	r := bufio.NewReaderSize(io.MultiReader(bytes.NewReader(early), conn), max(readBuffer, n))
	if _, err := r.Peek(n); err != nil { // into the buffer, where the library looks for it
		return nil, nil, fmt.Errorf("cannot take the connection over: %w", err)
	}
	return conn, bufio.NewReadWriter(r, bufio.NewWriterSize(conn, writeBuffer)), nil
}

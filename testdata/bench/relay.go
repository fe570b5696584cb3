package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"time"

	"github.com/coder/websocket"
)

const relayLine = "relay listening on "

// maxLine is the longest line that the relay takes.
const maxLine = 4 << 20

// runRelay is the bare relay: it starts the agent, and when a client connects
// it sends the agent one prompt and each line of the agent to the client.
func runRelay(agent, prompt string) error {
	cmd := exec.Command(agent)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("cannot make a pipe: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("cannot make a pipe: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("cannot start the agent: %w", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("cannot listen: %w", err)
	}
	fmt.Println(relayLine + l.Addr().String())
	srv := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		conn.CloseRead(r.Context())
		if _, err := fmt.Fprintf(in, `{"type":"user","message":{"role":"user","content":%q}}`+"\n", prompt); err != nil {
			return
		}
		if err := in.Close(); err != nil {
			return
		}
		if err := relayLines(r.Context(), out, conn); err != nil {
			fmt.Fprintln(os.Stderr, "relay:", err)
		}
		_ = conn.Close(websocket.StatusNormalClosure, "")
	})}
	return srv.Serve(l)
}

// relayLines is the whole of the relay: a line in, a frame out.
func relayLines(ctx context.Context, from io.Reader, to *websocket.Conn) error {
	in := bufio.NewReaderSize(from, maxLine)
	for {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot read a line: %w", err)
		}
		if err := to.Write(ctx, websocket.MessageText, line[:len(line)-1]); err != nil {
			return fmt.Errorf("cannot write a frame: %w", err)
		}
	}
}

// startRelay starts a relay whose agent answers the prompt.
func (b *bench) startRelay(ctx context.Context, prompt string) (*child, error) {
	return spawn(ctx, exec.Command(b.self, relayRole, b.agent, prompt), relayLine)
}

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// runTap becomes an agent, with a process between its standard output and
// ours that notes in a file when frames with a mark were handed over. The
// agent keeps this process's id and environment. Who asks for a version reads
// to the agent's end and no longer, so that answer goes straight.
func runTap(notes, agent string, args []string) error {
	argv := append([]string{agent}, args...)
	if slices.Contains(args, "--version") {
		return unix.Exec(agent, argv, os.Environ())
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("cannot find this program: %w", err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("cannot make a pipe: %w", err)
	}
	stamp := exec.Command(self, stampRole, notes)
	stamp.Stdin, stamp.Stdout, stamp.Stderr = r, os.Stdout, os.Stderr
	stamp.Env = []string{} // the agent's secrets are not its business
	if err := stamp.Start(); err != nil {
		return fmt.Errorf("cannot start the stamping process: %w", err)
	}
	if err := unix.Dup2(int(w.Fd()), unix.Stdout); err != nil {
		return fmt.Errorf("cannot give the agent its output: %w", err)
	}
	return unix.Exec(agent, argv, os.Environ())
}

// servesAt is how an agent that speaks HTTP says where.
const servesAt = " listening on http://"

// runStamp copies an agent's output, which ends with the agent. If the first
// line says that the agent serves HTTP, it says instead that we do, and the
// agent's answers are what is stamped.
func runStamp(notes string) error {
	out, err := os.OpenFile(notes, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("cannot make the notes: %w", err)
	}
	in := bufio.NewReader(os.Stdin)
	first, err := in.ReadString('\n')
	if before, address, ok := strings.Cut(strings.TrimSpace(first), servesAt); ok {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("cannot listen: %w", err)
		}
		srv := &http.Server{ReadHeaderTimeout: time.Second, Handler: stampedProxy(address, out)}
		go func() { _ = srv.Serve(ln) }() // ends with the process
		first = before + servesAt + ln.Addr().String() + "\n"
	}
	if err != nil && first == "" {
		return nil // an agent that says nothing
	}
	_, err = io.Copy(os.Stdout, &stamper{from: io.MultiReader(strings.NewReader(first), in), notes: out})
	return err
}

// stampedProxy serves what is served at address, with its streams stamped.
func stampedProxy(address string, notes io.Writer) http.Handler {
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: address})
	proxy.FlushInterval = -1 // at once
	proxy.ModifyResponse = func(r *http.Response) error {
		if strings.HasPrefix(r.Header.Get("Content-Type"), "text/event-stream") {
			r.Body = struct {
				io.Reader
				io.Closer
			}{&stamper{from: r.Body, notes: notes}, r.Body}
		}
		return nil
	}
	return proxy
}

// frameMark is what a scripted model says for a frame to be noted.
var frameMark = regexp.MustCompile(`#\d+\.\d+#`)

// stamper notes when it hands over the end of a line with a mark: the time in
// nanoseconds, and the mark. It writes the note down when it is asked for more,
// which is after the line has gone its way.
type stamper struct {
	from  io.Reader
	notes io.Writer
	line  []byte // begun, and not ended yet
	due   []byte
}

// Read is io.Reader's.
func (s *stamper) Read(p []byte) (int, error) {
	if err := s.writeDown(); err != nil {
		return 0, err
	}
	n, err := s.from.Read(p)
	s.line = append(s.line, p[:n]...)
	end := bytes.LastIndexByte(s.line, '\n') + 1
	marks := frameMark.FindAll(s.line[:end], -1)
	now := time.Now().UnixNano()
	for _, mark := range marks {
		s.due = fmt.Appendf(s.due, "%d %s\n", now, mark)
	}
	s.line = append(s.line[:0], s.line[end:]...)
	if errors.Is(err, io.EOF) { // nobody asks for more
		if err := s.writeDown(); err != nil {
			return n, err
		}
	}
	return n, err
}

// writeDown writes the notes that are due.
func (s *stamper) writeDown() error {
	if len(s.due) == 0 {
		return nil
	}
	_, err := s.notes.Write(s.due)
	s.due = s.due[:0]
	return err
}

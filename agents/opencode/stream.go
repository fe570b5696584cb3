package opencode

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/towline-dev/towline/agents"
)

// silence is how long the stream may say nothing. The server sends a heartbeat
// every 10 s (section 5), so it does not answer any more.
const silence = 35 * time.Second

// errSilent tells that the stream stood still.
var errSilent = errors.New("the event stream stood still")

// stream reads server-sent events: lines that begin with data, each of them a
// frame. Reading is bounded by silence, and ends with the context.
type stream struct {
	body   io.ReadCloser
	lines  *agents.LineReader
	cancel context.CancelCauseFunc
	ctx    context.Context //nolint:containedctx // its end is the stream's
	quiet  time.Duration
	// heard is when the last line came.
	heard time.Time
}

// openStream opens the stream of all folders. ctx bounds the opening only.
func openStream(ctx context.Context, c *client, quiet time.Duration) (*stream, error) {
	whole, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	opened := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	resp, err := c.open(whole, http.MethodGet, "/global/event", "", nil)
	opened()
	if err == nil && resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		err = fmt.Errorf("cannot open the event stream: the server answered %d", resp.StatusCode)
	}
	if err != nil {
		cancel(err)
		return nil, err
	}
	return &stream{body: resp.Body, lines: agents.NewLineReader(resp.Body, 0), ctx: whole, cancel: cancel, quiet: quiet, heard: time.Now()}, nil
}

// read hands each frame over, until the stream ends; the error says why. A
// frame is valid until the next one. A line that was too long is handed over
// as its head and length.
func (s *stream) read(frame func(data []byte, long *agents.LongLine)) error {
	defer s.close()
	watch := time.AfterFunc(s.quiet, func() { s.cancel(errSilent) })
	defer watch.Stop()
	for {
		line, err := s.lines.Next()
		if err != nil {
			if cause := context.Cause(s.ctx); cause != nil {
				return cause
			}
			return fmt.Errorf("cannot read the event stream: %w", err)
		}
		watch.Reset(s.quiet)
		s.heard = time.Now()
		if line.Long != nil {
			frame(nil, line.Long)
			continue
		}
		if data, ok := bytes.CutPrefix(line.Bytes, []byte("data:")); ok {
			frame(bytes.TrimPrefix(data, []byte(" ")), nil)
		}
	}
}

// close gives the connection back.
func (s *stream) close() {
	s.cancel(io.EOF)
	_ = s.body.Close()
}

package ws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/session"
)

// eventStream writes Server-Sent Events. It may be used from any goroutine.
type eventStream struct {
	w     http.ResponseWriter
	rc    *http.ResponseController
	limit time.Duration

	mu sync.Mutex
}

// newEventStream sends the header of a stream. Each write may take up to limit.
func newEventStream(w http.ResponseWriter, limit time.Duration) *eventStream {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // proxies would hold events back
	return &eventStream{w: w, rc: http.NewResponseController(w), limit: limit}
}

// write sends bytes and flushes them.
func (e *eventStream) write(b []byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.rc.SetWriteDeadline(time.Now().Add(e.limit)); err != nil {
		return fmt.Errorf("cannot set deadline: %w", err)
	}
	if _, err := e.w.Write(b); err != nil {
		return fmt.Errorf("cannot write to stream: %w", err)
	}
	if err := e.rc.Flush(); err != nil {
		return fmt.Errorf("cannot flush stream: %w", err)
	}
	return nil
}

// named sends v as an event of a name, with an id if there is one.
func (e *eventStream) named(name, id string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("cannot encode %s: %w", name, err)
	}
	var b []byte
	if id != "" {
		b = fmt.Appendf(b, "id: %s\n", id)
	}
	return e.write(fmt.Appendf(b, "event: %s\ndata: %s\n\n", name, data))
}

// openStream subscribes an HTTP stream and takes its places in the limits;
// done gives them back.
func (s *Server) openStream(r *http.Request) (reader *session.Reader, done func(), err error) {
	if s.isDraining() {
		return nil, nil, errDraining()
	}
	sub, err := parseSubscription(r)
	if err != nil {
		return nil, nil, err
	}
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		if sub.at, err = protocol.ParseCursor(id); err != nil {
			return nil, nil, err
		}
	}
	on, err := s.manager.Get(r.Context(), sub.sessionID)
	if err != nil {
		return nil, nil, err
	}
	if err := s.admission.enter(s.address(r)); err != nil {
		return nil, nil, err
	}
	if err := s.admission.join(on.ID()); err != nil {
		s.admission.leave()
		return nil, nil, err
	}
	reader = on.Read(sub.at, sub.epoch, session.ReadOptions{View: sub.view, Raw: sub.raw, NoAsks: true})
	return reader, func() {
		s.admission.part(on.ID())
		s.admission.leave()
	}, nil
}

// streamEvents sends a session's events as Server-Sent Events until the client
// leaves. Universal events have no event name and their seq as id; what is not
// an event (gap, live, goodbye) has its frame's name.
func (s *Server) streamEvents(w http.ResponseWriter, r *http.Request) error {
	reader, done, err := s.openStream(r)
	if err != nil {
		return err
	}
	defer done()
	out := newEventStream(w, s.timeouts.Write)
	if err := out.write([]byte("retry: 1000\n\n")); err != nil {
		return nil // the client has left
	}
	ctx, cancel := s.untilDrained(r)
	defer cancel()
	for {
		err := s.streamNext(ctx, out, reader)
		if err != nil {
			s.endStream(r, out, reader.After(), err)
			return nil
		}
	}
}

// streamNext sends the next delivery, or a comment when there is none for long.
func (s *Server) streamNext(ctx context.Context, out *eventStream, reader *session.Reader) error {
	wait, cancel := context.WithTimeout(ctx, s.timeouts.Comment)
	defer cancel()
	d, err := reader.Next(wait)
	switch {
	case err != nil && wait.Err() != nil && ctx.Err() == nil:
		return out.write([]byte(":\n\n"))
	case err != nil:
		return err
	}
	switch d.Kind {
	case protocol.FrameEvents:
		return writeEvents(out, d)
	case protocol.FrameGap:
		return out.named(string(d.Kind), strconv.FormatUint(d.Last, 10), d.Gap)
	case protocol.FrameLive:
		return out.named(string(d.Kind), "", protocol.Live{Seq: d.Last})
	default:
		return nil
	}
}

// writeEvents sends a delivery's events. A filtered view that only moved on
// sends its cursor alone, which a browser keeps as Last-Event-ID.
func writeEvents(out *eventStream, d session.Delivery) error {
	buf := getBuffer()
	defer putBuffer(buf)
	b := *buf
	last := uint64(0)
	for _, block := range d.Blocks {
		err := block.Each(func(seq uint64, event []byte) bool {
			b = append(b, "id: "...)
			b = strconv.AppendUint(b, seq, 10)
			b = append(b, "\ndata: "...)
			b = append(b, event...)
			b = append(b, '\n', '\n')
			last = seq
			return true
		})
		if err != nil {
			return err
		}
	}
	if last != d.Last {
		b = fmt.Appendf(b, "id: %d\n\n", d.Last)
	}
	*buf = b
	return out.write(b)
}

// endStream says why a stream ends, if the client is still there.
func (s *Server) endStream(r *http.Request, out *eventStream, after uint64, err error) {
	bye := protocol.Goodbye{After: after}
	switch {
	case r.Context().Err() != nil:
		return
	case errors.Is(err, session.ErrDeleted):
		bye.Code, bye.Reason = protocol.CodeNotFound, "the session was deleted"
	case s.streams.Err() != nil, errors.Is(err, session.ErrClosed):
		bye.Code, bye.Reason, bye.RetryMS = protocol.CodeDraining, "the server is shutting down; reconnect with Last-Event-ID", retryMS(closeRestart)
	default:
		s.log.Error().Err(err).Str("path", r.URL.Path).Msg("an event stream failed")
		bye.Code, bye.Reason = protocol.CodeStoreFailed, "the server could not send the session's events; reconnect with Last-Event-ID"
	}
	_ = out.named(string(protocol.FrameGoodbye), "", bye) // the client may be gone
}

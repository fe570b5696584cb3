package ws

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/session"
)

// exportEvents sends a session's events as NDJSON, up to the head, and ends. A
// gap is a line {"type":"gap",...}, as a frame is.
func (s *Server) exportEvents(w http.ResponseWriter, r *http.Request) error {
	reader, done, err := s.openStream(r)
	if err != nil {
		return err
	}
	defer done()
	w.Header().Set("Content-Type", "application/x-ndjson")
	if err := s.export(r.Context(), w, reader); err != nil {
		if r.Context().Err() == nil {
			s.log.Error().Err(err).Str("path", r.URL.Path).Msg("an export failed")
		}
		// A cut connection tells the client that the export is not whole.
		panic(http.ErrAbortHandler)
	}
	return nil
}

// export copies what the reader delivers, until it has reached the head.
func (s *Server) export(ctx context.Context, w http.ResponseWriter, reader *session.Reader) error {
	rc := http.NewResponseController(w)
	for {
		d, err := reader.Next(ctx)
		if err != nil {
			return err
		}
		if d.Kind == protocol.FrameLive {
			return nil
		}
		buf := getBuffer()
		if *buf, err = appendLines(*buf, d); err == nil {
			err = errors.Join(rc.SetWriteDeadline(time.Now().Add(s.timeouts.Write)), writeAll(w, *buf))
		}
		putBuffer(buf)
		if err != nil {
			return err
		}
	}
}

// appendLines appends a delivery as lines.
func appendLines(dst []byte, d session.Delivery) ([]byte, error) {
	if d.Kind == protocol.FrameGap {
		dst, err := protocol.AppendFrame(dst, protocol.FormatJSON, d.Kind, &d.Gap)
		return append(dst, '\n'), err
	}
	for _, block := range d.Blocks {
		err := block.Each(func(_ uint64, event []byte) bool {
			dst = append(append(dst, event...), '\n')
			return true
		})
		if err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// writeAll writes b.
func writeAll(w http.ResponseWriter, b []byte) error {
	_, err := w.Write(b)
	return err
}

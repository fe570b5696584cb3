package ws

import (
	"errors"
	"mime"
	"net/http"

	"github.com/towline-dev/towline/protocol"
)

// readBody returns a JSON request's body, and what gives its buffer back. Only
// application/json is taken: a page can send other types across origins
// without asking.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request) ([]byte, func(), error) {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); r.ContentLength != 0 && (err != nil || t != "application/json") {
		return nil, nil, &statusError{
			err:    protocol.Errorf(protocol.CodeInvalidRequest, "the body is not declared as JSON; send Content-Type: application/json"),
			status: http.StatusUnsupportedMediaType,
		}
	}
	buf := getBuffer()
	if err := readAll(buf, http.MaxBytesReader(w, r.Body, int64(s.limits.FrameBytes))); err != nil {
		putBuffer(buf)
		return nil, nil, bodyError(err)
	}
	return *buf, func() { putBuffer(buf) }, nil
}

// bodyError tells why a body could not be read.
func bodyError(err error) error {
	if tooBig, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return protocol.Errorf(protocol.CodeTooLarge, "the body is larger than %d bytes; send a smaller one", tooBig.Limit)
	}
	return protocol.Errorf(protocol.CodeInvalidRequest, "the body did not arrive whole; send it again")
}

// readJSON reads a JSON body into a pointer to a struct, through the guard. No
// body counts as an empty object.
func (s *Server) readJSON(w http.ResponseWriter, r *http.Request, into any) error {
	body, done, err := s.readBody(w, r)
	if err != nil {
		return err
	}
	defer done()
	if len(body) == 0 {
		body = []byte("{}")
	}
	return protocol.DecodeBody(protocol.GuardLimits{Bytes: s.limits.FrameBytes}, body, into)
}

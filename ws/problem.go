package ws

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/towline-dev/towline/protocol"
)

// problem is an error as an RFC 9457 problem document. Code is the member to
// switch on; it is of the same set as in result frames.
type problem struct {
	Type    string          `json:"type"`
	Title   string          `json:"title"`
	Status  int             `json:"status"`
	Detail  string          `json:"detail"`
	Code    protocol.Code   `json:"code"`
	Details json.RawMessage `json:"details,omitempty"`
}

// statusError is an error whose HTTP status differs from its code's usual one.
type statusError struct {
	err    *protocol.Error
	status int
	// retry, if not zero, is sent as Retry-After.
	retry time.Duration
}

// Error returns the text of the error inside.
func (e *statusError) Error() string { return e.err.Error() }

// Unwrap returns the error inside.
func (e *statusError) Unwrap() error { return e.err }

// writeProblem answers with err; it must be the first write to w.
func writeProblem(w http.ResponseWriter, err error) {
	e := protocol.AsError(err)
	status := e.Code.HTTPStatus()
	if s, ok := errors.AsType[*statusError](err); ok {
		status = s.status
		if s.retry > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int((s.retry+time.Second-1)/time.Second)))
		}
	}
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	writeJSON(w, status, "application/problem+json", problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: e.Message, Code: e.Code, Details: e.Details,
	})
}

// writeJSON answers with v. A value that cannot be encoded is a programming
// error; the recovery around all handlers answers for it.
func writeJSON(w http.ResponseWriter, status int, contentType string, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // a client that has left needs no answer
}

// writeOK answers 200 with v.
func writeOK(w http.ResponseWriter, v any) { writeJSON(w, http.StatusOK, "application/json", v) }

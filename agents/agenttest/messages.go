package agenttest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// Messages is a scripted server of the Anthropic Messages API on loopback, as
// much of it as the Claude Code CLI needs (PROTOCOL.md section 9). It is safe
// for any number of agents at the same time, and closes itself when its test
// ends.
type Messages struct {
	url   string
	tools func(Do) Call
	book
}

// NewMessages starts a server.
func NewMessages(t T) *Messages {
	m := &Messages{tools: claudeTool}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/messages", m.messages)
	mux.HandleFunc("POST /v1/messages/count_tokens", m.countTokens)
	mux.HandleFunc("HEAD /", m.head)
	m.url = serve(t, mux)
	return m
}

// URL is the server's address, for ANTHROPIC_BASE_URL.
func (m *Messages) URL() string { return m.url }

// head answers the CLI's look whether its vendor is there.
func (m *Messages) head(w http.ResponseWriter, r *http.Request) {
	m.record(&Request{Method: r.Method, Path: r.URL.Path, Header: r.Header})
	w.WriteHeader(http.StatusOK)
}

// countTokens answers with a guess: four bytes are a token.
func (m *Messages) countTokens(w http.ResponseWriter, r *http.Request) {
	request, ok := m.read(w, r)
	if !ok {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"input_tokens":%d}`, 1+len(request.Body)/4) // a client that is gone needs none
}

// messages answers with the round that is due.
func (m *Messages) messages(w http.ResponseWriter, r *http.Request) {
	request, ok := m.read(w, r)
	if !ok {
		return
	}
	script, round := m.due(request)
	answer := messagesAnswer{request: request, round: round, script: script, tools: m.tools}
	failure := script.failure(request)
	switch {
	case failure != nil && !failure.Cut && !failure.InStream:
		refuse(w, failure)
	case request.Stream:
		answer.stream(w, r, failure)
	case failure != nil && failure.Cut:
		panic(http.ErrAbortHandler)
	default:
		answer.whole(w, r)
	}
}

// read decodes and records a request.
func (m *Messages) read(w http.ResponseWriter, r *http.Request) (*Request, bool) {
	raw, err := io.ReadAll(r.Body)
	var body messagesBody
	if err == nil {
		err = json.Unmarshal(raw, &body)
	}
	if err != nil {
		refuse(w, &Failure{Status: http.StatusBadRequest, Message: "cannot read the request: " + err.Error()})
		return nil, false
	}
	request := &Request{
		Method: r.Method, Path: r.URL.Path, Header: r.Header, Model: body.Model, Stream: body.Stream,
		Conversation: r.Header.Get("X-Claude-Code-Session-Id"), Body: raw,
	}
	request.place(body.Messages)
	m.record(request)
	return request, true
}

// failure is the failure that is due, nil for none or no script.
func (s *Script) failure(r *Request) *Failure {
	if s == nil {
		return nil
	}
	return s.fails(r.Conversation, r.Round)
}

// errorTypes names the error that goes with each status.
var errorTypes = map[int]string{
	400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
	413: "request_too_large", 429: "rate_limit_error", 500: "api_error", 529: "overloaded_error",
}

// body is the error object.
func (f *Failure) body() map[string]any {
	kind, message := f.Type, f.Message
	if kind == "" {
		kind = errorTypes[f.Status]
	}
	if kind == "" {
		kind = "api_error"
	}
	if message == "" {
		message = "scripted failure " + strconv.Itoa(f.Status)
	}
	return map[string]any{"type": "error", "error": map[string]any{"type": kind, "message": message}}
}

// refuse answers with an error.
func refuse(w http.ResponseWriter, f *Failure) {
	w.Header().Set("Content-Type", "application/json")
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter.Seconds())))
	}
	w.WriteHeader(f.Status)
	_ = json.NewEncoder(w).Encode(f.body()) // a client that is gone needs none
}

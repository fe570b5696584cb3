package opencode

import (
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/towline-dev/towline/agents"
)

// request is an HTTP request as data: what a translator wants done.
type request struct {
	Method string
	// Path begins with a slash; conns add the directory to its query.
	Path string
	// Body is sent as JSON; nil sends none.
	Body any
	// Kind tells what the answer means to the translator.
	Kind requestKind
	// Long tells that the answer comes only after the whole turn, so nobody
	// waits for it.
	Long bool
}

// requestKind is why a request is made.
type requestKind string

const (
	// askPrompt starts or steers a turn; events tell the rest.
	askPrompt requestKind = "prompt"
	// askTurn is a turn of its own whose answer comes at its end.
	askTurn requestKind = "turn"
	// askRevert and askUnrevert change history and make no events of a turn.
	askRevert   requestKind = "revert"
	askUnrevert requestKind = "unrevert"
	// askDecide answers a permission or question.
	askDecide requestKind = "decide"
	// askStatus asks whether the session works.
	askStatus requestKind = "status"
	// askPlumbing is everything else: a failure is worth a log line at most.
	askPlumbing requestKind = "plumbing"
)

// answer is what came back for a request. Status 0 means that nothing did.
type answer struct {
	Status int
	Body   json.RawMessage
}

// ok tells whether the server did it.
func (a answer) ok() bool { return a.Status >= http.StatusOK && a.Status < http.StatusMultipleChoices }

// nativeError is the body of a refusal; routes use two shapes (section 4).
type nativeError struct {
	Name    string `json:"name"`
	Tag     string `json:"_tag"`
	Message string `json:"message"`
	Data    struct {
		Message string `json:"message"`
	} `json:"data"`
}

// message is what the server said, for people; empty if it said nothing.
func (a answer) message() string {
	var e nativeError
	if json.Unmarshal(a.Body, &e) != nil {
		return ""
	}
	if e.Message != "" {
		return agents.OneLine(e.Message)
	}
	return agents.OneLine(e.Data.Message)
}

// sessionPath is a route of a session.
func sessionPath(id, rest string) string { return "/session/" + url.PathEscape(id) + rest }

package opencode

import (
	"encoding/json"
	"net/http"
	"strings"
	"unicode"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// nativeFault is an error as sessions and messages carry it.
type nativeFault struct {
	Name string `json:"name"`
	Data struct {
		Message      string `json:"message"`
		StatusCode   int    `json:"statusCode"`
		Retryable    bool   `json:"isRetryable"`
		ResponseBody string `json:"responseBody"`
	} `json:"data"`
}

// sessionError takes an error. In a turn it becomes the turn's; an abort is
// none, only how the turn ends.
func (t *translator) sessionError(raw json.RawMessage, o *output) error {
	var e struct {
		SessionID string      `json:"sessionID"`
		Error     nativeFault `json:"error"`
	}
	if err := json.Unmarshal(raw, &e); err != nil || e.Error.Name == "" {
		return errShape
	}
	switch {
	case !t.mine(e.SessionID):
	case e.SessionID != t.session:
		t.childError(e.Error, o)
	case t.turn.open:
		t.fault(e.Error)
		if !t.turn.accepted {
			t.endTurn(o) // the prompt was refused: no message and no idle follow
		}
	case !t.failed && !e.Error.aborted():
		f := e.Error.failure()
		o.emit(&protocol.ErrorEvent{Code: f.Code, Message: f.Message, Retryable: f.Retryable, Details: f.Details})
	}
	return nil
}

// fault notes the error of the open turn. The same error is told several
// times, at last with a stack: the first telling counts.
func (t *translator) fault(f nativeFault) {
	switch {
	case f.aborted():
		t.turn.aborted = true
	case t.turn.failure == nil:
		t.turn.failure = f.failure()
	}
}

// childError tells a subagent's error; the turn goes on.
func (t *translator) childError(e nativeFault, o *output) {
	if e.aborted() {
		return
	}
	f := e.failure()
	o.emit(&protocol.ErrorEvent{Code: f.Code, Message: "a subagent failed: " + f.Message, Retryable: f.Retryable, Details: f.Details})
}

// aborted tells that a human stopped the turn.
func (f nativeFault) aborted() bool { return f.Name == "MessageAbortedError" }

// failure is the error as it is reported. Its code is the error's name in
// words, or the kind of trouble that the API's status means.
func (f nativeFault) failure() *protocol.Failure {
	code := snakeCase(strings.TrimSuffix(f.Name, "Error"))
	switch {
	case f.Data.StatusCode == http.StatusUnauthorized, f.Data.StatusCode == http.StatusForbidden, f.Name == "ProviderAuthError":
		code = "auth_required"
	case f.Data.StatusCode == http.StatusTooManyRequests:
		code = "rate_limit"
	case f.Name == "APIError":
		code = "api_error"
	}
	message, _, _ := strings.Cut(f.Data.Message, "\n    at ") // a stack is for nobody here
	if message == "" {
		message = "OpenCode ended the turn with " + f.Name
	}
	failure := &protocol.Failure{Code: code, Message: agents.OneLine(message), Retryable: f.Data.Retryable}
	if f.Data.StatusCode != 0 {
		failure.Details = encode(map[string]any{"status": f.Data.StatusCode, "name": f.Name})
	}
	return failure
}

// snakeCase writes a name in words.
func snakeCase(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

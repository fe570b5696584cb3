package codex

import (
	"encoding/json"
	"strings"
	"unicode"

	"github.com/towline-dev/towline/protocol"
)

// nativeError is why a turn failed, or a request was tried again.
type nativeError struct {
	Message string `json:"message"`
	// Info is a word, or an object whose one key is the word.
	Info    json.RawMessage `json:"codexErrorInfo"`
	Details string          `json:"additionalDetails"`
}

// word returns the error's word, and the HTTP status that came with it.
func (e *nativeError) word() (word string, status int) {
	if json.Unmarshal(e.Info, &word) == nil {
		return word, 0
	}
	var object map[string]struct {
		Status *int `json:"httpStatusCode"`
	}
	if json.Unmarshal(e.Info, &object) != nil {
		return "other", 0
	}
	for word, info := range object {
		if info.Status != nil {
			status = *info.Status
		}
		return word, status
	}
	return "other", 0
}

// failure is the universal form.
func (e *nativeError) failure() *protocol.Failure {
	word, status := e.word()
	f := &protocol.Failure{Code: snake(word), Message: e.Message, Retryable: retryable(word, status, e.Message)}
	details := map[string]any{"codex_error": word}
	if status != 0 {
		details["status"] = status
	}
	if e.Details != "" {
		details["details"] = e.Details
	}
	f.Details = encode(details)
	return f
}

// retryable tells whether the same prompt may work later.
func retryable(word string, status int, message string) bool {
	if status != 0 {
		return status == 429 || status >= 500
	}
	switch word {
	case "serverOverloaded", "internalServerError", "httpConnectionFailed", "responseStreamConnectionFailed", "responseStreamDisconnected", "responseTooManyFailedAttempts":
		return true
	default:
		return strings.HasPrefix(message, "stream disconnected")
	}
}

// isLimit tells whether a limit ended the turn.
func (e *nativeError) isLimit() bool {
	word, _ := e.word()
	return word == "usageLimitExceeded" || word == "contextWindowExceeded" || word == "sessionBudgetExceeded"
}

// snake writes a word of Codex as ours are.
func snake(word string) string {
	var b strings.Builder
	for i, r := range word {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// modelError tells that a request to the model is tried again: what it had
// written so far is dropped. One that is final is told by the turn's end,
// which follows (PROTOCOL.md section 10).
func (t *translator) modelError(params json.RawMessage, o *output) error {
	var p struct {
		ThreadID string      `json:"threadId"`
		Error    nativeError `json:"error"`
		Retry    bool        `json:"willRetry"`
	}
	if json.Unmarshal(params, &p) != nil {
		return errShape
	}
	th := t.threadOf(p.ThreadID)
	if th == nil || !p.Retry {
		return nil
	}
	t.discard(th, o)
	f := p.Error.failure()
	message := p.Error.Message
	if p.Error.Details != "" {
		message += ": " + p.Error.Details
	}
	o.notice("warning", "retrying", cleanLine(message), f.Details)
	return nil
}

// tellLogin says what to do if the model refused the login.
func (t *translator) tellLogin(e *nativeError, o *output) {
	if _, status := e.word(); status == 401 {
		o.notice("warning", "auth_required", loginAdvice, nil)
	}
}

// warning passes on what Codex warns of.
func warning(params json.RawMessage, o *output) error {
	var p struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(params, &p) != nil {
		return errShape
	}
	if p.Message != "" {
		o.notice("warning", "agent_warning", cleanLine(p.Message), nil)
	}
	return nil
}

// rerouted tells that another model answers.
func (t *translator) rerouted(params json.RawMessage, o *output) error {
	var p struct {
		From string `json:"fromModel"`
		To   string `json:"toModel"`
	}
	if json.Unmarshal(params, &p) != nil {
		return errShape
	}
	o.notice("warning", "model_rerouted", cleanLine("the model "+p.To+" answers in place of "+p.From), nil)
	return nil
}

// loginAdvice says how to log in.
const loginAdvice = "Codex has no login that its model provider takes; run codex login as the server's user, or set OPENAI_API_KEY in auth.json or a model provider with its key in config.toml, then prompt again"

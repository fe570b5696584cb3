package acp

import (
	"cmp"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/towline-dev/towline/agents/jsonrpc"
	"github.com/towline-dev/towline/protocol"
)

// errorText is what an error says for people. Agents put the cause in
// data.details, or the provider's whole answer into the message (section 4).
func errorText(err *jsonrpc.Error) string {
	if text := textAt(err.Data, "details"); text != "" {
		return text
	}
	message := strings.TrimPrefix(err.Message, "Internal error: ")
	if inner := textAt(json.RawMessage(message), "error", "message"); inner != "" {
		return inner
	}
	return cmp.Or(message, "error "+strconv.Itoa(err.Code))
}

// failure is the error of a prompt as a turn tells it.
func failure(err *jsonrpc.Error) *protocol.Failure {
	f := &protocol.Failure{Code: "agent_error", Message: errorText(err)}
	word := cmp.Or(textAt(err.Data, "errorKind"), textAt(err.Data, "errorName"))
	switch {
	case err.Code == jsonrpc.CodeSkipped:
		f.Code = string(protocol.CodeTooLarge)
		f.Message = "the agent's answer to the prompt is longer than this server reads, so nothing tells how the turn ended; look at what it did, then prompt again"
		return f
	case err.Code == codeAuthRequired:
		f.Code = "auth_required"
	case err.Code >= 400 && err.Code < 600: // an agent passes the model's status on
		f.Code, f.Retryable = "http_"+strconv.Itoa(err.Code), err.Code == 429 || err.Code >= 500
	case word != "" && word != "unknown":
		f.Code = word
	}
	f.Details = encode(map[string]any{"code": err.Code, "data": err.Data})
	return f
}

// saidFailure is why a turn failed that its answer calls ended
// (Quirks.FailedText); nil if it did not fail.
func (t *translator) saidFailure(result json.RawMessage) *protocol.Failure {
	begin := t.quirks.FailedText
	text, is := strings.CutPrefix(t.turn.said, begin)
	if begin == "" || !is || readUsage(result, turnUsage) != nil {
		return nil
	}
	return &protocol.Failure{Code: "agent_error", Message: text}
}

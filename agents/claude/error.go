package claude

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// apiError is what the CLI tells of an error of the API.
type apiError struct {
	IsError bool   `json:"is_api_error_message"`
	Word    string `json:"error"`
	Status  int    `json:"api_error_status"`
	Type    string `json:"api_error_type"`
}

// resultFrame ends a turn (section 6).
type resultFrame struct {
	Subtype    string                `json:"subtype"`
	IsError    bool                  `json:"is_error"`
	Result     string                `json:"result"`
	Reason     string                `json:"terminal_reason"`
	StopReason string                `json:"stop_reason"`
	Errors     []string              `json:"errors"`
	DurationMS int64                 `json:"duration_ms"`
	TotalCost  float64               `json:"total_cost_usd"`
	Usage      apiUsage              `json:"usage"`
	ModelUsage map[string]modelUsage `json:"modelUsage"`
	SinceLast  map[string]modelUsage `json:"model_usage_since_last_result"`
	UUIDs      []string              `json:"user_message_uuids"`
	Status     int                   `json:"api_error_status"`
}

// result ends the turn. Results are not one per prompt: prompts are matched by
// their uuid (section 6, queueing).
func (t *translator) result(frame []byte, o *output) error {
	var r resultFrame
	if err := json.Unmarshal(frame, &r); err != nil {
		return errShape
	}
	if !t.ready {
		// An unknown --resume id: no answer to initialize will come.
		o.emit(&protocol.ErrorEvent{Code: string(protocol.CodeAgentStartFailed), Message: r.message()})
		return nil
	}
	t.echoes = t.echoes || len(r.UUIDs) > 0
	end := &protocol.TurnEnded{Outcome: t.outcome(r), DurationMS: r.DurationMS}
	end.Usage, end.CostUSD = t.total.add(r)
	failure := t.turn.failure
	if end.Outcome == protocol.OutcomeFailed || end.Outcome == protocol.OutcomeLimit {
		end.Error = failure
		if failure == nil {
			end.Error = r.failure()
		}
	} else if failure != nil {
		o.emit(&protocol.ErrorEvent{Code: failure.Code, Message: failure.Message, Retryable: failure.Retryable, Details: failure.Details})
	}
	t.forgetAsks()
	o.emit(t.total.report())
	t.endTurn(end, r.UUIDs, o)
	return nil
}

// forgetAsks drops the asks of a turn that ended: nothing waits for them, and
// the session has closed them. An ask of a background subagent stays.
func (t *translator) forgetAsks() {
	for id, a := range t.asks {
		if call := t.tools[a.toolUseID]; call == nil || call.item.ParentID == "" {
			delete(t.asks, id)
		}
	}
}

// outcome maps a result. Its subtype alone is not to be trusted: failures of
// the API come as success with is_error set, and interrupts as errors with an
// internal text (section 6).
func (t *translator) outcome(r resultFrame) protocol.Outcome {
	switch {
	case strings.HasPrefix(r.Reason, "aborted"), r.IsError && t.turn.interrupted:
		return protocol.OutcomeInterrupted
	case strings.HasPrefix(r.Subtype, "error_max_"), r.Reason == "max_turns", r.Reason == "max_budget":
		return protocol.OutcomeLimit
	case r.StopReason == "refusal":
		return protocol.OutcomeRefused
	case r.IsError:
		return protocol.OutcomeFailed
	default:
		return protocol.OutcomeCompleted
	}
}

// message is what the result says for people.
func (r resultFrame) message() string {
	return cmp.Or(r.Result, strings.Join(r.Errors, "; "), "the agent ended the turn with "+cmp.Or(r.Reason, r.Subtype, "an error"))
}

// failure says why a turn failed, where no API error was shown.
func (r resultFrame) failure() *protocol.Failure {
	return &protocol.Failure{Code: cmp.Or(r.Reason, r.Subtype, "error"), Message: r.message(), Retryable: retryable(r.Status)}
}

// retryable tells whether the same prompt may work later. An overload ends as
// server_error, so the status decides and not the word (section 7, errors).
func retryable(status int) bool { return status == 429 || status >= 500 }

// apiFailure keeps the error message that the CLI writes in the model's place:
// it becomes the turn's error and no content. A subagent's is told at once,
// because the turn goes on.
func (t *translator) apiFailure(f assistantFrame, o *output) {
	var texts []string
	for _, raw := range f.Message.Content {
		var n nativeBlock
		if json.Unmarshal(raw, &n) == nil && n.Text != "" {
			texts = append(texts, n.Text)
		}
	}
	failure := &protocol.Failure{
		Code:      cmp.Or(f.Word, "unknown"),
		Message:   cmp.Or(strings.Join(texts, "\n"), "the model's API failed"),
		Retryable: retryable(f.Status),
		Details:   encode(map[string]any{"status": f.Status, "type": f.Type}),
	}
	if f.Parent != "" {
		o.emit(&protocol.ErrorEvent{Code: failure.Code, Message: failure.Message, Retryable: failure.Retryable, Details: failure.Details})
		return
	}
	t.turn.failure = failure
	if f.Word == "authentication_failed" {
		o.notice("warning", "auth_required", "Claude Code has no valid key or login; set ANTHROPIC_API_KEY for the server, or log in once with: claude", nil)
	}
}

// apiRetry tells that the CLI tries a request again.
func apiRetry(frame []byte, o *output) error {
	var f struct {
		Attempt int    `json:"attempt"`
		Max     int    `json:"max_retries"`
		DelayMS int64  `json:"retry_delay_ms"`
		Status  *int   `json:"error_status"`
		Error   string `json:"error"`
	}
	if err := json.Unmarshal(frame, &f); err != nil {
		return errShape
	}
	cause := "the connection failed"
	if f.Status != nil {
		cause = fmt.Sprintf("the model's API answered %d (%s)", *f.Status, agents.OneLine(f.Error))
	}
	message := fmt.Sprintf("%s; attempt %d of %d follows in %d ms", cause, f.Attempt, f.Max, f.DelayMS)
	details := map[string]any{"attempt": f.Attempt, "max_attempts": f.Max, "delay_ms": f.DelayMS, "status": f.Status, "error": f.Error}
	o.notice("warning", "retrying", message, encode(details))
	return nil
}

// rateLimit tells of a limit of the account. The frame is known from its type
// declaration alone, so it is passed on as it is.
func rateLimit(frame []byte, o *output) error {
	var f struct {
		Info json.RawMessage `json:"rate_limit_info"`
	}
	if err := json.Unmarshal(frame, &f); err != nil {
		return errShape
	}
	o.notice("warning", "rate_limited", "the account's usage limits have changed", f.Info)
	return nil
}

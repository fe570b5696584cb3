package pi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/towline-dev/towline/protocol"
)

// turn is the open turn, if any.
type turn struct {
	// open is from agent_start to the end that is reported.
	open bool
	// last is the last assistant message: agent_end has no status of its own
	// (section 4).
	last nativeMessage
	// unread tells that last was too long to be read, and did not tell how it
	// stopped.
	unread bool
	// interrupting tells that we asked for an abort.
	interrupting bool
	// ending tells that agent_end came after an error: a retry or a
	// compaction may go on with the turn.
	ending, retrying, compacting bool
	// ran are the calls that have ended.
	ran map[string]bool
}

// remember notes a call that has ended.
func (u *turn) remember(id string) {
	if u.ran == nil {
		u.ran = map[string]bool{}
	}
	u.ran[id] = true
}

// sentPrompt is a prompt that was written and has not arrived at the model.
type sentPrompt struct {
	id, text string
	// steer tells that it may go into the open turn.
	steer bool
	// begun tells that its turn has started.
	begun bool
}

// agentStart opens a turn, unless a retry goes on with the open one.
func (t *translator) agentStart(o *output) {
	t.turn.retrying, t.turn.ending = false, false
	if t.turn.open {
		return
	}
	t.turn = turn{open: true, interrupting: t.turn.interrupting}
	ids := t.begin()
	origin := protocol.SourceClient
	if len(ids) == 0 {
		origin = protocol.SourceAgent
	}
	o.emit(&protocol.TurnStarted{PromptIDs: ids, Origin: origin})
	if t.turn.interrupting {
		t.ask(request{command: "abort"}, map[string]any{"type": "abort"}, o) // the first came too early
	}
}

// begin returns the prompt whose turn starts: the oldest that waits for one,
// else the oldest that was to steer a turn that had ended.
func (t *translator) begin() []string {
	for _, steer := range []bool{false, true} {
		for i := range t.prompts {
			if p := &t.prompts[i]; !p.begun && p.steer == steer {
				p.begun = true
				return []string{p.id}
			}
		}
	}
	return []string{}
}

// arrived tells whether a user's message is one that we sent, and strikes it
// off. A text that begins with a slash may arrive expanded.
func (t *translator) arrived(text string) bool {
	at := slices.IndexFunc(t.prompts, func(p sentPrompt) bool { return p.text == text })
	if at < 0 {
		at = slices.IndexFunc(t.prompts, func(p sentPrompt) bool { return strings.HasPrefix(p.text, "/") })
	}
	if at < 0 {
		return false
	}
	t.prompts = slices.Delete(t.prompts, at, at+1)
	return true
}

// agentEnd ends the turn. After an error Pi may go on by itself, which it says
// only in the next frame: an answer to a request of ours tells that there is
// none.
func (t *translator) agentEnd(o *output) {
	if !t.turn.open {
		return
	}
	if t.turn.last.Stop == "error" && !t.turn.interrupting {
		t.turn.ending = true
		t.settle(o)
		return
	}
	t.endTurn(o)
}

// settle asks for the state: when its answer comes, all that Pi does by itself
// has been announced.
func (t *translator) settle(o *output) {
	t.ask(request{command: "get_state", settle: true}, map[string]any{"type": "get_state"}, o)
}

// settled takes the answer: the turn has ended, or never began because an
// extension took the prompt for a command.
func (t *translator) settled(streaming bool, o *output) {
	switch {
	case t.turn.open:
		if t.turn.ending && !t.turn.retrying && !t.turn.compacting {
			t.endTurn(o)
		}
	case !streaming:
		if ids := t.begin(); len(ids) > 0 {
			o.emit(&protocol.TurnStarted{PromptIDs: ids, Origin: protocol.SourceClient})
			o.emit(&protocol.TurnEnded{Outcome: protocol.OutcomeCompleted})
			t.forgetTurn()
		}
	}
}

// endTurn reports the end.
func (t *translator) endTurn(o *output) {
	for _, id := range slices.Sorted(maps.Keys(t.tools)) {
		t.completeTool(id, protocol.ItemInterrupted, nil, o)
	}
	for _, id := range slices.Sorted(maps.Keys(t.asks)) {
		o.send(cancelled(id)) // the session closes it with the turn
		if t.asks[id].tool != nil {
			o.withdrawPermission(id)
		}
		delete(t.asks, id)
	}
	left := t.leftBehind()
	if left {
		t.dropWaiting(o)
	}
	end := &protocol.TurnEnded{Outcome: outcome(t.turn)}
	if t.turn.unread && end.Outcome == protocol.OutcomeFailed {
		end.Error = &protocol.Failure{Code: string(protocol.CodeTooLarge), Message: tooLongEnd}
	} else if end.Outcome == protocol.OutcomeFailed {
		end.Error = failure(t.turn.last.Error)
		if end.Error.Code == codeAuth {
			o.notice("warning", "auth_required", "the model's provider refuses Pi's key; set the provider's key for the server, or log in once with: pi", nil)
		}
	}
	end.Usage, end.CostUSD = t.total.turn()
	o.emit(t.total.report(t.facts.window))
	o.emit(end)
	t.forgetTurn()
	if left {
		t.leave(o)
	}
}

// forgetTurn drops what only the ended turn could add to.
func (t *translator) forgetTurn() {
	t.turn = turn{}
	t.message = nil
	t.prompts = slices.DeleteFunc(t.prompts, func(p sentPrompt) bool { return p.begun })
}

// outcome maps the stop reason of the last message (section 6).
func outcome(u turn) protocol.Outcome {
	switch {
	case u.interrupting, u.last.Stop == "aborted":
		return protocol.OutcomeInterrupted
	case u.unread, u.last.Stop == "error":
		return protocol.OutcomeFailed
	case u.last.Stop == "length":
		return protocol.OutcomeLimit
	default:
		return protocol.OutcomeCompleted
	}
}

// The codes of failed turns.
const (
	codeModel = "model_error"
	codeAuth  = "authentication_failed"
)

// status is how a provider's refusal begins.
var status = regexp.MustCompile(`^(\d{3})\b`)

// failure makes the failure of what Pi says about an error.
func failure(message string) *protocol.Failure {
	f := &protocol.Failure{Code: codeModel, Message: cmp.Or(message, "the model's API failed")}
	if m := status.FindString(message); m != "" {
		code, _ := strconv.Atoi(m) // three digits
		f.Retryable = code == 429 || code >= 500
		if code == 401 || code == 403 {
			f.Code = codeAuth
		}
	}
	if strings.Contains(message, "No API key") || strings.Contains(message, "Authentication failed") {
		f.Code = codeAuth
	}
	return f
}

// retryStart tells that Pi will ask the model again.
func (t *translator) retryStart(frame []byte, o *output) error {
	var f struct {
		Attempt int    `json:"attempt"`
		Max     int    `json:"maxAttempts"`
		DelayMS int64  `json:"delayMs"`
		Error   string `json:"errorMessage"`
	}
	if json.Unmarshal(frame, &f) != nil {
		return errShape
	}
	t.turn.retrying = true
	details := map[string]any{"attempt": f.Attempt, "max_attempts": f.Max, "delay_ms": f.DelayMS, "error": f.Error}
	o.notice("warning", "retrying", fmt.Sprintf("the model failed; attempt %d of %d follows in %d ms", f.Attempt, f.Max, f.DelayMS), encode(details))
	return nil
}

// compactionEnd tells that the context was made shorter. A turn that failed
// because of its length goes on, or ends here.
func (t *translator) compactionEnd(frame []byte, o *output) error {
	var f struct {
		Aborted   bool            `json:"aborted"`
		WillRetry bool            `json:"willRetry"`
		Result    json.RawMessage `json:"result"`
		Error     string          `json:"errorMessage"`
	}
	if json.Unmarshal(frame, &f) != nil {
		return errShape
	}
	t.turn.compacting = false
	t.turn.retrying = t.turn.retrying || f.WillRetry
	switch {
	case len(f.Result) > 0 && string(f.Result) != "null" && !f.Aborted:
		o.notice("info", "compacted", "the conversation was made shorter to fit the model's context", nil)
	case f.Error != "":
		o.notice("warning", "compaction_failed", f.Error, nil)
	}
	if t.turn.ending && !t.turn.retrying {
		t.endTurn(o)
	}
	return nil
}

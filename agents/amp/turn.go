package amp

import (
	"cmp"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/towline-dev/towline/protocol"
)

// turn is the open turn, if any.
type turn struct {
	open bool
	// interrupting tells that we asked for the turn's end.
	interrupting bool
	usage        protocol.Usage
	// ran are the calls that have ended.
	ran map[string]bool
}

// openTurn opens a turn for the prompts unless one is open.
func (t *translator) openTurn(ids []string, o *output) {
	if t.turn.open {
		return
	}
	t.turn = turn{open: true, interrupting: t.turn.interrupting}
	origin := protocol.SourceClient
	if len(ids) == 0 {
		ids, origin = []string{}, protocol.SourceAgent
	}
	o.emit(&protocol.TurnStarted{PromptIDs: ids, Origin: origin})
}

// endLast ends the turn with its process, which reads no prompt any more. The
// turn may be one whose prompt was refused before it was echoed.
func (t *translator) endLast(outcome protocol.Outcome, failure *protocol.Failure, o *output) {
	t.openTurn(t.dropUnread(o), o)
	t.endTurn(outcome, failure, o)
}

// endTurn closes the open turn. Calls that have no result get none any more.
func (t *translator) endTurn(outcome protocol.Outcome, failure *protocol.Failure, o *output) {
	status := protocol.ItemFailed
	if outcome == protocol.OutcomeInterrupted {
		status = protocol.ItemInterrupted
	}
	t.closeTools(status, o)
	usage := t.turn.usage
	o.emit(&protocol.TurnEnded{Outcome: outcome, Error: failure, Usage: &usage})
	t.turn = turn{}
}

// closeTools completes the calls that are open and withdraws their asks.
func (t *translator) closeTools(status protocol.ItemStatus, o *output) {
	for _, id := range slices.Sorted(maps.Keys(t.tools)) {
		t.completeTool(id, status, nil, o)
	}
	for _, id := range slices.Sorted(maps.Keys(t.asks)) {
		t.withdraw(id, o)
	}
}

// result is the last word of a process: at the end of its input, or because of
// an error (section 4). It is not the end of a turn, but for an error.
func (t *translator) result(frame []byte, o *output) error {
	var f struct {
		IsError bool   `json:"is_error"`
		Error   string `json:"error"`
	}
	if err := json.Unmarshal(frame, &f); err != nil {
		return errShape
	}
	t.lastWord(f.IsError, strings.Contains(f.Error, "User cancelled"), readFailure(f.Error), o)
	return nil
}

// lastWord ends the turn with its process. The failure counts for an error
// that nobody has wanted.
func (t *translator) lastWord(isError, cancelled bool, failure *protocol.Failure, o *output) {
	t.over = true
	busy := t.turnWaits()
	switch {
	case !isError && !busy:
		t.dropUnread(o)
	case !isError && len(t.prompts) == 0:
		t.endTurn(protocol.OutcomeCompleted, nil, o)
	case !isError, cancelled && busy, t.turn.interrupting && busy:
		t.endLast(protocol.OutcomeInterrupted, nil, o)
	default:
		if failure.Code == codeAuth {
			o.emit(&protocol.Notice{Level: "warning", Code: "auth_required", Message: "Amp has no valid key; set AMP_API_KEY for the server, or log in once with: amp login"})
		}
		if busy {
			t.endLast(protocol.OutcomeFailed, failure, o)
		} else {
			t.dropUnread(o)
			o.emit(&protocol.ErrorEvent{Code: failure.Code, Message: failure.Message, Retryable: failure.Retryable})
		}
	}
}

// The codes of failed turns.
const (
	codeAgent    = "agent_error"
	codeModel    = "model_error"
	codeAuth     = "authentication_failed"
	codeApproval = "approval_required"
)

// status is how the model's API's refusal begins.
var status = regexp.MustCompile(`^(\d{3}) (\{.*\})?`)

// readFailure makes the failure of what Amp says about an error: a text, or a
// status and the API's answer.
func readFailure(text string) *protocol.Failure {
	f := &protocol.Failure{Code: codeAgent, Message: cmp.Or(text, "Amp ended with an error that it did not name")}
	if m := status.FindStringSubmatch(text); m != nil {
		code, _ := strconv.Atoi(m[1]) // three digits
		f.Code, f.Retryable = codeModel, code == 429 || code >= 500
		if code == 401 || code == 403 {
			f.Code = codeAuth
		}
		var answer struct {
			Error struct {
				Message string `json:"message"`
			} `json:"error"`
		}
		if json.Unmarshal([]byte(m[2]), &answer) == nil && answer.Error.Message != "" {
			f.Message = "the model's API answered " + m[1] + ": " + answer.Error.Message
		}
	}
	switch {
	case strings.Contains(text, "require user approval"):
		f.Code = codeApproval
	case strings.Contains(text, "Overloaded"), strings.Contains(text, "overloaded"), text == "terminated": // a cut connection
		f.Code, f.Retryable = codeModel, true
	case strings.Contains(text, "Unauthorized"), strings.Contains(text, "API key"):
		f.Code = codeAuth
	}
	return f
}

// exited takes the end of a process. It reports the exit only if the process
// neither said its last word nor was interrupted; wanted tells that. After the
// last word there is nothing left to tell: the session may have gone on to
// another turn.
func (t *translator) exited(e *protocol.AgentExited, o *output) (wanted bool) {
	wanted = t.over || t.turn.interrupting
	switch {
	case t.over:
	case t.turn.interrupting:
		t.endLast(protocol.OutcomeInterrupted, nil, o)
	default:
		t.dropUnread(o)
		t.closeTools(protocol.ItemInterrupted, o)
		t.turn = turn{}
		o.emit(e)
	}
	t.over = true
	return wanted
}

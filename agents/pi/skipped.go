package pi

import (
	"regexp"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

const (
	// tooLargeCall is what the model reads of a call that nobody could be
	// asked for.
	tooLargeCall = "This call is too large to be shown to the user, so it was denied. Do the same in several smaller calls."
	// tooLongEnd is what clients read of a turn whose end nobody could read.
	tooLongEnd = "the agent ended the turn with a message that is longer than this server reads, so nothing tells how it ended; look at what it did, then prompt again"
)

// Skipped takes a frame that was too long to be read (agents.Skipper): the end
// of a turn repeats all of it, and a call may hold a whole file.
func (t *translator) Skipped(head, tail []byte) agents.Output {
	var o output
	e := agents.ReadEnds(head, tail)
	switch kind := e.Text("type"); {
	case t.gone:
	case kind == "agent_end":
		if stop := lastStop(tail); t.turn.unread && stop != "" {
			t.turn.last.Stop, t.turn.unread = stop, false
		}
		t.agentEnd(&o)
	case kind == "message_end" && e.InnerText("role") == "assistant":
		t.messageSkipped(lastStop(tail), &o)
	case kind == "tool_execution_end" && e.Text("toolCallId") != "":
		t.toolSkipped(e, &o)
	case kind == "compaction_end":
		_ = t.compactionEnd(encode(e.Fields), &o) // these fields are plain
	case kind == "extension_ui_request" && e.Text("id") != "":
		dialogSkipped(e, &o)
	case kind == "response" && e.Text("id") != "":
		t.responseSkipped(e, &o)
	case kind == "", kind == "extension_ui_request", kind == "response":
		if t.turn.open || len(t.prompts)+len(t.requests) > 0 {
			o.Broken = "Pi wrote a message that is longer than this server reads, and it may be one that is waited for"
		}
	}
	return o.Output
}

// stopAtEnd is the stop reason of the message that a frame ends with: only
// plain fields stand behind it. A quote inside a text has a backslash before it.
var stopAtEnd = regexp.MustCompile(`"stopReason":"(\w+)"(?:,"\w+":(?:"[^"\\]*"|-?[0-9][-+.0-9eE]*))*\}\]?\}$`)

// lastStop is why the last message of a skipped frame stopped; empty if its end
// does not tell.
func lastStop(tail []byte) string {
	if m := stopAtEnd.FindSubmatch(tail); m != nil {
		return string(m[1])
	}
	return ""
}

// messageSkipped ends an assistant's message with what was shown of it.
func (t *translator) messageSkipped(stop string, o *output) {
	if t.message != nil {
		for _, b := range t.message.blocks {
			b.end(string(b.streamed), stop != "stop" && stop != "toolUse", o)
		}
		t.message = nil
	}
	t.turn.last, t.turn.unread = nativeMessage{Role: "assistant", Stop: stop}, stop == ""
	t.tellNative(o)
}

// toolSkipped ends a call whose result nobody could read.
func (t *translator) toolSkipped(e agents.Ends, o *output) {
	x := execution{ID: e.Text("toolCallId"), Name: e.Text("toolName"), IsError: string(e.Fields["isError"]) != "false"}
	t.endTool(x, func(*toolCall, protocol.ItemStatus) []protocol.Part {
		return []protocol.Part{{Type: protocol.PartStatus, Label: "skipped", Detail: "the result is longer than this server reads"}}
	}, o)
}

// dialogSkipped closes a dialog, for which its extension may wait. The gate
// blocks the call then.
func dialogSkipped(e agents.Ends, o *output) {
	message := "a dialog of an extension is longer than this server reads, so it was closed"
	switch method := e.Text("method"); {
	case oneWay[method]:
		return
	case method == "input" && e.Text("title") == gateTitle:
		message = "a call of the agent is longer than this server reads, so it was refused"
		o.send((&ask{id: e.Text("id"), method: method}).vote(vote{Message: tooLargeCall}))
	default:
		o.send(cancelled(e.Text("id")))
	}
	o.emit(&protocol.ErrorEvent{Code: string(protocol.CodeTooLarge), Message: message})
}

// responseSkipped fails the request of ours that was answered.
func (t *translator) responseSkipped(e agents.Ends, o *output) {
	r := nativeResponse{ID: e.Text("id"), Command: e.Text("command"), Error: "its answer is longer than this server reads"}
	q, known := t.requests[r.ID]
	delete(t.requests, r.ID)
	switch {
	case !known:
	case q.opening:
		o.Broken = "Pi's answer to the opening is longer than this server reads"
	case q.settle:
		t.settled(false, o)
	default:
		t.refused(q, known, r, o)
	}
}

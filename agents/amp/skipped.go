package amp

import (
	"bytes"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// What is told of frames that were not read.
const (
	longTurn   = "Amp ended the turn with a message that is longer than this server reads; look at what it did, then prompt again"
	longOutput = "The result is longer than this server reads; the agent has it."
)

// Skipped takes a frame that was too long to be read (agents.Skipper).
func (t *translator) Skipped(head, tail []byte) agents.Output {
	var o output
	if t.over {
		return o.Output
	}
	e := agents.ReadEnds(head, tail)
	own := e.Text("parent_tool_use_id") == ""
	told := true
	switch e.Text("type") {
	case "system":
		told = t.initSkipped(e, &o)
	case "user":
		told = t.userSkipped(head, e.Text("parent_tool_use_id"), &o)
	case "assistant":
		told = t.assistantSkipped(tail, own, &o)
	case "result":
		t.lastWord(string(e.Fields["is_error"]) != "false", false, tooLong(), &o)
	case "":
		told = !t.waited()
	}
	if !told {
		o.Broken = "Amp wrote a message that is longer than this server reads, and it may be one that is waited for"
	}
	return o.Output
}

// waited tells whether a frame is waited for.
func (t *translator) waited() bool { return !t.started || t.turn.open || len(t.prompts) > 0 }

func tooLong() *protocol.Failure {
	return &protocol.Failure{Code: string(protocol.CodeTooLarge), Message: longTurn}
}

// initSkipped begins a process whose first frame was not read, if that told
// its thread.
func (t *translator) initSkipped(e agents.Ends, o *output) (told bool) {
	id := e.Text("session_id")
	switch {
	case e.Text("subtype") != "init":
		return true
	case id == "":
		return false
	default:
		return t.init(encode(map[string]string{"session_id": id}), o) == nil
	}
}

// firstBlock finds the type of a message's first block.
var firstBlock = regexp.MustCompile(`"content":\[\{"type":"(\w+)"`)

// userSkipped takes the echo of a prompt, or the results of all open calls,
// whichever was not read.
func (t *translator) userSkipped(head []byte, parent string, o *output) (told bool) {
	kind := ""
	if found := firstBlock.FindSubmatch(head); found != nil {
		kind = string(found[1])
	}
	switch {
	case kind == "tool_result":
		for _, id := range slices.Sorted(maps.Keys(t.tools)) {
			if t.tools[id].item.ParentID == parent {
				t.withdrawAsks(id, o)
				t.completeTool(id, protocol.ItemDone, []protocol.Part{protocol.TextPart(longOutput)}, o)
			}
		}
	case kind == "text" && parent == "":
		if ids := t.read(""); len(ids) > 0 {
			t.openTurn(ids, o)
		}
	default:
		return len(t.prompts) == 0
	}
	return true
}

// assistantSkipped takes a message of the model that was not read: what it
// said is lost, and that it ended the turn must not be.
func (t *translator) assistantSkipped(tail []byte, own bool, o *output) (told bool) {
	if !own {
		return true
	}
	stop := lastStop(tail)
	if stop == "" {
		return !t.waited()
	}
	t.begin(o)
	t.save(o)
	if stop != "null" && stop != "tool_use" && len(t.prompts) == 0 {
		t.endTurn(protocol.OutcomeFailed, tooLong(), o)
	}
	return true
}

// stops are the stop reasons, with null for a message that was cut.
var stops = []string{`null`, `"end_turn"`, `"tool_use"`, `"max_tokens"`, `"refusal"`, `"stop_sequence"`, `"model_context_window_exceeded"`}

// leastStop is how much of a stop reason tells it from the others, in bytes.
const leastStop = 3

// lastStop is a message's stop reason, which stands before its usage: of a
// message whose usage is long the tail may hold just its end. It is empty if
// it cannot be told.
func lastStop(tail []byte) string {
	end := bytes.LastIndex(tail, []byte(`,"usage":{`))
	if end < 0 {
		end = bytes.LastIndex(tail, []byte(`},"parent_tool_use_id":`))
	}
	if end < leastStop {
		return ""
	}
	seen := string(tail[:end])
	for _, stop := range stops {
		whole := `"stop_reason":` + stop
		if n := min(len(seen), len(whole)); strings.HasSuffix(seen, whole[len(whole)-n:]) {
			return strings.Trim(stop, `"`)
		}
	}
	return ""
}

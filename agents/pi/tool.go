package pi

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// toolCall is a call from its announcement to its result.
type toolCall struct {
	item protocol.Item
	// shown is the output so far.
	shown string
	// declined tells that a client denied it.
	declined bool
	// before is what a file holds that the call writes: nil if that is not
	// known, and a nil text if there is no such file.
	before **string
}

var toolKinds = map[string]protocol.ToolKind{
	"read": protocol.ToolRead, "bash": protocol.ToolExecute, "edit": protocol.ToolEdit, "write": protocol.ToolEdit,
	"grep": protocol.ToolSearch, "find": protocol.ToolSearch, "ls": protocol.ToolSearch,
}

// toolInput holds the fields of inputs that titles and parts are made of.
type toolInput struct {
	Command string `json:"command"`
	Path    string `json:"path"`
	Pattern string `json:"pattern"`
	Content string `json:"content"`
	Edits   []struct {
		Old string `json:"oldText"`
		New string `json:"newText"`
	} `json:"edits"`
}

// readInput reads the known fields; an input of another shape has none.
func readInput(input json.RawMessage) toolInput {
	var in toolInput
	if json.Unmarshal(input, &in) != nil {
		return toolInput{}
	}
	return in
}

// describeTool makes the universal description of a call.
func describeTool(name, callID string, input json.RawMessage) *protocol.Tool {
	kind, ok := toolKinds[name]
	if !ok {
		kind = protocol.ToolOther
	}
	in := readInput(input)
	title := name
	for _, detail := range []string{in.Command, in.Pattern, in.Path} {
		if detail != "" {
			title += ": " + detail
			break
		}
	}
	if len(input) == 0 || !json.Valid(input) {
		input = json.RawMessage("{}")
	}
	return &protocol.Tool{Name: name, Kind: kind, Title: agents.OneLine(title), CallID: callID, Input: input}
}

// callEnd takes a whole call out of the stream.
func (t *translator) callEnd(call json.RawMessage, o *output) error {
	var b nativeBlock
	if json.Unmarshal(call, &b) != nil || b.ID == "" {
		return errShape
	}
	t.startTool(b, o)
	return nil
}

// startTool reports a call, once.
func (t *translator) startTool(b nativeBlock, o *output) *toolCall {
	if c := t.tools[b.ID]; c != nil || b.ID == "" || t.turn.ran[b.ID] {
		return c
	}
	c := &toolCall{item: protocol.Item{
		ID: b.ID, Kind: protocol.KindToolCall, Role: "assistant", Tool: describeTool(b.Name, b.ID, b.Arguments),
	}}
	t.tools[b.ID] = c
	o.start(c.item)
	return c
}

// execution is a frame of a call that runs.
type execution struct {
	ID      string          `json:"toolCallId"`
	Name    string          `json:"toolName"`
	Args    json.RawMessage `json:"args"`
	Partial nativeResult    `json:"partialResult"`
	Result  nativeResult    `json:"result"`
	IsError bool            `json:"isError"`
}

// nativeResult is what a tool returned.
type nativeResult struct {
	Content []nativeBlock `json:"content"`
	Details struct {
		Diff string `json:"diff"`
	} `json:"details"`
}

// text joins the result's texts.
func (r nativeResult) text() string {
	var b strings.Builder
	for _, c := range r.Content {
		b.WriteString(c.Text)
	}
	return b.String()
}

func readExecution(frame []byte) (execution, error) {
	var e execution
	if json.Unmarshal(frame, &e) != nil || e.ID == "" {
		return execution{}, errShape
	}
	return e, nil
}

func (t *translator) toolStart(frame []byte, o *output) error {
	e, err := readExecution(frame)
	if err == nil {
		t.startTool(nativeBlock{ID: e.ID, Name: e.Name, Arguments: e.Args}, o)
	}
	return err
}

// toolUpdate shows what of the output is new. The frame has all of it so far,
// or of a long one the last part; then it cannot be told what is new, and the
// result brings the rest (section 3).
func (t *translator) toolUpdate(frame []byte, o *output) error {
	e, err := readExecution(frame)
	if err != nil {
		return err
	}
	c := t.startTool(nativeBlock{ID: e.ID, Name: e.Name, Arguments: e.Args}, o)
	if c == nil {
		return nil
	}
	if more, ok := strings.CutPrefix(e.Partial.text(), c.shown); ok && more != "" {
		c.shown += more
		o.emit(&protocol.ItemDelta{ItemID: e.ID, Kind: protocol.DeltaToolOutput, Text: more})
	}
	return nil
}

func (t *translator) toolEnd(frame []byte, o *output) error {
	e, err := readExecution(frame)
	if err == nil {
		t.endTool(e, func(c *toolCall, status protocol.ItemStatus) []protocol.Part { return c.content(e.Result, status, o) }, o)
	}
	return err
}

// endTool ends a call that ran; content makes what is shown of its result.
func (t *translator) endTool(e execution, content func(*toolCall, protocol.ItemStatus) []protocol.Part, o *output) {
	c := t.startTool(nativeBlock{ID: e.ID, Name: e.Name, Arguments: e.Args}, o)
	if c == nil {
		return
	}
	t.dropAsks(e.ID, o)
	status := protocol.ItemDone
	switch {
	case c.declined:
		status = protocol.ItemDeclined
	case t.turn.interrupting:
		status = protocol.ItemInterrupted
	case e.IsError:
		status = protocol.ItemFailed
	}
	t.completeTool(e.ID, status, content(c, status), o)
}

// completeTool reports the end of a call.
func (t *translator) completeTool(id string, status protocol.ItemStatus, content []protocol.Part, o *output) {
	c := t.tools[id]
	if c == nil {
		return
	}
	delete(t.tools, id)
	t.turn.remember(id)
	o.complete(c.item, status, content)
}

// exitLine is how a failed command's output ends (section 4).
var exitLine = regexp.MustCompile(`(?:^|\n\n)Command exited with code (\d+)\s*$`)

// content is what a call's result shows.
func (c *toolCall) content(r nativeResult, status protocol.ItemStatus, o *output) []protocol.Part {
	in := readInput(c.item.Tool.Input)
	var parts []protocol.Part
	switch name := c.item.Tool.Name; {
	case name == "bash" && status != protocol.ItemDeclined:
		return append(parts, c.command(in.Command, r.text(), status, o))
	case name == "edit" && status == protocol.ItemDone && r.Details.Diff != "":
		parts = append(parts, agents.UnifiedPart(in.Path, "update", unified(r.Details.Diff)))
	case name == "write" && status == protocol.ItemDone:
		parts = append(parts, c.written(in))
	}
	if text := r.text(); text != "" {
		parts = append(parts, protocol.TextPart(text))
	}
	for _, b := range r.Content {
		if b.Type == "image" {
			parts = append(parts, protocol.Part{Type: protocol.PartImage, Mime: b.Mime, Data: b.Data})
		}
	}
	return parts
}

// command is the part of a command that ran. Its deltas make up its output as
// far as that is possible.
func (c *toolCall) command(line, output string, status protocol.ItemStatus, o *output) protocol.Part {
	p := protocol.Part{Type: protocol.PartCommand, Command: line, Output: output}
	if m := exitLine.FindStringSubmatchIndex(output); m != nil && status == protocol.ItemFailed {
		code, err := strconv.Atoi(output[m[2]:m[3]])
		if err == nil {
			p.ExitCode, p.Output = &code, output[:m[0]]
		}
	} else if status == protocol.ItemDone {
		p.ExitCode = new(int)
	}
	if more, ok := strings.CutPrefix(p.Output, c.shown); ok && more != "" && c.shown != "" {
		o.emit(&protocol.ItemDelta{ItemID: c.item.ID, Kind: protocol.DeltaToolOutput, Text: more})
	}
	return p
}

// written is what a write did, exactly if the gate told what was there.
func (c *toolCall) written(in toolInput) protocol.Part {
	switch {
	case c.before == nil:
		return agents.DiffPart(in.Path, "update", "", in.Content)
	case *c.before == nil:
		return agents.DiffPart(in.Path, "create", "", in.Content)
	default:
		return agents.DiffPart(in.Path, "update", **c.before, in.Content)
	}
}

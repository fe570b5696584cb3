package acp

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// The native states of a tool call that ends.
const (
	nativeCompleted = "completed"
	nativeFailed    = "failed"
)

// maxTools bounds the calls of one turn.
const maxTools = 10_000

// toolCall is one call, as far as its frames told.
type toolCall struct {
	id                string
	name, title, kind string
	// status is the native one; empty counts as pending.
	status string
	input  json.RawMessage
	output json.RawMessage
	paths  []string
	// preview is the content from before the call ran: a description, or the
	// diff that is asked about. content is its result; nil for none.
	preview, content []json.RawMessage
	// exact is the diff of a done edit, where its content is not exact.
	exact *protocol.Part
	// streamed is the output that was reported as deltas.
	streamed                string
	started, done, declined bool
}

// toolUpdate takes a tool_call or tool_call_update. Whichever comes first
// opens the item (section 5.1); what comes after its end is dropped.
func (t *translator) toolUpdate(raw json.RawMessage, begins bool, o *output) error {
	var f toolFrame
	if json.Unmarshal(raw, &f) != nil || f.ID == "" || len(t.tools) >= maxTools {
		return errShape
	}
	if t.tools[f.ID] == nil && t.ended[f.ID] != nil && !begins {
		return nil // late news of a call whose turn has ended
	}
	c := t.toolCall(f.ID)
	if c.done {
		return nil
	}
	c.merge(f, t.quirks)
	if c.started || !c.waits(begins, t.quirks) {
		t.start(c, o)
	}
	t.stream(c, o)
	if c.status == nativeCompleted || c.status == nativeFailed {
		t.complete(c, c.outcome(t.quirks, t.turn.cancelling), o)
	}
	return nil
}

// toolCall returns the call of an id.
func (t *translator) toolCall(id string) *toolCall {
	c := t.tools[id]
	if c == nil {
		c = &toolCall{id: id}
		t.tools[id] = c
		t.order = append(t.order, c)
	}
	return c
}

// merge takes over what a frame tells.
func (c *toolCall) merge(f toolFrame, q *Quirks) {
	c.name = cmp.Or(q.toolName(f), c.name)
	if f.Title != nil {
		if c.name == "" && q.ToolNameIsTitle {
			c.name = *f.Title
		}
		c.title = *f.Title
	}
	if f.Kind != nil {
		c.kind = *f.Kind
	}
	if f.Status != nil {
		c.status = *f.Status
	}
	if !absent(f.RawInput) && (!isEmpty(f.RawInput) || absent(c.input)) {
		c.input = f.RawInput
	}
	if !absent(f.RawOutput) {
		c.output = f.RawOutput
	}
	if len(q.ExactEdit) > 0 {
		if p := exactDiff(at(f.Meta, q.ExactEdit...)); p != nil {
			c.exact = p
		}
	}
	for _, l := range f.Locations {
		if !slices.Contains(c.paths, l.Path) {
			c.paths = append(c.paths, l.Path)
		}
	}
	if f.Content == nil {
		return
	}
	if c.status == "" || c.status == "pending" {
		c.preview = *f.Content
	} else {
		c.content = *f.Content
	}
}

// serverTool begins the name of an MCP server's tool; the server's name and two
// underscores follow.
const serverTool = "mcp__"

// toolName is the tool's own name, if the frame tells it.
func (q *Quirks) toolName(f toolFrame) string {
	if f.Name != nil && *f.Name != "" {
		return *f.Name
	}
	if len(q.ToolName) > 0 {
		return textAt(f.Meta, q.ToolName...)
	}
	if len(q.ServerTool) == 2 {
		server, tool := textAt(f.RawInput, q.ServerTool[0]), textAt(f.RawInput, q.ServerTool[1])
		if server != "" && tool != "" {
			return serverTool + server + "__" + tool
		}
	}
	if q.ToolNameInID != "" {
		if name, _, ok := strings.Cut(f.ID, q.ToolNameInID); ok {
			return name
		}
	}
	return ""
}

// waits tells whether the item can start only with the next frame, because
// the input is not known yet.
func (c *toolCall) waits(begins bool, q *Quirks) bool {
	if !begins || (c.status != "" && c.status != "pending") {
		return false
	}
	return q.LateInput || isEmpty(c.input)
}

// isEmpty tells an object without fields.
func isEmpty(raw json.RawMessage) bool {
	var object map[string]json.RawMessage
	return len(raw) > 0 && json.Unmarshal(raw, &object) == nil && object != nil && len(object) == 0
}

// start reports the item, once.
func (t *translator) start(c *toolCall, o *output) {
	if c.started {
		return
	}
	c.started = true
	t.closeSpeech(protocol.ItemDone, o)
	o.emit(&protocol.ItemStarted{Item: protocol.Item{
		ID: c.id, Kind: protocol.KindToolCall, Status: protocol.ItemInProgress, Content: []protocol.Part{},
		Tool: c.describe(t.quirks),
	}})
}

// describe makes the tool as events show it.
func (c *toolCall) describe(q *Quirks) *protocol.Tool {
	tool := &protocol.Tool{
		Name: cmp.Or(c.name, c.kind, "unknown"), Kind: toolKind(c.kind), CallID: c.id,
		Title: agents.OneLine(cmp.Or(c.title, c.name, c.kind, "tool call")),
	}
	if !absent(c.input) {
		tool.Input = c.input
	}
	if slices.Contains(q.TaskTools, c.name) {
		tool.Kind = protocol.ToolTask
	}
	if rest, ok := strings.CutPrefix(c.name, serverTool); ok {
		tool.Kind = protocol.ToolMCP
		tool.Server, _, _ = strings.Cut(rest, "__")
	}
	return tool
}

func toolKind(native string) protocol.ToolKind {
	switch native {
	case "read", "edit", "delete", "move", "search", "execute", "fetch", "think":
		return protocol.ToolKind(native)
	default:
		return protocol.ToolOther
	}
}

// stream reports what the output of a running command has grown by.
func (t *translator) stream(c *toolCall, o *output) {
	if !t.quirks.StreamsOutput || c.kind != "execute" || c.content == nil || c.status == nativeFailed {
		return
	}
	grown, ok := strings.CutPrefix(c.resultText(t.quirks), c.streamed)
	if ok && grown != "" {
		c.streamed += grown
		o.emit(&protocol.ItemDelta{ItemID: c.id, Kind: protocol.DeltaToolOutput, Text: grown})
	}
}

// outcome maps a native end.
func (c *toolCall) outcome(q *Quirks, cancelling bool) protocol.ItemStatus {
	code := c.exitCode(q)
	switch {
	case c.declined:
		return protocol.ItemDeclined
	case c.status == nativeFailed && cancelling, c.cutShort(q):
		return protocol.ItemInterrupted
	case c.status == nativeFailed, code != nil && *code != 0:
		return protocol.ItemFailed
	default:
		return protocol.ItemDone
	}
}

// cutShort tells that the result says that a cancel ended the call.
func (c *toolCall) cutShort(q *Quirks) bool {
	text := c.resultText(q)
	return slices.ContainsFunc(q.CancelledText, func(note string) bool {
		return strings.HasPrefix(text, note) || strings.HasSuffix(text, note)
	})
}

// complete reports the end of a call, once. A rejected one counts as declined,
// whatever else ended it.
func (t *translator) complete(c *toolCall, status protocol.ItemStatus, o *output) {
	t.start(c, o)
	if c.declined {
		status = protocol.ItemDeclined
	}
	c.done = true
	t.closeSpeech(protocol.ItemDone, o)
	o.emit(&protocol.ItemCompleted{Item: protocol.Item{
		ID: c.id, Kind: protocol.KindToolCall, Status: status, Content: c.parts(status, t.quirks), Tool: c.describe(t.quirks),
	}})
	if t.quirks.PlanTool != "" && c.name == t.quirks.PlanTool && status == protocol.ItemDone {
		var list []planEntry
		if json.Unmarshal(at(c.input, "todos"), &list) == nil {
			o.plan(list)
		}
	}
}

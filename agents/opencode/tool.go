package opencode

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// callKey names a tool call. Models reuse call ids, but not in one message.
type callKey struct{ message, call string }

// toolCall is what is known of a tool's part.
type toolCall struct {
	input json.RawMessage
	// output is what a command has printed so far.
	output string
	// declined tells that its permission was refused.
	declined bool
	// preview is the diff that its permission carried.
	preview string
	// child is the session of the subagent that it runs.
	child string
	dir   string
}

// toolState is the state of a tool's part (section 6).
type toolState struct {
	Status   string          `json:"status"`
	Input    json.RawMessage `json:"input"`
	Output   string          `json:"output"`
	Error    string          `json:"error"`
	Title    string          `json:"title"`
	Metadata json.RawMessage `json:"metadata"`
}

// toolMetadata is what tools add to their state.
type toolMetadata struct {
	Output      *string         `json:"output"`
	Exit        json.RawMessage `json:"exit"`
	Truncated   bool            `json:"truncated"`
	Diff        string          `json:"diff"`
	FilePath    string          `json:"filepath"`
	Exists      *bool           `json:"exists"`
	SessionID   string          `json:"sessionId"`
	Interrupted bool            `json:"interrupted"`
}

// readMetadata reads the fields that are known; tools of MCP servers may have
// others of the same names.
func readMetadata(raw json.RawMessage) toolMetadata {
	var fields map[string]json.RawMessage
	var m toolMetadata
	if json.Unmarshal(raw, &fields) != nil {
		return m
	}
	for name, to := range map[string]any{
		"output": &m.Output, "truncated": &m.Truncated, "diff": &m.Diff, "filepath": &m.FilePath,
		"exists": &m.Exists, "sessionId": &m.SessionID, "interrupted": &m.Interrupted,
	} {
		_ = json.Unmarshal(fields[name], to) // another shape leaves it empty
	}
	m.Exit = fields["exit"]
	return m
}

// toolPart follows a tool call.
func (t *translator) toolPart(n nativePart, o *output) {
	p := t.parts[n.ID]
	if p == nil {
		p = t.newPart(n, protocol.Item{Kind: protocol.KindToolCall, Role: "assistant", Tool: t.describeTool(n.Tool, n.CallID, nil)})
		p.call = &toolCall{dir: t.directory}
		p.key = callKey{n.MessageID, n.CallID}
		t.calls[p.key] = n.ID
	}
	if p.closed || p.call == nil {
		return
	}
	meta := readMetadata(n.State.Metadata)
	if meta.SessionID != "" {
		t.linkChild(meta.SessionID, n.ID, n.SessionID)
		p.call.child = meta.SessionID
	}
	switch n.State.Status {
	case "running":
		t.toolRunning(p, n, meta, o)
	case "completed", "error":
		t.toolInput(p, n, o)
		t.toolEnded(p, n, meta, o)
	}
}

// toolRunning tells that the tool runs, and what it printed since.
func (t *translator) toolRunning(p *part, n nativePart, meta toolMetadata, o *output) {
	t.toolInput(p, n, o)
	t.start(p, o)
	if meta.Diff != "" {
		p.call.preview = meta.Diff
	}
	if meta.Output != nil {
		t.toolOutput(p, *meta.Output, o)
	}
}

// toolInput notes the input, which comes whole. If the item began without it,
// because its permission was asked first, it is told as a delta.
func (t *translator) toolInput(p *part, n nativePart, o *output) {
	if p.call.input != nil || len(n.State.Input) == 0 {
		return
	}
	name := n.Tool
	if name == "invalid" { // the name of the failure, not of the tool
		name = p.item.Tool.Name
	}
	p.call.input = n.State.Input
	p.item.Tool = t.describeTool(name, n.CallID, n.State.Input)
	if p.started {
		o.emit(&protocol.ItemDelta{ItemID: n.ID, Kind: protocol.DeltaToolInput, Text: string(n.State.Input)})
	}
}

// noOutput stands in for the output of a command that printed nothing.
const noOutput = "(no output)"

// toolOutput tells what was printed since. The server repeats all of it each
// time; where it has cut the begin off nothing more can be told before the end.
func (t *translator) toolOutput(p *part, whole string, o *output) {
	more, ok := strings.CutPrefix(whole, p.call.output)
	if !ok || more == "" || whole == noOutput {
		return
	}
	p.call.output = whole
	o.emit(&protocol.ItemDelta{ItemID: p.item.ID, Kind: protocol.DeltaToolOutput, Text: more})
}

// toolEnded completes the call.
func (t *translator) toolEnded(p *part, n nativePart, meta toolMetadata, o *output) {
	t.start(p, o)
	item := p.item
	if meta.Output != nil && item.Tool.Kind == protocol.ToolExecute {
		t.toolOutput(p, *meta.Output, o)
	}
	if p.call.child != "" {
		t.closeParts(p.call.child, protocol.ItemInterrupted, o)
	}
	item.Content = p.content(n, meta)
	t.complete(p, item, p.status(n, meta), o)
}

// status tells how a call ended. A command that failed is completed for the
// server, with its exit code; one that was aborted has none.
func (p *part) status(n nativePart, meta toolMetadata) protocol.ItemStatus {
	exit := string(meta.Exit)
	switch {
	case n.Tool == "invalid":
		return protocol.ItemFailed
	case n.State.Status == "completed" && exit == "null", meta.Interrupted, n.State.Error == "Tool execution aborted":
		return protocol.ItemInterrupted
	case n.State.Status == "completed" && (exit == "" || exit == "0"):
		return protocol.ItemDone
	case n.State.Status == "completed":
		return protocol.ItemFailed
	case p.call.declined, strings.HasPrefix(n.State.Error, "The user "):
		return protocol.ItemDeclined // by a human, or by a rule of the user's
	default:
		return protocol.ItemFailed
	}
}

// content is what a completed call shows.
func (p *part) content(n nativePart, meta toolMetadata) []protocol.Part {
	text := n.State.Output
	if n.State.Status == "error" {
		text = n.State.Error
	}
	switch {
	case p.item.Tool.Kind == protocol.ToolExecute:
		return []protocol.Part{p.call.commandPart(n.State, meta, text)}
	case p.item.Tool.Kind == protocol.ToolEdit && n.State.Status == "completed":
		if d, ok := p.call.diffPart(meta); ok {
			return []protocol.Part{d, protocol.TextPart(text)}
		}
	case text == "":
		return []protocol.Part{}
	}
	return []protocol.Part{protocol.TextPart(text)}
}

// commandPart is what a command printed, and how it ended.
func (c *toolCall) commandPart(s toolState, meta toolMetadata, text string) protocol.Part {
	in := readInput(c.input)
	part := protocol.Part{Type: protocol.PartCommand, Command: in.Command, Cwd: c.dir, Output: text, Truncated: meta.Truncated}
	if in.Workdir != "" {
		part.Cwd = in.Workdir
	}
	if meta.Output != nil && s.Status == "completed" {
		part.Output = *meta.Output
	}
	if part.Output == noOutput {
		part.Output = ""
	}
	var code int
	if len(meta.Exit) > 0 && string(meta.Exit) != "null" && json.Unmarshal(meta.Exit, &code) == nil {
		part.ExitCode = &code
	}
	return part
}

// outputSoFar is the content of a call that never ended.
func (c *toolCall) outputSoFar(tool *protocol.Tool) []protocol.Part {
	switch {
	case tool.Kind == protocol.ToolExecute:
		return []protocol.Part{{Type: protocol.PartCommand, Command: readInput(c.input).Command, Cwd: c.dir, Output: c.output}}
	case c.output != "":
		return []protocol.Part{protocol.TextPart(c.output)}
	default:
		return []protocol.Part{}
	}
}

// toolKinds maps OpenCode's tools to what they do.
var toolKinds = map[string]protocol.ToolKind{
	"bash": protocol.ToolExecute, "read": protocol.ToolRead, "skill": protocol.ToolRead, "list": protocol.ToolSearch,
	"write": protocol.ToolEdit, "edit": protocol.ToolEdit, "apply_patch": protocol.ToolEdit, "multiedit": protocol.ToolEdit,
	"glob": protocol.ToolSearch, "grep": protocol.ToolSearch, "webfetch": protocol.ToolFetch, "websearch": protocol.ToolFetch,
	"task": protocol.ToolTask, "todowrite": protocol.ToolThink, "todoread": protocol.ToolThink,
}

// describeTool makes the universal description of a call. input may be nil.
func (t *translator) describeTool(name, callID string, input json.RawMessage) *protocol.Tool {
	tool := &protocol.Tool{Name: name, CallID: callID, Kind: protocol.ToolOther, Title: toolTitle(name, input), Input: input}
	if kind, ok := toolKinds[name]; ok {
		tool.Kind = kind
		return tool
	}
	// Tools of MCP servers are server_tool.
	for _, server := range t.facts.Servers {
		if strings.HasPrefix(name, mcpPrefix(server)) && len(server) > len(tool.Server) {
			tool.Kind, tool.Server = protocol.ToolMCP, server
		}
	}
	return tool
}

// mcpPrefix is how the names of a server's tools begin.
func mcpPrefix(server string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, server) + "_"
}

// toolInput holds the fields of inputs that titles and parts are made of.
type toolInput struct {
	Command, Workdir, FilePath, Content, Pattern, Query, URL, Description, Path, Name string
}

// readInput reads the known fields; an input of another shape has none.
func readInput(input json.RawMessage) toolInput {
	var fields map[string]json.RawMessage
	var in toolInput
	if json.Unmarshal(input, &fields) != nil {
		return in
	}
	for name, to := range map[string]*string{
		"command": &in.Command, "workdir": &in.Workdir, "filePath": &in.FilePath, "content": &in.Content, "pattern": &in.Pattern,
		"query": &in.Query, "url": &in.URL, "description": &in.Description, "path": &in.Path, "name": &in.Name,
	} {
		if json.Unmarshal(fields[name], to) != nil {
			*to = ""
		}
	}
	return in
}

// toolTitle is one line for people.
func toolTitle(name string, input json.RawMessage) string {
	in := readInput(input)
	for _, detail := range []string{in.Command, in.FilePath, in.Pattern, in.Query, in.URL, in.Description, in.Path, in.Name} {
		if detail != "" {
			return agents.OneLine(name + ": " + detail)
		}
	}
	return agents.OneLine(name)
}

// sortNewestFirst sorts parts by when they were first seen.
func sortNewestFirst(parts []*part) {
	slices.SortFunc(parts, func(a, b *part) int { return b.order - a.order })
}

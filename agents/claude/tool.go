package claude

import (
	"encoding/json"
	"path/filepath"
	"strings"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// toolCall is a tool call from its start to its result.
type toolCall struct {
	item protocol.Item
	// model is the input as the model wrote it, once it is whole.
	model json.RawMessage
	// edited is the input that the user put in its place, if any.
	edited json.RawMessage
	block  *block
	// declined and withdrawn tell how its permission ended.
	declined, withdrawn bool
}

// maxTools bounds the calls that are remembered beyond a turn.
const maxTools = 4096

// isToolUse tells whether a block is a tool call; some tools run on the API's
// side and have a block type of their own.
func isToolUse(blockType string) bool { return strings.HasSuffix(blockType, "tool_use") }

// toolKinds maps the CLI's tools to what they do. Task is Agent's name in the
// list of tools (section 7, subagents).
var toolKinds = map[string]protocol.ToolKind{
	"Bash": protocol.ToolExecute, "BashOutput": protocol.ToolExecute, "KillShell": protocol.ToolExecute, "Monitor": protocol.ToolExecute,
	"Read": protocol.ToolRead, "NotebookRead": protocol.ToolRead,
	"Write": protocol.ToolEdit, "Edit": protocol.ToolEdit, "MultiEdit": protocol.ToolEdit, "NotebookEdit": protocol.ToolEdit,
	"Glob": protocol.ToolSearch, "Grep": protocol.ToolSearch, "LS": protocol.ToolSearch, "ToolSearch": protocol.ToolSearch,
	"WebFetch": protocol.ToolFetch, "WebSearch": protocol.ToolFetch, "web_search": protocol.ToolFetch, "web_fetch": protocol.ToolFetch,
	"Agent": protocol.ToolTask, "Task": protocol.ToolTask, "Workflow": protocol.ToolTask,
	"TodoWrite": protocol.ToolThink, "TaskCreate": protocol.ToolThink, "TaskUpdate": protocol.ToolThink,
	"TaskList": protocol.ToolThink, "TaskGet": protocol.ToolThink,
	"EnterPlanMode": protocol.ToolThink, "ExitPlanMode": protocol.ToolThink,
}

// describeTool makes the universal description of a call. input may be nil.
func describeTool(name, callID string, input json.RawMessage) *protocol.Tool {
	tool := &protocol.Tool{Name: name, CallID: callID, Kind: protocol.ToolOther, Title: toolTitle(name, input), Input: input}
	if kind, ok := toolKinds[name]; ok {
		tool.Kind = kind
	}
	// Tools of MCP servers are mcp__<server>__<tool> (section 7, MCP).
	if rest, ok := strings.CutPrefix(name, "mcp__"); ok {
		tool.Kind = protocol.ToolMCP
		tool.Server, _, _ = strings.Cut(rest, "__")
	}
	return tool
}

// toolInput holds the fields of inputs that titles and parts are made of.
type toolInput struct {
	Command     string `json:"command"`
	Description string `json:"description"`
	FilePath    string `json:"file_path"`
	Notebook    string `json:"notebook_path"`
	Path        string `json:"path"`
	Pattern     string `json:"pattern"`
	Query       string `json:"query"`
	URL         string `json:"url"`
	Subject     string `json:"subject"`
	Plan        string `json:"plan"`
}

// readInput reads the known fields; an input of another shape has none.
func readInput(input json.RawMessage) toolInput {
	var fields map[string]json.RawMessage
	var in toolInput
	if json.Unmarshal(input, &fields) != nil {
		return in
	}
	for name, to := range map[string]*string{
		"command": &in.Command, "description": &in.Description, "file_path": &in.FilePath, "notebook_path": &in.Notebook,
		"path": &in.Path, "pattern": &in.Pattern, "query": &in.Query, "url": &in.URL, "subject": &in.Subject, "plan": &in.Plan,
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
	for _, detail := range []string{in.Command, in.FilePath, in.Notebook, in.Pattern, in.Query, in.URL, in.Subject, in.Description, in.Path} {
		if detail != "" {
			return agents.OneLine(name + ": " + detail)
		}
	}
	return agents.OneLine(name)
}

// startTool reports a call. Its input is absent while it still streams.
func (t *translator) startTool(parent string, n nativeBlock, input json.RawMessage, o *output) {
	if n.ID == "" || t.tools[n.ID] != nil {
		return
	}
	c := &toolCall{item: protocol.Item{ID: n.ID, ParentID: parent, Kind: protocol.KindToolCall, Role: "assistant", Tool: describeTool(n.Name, n.ID, input)}, model: input}
	t.tools[n.ID] = c
	item := c.item
	tool := *c.item.Tool
	item.Tool = &tool
	o.start(item)
}

// wholeTool notes the whole input. Where deltas made up the same input, their
// text is kept, so that they add up to it.
func (t *translator) wholeTool(b *block, n nativeBlock) {
	c := t.tools[n.ID]
	if c == nil {
		return
	}
	c.block = b
	c.model = n.Input
	input := n.Input
	if len(b.streamed) > 0 && json.Valid(b.streamed) {
		input = append(json.RawMessage{}, b.streamed...)
	}
	b.streamed = nil
	c.item.Tool = describeTool(n.Name, n.ID, input)
}

// input is what the tool ran with.
func (c *toolCall) input() json.RawMessage {
	if c.edited != nil {
		return c.edited
	}
	return c.model
}

// userFrame carries tool results, and texts that the CLI put into the
// conversation by itself.
type userFrame struct {
	Parent  string `json:"parent_tool_use_id"`
	Message struct {
		Content json.RawMessage `json:"content"`
	} `json:"message"`
	Result json.RawMessage `json:"tool_use_result"`
	Meta   []resultMeta    `json:"tool_result_meta"`
}

// resultMeta tells how a call was permitted.
type resultMeta struct {
	ID           string `json:"id"`
	NonExecution string `json:"non_execution_kind"`
	Permission   struct {
		Decision string `json:"decision"`
	} `json:"permission_decision"`
}

// nativeResult is a tool_result block.
type nativeResult struct {
	Type      string          `json:"type"`
	ToolUseID string          `json:"tool_use_id"`
	Content   json.RawMessage `json:"content"`
	IsError   bool            `json:"is_error"`
	Text      string          `json:"text"`
}

// user completes tool calls. Its texts are echoes of prompts, output of local
// commands that also comes as a message, and notes to the model: not content.
func (t *translator) user(frame []byte, o *output) error {
	var f userFrame
	if err := json.Unmarshal(frame, &f); err != nil {
		return errShape
	}
	var blocks []nativeResult
	if err := json.Unmarshal(f.Message.Content, &blocks); err != nil {
		var text string
		if json.Unmarshal(f.Message.Content, &text) != nil {
			return errShape
		}
		return nil
	}
	for _, b := range blocks {
		switch b.Type {
		case "tool_result":
			t.toolResult(b, f, o)
		case "text":
			t.turn.interrupted = t.turn.interrupted || strings.HasPrefix(b.Text, "[Request interrupted by user")
		}
	}
	return nil
}

// toolResult completes one call.
func (t *translator) toolResult(r nativeResult, f userFrame, o *output) {
	c := t.tools[r.ToolUseID]
	if c == nil {
		return // completed before, or of a turn that has ended
	}
	delete(t.tools, r.ToolUseID)
	var meta resultMeta
	for _, m := range f.Meta {
		if m.ID == r.ToolUseID {
			meta = m
		}
	}
	detail := readDetail(f.Result)
	status := c.status(r.IsError, meta, detail)
	o.complete(c.item, status, c.content(r, status, detail))
	if status == protocol.ItemDone {
		t.todoResult(c, detail, o)
	}
}

// serverResult completes a call that ran on the API's side; its result is a
// block of the message.
func (t *translator) serverResult(raw json.RawMessage, o *output) {
	var r nativeResult
	if json.Unmarshal(raw, &r) != nil || t.tools[r.ToolUseID] == nil {
		return
	}
	c := t.tools[r.ToolUseID]
	delete(t.tools, r.ToolUseID)
	o.complete(c.item, protocol.ItemDone, []protocol.Part{{Type: protocol.PartJSON, JSON: r.Content}})
}

// status tells how a call ended. Of a call that an interrupt stopped while it
// ran, 2.1.330 says that the user rejected it, though nobody denied it.
func (c *toolCall) status(isError bool, meta resultMeta, d resultDetail) protocol.ItemStatus {
	switch {
	case c.withdrawn || d.Interrupted:
		return protocol.ItemInterrupted
	case !isError:
		return protocol.ItemDone
	case c.declined || meta.Permission.Decision == "reject" || meta.NonExecution == "permission-rule":
		return protocol.ItemDeclined
	case meta.NonExecution == "user-rejected":
		return protocol.ItemInterrupted
	default:
		return protocol.ItemFailed
	}
}

// base is the last element of a path, for labels.
func base(path string) string { return filepath.Base(path) }

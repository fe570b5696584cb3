package amp

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// toolCall is a call from its announcement to its result.
type toolCall struct {
	item protocol.Item
	// declined tells that a client denied it.
	declined bool
}

// toolKinds are the tools by the names that were seen (section 3), and those of
// mode deep, which runs commands and edits by other names.
var toolKinds = map[string]protocol.ToolKind{
	"Bash": protocol.ToolExecute, "shell_command": protocol.ToolExecute,
	"Read": protocol.ToolRead, "look_at": protocol.ToolRead, "read_thread": protocol.ToolRead,
	"edit_file": protocol.ToolEdit, "create_file": protocol.ToolEdit, "undo_edit": protocol.ToolEdit, "apply_patch": protocol.ToolEdit,
	"Grep": protocol.ToolSearch, "glob": protocol.ToolSearch, "finder": protocol.ToolSearch, "find_thread": protocol.ToolSearch,
	"web_search": protocol.ToolFetch, "read_web_page": protocol.ToolFetch,
	"Task": protocol.ToolTask, "oracle": protocol.ToolTask, "librarian": protocol.ToolTask,
	"task_list": protocol.ToolThink, "mermaid": protocol.ToolThink,
	"read_mcp_resource": protocol.ToolMCP,
}

// harmless are the tools that are never asked for.
func harmless() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(toolKinds)) {
		if agents.OnlyReads(toolKinds[name]) {
			names = append(names, name)
		}
	}
	return names
}

// toolInput holds the fields of inputs that titles and parts are made of.
type toolInput struct {
	Command     string `json:"cmd"`
	Cwd         string `json:"cwd"`
	Path        string `json:"path"`
	Content     string `json:"content"`
	Old         string `json:"old_str"`
	New         string `json:"new_str"`
	Pattern     string `json:"pattern"`
	Query       string `json:"query"`
	URL         string `json:"url"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Prompt      string `json:"prompt"`
}

// readInput reads the known fields, each by itself: one of another shape
// spoils no other.
func readInput(input json.RawMessage) toolInput {
	var fields map[string]json.RawMessage
	var in toolInput
	if json.Unmarshal(input, &fields) != nil || len(fields) == 0 {
		return in
	}
	for deep, name := range map[string]string{"command": "cmd", "workdir": "cwd"} {
		if fields[name] == nil {
			fields[name] = fields[deep]
		}
	}
	for name, to := range map[string]*string{
		"cmd": &in.Command, "cwd": &in.Cwd, "path": &in.Path, "content": &in.Content, "old_str": &in.Old, "new_str": &in.New,
		"pattern": &in.Pattern, "query": &in.Query, "url": &in.URL, "title": &in.Title, "description": &in.Description, "prompt": &in.Prompt,
	} {
		if json.Unmarshal(fields[name], to) != nil {
			*to = ""
		}
	}
	return in
}

// describeTool makes the universal description of a call.
func describeTool(name, callID string, input json.RawMessage) *protocol.Tool {
	if len(input) == 0 || !json.Valid(input) {
		input = json.RawMessage("{}")
	}
	tool := &protocol.Tool{Name: name, Kind: protocol.ToolOther, CallID: callID, Input: input}
	if kind, ok := toolKinds[name]; ok {
		tool.Kind = kind
	}
	if rest, ok := strings.CutPrefix(name, "mcp__"); ok {
		tool.Kind = protocol.ToolMCP
		tool.Server, _, _ = strings.Cut(rest, "__")
	}
	in := readInput(input)
	title := name
	details := []string{in.Command, in.Path, in.Pattern, in.Query, in.URL, in.Title, in.Description, in.Prompt}
	if at := slices.IndexFunc(details, func(d string) bool { return d != "" }); at >= 0 {
		title += ": " + details[at]
	}
	tool.Title = agents.OneLine(title)
	return tool
}

// maxTools bounds the calls that are open.
const maxTools = 10_000

// startTool reports a call, once, and what was asked about it before it was
// known here.
func (t *translator) startTool(parent string, b nativeBlock, o *output) {
	if b.ID == "" || t.tools[b.ID] != nil || t.turn.ran[b.ID] || len(t.tools) >= maxTools {
		return
	}
	c := &toolCall{item: protocol.Item{
		ID: b.ID, ParentID: parent, Kind: protocol.KindToolCall, Role: "assistant", Tool: describeTool(b.Name, b.ID, b.Input),
	}}
	t.tools[b.ID] = c
	o.start(c.item)
	for _, id := range slices.Sorted(maps.Keys(t.asks)) {
		if a := t.asks[id]; a.parked && a.tool.CallID == b.ID {
			t.requestPermission(a, o)
		}
	}
}

// completeTool reports the end of a call.
func (t *translator) completeTool(id string, status protocol.ItemStatus, content []protocol.Part, o *output) {
	c := t.tools[id]
	if c == nil {
		return
	}
	delete(t.tools, id)
	if t.turn.ran == nil {
		t.turn.ran = map[string]bool{}
	}
	t.turn.ran[id] = true
	o.complete(c.item, status, content)
}

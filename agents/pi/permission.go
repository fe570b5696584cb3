package pi

import (
	"encoding/json"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// ask is a dialog that waits for its answer.
type ask struct {
	id string
	// method is select, confirm, input or editor.
	method string
	// tool is what a permission is for; nil for a question.
	tool *protocol.Tool
}

// maxAsks bounds the dialogs that wait.
const maxAsks = 1024

// dialogRequest is an extension_ui_request.
type dialogRequest struct {
	ID          string   `json:"id"`
	Method      string   `json:"method"`
	Title       string   `json:"title"`
	Message     string   `json:"message"`
	Placeholder string   `json:"placeholder"`
	Prefill     string   `json:"prefill"`
	Options     []string `json:"options"`
	NotifyType  string   `json:"notifyType"`
}

// gateAsk is what the gate asks.
type gateAsk struct {
	ToolCallID string          `json:"toolCallId"`
	Tool       string          `json:"tool"`
	Input      json.RawMessage `json:"input"`
	Before     json.RawMessage `json:"before"`
	// Path is where the file of a write or edit lies, without links.
	Path string `json:"path"`
}

// gate tells whether a dialog is the gate's, by its title, so that dialogs of
// the user's own extensions become questions (section 5). A gate that can only
// hear yes or no asks with confirm.
func (d dialogRequest) gate() (gateAsk, bool) {
	var a gateAsk
	text := ""
	switch {
	case d.Method == "input" && d.Title == "towline:permission":
		text = d.Placeholder
	case d.Method == "confirm" && d.Title == "permission":
		text = d.Message
	}
	return a, json.Unmarshal([]byte(text), &a) == nil && a.ToolCallID != "" && a.Tool != ""
}

// dialog takes what an extension shows or asks.
func (t *translator) dialog(frame []byte, o *output) error {
	var d dialogRequest
	if json.Unmarshal(frame, &d) != nil || d.ID == "" || len(t.asks) >= maxAsks {
		return errShape
	}
	switch d.Method {
	case "select", "confirm", "input", "editor":
		if a, ok := d.gate(); ok {
			t.permission(d, a, o)
		} else {
			t.question(d, o)
		}
	case "notify":
		level := "info"
		if d.NotifyType == "warning" || d.NotifyType == "error" {
			level = "warning"
		}
		o.notice(level, "extension", d.Message, nil)
	case "setStatus", "setWidget", "setTitle", "set_editor_text":
		// Decoration of a terminal that is not there.
	default:
		return errUnknown
	}
	return nil
}

// permission reports what the gate asks, or answers it if that needs no human.
func (t *translator) permission(d dialogRequest, a gateAsk, o *output) {
	c := t.startTool(nativeBlock{ID: a.ToolCallID, Name: a.Tool, Arguments: a.Input}, o)
	tool := describeTool(a.Tool, a.ToolCallID, a.Input)
	if c == nil {
		c = &toolCall{}
	}
	var before *string
	if len(a.Before) > 0 && json.Unmarshal(a.Before, &before) == nil {
		c.before = &before
	}
	w := &ask{id: d.ID, method: d.Method, tool: tool}
	if t.grants.Covers(tool) && (t.grants.Mode == agents.PermissionBypass || !t.opensGate(tool, a.Path)) {
		o.send(w.vote(vote{Allow: true}))
		return
	}
	t.asks[d.ID] = w
	o.emit(&protocol.PermissionRequested{Permission: protocol.Permission{
		PermissionID: d.ID,
		ItemID:       a.ToolCallID,
		Kind:         agents.PermissionKind(tool.Kind),
		Title:        tool.Title,
		Tool:         tool,
		Diff:         preview(c, tool, a.Input),
		Options:      agents.GrantOptions(tool),
		Editable:     d.Method == "input",
	}})
}

// vote is the gate's answer.
type vote struct {
	Allow   bool            `json:"allow"`
	Message string          `json:"message,omitempty"`
	Input   json.RawMessage `json:"input,omitempty"`
}

// dialogAnswer is an extension_ui_response.
type dialogAnswer struct {
	Type      string  `json:"type"`
	ID        string  `json:"id"`
	Confirmed *bool   `json:"confirmed,omitempty"`
	Value     *string `json:"value,omitempty"`
	Cancelled bool    `json:"cancelled,omitempty"`
}

// vote answers the gate.
func (a *ask) vote(v vote) dialogAnswer {
	if a.method == "confirm" {
		return dialogAnswer{Type: "extension_ui_response", ID: a.id, Confirmed: &v.Allow}
	}
	value := string(encode(v))
	return dialogAnswer{Type: "extension_ui_response", ID: a.id, Value: &value}
}

// decide answers a permission.
func (t *translator) decide(c *agents.Decide, o *output) error {
	a := t.asks[c.PermissionID]
	if a == nil || a.tool == nil {
		return closed("permission")
	}
	delete(t.asks, c.PermissionID)
	v := vote{Allow: c.Option.Decision == protocol.Allow, Message: c.Message}
	call := t.tools[a.tool.CallID]
	switch {
	case !v.Allow && call != nil:
		call.declined = true
	case v.Allow && c.Input != nil:
		v.Input = c.Input
		if call != nil {
			call.item.Tool = describeTool(a.tool.Name, a.tool.CallID, c.Input)
		}
	}
	if v.Allow && c.Option.Scope == protocol.ScopeSession {
		t.grants.Give(a.tool)
	}
	o.send(a.vote(v))
	return nil
}

// dropAsks tells that nobody waits for decisions on a call that has ended.
func (t *translator) dropAsks(callID string, o *output) {
	for id, a := range t.asks {
		if a.tool != nil && a.tool.CallID == callID {
			delete(t.asks, id)
			o.emit(&protocol.PermissionResolved{PermissionID: id, Outcome: protocol.PermissionCancelled, By: protocol.Actor{Kind: "agent"}, Reason: "agent_withdrew"})
		}
	}
}

func closed(what string) *protocol.Error {
	return protocol.Errorf(protocol.CodePermissionClosed, "this %s is not open any more; the agent has withdrawn it or has its answer", what)
}

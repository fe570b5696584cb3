package pi

import (
	"encoding/json"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// gateAsk is what the gate asks.
type gateAsk struct {
	ToolCallID string          `json:"toolCallId"`
	Tool       string          `json:"tool"`
	Input      json.RawMessage `json:"input"`
	Before     json.RawMessage `json:"before"`
	// Path is where the file of a write or edit lies, without links.
	Path string `json:"path"`
}

// permission reports what the gate asks, or answers it if that needs no human.
func (t *translator) permission(d dialogRequest, a gateAsk, o *output) error {
	c := t.startTool(nativeBlock{ID: a.ToolCallID, Name: a.Tool, Arguments: a.Input}, o)
	tool := describeTool(a.Tool, a.ToolCallID, a.Input)
	if c == nil {
		c = &toolCall{}
	}
	var before *string
	if len(a.Before) > 0 && json.Unmarshal(a.Before, &before) == nil {
		c.before = &before
	}
	w := &ask{id: d.ID, method: d.Method, tool: tool, timeout: d.open()}
	if t.grants.Covers(tool) && (t.grants.Mode == agents.PermissionBypass || !t.opensGate(tool, a.Path)) {
		o.send(w.vote(vote{Allow: true}))
		return nil
	}
	if err := t.wait(w); err != nil {
		return err
	}
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
	return nil
}

// vote is the gate's answer.
type vote struct {
	Allow   bool            `json:"allow"`
	Message string          `json:"message,omitempty"`
	Input   json.RawMessage `json:"input,omitempty"`
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
			o.withdrawPermission(id)
		}
	}
}

// withdrawPermission tells that nobody waits for a decision any more.
func (o *output) withdrawPermission(id string) {
	o.emit(&protocol.PermissionResolved{PermissionID: id, Outcome: protocol.PermissionCancelled, By: protocol.Actor{Kind: "agent"}, Reason: "agent_withdrew"})
}

func closed(what string) *protocol.Error {
	return protocol.Errorf(protocol.CodePermissionClosed, "this %s is not open any more; the agent has withdrawn it or has its answer", what)
}

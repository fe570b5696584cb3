package acp

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/jsonrpc"
	"github.com/towline-dev/towline/protocol"
)

// ask is a request of the agent that waits for an answer.
type ask struct {
	id jsonrpc.ID
	// call is the tool call that a permission is for; nil for a question.
	call    *toolCall
	options []protocol.PermissionOption
	// grant is what optionSession allows, once the option that then answers;
	// empty if it is not offered.
	grant, once string
	// form is the form of a question; nil for a permission.
	form *form
}

// Options that are added to those of the agent.
const (
	// optionNone stands where an agent offers no way to refuse once: it is
	// answered as cancelled.
	optionNone = "towline-deny"
	// optionSession stands where an agent can allow something once, or keep it
	// in the project or the home folder, and nothing between: it is remembered
	// here, and answered as allowed once (section 5.6).
	optionSession = "towline-session"
)

// maxAsks bounds the asks that wait.
const maxAsks = 1024

// cancelled is the answer to a permission when nobody decides.
var cancelled = map[string]any{"outcome": map[string]string{"outcome": "cancelled"}}

// requestPermission reports a permission. Its tool call may not have been told
// before, so it opens the item (section 5.1).
func (t *translator) requestPermission(in jsonrpc.Incoming, o *output) error {
	var f permissionFrame
	if json.Unmarshal(in.Params, &f) != nil || f.ToolCall.ID == "" || len(t.asks) >= maxAsks {
		o.answer(t, in.ID, cancelled)
		return errShape
	}
	if t.foreign(f.SessionID) {
		return t.refuseForeign(in.ID, o)
	}
	if t.turn.cancelling || !t.ready {
		o.answer(t, in.ID, cancelled) // nobody may decide any more, or yet
		return nil
	}
	options := t.options(f)
	if len(options) == 0 {
		o.answer(t, in.ID, cancelled)
		return errShape
	}
	c := t.toolCall(f.ToolCall.ID)
	asked := c.ask(f.ToolCall, t.quirks)
	tool := asked.describe(t.quirks)
	t.start(c, o)
	a := &ask{id: in.ID, call: c, options: options}
	a.offerSession(tool, asked.kind, t.quirks)
	if t.granted[a.grant] {
		o.answer(t, a.id, selected(a.once))
		return nil
	}
	t.asks[in.ID] = a
	kind := permissionKind(asked.kind)
	if tool.Kind == protocol.ToolMCP {
		kind = protocol.PermitMCP
	}
	o.emit(&protocol.PermissionRequested{Permission: protocol.Permission{
		PermissionID: string(in.ID), ItemID: c.id, Kind: kind,
		Title: tool.Title, Description: asked.description(t.quirks), Tool: tool,
		Diff: asked.diff(), Options: a.options,
	}})
	return nil
}

// foreign tells whether a message names a session that is not this one.
func (t *translator) foreign(session string) bool { return t.session != "" && session != t.session }

// refuseForeign refuses a request of another session.
func (t *translator) refuseForeign(id jsonrpc.ID, o *output) error {
	o.Frames = append(o.Frames, t.peer.Refuse(id, jsonrpc.CodeInvalidParams, "this client has no such session"))
	return errOtherSession
}

// offerSession adds optionSession, unless the agent has an option of that
// reach, or nothing tells which calls would be alike: a tool's edits are, and
// otherwise calls of the very same input, both as the permission shows it and
// as the call was told.
func (a *ask) offerSession(tool *protocol.Tool, kind string, q *Quirks) {
	once := slices.IndexFunc(a.options, func(p protocol.PermissionOption) bool {
		return p.Decision == protocol.Allow && p.Scope == protocol.ScopeOnce
	})
	has := slices.ContainsFunc(a.options, func(p protocol.PermissionOption) bool {
		return p.Decision == protocol.Allow && p.Scope == protocol.ScopeSession
	})
	label := "Allow this very call for this session"
	switch {
	case once < 0 || has || permissionKind(kind) == protocol.PermitPlan:
		return
	case tool.Kind == protocol.ToolEdit:
		a.grant, label = tool.Name, "Allow "+agents.OneLine(tool.Name)+" for this session"
	case absent(tool.Input) || isEmpty(tool.Input):
		return
	default:
		a.grant = tool.Name + "\x00" + q.comparable(a.call.input, tool.Input)
	}
	a.once = a.options[once].ID
	a.options = append(a.options, protocol.PermissionOption{ID: optionSession, Decision: protocol.Allow, Scope: protocol.ScopeSession, Label: label})
	slices.SortStableFunc(a.options, func(a, b protocol.PermissionOption) int { return breadth(a) - breadth(b) })
}

// comparable writes an input so that inputs of like calls are equal: what the
// call was told so far, and what its permission shows, either of which may be a
// part of it.
func (q *Quirks) comparable(told, shown json.RawMessage) string {
	fields := map[string]any{}
	for _, input := range []json.RawMessage{told, shown} {
		var more map[string]any
		if !absent(input) && json.Unmarshal(input, &more) != nil {
			return string(told) + "\x00" + string(shown)
		}
		maps.Copy(fields, more)
	}
	for _, name := range q.CallFields {
		delete(fields, name)
	}
	return string(encode(fields)) // the names are sorted
}

// selected is the answer that chooses an option.
func selected(option string) any {
	return map[string]any{"outcome": map[string]string{"outcome": "selected", "optionId": option}}
}

// ask takes over what a permission tells of its call, and returns the call as
// it is asked about. A call that has run so far keeps the input that it has:
// some agents show only a part of it in the permission.
func (c *toolCall) ask(f toolFrame, q *Quirks) *toolCall {
	f.Status = nil
	asked := *c
	asked.merge(f, q)
	if f.Content != nil {
		asked.preview = *f.Content
	}
	if c.started {
		f.RawInput, f.Title = nil, nil
	}
	f.Content = nil // what it shows is no result
	c.merge(f, q)
	c.preview = asked.preview
	return &asked
}

// description is the text that explains what is asked.
func (c *toolCall) description(q *Quirks) string {
	if plan := textAt(c.input, "plan"); plan != "" && permissionKind(c.kind) == protocol.PermitPlan {
		return plan
	}
	var lines []string
	for _, raw := range c.preview {
		if text := textAt(raw, "content", "text"); text != "" {
			lines = append(lines, q.cleanText(text))
		}
	}
	return strings.Join(lines, "\n")
}

// diff is the first diff that is asked about; nil for none.
func (c *toolCall) diff() *protocol.Part {
	for _, raw := range c.preview {
		var n toolContent
		if json.Unmarshal(raw, &n) == nil && n.Type == "diff" {
			p := c.diffPart(n)
			return &p
		}
	}
	return nil
}

func permissionKind(native string) protocol.PermissionKind {
	switch native {
	case "execute":
		return protocol.PermitCommand
	case "edit", "delete", "move":
		return protocol.PermitEdit
	case "fetch":
		return protocol.PermitFetch
	case "switch_mode":
		return protocol.PermitPlan
	default:
		return protocol.PermitOther
	}
}

// options maps what the agent offers, the narrowest allow first. Several may
// be of a kind, so each keeps its id and name (section 3). A kind that is not
// known is not offered: nobody could tell what it would allow.
func (t *translator) options(f permissionFrame) []protocol.PermissionOption {
	var options []protocol.PermissionOption
	refusable := false
	for _, n := range f.Options {
		option := protocol.PermissionOption{ID: n.ID, Label: cmp.Or(agents.OneLine(n.Name), n.ID), Decision: protocol.Allow, Scope: protocol.ScopeOnce}
		switch n.Kind {
		case "allow_once":
		case "allow_always":
			option.Scope = cmp.Or(t.quirks.Scopes[n.ID], protocol.ScopeAlways)
		case "reject_once":
			option.Decision, refusable = protocol.Deny, true
		case "reject_always":
			option.Decision, option.Scope = protocol.Deny, cmp.Or(t.quirks.Scopes[n.ID], protocol.ScopeAlways)
		default:
			continue
		}
		options = append(options, option)
	}
	if len(options) > 0 && !refusable {
		options = append(options, protocol.PermissionOption{ID: optionNone, Decision: protocol.Deny, Scope: protocol.ScopeOnce, Label: "Deny"})
	}
	slices.SortStableFunc(options, func(a, b protocol.PermissionOption) int { return breadth(a) - breadth(b) })
	return options
}

// breadth orders options.
func breadth(o protocol.PermissionOption) int {
	n := slices.Index([]protocol.Scope{protocol.ScopeOnce, protocol.ScopeSession, protocol.ScopeAlways}, o.Scope)
	if o.Decision == protocol.Deny {
		n += 10
	}
	return n
}

// decide answers a permission.
func (t *translator) decide(c *agents.Decide, o *output) error {
	a := t.asks[jsonrpc.ID(c.PermissionID)]
	if a == nil || a.call == nil {
		return protocol.Errorf(protocol.CodePermissionClosed, "this permission is not open any more; the agent has withdrawn it or has its answer")
	}
	if c.Input != nil {
		return protocol.Errorf(protocol.CodeCapabilityMissing, "this agent takes no edited input; decide without input")
	}
	if !slices.ContainsFunc(a.options, func(p protocol.PermissionOption) bool { return p.ID == c.Option.ID && p.Decision == c.Option.Decision }) {
		return protocol.Errorf(protocol.CodeInvalidRequest, "the permission offers no such option; choose one of those that it lists")
	}
	a.call.declined = c.Option.Decision == protocol.Deny
	switch c.Option.ID {
	case optionNone:
		o.answer(t, a.id, cancelled)
	case optionSession:
		t.granted[a.grant] = true
		o.answer(t, a.id, selected(a.once))
	default:
		o.answer(t, a.id, selected(c.Option.ID))
	}
	delete(t.asks, a.id)
	return nil
}

// cancelAsks answers every ask that waits as cancelled, in the order of their
// ids, so that the agent can go on.
func (t *translator) cancelAsks(reason string, o *output) {
	ids := make([]jsonrpc.ID, 0, len(t.asks))
	for id := range t.asks {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		a := t.asks[id]
		if a.form != nil {
			o.answer(t, id, map[string]string{"action": "cancel"})
		} else {
			o.answer(t, id, cancelled)
		}
		t.close(a, reason, o)
	}
}

// close tells that an ask is over without a decision.
func (t *translator) close(a *ask, reason string, o *output) {
	delete(t.asks, a.id)
	by := protocol.Actor{Kind: "agent"}
	if a.form != nil {
		o.emit(&protocol.QuestionResolved{QuestionID: string(a.id), Outcome: protocol.QuestionCancelled, By: by, Delivered: protocol.DeliveredFalse, Reason: reason})
		return
	}
	o.emit(&protocol.PermissionResolved{PermissionID: string(a.id), Outcome: protocol.PermissionCancelled, By: by, Delivered: protocol.DeliveredFalse, Reason: reason})
}

// withdraw takes the agent's word that it asks no longer. The request is
// answered all the same, as every request must be.
func (t *translator) withdraw(params json.RawMessage, o *output) error {
	var f struct {
		ID jsonrpc.ID `json:"requestId"`
	}
	if json.Unmarshal(params, &f) != nil {
		return errShape
	}
	if a := t.asks[f.ID]; a != nil {
		o.Frames = append(o.Frames, t.peer.Refuse(a.id, codeCancelled, "cancelled"))
		t.close(a, "agent_withdrew", o)
	}
	return nil
}

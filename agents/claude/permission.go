package claude

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// ask is a question of the CLI that waits for our answer.
type ask struct {
	requestID string
	toolUseID string
	// input is the tool's input as the ask carries it.
	input json.RawMessage
	// question tells that it is AskUserQuestion.
	question bool
	// plan tells that it is ExitPlanMode.
	plan bool
	// options are what was offered.
	options []protocol.PermissionOption
	// grants holds, per option, the permission updates that go with it.
	grants map[string]json.RawMessage
}

// toolAsk is a can_use_tool request (section 5).
type toolAsk struct {
	ToolName    string            `json:"tool_name"`
	DisplayName string            `json:"display_name"`
	Input       json.RawMessage   `json:"input"`
	ToolUseID   string            `json:"tool_use_id"`
	Description string            `json:"description"`
	Reason      string            `json:"decision_reason"`
	Blocked     string            `json:"blocked_path"`
	Suggestions []json.RawMessage `json:"permission_suggestions"`
}

// The ids of the options that every permission has.
const (
	optionAllow    = "allow"
	optionDeny     = "deny"
	optionDenyStop = "deny-stop"
)

// maxAsks bounds the asks that wait; the CLI asks one at a time per agent.
const maxAsks = 1024

// controlRequest handles the CLI's requests. What nobody here can answer is
// refused at once, because the CLI would wait for it.
func (t *translator) controlRequest(frame []byte, o *output) error {
	var f struct {
		RequestID string          `json:"request_id"`
		Request   json.RawMessage `json:"request"`
	}
	if err := json.Unmarshal(frame, &f); err != nil || f.RequestID == "" {
		return errShape
	}
	var head struct {
		Subtype string `json:"subtype"`
	}
	if err := json.Unmarshal(f.Request, &head); err != nil {
		return errShape
	}
	switch head.Subtype {
	case "can_use_tool":
		var a toolAsk
		if err := json.Unmarshal(f.Request, &a); err != nil || len(t.asks) >= maxAsks {
			o.send(refusal(f.RequestID))
			return errShape
		}
		t.canUseTool(f.RequestID, a, o)
		return nil
	case "hook_callback":
		o.send(reply(f.RequestID, map[string]any{}))
		return nil
	default:
		o.send(refusal(f.RequestID))
		o.unparsed(frame, "the request "+agents.OneLine(head.Subtype)+" is not supported; it was refused")
		return nil
	}
}

// canUseTool reports an ask. It is keyed by the tool call, never by its place
// in the stream: it may come before or after message_stop (section 8).
func (t *translator) canUseTool(id string, a toolAsk, o *output) {
	if len(a.Input) == 0 || !json.Valid(a.Input) {
		a.Input = json.RawMessage("{}")
	}
	switch a.ToolName {
	case "AskUserQuestion":
		t.askQuestion(id, a, o)
	case "ExitPlanMode":
		t.askPlan(id, a, o)
	default:
		t.askPermission(id, a, o)
	}
}

// askPermission reports a permission with its options.
func (t *translator) askPermission(id string, a toolAsk, o *output) {
	options, grants := permissionOptions(a.Suggestions)
	t.asks[id] = &ask{requestID: id, toolUseID: a.ToolUseID, input: a.Input, options: options, grants: grants}
	tool := describeTool(a.ToolName, a.ToolUseID, a.Input)
	o.emit(&protocol.PermissionRequested{Permission: protocol.Permission{
		PermissionID: id,
		ItemID:       t.itemOf(a.ToolUseID),
		Kind:         agents.PermissionKind(tool.Kind),
		Title:        tool.Title,
		Description:  describeAsk(a),
		Tool:         tool,
		Diff:         previewDiff(a.ToolName, a.Input),
		Options:      options,
		Editable:     true,
	}})
}

// itemOf returns the item of a tool call, if it is known.
func (t *translator) itemOf(toolUseID string) string {
	if t.tools[toolUseID] == nil {
		return ""
	}
	return toolUseID
}

// describeAsk says why the CLI asks.
func describeAsk(a toolAsk) string {
	lines := make([]string, 0, 3)
	for _, line := range []string{a.Description, a.Reason} {
		if line != "" {
			lines = append(lines, line)
		}
	}
	if a.Blocked != "" {
		lines = append(lines, "It touches "+a.Blocked+".")
	}
	return strings.Join(lines, "\n")
}

// suggestion is one permission update that the CLI proposes.
type suggestion struct {
	Type        string   `json:"type"`
	Destination string   `json:"destination"`
	Mode        string   `json:"mode"`
	Behavior    string   `json:"behavior"`
	Directories []string `json:"directories"`
	Rules       []struct {
		Tool    string `json:"toolName"`
		Content string `json:"ruleContent"`
	} `json:"rules"`
}

// permissionOptions makes the options, the narrowest first: once, each
// suggestion alone for this session, each that the CLI would keep in a file,
// deny. Suggestions are never bundled: the set for one command may hold a
// switch to acceptEdits, after which other commands run unasked (section 7,
// allow always). Without suggestions there is nothing beyond once.
func permissionOptions(suggestions []json.RawMessage) ([]protocol.PermissionOption, map[string]json.RawMessage) {
	grants := map[string]json.RawMessage{}
	options := []protocol.PermissionOption{{ID: optionAllow, Decision: protocol.Allow, Scope: protocol.ScopeOnce, Label: "Allow once"}}
	var modes, always []protocol.PermissionOption
	for i, raw := range suggestions {
		var s suggestion
		if json.Unmarshal(raw, &s) != nil || s.Behavior == "deny" {
			continue
		}
		label := s.label()
		if label == "" {
			continue
		}
		session := protocol.PermissionOption{
			ID: fmt.Sprintf("allow-session-%d", i+1), Decision: protocol.Allow, Scope: protocol.ScopeSession,
			Label: label + " for this session",
		}
		grants[session.ID] = redirect(raw, "session")
		if s.Type == "setMode" {
			modes = append(modes, session)
		} else {
			options = append(options, session)
		}
		if s.Destination == "" || s.Destination == "session" {
			continue
		}
		kept := protocol.PermissionOption{
			ID: fmt.Sprintf("allow-always-%d", i+1), Decision: protocol.Allow, Scope: protocol.ScopeAlways,
			Label: label + " always (kept in " + settingsFile(s.Destination) + ")",
		}
		grants[kept.ID] = raw
		always = append(always, kept)
	}
	options = append(append(options, modes...), always...)
	return append(options,
		protocol.PermissionOption{ID: optionDeny, Decision: protocol.Deny, Scope: protocol.ScopeOnce, Label: "Deny"},
		protocol.PermissionOption{ID: optionDenyStop, Decision: protocol.Deny, Scope: protocol.ScopeOnce, Label: "Deny and stop the turn"},
	), grants
}

// label says what the suggestion allows; empty if it is of an unknown type.
func (s suggestion) label() string {
	switch s.Type {
	case "addRules":
		rules := make([]string, 0, len(s.Rules))
		for _, r := range s.Rules {
			rule := r.Tool
			if r.Content != "" {
				rule += "(" + r.Content + ")"
			}
			rules = append(rules, rule)
		}
		if len(rules) == 0 {
			return ""
		}
		return agents.OneLine("Allow " + strings.Join(rules, ", "))
	case "addDirectories":
		return agents.OneLine("Allow, and open " + strings.Join(s.Directories, ", "))
	case "setMode":
		return agents.OneLine("Allow, and switch to permission mode " + s.Mode)
	default:
		return ""
	}
}

// settingsFile names the file behind a destination.
func settingsFile(destination string) string {
	switch destination {
	case "localSettings":
		return ".claude/settings.local.json of the workspace"
	case "projectSettings":
		return ".claude/settings.json of the workspace"
	default:
		return "the user's settings"
	}
}

// redirect returns the suggestion with another destination. Suggested rules
// say localSettings, which writes into the user's workspace (section 7).
func redirect(raw json.RawMessage, destination string) json.RawMessage {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return raw
	}
	fields["destination"] = encode(destination)
	return encode(fields)
}

// allowed is the answer that lets a tool run. updatedInput replaces the input;
// it is always given, because older versions want it.
type allowed struct {
	Behavior    string            `json:"behavior"`
	Input       json.RawMessage   `json:"updatedInput"`
	Permissions []json.RawMessage `json:"updatedPermissions,omitempty"`
}

// denied is the answer that refuses. The message is the result that the model
// sees; Interrupt ends the turn.
type denied struct {
	Behavior  string `json:"behavior"`
	Message   string `json:"message"`
	Interrupt bool   `json:"interrupt,omitempty"`
}

// deniedMessage is what the model reads when nobody said why.
const deniedMessage = "The user denied this. Do not try it again in another way; ask what to do instead."

// decide answers a permission.
func (t *translator) decide(c *agents.Decide, o *output) error {
	a := t.asks[c.PermissionID]
	if a == nil || a.question {
		return protocol.Errorf(protocol.CodePermissionClosed, "this permission is not open any more; the agent has withdrawn it or has its answer")
	}
	if c.Input != nil && !isObject(c.Input) {
		return protocol.Errorf(protocol.CodeInvalidRequest, "the edited input must be a JSON object, as the tool's own input is")
	}
	call := t.tools[a.toolUseID]
	if c.Option.Decision != protocol.Allow {
		message := c.Message
		if message == "" {
			message = deniedMessage
		}
		o.send(reply(a.requestID, denied{Behavior: "deny", Message: message, Interrupt: c.Option.ID == optionDenyStop}))
		if call != nil {
			call.declined = true
		}
		delete(t.asks, c.PermissionID)
		return nil
	}
	answer := allowed{Behavior: "allow", Input: a.input}
	if c.Input != nil {
		answer.Input = c.Input
		if call != nil {
			call.edited = c.Input
		}
	}
	if grant, ok := a.grants[c.Option.ID]; ok {
		answer.Permissions = []json.RawMessage{grant}
	}
	o.send(reply(a.requestID, answer))
	delete(t.asks, c.PermissionID)
	return nil
}

// isObject tells whether raw is a JSON object.
func isObject(raw json.RawMessage) bool {
	return json.Valid(raw) && bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{"))
}

// controlCancel withdraws an ask. Nobody needs to answer it (section 5); a
// late answer would be ignored.
func (t *translator) controlCancel(frame []byte, o *output) error {
	var f struct {
		RequestID string `json:"request_id"`
	}
	if err := json.Unmarshal(frame, &f); err != nil {
		return errShape
	}
	a := t.asks[f.RequestID]
	if a == nil {
		return nil
	}
	delete(t.asks, f.RequestID)
	if call := t.tools[a.toolUseID]; call != nil {
		call.withdrawn = true
	}
	reason := "agent_withdrew"
	if t.interrupting() {
		reason = "turn_interrupted"
	}
	by := protocol.Actor{Kind: "agent"}
	if a.question {
		o.emit(&protocol.QuestionResolved{QuestionID: f.RequestID, Outcome: protocol.QuestionCancelled, By: by, Delivered: protocol.DeliveredFalse, Reason: reason})
		return nil
	}
	o.emit(&protocol.PermissionResolved{PermissionID: f.RequestID, Outcome: protocol.PermissionCancelled, By: by, Delivered: protocol.DeliveredFalse, Reason: reason})
	return nil
}

// permissionDenied tells of a call that was refused without asking.
func (t *translator) permissionDenied(frame []byte, o *output) error {
	var f struct {
		Tool      string `json:"tool_name"`
		ToolUseID string `json:"tool_use_id"`
		Message   string `json:"message"`
		Reason    string `json:"decision_reason_type"`
	}
	if err := json.Unmarshal(frame, &f); err != nil {
		return errShape
	}
	if call := t.tools[f.ToolUseID]; call != nil {
		call.declined = true
	}
	details := encode(map[string]string{"tool": f.Tool, "item_id": f.ToolUseID, "reason": f.Reason})
	o.notice("warning", "permission_denied", agents.OneLine("the agent's own rules denied "+f.Tool+": "+f.Message), details)
	return nil
}

// reply answers a request of the CLI.
func reply(requestID string, response any) any {
	return map[string]any{"type": "control_response", "response": map[string]any{"subtype": "success", "request_id": requestID, "response": response}}
}

// refusal answers a request with an error, which counts as a denial.
func refusal(requestID string) any {
	return map[string]any{"type": "control_response", "response": map[string]any{"subtype": "error", "request_id": requestID, "error": "not supported by this client"}}
}

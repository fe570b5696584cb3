package opencode

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// ask is a permission or question that waits for an answer.
type ask struct {
	id      string
	session string
	// part is the tool call that it is about; empty if unknown.
	part     string
	question bool
	// permission and always are what a grant for the session would allow.
	permission string
	always     []string
	order      int
}

// nativeAsk is a permission.asked.
type nativeAsk struct {
	ID         string          `json:"id"`
	SessionID  string          `json:"sessionID"`
	Permission string          `json:"permission"`
	Patterns   []string        `json:"patterns"`
	Always     []string        `json:"always"`
	Metadata   json.RawMessage `json:"metadata"`
	Tool       nativeCall      `json:"tool"`
}

// nativeCall names the call that an ask is about.
type nativeCall struct {
	MessageID string `json:"messageID"`
	CallID    string `json:"callID"`
}

// The ids of a permission's options.
const (
	optionOnce    = "once"
	optionSession = "session"
	optionAlways  = "always"
	optionReject  = "reject"
)

// maxAsks bounds the asks that wait.
const maxAsks = 1024

// permissionAsked reports an ask, also one of a subagent. It may come before
// its call is told to run (section 7), so it is found by the call's id.
func (t *translator) permissionAsked(raw json.RawMessage, o *output) error {
	var n nativeAsk
	if err := json.Unmarshal(raw, &n); err != nil || n.ID == "" {
		return errShape
	}
	if !t.mine(n.SessionID) || t.asks[n.ID] != nil {
		return nil
	}
	if len(t.asks) >= maxAsks {
		o.ask(replyRequest(n.ID, "reject", ""))
		return errShape
	}
	a := &ask{id: n.ID, session: n.SessionID, permission: n.Permission, always: n.Always, order: len(t.asks)}
	t.asks[n.ID] = a
	if t.turn.interrupted || t.turn.ending {
		o.ask(t.withdraw(a)) // too late: nobody may allow it any more
		return nil
	}
	meta := readAskMetadata(n.Metadata)
	held := n.Permission == "edit" && t.holds(meta)
	if (t.granted(n) || t.accepts(n)) && !held {
		t.close(a)
		r := replyRequest(a.id, "once", "")
		r.Kind = askPlumbing
		o.ask(r)
		return nil
	}
	tool := t.askedTool(a, n, meta, o)
	p := protocol.Permission{
		PermissionID: n.ID, ItemID: a.part, Kind: permissionKind(n.Permission, tool), Title: askTitle(n, tool),
		Description: askDescription(n, tool), Tool: tool, Options: permissionOptions(n),
	}
	if held {
		p.Options = onceOptions()
	}
	if meta.Diff != "" {
		d := newDiff(meta.FilePath, "update", meta.Diff)
		p.Diff = &d
	}
	o.emit(&protocol.PermissionRequested{Permission: p})
	return nil
}

// grant is what was allowed for the rest of the session: what OpenCode itself
// would have allowed as always, in its own pattern.
type grant struct{ permission, pattern string }

// granted tells whether all that an ask would allow as always was allowed for
// the session. The server reads a session's rules at the begin of a turn, so
// the grant is kept here.
func (t *translator) granted(n nativeAsk) bool {
	for _, pattern := range n.Always {
		if !t.grants[grant{n.Permission, pattern}] {
			return false
		}
	}
	return len(n.Always) > 0
}

// accepts tells whether the permission mode allows what is asked for. The
// server asks for edits in the mode acceptEdits too, so that it can be looked
// at where each leads.
func (t *translator) accepts(n nativeAsk) bool {
	return t.settings.PermissionMode == permitEdits && n.Permission == "edit"
}

// holds tells whether an edit changes a file that no mode and no grant of the
// session allows. It reads the file system.
func (t *translator) holds(meta askMetadata) bool {
	paths := []string{meta.FilePath}
	if len(meta.Files) > 0 {
		paths = nil
	}
	for _, f := range meta.Files {
		paths = append(paths, f.FilePath)
		if f.MovePath != "" {
			paths = append(paths, f.MovePath)
		}
	}
	return t.gate != nil && slices.ContainsFunc(paths, t.gate.Holds)
}

// askMetadata is what an ask tells of its call. A patch tells its Files.
type askMetadata struct {
	Command  string      `json:"command"`
	FilePath string      `json:"filepath"`
	Diff     string      `json:"diff"`
	Files    []askedFile `json:"files"`
}

// askedFile is a file that a patch changes; MovePath is where it moves to.
type askedFile struct {
	FilePath string `json:"filePath"`
	MovePath string `json:"movePath"`
}

// readAskMetadata reads the fields that are known.
func readAskMetadata(raw json.RawMessage) askMetadata {
	var fields map[string]json.RawMessage
	var m askMetadata
	if json.Unmarshal(raw, &fields) != nil {
		return m
	}
	for name, to := range map[string]*string{"command": &m.Command, "filepath": &m.FilePath, "diff": &m.Diff} {
		if json.Unmarshal(fields[name], to) != nil {
			*to = ""
		}
	}
	if json.Unmarshal(fields["files"], &m.Files) != nil {
		m.Files = nil
	}
	return m
}

// askedTool finds the call that is asked for and describes it. A call whose
// input was not told yet is described by what the ask says.
func (t *translator) askedTool(a *ask, n nativeAsk, meta askMetadata, o *output) *protocol.Tool {
	part := t.parts[t.calls[callKey{n.Tool.MessageID, n.Tool.CallID}]]
	if part == nil || part.closed {
		return t.describeTool(n.Permission, n.Tool.CallID, askInput(n, meta))
	}
	t.start(part, o)
	a.part = part.item.ID
	part.call.preview = meta.Diff
	tool := *part.item.Tool
	if len(tool.Input) == 0 {
		tool.Input = askInput(n, meta)
		tool.Title = toolTitle(tool.Name, tool.Input)
	}
	return &tool
}

// askInput is what is asked for, in the words of the tools' inputs.
func askInput(n nativeAsk, meta askMetadata) json.RawMessage {
	switch {
	case meta.Command != "":
		return encode(map[string]any{"command": meta.Command})
	case meta.FilePath != "":
		return encode(map[string]any{"filePath": meta.FilePath})
	default:
		return encode(map[string]any{"patterns": n.Patterns})
	}
}

// permissionKind is what the permission is about.
func permissionKind(permission string, tool *protocol.Tool) protocol.PermissionKind {
	switch permission {
	case "bash":
		return protocol.PermitCommand
	case "edit", "write", "apply_patch":
		return protocol.PermitEdit
	case "webfetch", "websearch":
		return protocol.PermitFetch
	}
	if tool.Kind == protocol.ToolMCP {
		return protocol.PermitMCP
	}
	return protocol.PermitOther
}

// askTitle is one line for people.
func askTitle(n nativeAsk, tool *protocol.Tool) string {
	switch n.Permission {
	case "external_directory":
		return agents.OneLine("Leave the folder: " + strings.Join(n.Patterns, ", "))
	case "doom_loop":
		return agents.OneLine("Call the same tool again: " + tool.Title)
	default:
		return tool.Title
	}
}

// askDescription says what a lasting grant would reach, or what a subagent does.
func askDescription(n nativeAsk, tool *protocol.Tool) string {
	if n.Permission == "task" {
		return "A subagent runs commands and edits files without asking, unless OpenCode's own configuration says otherwise"
	}
	if n.Permission == tool.Name || len(n.Patterns) == 0 {
		return ""
	}
	return agents.OneLine("Asked for as " + n.Permission + " of " + strings.Join(n.Patterns, ", "))
}

// permissionOptions makes the options, the narrowest first. What OpenCode
// calls always holds for all sessions of the folder, until its process ends
// (section 8.6); what is allowed for the session alone is kept by Towline.
func permissionOptions(n nativeAsk) []protocol.PermissionOption {
	options := onceOptions()
	if len(n.Always) > 0 {
		what := agents.OneLine("Allow " + n.Permission + " of " + strings.Join(n.Always, ", "))
		options = slices.Insert(options, 1,
			protocol.PermissionOption{ID: optionSession, Decision: protocol.Allow, Scope: protocol.ScopeSession, Label: what + " for this session"},
			protocol.PermissionOption{ID: optionAlways, Decision: protocol.Allow, Scope: protocol.ScopeAlways, Label: what + " for all sessions of this folder, until OpenCode restarts"},
		)
	}
	return options
}

// onceOptions are those of an ask that no lasting grant shall answer.
func onceOptions() []protocol.PermissionOption {
	return []protocol.PermissionOption{
		{ID: optionOnce, Decision: protocol.Allow, Scope: protocol.ScopeOnce, Label: "Allow once"},
		{ID: optionReject, Decision: protocol.Deny, Scope: protocol.ScopeOnce, Label: "Deny"},
	}
}

// decide answers a permission. A denial without a message ends the turn, one
// with a message goes to the model (section 7).
func (t *translator) decide(c *agents.Decide, o *output) error {
	a := t.asks[c.PermissionID]
	if a == nil || a.question {
		return protocol.Errorf(protocol.CodePermissionClosed, "this permission is not open any more; the agent has withdrawn it or has its answer")
	}
	if c.Input != nil {
		return protocol.Errorf(protocol.CodeCapabilityMissing, "OpenCode takes no edited input; decide without input")
	}
	t.close(a)
	switch {
	case c.Option.Decision != protocol.Allow:
		t.decline(a, c.Message)
		o.ask(replyRequest(a.id, "reject", c.Message))
	case c.Option.Scope == protocol.ScopeAlways:
		o.ask(replyRequest(a.id, "always", ""))
	case c.Option.Scope == protocol.ScopeSession:
		for _, pattern := range a.always {
			t.grants[grant{a.permission, pattern}] = true
		}
		o.ask(replyRequest(a.id, "once", ""))
	default:
		o.ask(replyRequest(a.id, "once", ""))
	}
	return nil
}

// close notes that an ask has its answer.
func (t *translator) close(a *ask) {
	delete(t.asks, a.id)
	t.answeredAsks[a.id] = true
}

// decline notes that a human refused a call, and whether that ends the turn.
func (t *translator) decline(a *ask, message string) {
	if p := t.parts[a.part]; p != nil {
		p.call.declined = true
	}
	if message == "" && a.session == t.session {
		t.turn.rejected = true
	}
}

// permissionReplied takes the server's word that an ask is answered. It is
// news for those that fell with another one (section 7), and for those that
// somebody else has answered.
func (t *translator) permissionReplied(raw json.RawMessage, o *output) error {
	var e struct {
		RequestID string `json:"requestID"`
		Reply     string `json:"reply"`
	}
	if err := json.Unmarshal(raw, &e); err != nil || e.RequestID == "" {
		return errShape
	}
	a := t.asks[e.RequestID]
	if a == nil {
		return nil
	}
	t.close(a)
	if e.Reply == "reject" {
		t.decline(a, "")
	}
	o.emit(&protocol.PermissionResolved{PermissionID: a.id, Outcome: protocol.PermissionCancelled, Reason: "agent_withdrew"})
	return nil
}

// rejectAsks answers every ask with no. An abort leaves them open, and a late
// yes would still run the tool (section 8.2).
func (t *translator) rejectAsks() []request {
	open := make([]*ask, 0, len(t.asks))
	for _, a := range t.asks {
		open = append(open, a)
	}
	slices.SortFunc(open, func(a, b *ask) int { return a.order - b.order })
	requests := make([]request, 0, len(open))
	for _, a := range open {
		requests = append(requests, t.withdraw(a))
	}
	return requests
}

// withdraw answers one ask with no, because its turn is stopped.
func (t *translator) withdraw(a *ask) request {
	t.close(a)
	return refuseAsk(a)
}

// refuseAsk answers an ask with no.
func refuseAsk(a *ask) request {
	if a.question {
		return request{Method: http.MethodPost, Path: "/question/" + url.PathEscape(a.id) + "/reject", Body: struct{}{}, Kind: askPlumbing}
	}
	r := replyRequest(a.id, "reject", "")
	r.Kind = askPlumbing
	return r
}

// replyRequest answers a permission.
func replyRequest(id, reply, message string) request {
	body := map[string]string{"reply": reply}
	if message != "" {
		body["message"] = message
	}
	return request{Method: http.MethodPost, Path: "/permission/" + url.PathEscape(id) + "/reply", Body: body, Kind: askDecide}
}

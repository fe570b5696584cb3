package codex

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/jsonrpc"
	"github.com/towline-dev/towline/protocol"
)

// ask is a request of the server that waits for our answer.
type ask struct {
	id     jsonrpc.ID
	thread *thread
	// item is the tool call that it is about; nil if none is known.
	item *item
	// answers are the results that stand for a permission's options.
	options []protocol.PermissionOption
	answers map[string]any
	// questions are those of requestUserInput; fields those of a form.
	questions []nativeQuestion
	fields    []formField
	form      bool
}

// isQuestion tells questions from permissions.
func (a *ask) isQuestion() bool { return a.answers == nil }

// The ids of options.
const (
	optionAllow   = "allow"
	optionSession = "allow-session"
	optionAlways  = "allow-always"
	optionDeny    = "deny"
	optionStop    = "deny-stop"
)

// maxAsks bounds the asks that wait; the server asks one at a time per thread.
const maxAsks = 1024

// askParams is what the approval requests have in common.
type askParams struct {
	ThreadID string `json:"threadId"`
	ItemID   string `json:"itemId"`
	Reason   string `json:"reason"`
	Cwd      string `json:"cwd"`

	Command   string          `json:"command"`
	Amendment []string        `json:"proposedExecpolicyAmendment"`
	Network   *networkContext `json:"networkApprovalContext"`
	// NetworkRules are what can be allowed, or denied, for good.
	NetworkRules []networkRule `json:"proposedNetworkPolicyAmendments"`

	GrantRoot string `json:"grantRoot"`

	Permissions json.RawMessage `json:"permissions"`
}

type networkContext struct {
	Host     string `json:"host"`
	Protocol string `json:"protocol"`
}

// networkRule is a rule of Codex's network proxy.
type networkRule struct {
	Host   string `json:"host"`
	Action string `json:"action"`
}

// request takes a request of the server. What nobody here can answer is
// refused at once: an open request blocks the turn for ever (PROTOCOL.md
// section 6).
func (t *translator) request(in jsonrpc.Incoming, o *output) error {
	var p askParams
	if json.Unmarshal(in.Params, &p) != nil || len(t.asks) >= maxAsks {
		return errShape
	}
	a := &ask{id: in.ID, thread: t.threadOf(p.ThreadID), item: t.items[itemKey{p.ThreadID, p.ItemID}]}
	switch in.Method {
	case "item/commandExecution/requestApproval":
		if p.Network != nil {
			t.askNetwork(a, p, o)
		} else {
			t.askCommand(a, p, o)
		}
	case "item/fileChange/requestApproval":
		t.askChange(a, p, o)
	case "item/permissions/requestApproval":
		t.askPermissions(a, p, o)
	case "item/tool/requestUserInput":
		return t.askUser(a, in.Params, o)
	case "mcpServer/elicitation/request":
		return t.elicit(a, in.Params, o)
	case "item/tool/call":
		// We offer no tools, so this is the model's mistake.
		o.send(t.peer.Answer(in.ID, map[string]any{"success": false, "contentItems": []any{textInput{"inputText", "this client has no such tool"}}}))
	default:
		return errUnknown
	}
	return nil
}

// decisionResult answers an approval of a command or a patch.
type decisionResult struct {
	Decision any `json:"decision"`
}

// offer adds an option and its answer.
func (a *ask) offer(id string, d protocol.Decision, s protocol.Scope, label string, answer any) {
	if a.answers == nil {
		a.answers = map[string]any{}
	}
	a.options = append(a.options, protocol.PermissionOption{ID: id, Decision: d, Scope: s, Label: label})
	a.answers[id] = answer
}

// askCommand reports that a command wants to run. Declining works although the
// server does not list it (PROTOCOL.md section 6).
func (t *translator) askCommand(a *ask, p askParams, o *output) {
	a.offer(optionAllow, protocol.Allow, protocol.ScopeOnce, "Allow once", decisionResult{"accept"})
	a.offer(optionSession, protocol.Allow, protocol.ScopeSession, "Allow this command for the session", decisionResult{"acceptForSession"})
	if len(p.Amendment) > 0 {
		prefix := strings.Join(p.Amendment, " ")
		a.offer(optionAlways, protocol.Allow, protocol.ScopeAlways, cleanLine("Always allow commands that begin with: "+prefix),
			decisionResult{map[string]any{"acceptWithExecpolicyAmendment": map[string]any{"execpolicy_amendment": p.Amendment}}})
	}
	a.offerDenials()
	t.askPermission(a, protocol.Permission{
		Kind: protocol.PermitCommand, Title: unwrap(p.Command), Description: p.Reason,
		Tool: commandTool(nativeItem{Command: p.Command, Cwd: p.Cwd}),
	}, o)
}

// askNetwork reports that a command reaches for a host that Codex's network
// proxy does not let it to. The request names no command, and may come before
// the command's item.
func (t *translator) askNetwork(a *ask, p askParams, o *output) {
	host, title := cleanLine(p.Network.Host), cleanLine("Reach "+p.Network.Host+" over "+p.Network.Protocol)
	a.offer(optionAllow, protocol.Allow, protocol.ScopeOnce, "Allow once", decisionResult{"accept"})
	a.offer(optionSession, protocol.Allow, protocol.ScopeSession, "Allow "+host+" for the session", decisionResult{"acceptForSession"})
	for _, rule := range p.NetworkRules {
		if rule.Action == "allow" && rule.Host == p.Network.Host {
			a.offer(optionAlways, protocol.Allow, protocol.ScopeAlways, "Always allow "+host,
				decisionResult{map[string]any{"applyNetworkPolicyAmendment": map[string]any{"network_policy_amendment": rule}}})
		}
	}
	a.offerDenials()
	t.askPermission(a, protocol.Permission{
		Kind: protocol.PermitFetch, Title: title, Description: p.Reason,
		Tool: &protocol.Tool{Name: "network", Kind: protocol.ToolFetch, Title: title, Input: encode(p.Network)},
	}, o)
}

// offerDenials adds the ways to say no to a command or a patch.
func (a *ask) offerDenials() {
	a.offer(optionDeny, protocol.Deny, protocol.ScopeOnce, "Deny", decisionResult{"decline"})
	a.offer(optionStop, protocol.Deny, protocol.ScopeOnce, "Deny and stop the turn", decisionResult{"cancel"})
}

// askChange reports that a patch wants to be applied. What it changes came
// with its item.
func (t *translator) askChange(a *ask, p askParams, o *output) {
	a.offer(optionAllow, protocol.Allow, protocol.ScopeOnce, "Allow once", decisionResult{"accept"})
	session := "Allow changes of these files for the session"
	if p.GrantRoot != "" {
		session = cleanLine("Allow changes below " + p.GrantRoot + " for the session")
	}
	a.offer(optionSession, protocol.Allow, protocol.ScopeSession, session, decisionResult{"acceptForSession"})
	a.offerDenials()
	perm := protocol.Permission{Kind: protocol.PermitEdit, Title: "Edit files", Description: p.Reason, Tool: changeTool(nativeItem{})}
	if a.item != nil {
		perm.Title, perm.Tool, perm.Diff = a.item.Tool.Title, a.item.Tool, preview(a.item.changes)
	}
	t.askPermission(a, perm, o)
}

// grantResult answers a request for permissions.
type grantResult struct {
	Permissions json.RawMessage `json:"permissions"`
	Scope       string          `json:"scope"`
}

// askPermissions reports that the agent wants more than its sandbox allows.
func (t *translator) askPermissions(a *ask, p askParams, o *output) {
	wanted := orObject(p.Permissions)
	a.offer(optionAllow, protocol.Allow, protocol.ScopeOnce, "Allow for this turn", grantResult{wanted, "turn"})
	a.offer(optionSession, protocol.Allow, protocol.ScopeSession, "Allow for the session", grantResult{wanted, "session"})
	a.offer(optionDeny, protocol.Deny, protocol.ScopeOnce, "Deny", grantResult{json.RawMessage("{}"), "turn"})
	t.askPermission(a, protocol.Permission{
		Kind: protocol.PermitOther, Title: wantedTitle(wanted), Description: p.Reason,
		Tool: &protocol.Tool{Name: "request_permissions", Kind: protocol.ToolOther, Title: wantedTitle(wanted), CallID: p.ItemID, Input: wanted},
	}, o)
}

// wantedTitle says in a line what is wanted.
func wantedTitle(wanted json.RawMessage) string {
	var w struct {
		Network *struct {
			Enabled bool `json:"enabled"`
		} `json:"network"`
		Files *struct {
			Read  []string `json:"read"`
			Write []string `json:"write"`
		} `json:"fileSystem"`
	}
	_ = json.Unmarshal(wanted, &w) // then the title is general
	var wants []string
	if w.Network != nil && w.Network.Enabled {
		wants = append(wants, "for the network")
	}
	if w.Files != nil && len(w.Files.Read) > 0 {
		wants = append(wants, "to read "+join(w.Files.Read))
	}
	if w.Files != nil && len(w.Files.Write) > 0 {
		wants = append(wants, "to write "+join(w.Files.Write))
	}
	if len(wants) == 0 {
		return "More permissions"
	}
	return cleanLine("Permission " + strings.Join(wants, ", and "))
}

// askPermission reports a permission.
func (t *translator) askPermission(a *ask, p protocol.Permission, o *output) {
	id := string(a.id)
	if t.asks[id] != nil {
		return // asked again after a resume, with the same id
	}
	t.asks[id] = a
	p.PermissionID, p.Options = id, a.options
	if a.item != nil {
		p.ItemID = a.item.ID
	}
	o.emit(&protocol.PermissionRequested{Permission: p})
}

// decide answers a permission.
func (t *translator) decide(c *agents.Decide, o *output) error {
	a := t.asks[c.PermissionID]
	if a == nil || a.isQuestion() {
		return protocol.Errorf(protocol.CodePermissionClosed, "this permission is not open any more; the agent has withdrawn it or has its answer")
	}
	if c.Input != nil {
		return protocol.Errorf(protocol.CodeCapabilityMissing, "Codex takes no edited input; deny it and say in a prompt what to do instead")
	}
	answer, ok := a.answers[c.Option.ID]
	if !ok || c.Option.Decision != protocol.Allow && c.Option.ID != optionStop {
		answer = a.answers[optionDeny] // never more than was decided
	}
	delete(t.asks, c.PermissionID)
	o.send(t.peer.Answer(a.id, answer))
	return nil
}

// requestResolved tells that a request is over. If we did not answer it, it
// was withdrawn: by an interrupt, or by another client's answer.
func (t *translator) requestResolved(params json.RawMessage, o *output) error {
	var p struct {
		ThreadID  string     `json:"threadId"`
		RequestID jsonrpc.ID `json:"requestId"`
	}
	if json.Unmarshal(params, &p) != nil {
		return errShape
	}
	if a := t.asks[string(p.RequestID)]; a != nil && a.thread == t.threadOf(p.ThreadID) {
		reason := "agent_withdrew"
		if t.turn.stopping {
			reason = "turn_interrupted"
		}
		t.withdraw(a, reason, o)
	}
	return nil
}

// withdrawAsks closes the asks that a turn leaves open. The server tells of
// them after the turn's end (PROTOCOL.md section 6).
func (t *translator) withdrawAsks(outcome protocol.Outcome, o *output) {
	reason := "turn_ended"
	if outcome == protocol.OutcomeInterrupted {
		reason = "turn_interrupted"
	}
	for _, id := range slices.Sorted(maps.Keys(t.asks)) {
		t.withdraw(t.asks[id], reason, o)
	}
}

// withdraw tells that an ask needs no answer any more.
func (t *translator) withdraw(a *ask, reason string, o *output) {
	id := string(a.id)
	delete(t.asks, id)
	by := protocol.Actor{Kind: "agent"}
	if a.isQuestion() {
		o.emit(&protocol.QuestionResolved{QuestionID: id, Outcome: protocol.QuestionCancelled, By: by, Delivered: protocol.DeliveredFalse, Reason: reason})
		return
	}
	o.emit(&protocol.PermissionResolved{PermissionID: id, Outcome: protocol.PermissionCancelled, By: by, Delivered: protocol.DeliveredFalse, Reason: reason})
}

package agents

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/towline-dev/towline/protocol"
)

// The permission modes of agents whose approvals Towline keeps itself.
const (
	PermissionDefault     = "default"
	PermissionAcceptEdits = "acceptEdits"
	PermissionBypass      = "bypass"
)

// The ids of the options that GrantOptions offers.
const (
	OptionAllow        = "allow"
	OptionAllowSession = "allow-session"
	OptionDeny         = "deny"
)

// Grants is what a session's agent may do without asking, for agents that have
// no memory of their own for it (Amp, Pi). It lives as long as the connection:
// after a restart of the agent everything is asked again. The zero value asks
// for all that is not only reading. Not safe for concurrent use.
type Grants struct {
	// Mode is default, acceptEdits or bypass; empty means default.
	Mode string
	// given are the grants for this session.
	given map[string]bool
}

// Covers tells whether a call needs no decision.
func (g *Grants) Covers(tool *protocol.Tool) bool {
	switch {
	case g.Mode == PermissionBypass, g.Mode == PermissionAcceptEdits && tool.Kind == protocol.ToolEdit, OnlyReads(tool.Kind):
		return true
	default:
		return g.given[grantKey(tool)]
	}
}

// OnlyReads tells whether tools of that kind change nothing by themselves. A
// subagent's own tools ask again.
func OnlyReads(kind protocol.ToolKind) bool {
	return slices.Contains([]protocol.ToolKind{protocol.ToolRead, protocol.ToolSearch, protocol.ToolThink, protocol.ToolTask}, kind)
}

// Give remembers that calls like this one are allowed for the session.
func (g *Grants) Give(tool *protocol.Tool) {
	if g.given == nil {
		g.given = map[string]bool{}
	}
	g.given[grantKey(tool)] = true
}

// grantKey is what calls have in common that one grant covers: the tool, and
// for commands the whole input, because a command that begins like an allowed
// one may do anything.
func grantKey(tool *protocol.Tool) string {
	if tool.Kind != protocol.ToolExecute {
		return tool.Name
	}
	var input bytes.Buffer
	if json.Compact(&input, tool.Input) != nil {
		input.Reset()
		input.Write(tool.Input)
	}
	return tool.Name + "\x00" + input.String()
}

// GrantOptions are the answers that such a permission takes.
func GrantOptions(tool *protocol.Tool) []protocol.PermissionOption {
	session := "Allow " + OneLine(tool.Name) + " for this session"
	if tool.Kind == protocol.ToolExecute {
		session = "Allow this very command for this session"
	}
	return []protocol.PermissionOption{
		{ID: OptionAllow, Decision: protocol.Allow, Scope: protocol.ScopeOnce, Label: "Allow once"},
		{ID: OptionAllowSession, Decision: protocol.Allow, Scope: protocol.ScopeSession, Label: session},
		{ID: OptionDeny, Decision: protocol.Deny, Scope: protocol.ScopeOnce, Label: "Deny"},
	}
}

// GrantModes are the permission modes as AgentInfo lists them.
func GrantModes() []protocol.Mode {
	return []protocol.Mode{
		{ID: PermissionDefault, Name: "Ask", Description: "Asks before edits and commands"},
		{ID: PermissionAcceptEdits, Name: "Accept edits", Description: "Edits files without asking"},
		{ID: PermissionBypass, Name: "Bypass", Description: "Runs everything without asking"},
	}
}

// CheckGrantMode refuses other permission modes with mode_not_supported.
func CheckGrantMode(mode string) error {
	if mode == "" || slices.ContainsFunc(GrantModes(), func(m protocol.Mode) bool { return m.ID == mode }) {
		return nil
	}
	return protocol.Errorf(protocol.CodeModeNotSupported, "the permission mode is not one of default, acceptEdits and bypass; choose one of these")
}

// PermissionKind is the kind of a permission to use a tool of that kind.
func PermissionKind(kind protocol.ToolKind) protocol.PermissionKind {
	switch kind {
	case protocol.ToolExecute:
		return protocol.PermitCommand
	case protocol.ToolEdit, protocol.ToolDelete, protocol.ToolMove:
		return protocol.PermitEdit
	case protocol.ToolFetch:
		return protocol.PermitFetch
	case protocol.ToolMCP:
		return protocol.PermitMCP
	default:
		return protocol.PermitOther
	}
}

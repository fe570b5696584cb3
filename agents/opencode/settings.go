package opencode

import (
	"strings"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// settings are what clients choose for a session. Model, effort and mode go
// with each prompt: what is given when the session is made is forgotten
// (section 7).
type settings struct {
	// Model is provider/model; empty for the server's default.
	Model string
	// Effort is the model's variant.
	Effort string
	// Mode is the agent that the session runs as; empty for build.
	Mode string
	// PermissionMode says what is asked for: see rules.
	PermissionMode string
	// System is added to the system prompt.
	System string
}

// The modes that every OpenCode has.
const (
	modeBuild = "build"
	modePlan  = "plan"
)

// The permission modes.
const (
	// permitDefault asks before edits, commands and fetches.
	permitDefault = "default"
	// permitEdits asks before commands and fetches.
	permitEdits = "acceptEdits"
	// permitAll asks for nothing.
	permitAll = "bypass"
	// permitConfig asks as the user's own configuration says.
	permitConfig = "config"
)

// permissionModes lists them for clients.
func permissionModes() []protocol.Mode {
	return []protocol.Mode{
		{ID: permitDefault, Name: "Ask", Description: "Asks before edits, commands, fetches, MCP tools and subagents"},
		{ID: permitEdits, Name: "Accept edits", Description: "Edits files in the folder without asking, but for OpenCode's configuration, and asks before commands, fetches, MCP tools and subagents"},
		{ID: permitAll, Name: "Bypass", Description: "Runs everything without asking"},
		{ID: permitConfig, Name: "As configured", Description: "Asks as OpenCode's own configuration says"},
	}
}

// newSettings reads and checks what needs no server to be checked.
func newSettings(s agents.Start) (settings, error) {
	set := settings{Model: s.Model, Effort: s.Effort, Mode: s.Mode, PermissionMode: s.PermissionMode, System: s.SystemPrompt}
	if set.PermissionMode == "" {
		set.PermissionMode = permitDefault
	}
	return set, set.check()
}

// check refuses what no OpenCode has.
func (s settings) check() error {
	if provider, id, ok := strings.Cut(s.Model, "/"); s.Model != "" && (!ok || provider == "" || id == "") {
		return protocol.Errorf(protocol.CodeInvalidRequest, "the model %q is not named as provider/model; GET /v1/agents/opencode lists the models", s.Model)
	}
	for _, m := range permissionModes() {
		if m.ID == s.PermissionMode {
			return nil
		}
	}
	return protocol.Errorf(protocol.CodeModeNotSupported, "OpenCode has no permission mode %q; choose default, acceptEdits, bypass or config", s.PermissionMode)
}

// rule is a rule of OpenCode's permissions; the last one that fits wins.
type rule struct {
	Permission string `json:"permission"`
	Pattern    string `json:"pattern"`
	Action     string `json:"action"`
}

// rules are the session's rules, which stand after those of the configuration
// and of the agent. So they must not soften what the agent itself denies: plan
// has no edits, whatever the permission mode is.
func (s settings) rules(f facts) []rule {
	var asked, allowed []string
	switch s.PermissionMode {
	case permitConfig:
		return []rule{}
	case permitAll:
		allowed = []string{"*"}
	default: // also where edits are accepted: see translator.accepts
		// A subagent's session has none of these rules, so that it is started
		// is asked for.
		asked = []string{"edit", "bash", "webfetch", "websearch", "task"}
	}
	if s.PermissionMode != permitAll {
		for _, server := range f.Servers {
			asked = append(asked, mcpPrefix(server)+"*")
		}
	}
	agent := f.agent(s.Mode)
	rules := []rule{}
	for _, name := range allowed {
		if name == "*" || !agent.denies(name) {
			rules = append(rules, rule{name, "*", "allow"})
		}
	}
	for _, name := range asked {
		if !agent.denies(name) {
			rules = append(rules, rule{name, "*", "ask"})
		}
	}
	if s.PermissionMode == permitAll {
		rules = append(rules, agent.denials()...)
	}
	return rules
}

// denies tells whether an agent denies a permission as a whole.
func (a nativeAgent) denies(permission string) bool {
	denied := false
	for _, r := range a.Permission {
		if r.Pattern == "*" && (r.Permission == permission || r.Permission == "*") {
			denied = r.Action == "deny"
		}
	}
	return denied
}

// denials are an agent's rules of the permissions that it denies by name, with
// their exceptions.
func (a nativeAgent) denials() []rule {
	var denied []rule
	for _, r := range a.Permission {
		if r.Permission != "*" && a.denies(r.Permission) {
			denied = append(denied, r)
		}
	}
	return denied
}

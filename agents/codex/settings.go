package codex

import (
	"regexp"
	"slices"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// The modes and permission modes.
const (
	modeDefault     = "default"
	modePlan        = "plan"
	modeAcceptEdits = "acceptEdits"
	modeBypass      = "bypass"
)

// settings are what a client can set of a session.
type settings struct {
	model, effort string
	// plan tells that plan mode is on; permission is the permission mode
	// beside it, which is never plan.
	plan       bool
	permission string
}

// newSettings checks a start's settings.
func newSettings(s agents.Start) (settings, error) {
	n := settings{model: s.Model, effort: s.Effort, permission: modeDefault}
	if s.PermissionMode != "" {
		if err := n.setPermission(s.PermissionMode); err != nil {
			return settings{}, err
		}
	}
	if s.Mode == "" {
		return n, nil
	}
	plan := n.plan
	if err := n.setMode(s.Mode); err != nil {
		return settings{}, err
	}
	n.plan = n.plan || plan
	return n, nil
}

// setMode switches between default and plan.
func (s *settings) setMode(mode string) error {
	if mode != modeDefault && mode != modePlan {
		return protocol.Errorf(protocol.CodeModeNotSupported, "Codex has no mode %q; take default or plan", cleanLine(mode))
	}
	s.plan = mode == modePlan
	return nil
}

// setPermission sets the permission mode; plan means plan mode.
func (s *settings) setPermission(mode string) error {
	switch mode {
	case modePlan:
		s.plan = true
	case modeDefault, modeAcceptEdits, modeBypass:
		s.plan, s.permission = false, mode
	default:
		return protocol.Errorf(protocol.CodeInvalidRequest, "Codex has no permission mode %q; take default, acceptEdits, plan or bypass", cleanLine(mode))
	}
	return nil
}

// mode is the mode as it is told.
func (s settings) mode() string {
	if s.plan {
		return modePlan
	}
	return modeDefault
}

// permissionMode is the permission mode that holds.
func (s settings) permissionMode() string {
	if s.plan {
		return modePlan
	}
	return s.permission
}

// approvalPolicy is the native policy. Only untrusted asks before every
// command and patch; on-request leaves plain commands to the sandbox
// (PROTOCOL.md section 6).
func (s settings) approvalPolicy() string {
	switch s.permissionMode() {
	case modeAcceptEdits:
		return "on-request"
	case modePlan, modeBypass:
		return "never"
	default:
		return "untrusted"
	}
}

// sandboxRead is the native sandbox in which nothing is written.
const sandboxRead = "read-only"

// sandbox is the native sandbox, as thread requests take it.
func (s settings) sandbox() string {
	switch s.permissionMode() {
	case modePlan:
		return sandboxRead
	case modeBypass:
		return "danger-full-access"
	default:
		return "workspace-write"
	}
}

// writable is how wide the sandbox of the workspace is, as the configuration
// says it.
type writable struct {
	Roots    []string `json:"writable_roots"`
	Network  bool     `json:"network_access"`
	NoTMPDIR bool     `json:"exclude_tmpdir_env_var"`
	NoTmp    bool     `json:"exclude_slash_tmp"`
}

// policy is the same, as turn/start takes it: what is left out is false.
func (w writable) policy() map[string]any {
	p := map[string]any{"type": "workspaceWrite"}
	if len(w.Roots) > 0 {
		p["writableRoots"] = w.Roots
	}
	for name, on := range map[string]bool{"networkAccess": w.Network, "excludeTmpdirEnvVar": w.NoTMPDIR, "excludeSlashTmp": w.NoTmp} {
		if on {
			p[name] = true
		}
	}
	return p
}

// sandboxPolicy is the sandbox as turn/start takes it, which knows nothing of
// the configuration's.
func (s settings) sandboxPolicy(w writable) map[string]any {
	switch s.permissionMode() {
	case modePlan:
		return map[string]any{"type": "readOnly"}
	case modeBypass:
		return map[string]any{"type": "dangerFullAccess"}
	default:
		return w.policy()
	}
}

// native are settings as a thread has them.
type native struct {
	model, effort, approval, sandbox string
	plan                             bool
}

func (s settings) native() native {
	return native{s.model, s.effort, s.approvalPolicy(), s.sandbox(), s.plan}
}

// sandboxNames maps the sandbox as answers write it to how requests do.
var sandboxNames = map[string]string{"readOnly": "read-only", "workspaceWrite": "workspace-write", "dangerFullAccess": "danger-full-access"}

// collaboration is the native form of the mode. It replaces model and effort
// of the thread, so they go with it.
func (s settings) collaboration() map[string]any {
	var effort any
	if s.effort != "" {
		effort = s.effort
	}
	return map[string]any{"mode": s.mode(), "settings": map[string]any{
		"model": s.model, "reasoning_effort": effort, "developer_instructions": nil,
	}}
}

// configure applies a command.
func (s *settings) configure(c *agents.Configure) error {
	next := *s
	if c.PermissionMode != nil {
		if err := next.setPermission(*c.PermissionMode); err != nil {
			return err
		}
	}
	if c.Mode != nil {
		if err := next.setMode(*c.Mode); err != nil {
			return err
		}
	}
	if c.Model != nil && *c.Model != "" {
		next.model = *c.Model
	}
	if c.Effort != nil {
		next.effort = *c.Effort
	}
	*s = next
	return nil
}

// efforts are the efforts that some model takes, the smallest first.
var efforts = []string{"none", "minimal", "low", "medium", "high", "xhigh", "max", "ultra"}

// checkEffort refuses an effort that the CLI would accept silently and the
// model's API would not (PROTOCOL.md section 4, turn/start).
func checkEffort(effort string, model *protocol.Model) error {
	known := efforts
	if model != nil && len(model.Efforts) > 0 {
		known = model.Efforts
	}
	if effort == "" || slices.Contains(known, effort) {
		return nil
	}
	return protocol.Errorf(protocol.CodeInvalidRequest, "there is no effort %q here; take one of %s", cleanLine(effort), join(known))
}

// modes are the modes that Info lists.
func modes() []protocol.Mode {
	return []protocol.Mode{
		{ID: modeDefault, Name: "Default", Description: "Works, and asks as the permission mode says"},
		{ID: modePlan, Name: "Plan", Description: "Reads, asks and plans; changes nothing"},
	}
}

// permissionModes are the permission modes that Info lists.
func permissionModes() []protocol.Mode {
	return []protocol.Mode{
		{ID: modeDefault, Name: "Ask", Description: "Asks before each command and edit"},
		{ID: modeAcceptEdits, Name: "Accept edits", Description: "Edits and runs commands inside the workspace's sandbox; asks to leave it"},
		{ID: modePlan, Name: "Plan", Description: "Reads only; asks nothing and changes nothing"},
		{ID: modeBypass, Name: "Bypass", Description: "Runs everything without sandbox and without asking"},
	}
}

var serverName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// checkServers refuses MCP servers that the CLI could not use.
func checkServers(servers map[string]protocol.MCPServer) error {
	for name, s := range servers {
		switch {
		case !serverName.MatchString(name):
			return protocol.Errorf(protocol.CodeInvalidRequest, "the name of an MCP server must be 1 to 64 letters, digits, dashes or underscores")
		case s.Command == "" && s.URL == "":
			return protocol.Errorf(protocol.CodeInvalidRequest, "the MCP server %s needs a command, or a url", name)
		case s.Type == "sse":
			return protocol.Errorf(protocol.CodeInvalidRequest, "Codex speaks no SSE with MCP servers; give the MCP server %s a command, or a url of type http", name)
		}
	}
	return nil
}

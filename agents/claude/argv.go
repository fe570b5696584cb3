package claude

import (
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// forwardSince is the first version that is known to take
// --forward-subagent-text; for older ones it is an unknown option, and they
// end before any JSON (section 10).
const forwardSince = "2.1.330"

// launch is a checked start, in the CLI's own words.
type launch struct {
	start agents.Start
	// permissionMode is the native mode; beforePlan is where to go from plan.
	permissionMode, beforePlan string
	// sessionID is the native id of a new session.
	sessionID string
}

// newLaunch checks the start and translates it.
func newLaunch(s agents.Start) (launch, error) {
	l := launch{start: s, sessionID: derivedID("session", s.SessionID)}
	for name, value := range map[string]string{"model": s.Model, "resume": s.Resume} {
		if err := agents.CheckValue(name, value); err != nil {
			return launch{}, err
		}
	}
	if s.Effort != "" && !slices.Contains(efforts, s.Effort) {
		return launch{}, unknownEffort(s.Effort)
	}
	if s.Fork && s.Resume == "" {
		return launch{}, protocol.Errorf(protocol.CodeInvalidRequest, "a fork needs the native session to begin from")
	}
	var err error
	if l.permissionMode = modeDefault; s.PermissionMode != "" {
		if l.permissionMode, err = nativeMode(s.PermissionMode); err != nil {
			return launch{}, err
		}
	}
	switch s.Mode {
	case "", modeDefault:
	case modePlan:
		if l.permissionMode != modePlan {
			l.beforePlan = l.permissionMode
		}
		l.permissionMode = modePlan
	default:
		return launch{}, unknownMode(s.Mode)
	}
	return l, checkServers(s.MCP)
}

// args is the command line. Every value was checked, so none can be taken for
// a flag (section 2).
func (l launch) args(version string) []string {
	args := []string{
		"-p", "--output-format", "stream-json", "--input-format", "stream-json", "--verbose",
		"--include-partial-messages", "--permission-prompt-tool", "stdio",
	}
	if l.start.Resume == "" {
		args = append(args, "--session-id", l.sessionID)
	} else {
		args = append(args, "--resume", l.start.Resume)
		if l.start.Fork {
			args = append(args, "--fork-session")
		}
	}
	if l.start.Model != "" && l.start.Model != defaultModel {
		args = append(args, "--model", l.start.Model)
	}
	if l.permissionMode != modeDefault {
		args = append(args, "--permission-mode", l.permissionMode)
	}
	if len(l.start.MCP) > 0 {
		args = append(args, "--mcp-config", mcpConfig(l.start.MCP), "--strict-mcp-config")
	}
	if atLeast(version, forwardSince) {
		args = append(args, "--forward-subagent-text")
	}
	return args
}

// readVersion takes the number off what --version prints.
func readVersion(line string) string {
	number, _, _ := strings.Cut(line, " ")
	if !semver.IsValid("v" + number) {
		return ""
	}
	return number
}

// atLeast compares versions; an unknown one is old.
func atLeast(version, least string) bool {
	return version != "" && semver.Compare("v"+version, "v"+least) >= 0
}

var serverName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// checkServers refuses MCP servers that the CLI could not use.
func checkServers(servers map[string]protocol.MCPServer) error {
	for name, s := range servers {
		switch {
		case !serverName.MatchString(name):
			return protocol.Errorf(protocol.CodeInvalidRequest, "the name of an MCP server must be 1 to 64 letters, digits, dashes or underscores")
		case s.Transport() == "stdio" && s.Command == "", s.Transport() != "stdio" && s.URL == "":
			return protocol.Errorf(protocol.CodeInvalidRequest, "the MCP server %s needs a command, or a url", name)
		case !slices.Contains([]string{"stdio", "http", "sse"}, s.Transport()):
			return protocol.Errorf(protocol.CodeInvalidRequest, "the MCP server %s has an unknown type; take stdio, http or sse", name)
		}
	}
	return nil
}

// mcpConfig writes the servers as the CLI reads them.
func mcpConfig(servers map[string]protocol.MCPServer) string {
	config := map[string]protocol.MCPServer{}
	for name, s := range servers {
		s.Type = s.Transport()
		config[name] = s
	}
	return string(encode(map[string]any{"mcpServers": config}))
}

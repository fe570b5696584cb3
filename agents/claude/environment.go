package claude

import (
	"os"
	"path/filepath"
	"runtime"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// passed names what the CLI takes over from the server's environment: how to
// reach the model, and as whom. Everything else of CLAUDE_CODE_* stays behind,
// because it may be of a session that the server itself runs in.
var passed = []string{
	"ANTHROPIC_*", "CLAUDE_CONFIG_DIR", "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX",
	"CLAUDE_CODE_SKIP_BEDROCK_AUTH", "CLAUDE_CODE_SKIP_VERTEX_AUTH", "CLAUDE_CODE_MAX_RETRIES", "CLAUDE_CODE_TMPDIR", "IS_SANDBOX",
}

// environment is what the CLI finds in its environment (section 2).
func environment(server []string, session map[string]string) []string {
	return agents.Environment{Pass: passed, Session: session, Set: map[string]string{
		"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
		"DISABLE_AUTOUPDATER":                      "1",
		"CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS":    "1",
		"CLAUDE_CODE_ENABLE_TODO_TOOLS":            "1",
		// TodoWrite, which tells the whole list at once, and not the Task
		// tools, whose list would be unknown after a resume.
		"CLAUDE_CODE_ENABLE_TASKS": "0",
	}}.Build(server)
}

// checkBypass refuses bypassPermissions where the CLI would end at once: as
// root it wants to be told that it is in a sandbox (section 2). Only the
// operator can say so, not a client.
func checkBypass(mode string, root bool, server []string) error {
	if mode != modeBypass || !root || agents.Variable(server, "IS_SANDBOX") == "1" {
		return nil
	}
	return protocol.Errorf(protocol.CodeModeNotSupported,
		"Claude Code refuses permission mode bypass as root; run agents as another user (serve --agent-user), or set IS_SANDBOX=1 for it if this machine is a sandbox")
}

// credentials tells whether the CLI will find a key or a login. It looks for
// the names alone.
func credentials(environ []string) string {
	for _, name := range []string{"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX"} {
		if agents.Variable(environ, name) != "" {
			return "found"
		}
	}
	dir := agents.Variable(environ, "CLAUDE_CONFIG_DIR")
	if dir == "" {
		dir = filepath.Join(agents.Variable(environ, "HOME"), ".claude")
	}
	if info, err := os.Stat(filepath.Join(dir, ".credentials.json")); err == nil && info.Mode().IsRegular() {
		return "found"
	}
	if runtime.GOOS == "darwin" {
		return "unknown" // a login is in the keychain there
	}
	return "missing"
}

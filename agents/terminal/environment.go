package terminal

import (
	"path/filepath"
	"strings"

	"github.com/towline-dev/towline/agents"
)

// passed names, by program, what it takes over from the server's environment
// beside what all agents do: how to reach its model, and as whom. A program
// that is not listed, such as a shell, gets no keys.
var passed = map[string][]string{
	"claude":   {"ANTHROPIC_*", "CLAUDE_CONFIG_DIR", "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_TMPDIR", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "DISABLE_AUTOUPDATER", "IS_SANDBOX"},
	"codex":    {"OPENAI_*", "CODEX_*"},
	"aider":    {"AIDER_*", "ANTHROPIC_*", "OPENAI_*", "GEMINI_API_KEY", "OPENROUTER_API_KEY", "DEEPSEEK_API_KEY"},
	"gemini":   {"GEMINI_*", "GOOGLE_*"},
	"opencode": {"OPENCODE_*", "ANTHROPIC_*", "OPENAI_*"},
}

// environment is what a program finds in its environment: what all agents do,
// and the terminal that its screen is read as.
func environment(program string, server []string, session map[string]string) []string {
	return agents.Environment{Pass: passed[filepath.Base(program)], Session: session, Set: map[string]string{
		"TERM": "xterm-256color", "COLORTERM": "truecolor",
	}}.Build(server)
}

// lookup returns the value of a variable in a list of name=value.
func lookup(environ []string, name string) string {
	for _, entry := range environ {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

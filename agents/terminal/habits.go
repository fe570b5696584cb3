package terminal

import "path/filepath"

// habits are what is known of a program, by its file name. Of a program that
// is not listed, such as a shell, nothing is: it gets no keys for models, and
// Ctrl-C interrupts it.
type habits struct {
	// pass names what it takes over from the server's environment beside what
	// all agents do: how to reach its model, and as whom.
	pass []string
	// interrupt are the keys that stop what it does; empty means Ctrl-C.
	interrupt string
	// erase is the key that erases a line which was typed and not entered, and at
	// its begin the break before it. Empty means that interrupt does, or that
	// no such key is known.
	erase string
}

// known is all that this package knows of programs. That Esc stops the agents'
// turns is what their own screens say, and is tested with claude and codex: a
// Ctrl-C makes Codex ask whether to end.
var known = map[string]habits{
	"claude": {
		pass: []string{
			"ANTHROPIC_*", "CLAUDE_CONFIG_DIR", "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX",
			"CLAUDE_CODE_TMPDIR", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "DISABLE_AUTOUPDATER", "IS_SANDBOX",
		},
		interrupt: escape, erase: ctrlU,
	},
	"codex": {pass: []string{"OPENAI_*", "CODEX_*"}, interrupt: escape, erase: ctrlU},
	"aider": {pass: []string{
		"AIDER_*", "ANTHROPIC_*", "OPENAI_*", "GEMINI_API_KEY", "OPENROUTER_API_KEY", "DEEPSEEK_API_KEY",
	}},
	"gemini":   {pass: []string{"GEMINI_*", "GOOGLE_*"}, interrupt: escape},
	"opencode": {pass: []string{"OPENCODE_*", "ANTHROPIC_*", "OPENAI_*"}},
}

// habitsOf returns what is known of a program.
func habitsOf(path string) habits {
	h := known[filepath.Base(path)]
	if h.interrupt == "" {
		h.interrupt = ctrlC
	}
	return h
}

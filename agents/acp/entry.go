package acp

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/opencode/project"
	"github.com/towline-dev/towline/protocol"
)

// Entry is the configuration of one agent: what to start, what to give it, and
// what it does.
type Entry struct {
	// Name is the word that clients use; Title is for people, the name if
	// empty.
	Name, Title string
	// Aliases are further names that recordings of it go by.
	Aliases []string
	// Command is the executable and its arguments. The executable is searched
	// for by agents.Locator.
	Command []string
	// Env is set for the agent (NAME: value).
	Env map[string]string
	// Pass names variables that the agent takes over from the server's
	// environment; a star at the end stands for the rest of the name.
	Pass []string
	// Keys are variables of which one is enough to reach the model; none if
	// that is not known. Logins are the files, below the home folder, of which
	// one tells of a login.
	Keys, Logins []string
	// Login is the command to log in with by hand; the executable if empty.
	Login string
	// ByHand is how to install it where the server does not: a command, or where
	// to read how.
	ByHand string
	// Auth is the method to authenticate with if the agent asks for it, by the
	// variable that must be set for it.
	Auth map[string]string
	// Modes and Models are listed until a session has told the agent's own
	// lists.
	Modes  []protocol.Mode
	Models []protocol.Model
	// Capabilities are what the agent was seen to do.
	Capabilities protocol.Capabilities
	Quirks       Quirks
	// CheckFolder refuses a work folder in which the agent would pass over
	// approvals; nil for none. environ is the agent's user's environment.
	CheckFolder func(dir string, environ []string) error
}

func (e Entry) title() string {
	if e.Title == "" {
		return e.Name
	}
	return e.Title
}

// basic are the capabilities that any agent has by the protocol; what it may
// lack is not in it (docs/ADD-AN-AGENT.md).
func basic() protocol.Capabilities {
	return protocol.Capabilities{Streaming: true, ToolCalls: true, Permissions: true, Interrupt: true}
}

// Custom is the entry of an agent that is not known: its command is all there
// is to know.
func Custom(name string, command []string) Entry {
	return Entry{Name: name, Command: command, Capabilities: basic()}
}

// With returns the entry with another command, as an operator writes it:
// "gemini --acp", or one word for the executable alone, which keeps the entry's
// arguments. Words of the form NAME=value before the executable are set for the
// agent. The command is split at spaces and nothing else, because no shell
// reads it; a file of that whole name is one word.
func (e Entry) With(command string) (Entry, error) {
	words := strings.Fields(command)
	if info, err := os.Stat(command); err == nil && info.Mode().IsRegular() {
		words = []string{command}
	}
	e.Env = maps.Clone(e.Env)
	for len(words) > 0 && variable.MatchString(words[0]) {
		if e.Env == nil {
			e.Env = map[string]string{}
		}
		name, value, _ := strings.Cut(words[0], "=")
		e.Env[name], words = value, words[1:]
	}
	switch {
	case len(words) == 0:
		return Entry{}, fmt.Errorf("the command of agent %s names no executable: write it like %s=COMMAND --acp", e.Name, e.Name)
	case len(words) == 1 && len(e.Command) > 0:
		words = append(words, e.Command[1:]...)
	}
	e.Command = words
	return e, nil
}

// variable is a word that sets a variable.
var variable = regexp.MustCompile(`^[A-Z][A-Z0-9_]*=`)

// Find returns the entry of a name or alias.
func Find(name string) (Entry, bool) {
	all := Entries()
	i := slices.IndexFunc(all, func(e Entry) bool { return e.Name == name || slices.Contains(e.Aliases, name) })
	if i < 0 {
		return Entry{}, false
	}
	return all[i], true
}

// Entries are the agents that are ready to use. The first six are proven with
// the real program; what the others do is said with them (untested).
func Entries() []Entry {
	return append([]Entry{gemini(), qwen(), claudeAdapter(), openCode(), codexAdapter(), copilot()}, untested()...)
}

func gemini() Entry {
	c := basic()
	c.Reasoning, c.Diffs, c.Always, c.Images, c.Files = true, true, true, true, true
	c.Models, c.Modes, c.Usage = true, true, true
	return Entry{
		Name: "gemini", Title: "Gemini CLI", Command: []string{"gemini", "--acp"}, ByHand: "npm install -g @google/gemini-cli",
		// Without it the CLI starts itself a second time (section 4).
		Env:  map[string]string{"GEMINI_CLI_NO_RELAUNCH": "true"},
		Pass: []string{"GEMINI_*", "GOOGLE_*"}, Keys: []string{"GEMINI_API_KEY", "GOOGLE_API_KEY"}, Logins: []string{".gemini/oauth_creds.json"},
		Auth:  map[string]string{"GEMINI_API_KEY": "gemini-api-key"},
		Modes: modes("default", "plan", "autoEdit", "yolo"), Models: models("auto", "gemini-2.5-pro"), Capabilities: c, Quirks: geminiQuirks,
	}
}

func qwen() Entry {
	c := basic()
	c.Reasoning, c.Diffs, c.CommandOutput, c.Plan, c.Files = true, true, true, true, true
	c.Always, c.Images, c.Resume, c.Models, c.Modes, c.MCP, c.Usage = true, true, true, true, true, true, true
	return Entry{
		Name: "qwen", Title: "Qwen Code", Command: []string{"qwen", "--acp"}, ByHand: "npm install -g @qwen-code/qwen-code",
		Env:  map[string]string{"QWEN_TELEMETRY_ENABLED": "false"},
		Pass: []string{"QWEN_*", "OPENAI_*", "DASHSCOPE_*"}, Keys: []string{"OPENAI_API_KEY", "DASHSCOPE_API_KEY"}, Logins: []string{".qwen/oauth_creds.json"},
		Auth:  map[string]string{"OPENAI_API_KEY": "openai"},
		Modes: modes("default", "plan", "auto-edit", "yolo"), Capabilities: c, Quirks: qwenQuirks,
	}
}

func claudeAdapter() Entry {
	c := basic()
	c.Reasoning, c.Diffs, c.CommandOutput, c.Questions, c.Plan, c.MCP = true, true, true, true, true, true
	c.Always, c.Images, c.Files, c.Resume, c.Models, c.Modes, c.Usage, c.Cost = true, true, true, true, true, true, true, true
	return Entry{
		Name: "claude-agent-acp", Title: "Claude Agent (ACP adapter)", Aliases: []string{"claude"}, Command: []string{"claude-agent-acp"}, ByHand: "npm install -g @agentclientprotocol/claude-agent-acp",
		Env: map[string]string{"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"},
		Pass: []string{
			"ANTHROPIC_*", "CLAUDE_CONFIG_DIR", "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX",
			"CLAUDE_CODE_TMPDIR", "CLAUDE_CODE_MAX_RETRIES", "IS_SANDBOX",
		},
		Keys: []string{"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"}, Logins: []string{".claude/.credentials.json"},
		Modes: modes("default", "plan", "acceptEdits"), Models: models("default", "sonnet", "haiku"), Capabilities: c, Quirks: claudeQuirks,
	}
}

// openCodeRules are OpenCode's permissions: without any it asks for nothing.
// Last match wins, so the first asks for what is not named, such as tools of
// MCP servers. Subagents are denied: what one wants to do is never asked for,
// and the turn hangs until it is cancelled (opencode PROTOCOL.md section 12).
const openCodeRules = `{"*":"ask","read":{"*":"allow","*.env":"ask","*.env.*":"ask"},"glob":"allow","grep":"allow","list":"allow","lsp":"allow",` +
	`"skill":"allow","todowrite":"allow","todoread":"allow","question":"deny","task":"deny"}`

func openCode() Entry {
	c := basic()
	// The diff of an edit is not exact: it holds what was replaced, without its
	// place in the file; what would have the place has lost the indentation.
	c.Reasoning, c.CommandOutput, c.Always, c.Plan, c.Images, c.Files = true, true, true, true, true, true
	c.Resume, c.Models, c.Modes, c.Usage, c.Cost = true, true, true, true, true
	return Entry{
		Name: "opencode-acp", Title: "OpenCode (ACP)", Aliases: []string{"opencode"}, Command: []string{"opencode", "acp"}, ByHand: "npm install -g opencode-ai",
		// A folder's own configuration could allow its agents everything, and
		// bring plugins that answer permissions; its AGENTS.md goes with it. The
		// variable does not keep plugins out, so CheckFolder does.
		Env:          map[string]string{"OPENCODE_PERMISSION": openCodeRules, "OPENCODE_DISABLE_PROJECT_CONFIG": "1"},
		Pass:         []string{"OPENCODE_*", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY"},
		Modes:        modes("build", "plan"),
		Capabilities: c, Quirks: openCodeQuirks, CheckFolder: project.Check,
	}
}

// codexAdapter asks for what leaves Codex's own sandbox, which on Linux wants
// bubblewrap, and for edits. Without bubblewrap it cannot read the file that it
// is to edit, so its diffs are not proven. An interrupt ends the turn at once,
// but not the request to the model, whose answer is read to its end.
func codexAdapter() Entry {
	c := basic()
	c.Reasoning, c.CommandOutput, c.Always, c.Plan, c.Images, c.Files = true, true, true, true, true, true
	c.Resume, c.Models, c.Modes, c.MCP = true, true, true, true
	return Entry{
		Name: "codex-acp", Title: "Codex (ACP adapter)", Aliases: []string{"codex"}, Command: []string{"codex-acp"}, ByHand: "npm install -g @zed-industries/codex-acp",
		Pass: []string{"CODEX_*", "OPENAI_*"}, Keys: []string{"CODEX_API_KEY", "OPENAI_API_KEY"}, Logins: []string{".codex/auth.json"}, Login: "codex login",
		Auth:         map[string]string{"CODEX_API_KEY": "codex-api-key", "OPENAI_API_KEY": "openai-api-key"},
		Modes:        modes("read-only", "auto", "full-access"),
		Capabilities: c, Quirks: codexQuirks,
	}
}

// copilot is proven with a model of the user's own (COPILOT_PROVIDER_BASE_URL);
// of its service, which wants a login, that it says how to log in. Files in
// prompts do not reach the model, nor do the tools of a session's MCP servers.
// The diff of an edit holds what was replaced, without its place in the file.
func copilot() Entry {
	c := basic()
	c.Reasoning, c.CommandOutput, c.Always, c.Images, c.Resume, c.Modes, c.Usage = true, true, true, true, true, true, true
	return Entry{
		Name: "copilot", Title: "GitHub Copilot CLI", Command: []string{"copilot", "--acp"}, ByHand: "npm install -g @github/copilot",
		Pass: []string{"COPILOT_*", "GH_TOKEN", "GITHUB_TOKEN"}, Capabilities: c, Quirks: copilotQuirks,
	}
}

func modes(ids ...string) []protocol.Mode {
	list := make([]protocol.Mode, 0, len(ids))
	for _, id := range ids {
		list = append(list, protocol.Mode{ID: id})
	}
	return list
}

func models(ids ...string) []protocol.Model {
	list := make([]protocol.Model, 0, len(ids))
	for _, id := range ids {
		list = append(list, protocol.Model{ID: id})
	}
	return list
}

// untested are said to do what the protocol wants of every agent. Auggie was
// driven as far as its login: it says how to log in. Kimi needs Node 22.19, and
// Goose and Cursor are in no package registry, so they are known by their
// command lines alone.
func untested() []Entry {
	entries := []Entry{
		{Name: "goose", Title: "Goose", Command: []string{"goose", "acp"}, ByHand: "see github.com/block/goose", Pass: []string{"GOOSE_*", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GOOGLE_API_KEY"}},
		{Name: "cursor", Title: "Cursor CLI", Command: []string{"cursor-agent", "acp"}, ByHand: "see cursor.com/cli", Pass: []string{"CURSOR_*"}},
		{Name: "auggie", Title: "Auggie", Command: []string{"auggie", "--acp"}, ByHand: "npm install -g @augmentcode/auggie", Pass: []string{"AUGMENT_*"}},
		{Name: "kimi", Title: "Kimi Code CLI", Command: []string{"kimi", "acp"}, ByHand: "see github.com/MoonshotAI/kimi-code", Pass: []string{"KIMI_*", "MOONSHOT_*"}},
	}
	for i := range entries {
		entries[i].Capabilities = basic()
	}
	return entries
}

// Replayer returns what replays recordings of an ACP agent: one of the entries
// by name or alias, or any other without quirks.
func Replayer(name string) agents.Replayer {
	e, ok := Find(name)
	if !ok {
		e = Custom(name, nil)
	}
	return New(Options{Entry: e})
}

package opencode

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/towline-dev/towline/agents"
)

// passed names what the server takes over from Towline's environment: how to
// reach the models, and as whom.
var passed = []string{
	"ANTHROPIC_*", "OPENAI_*", "OPENROUTER_*", "GOOGLE_*", "GEMINI_*", "VERTEX_*", "AZURE_*", "AWS_*", "GROQ_*", "MISTRAL_*", "XAI_*",
	"DEEPSEEK_*", "DEEPINFRA_*", "CEREBRAS_*", "COHERE_*", "TOGETHER_*", "PERPLEXITY_*", "GITHUB_TOKEN", "OPENCODE_API_KEY",
}

// folders are the places that the server works in.
type folders struct {
	// root is below the state folder. Config is seeded so that nothing is
	// downloaded into it (section 3); run is the working directory.
	root, config, data, state, cache, run string
}

// newFolders names the places below root.
func newFolders(root string) folders {
	in := func(name string) string { return filepath.Join(root, name) }
	return folders{root: root, config: in("config"), data: in("data"), state: in("state"), cache: in("cache"), run: in("run")}
}

// guardText is the plugin that hides the password (section 8.7).
//
//go:embed guard.js
var guardText string

// guard is where the plugin lies.
func (f folders) guard() string { return filepath.Join(f.run, "guard.js") }

// xdg are the variables that lead the server to its folders. Tools get the
// user's own back.
func (f folders) xdg() map[string]string {
	return map[string]string{"XDG_CONFIG_HOME": f.config, "XDG_DATA_HOME": f.data, "XDG_STATE_HOME": f.state, "XDG_CACHE_HOME": f.cache}
}

// seed makes the folders. The lock file names the package that the server
// would otherwise install in the background, so it leaves the folder alone.
func (f folders) seed(version string, environ []string) error {
	config := filepath.Join(f.config, "opencode")
	for _, dir := range []string{filepath.Join(config, "node_modules"), filepath.Join(f.data, "opencode"), f.state, f.cache, f.run} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("cannot make OpenCode's folder: %w", err)
		}
	}
	dependencies := map[string]any{"dependencies": map[string]string{"@opencode-ai/plugin": version}}
	restore := map[string]any{}
	for name := range f.xdg() {
		restore[name] = nil
		if value, ok := lookup(environ, name); ok {
			restore[name] = value
		}
	}
	for path, content := range map[string][]byte{
		filepath.Join(config, "package.json"):      encode(dependencies),
		filepath.Join(config, "package-lock.json"): encode(map[string]any{"lockfileVersion": 3, "packages": map[string]any{"": dependencies}}),
		f.guard(): []byte(strings.ReplaceAll(guardText, "__RESTORE__", string(encode(restore)))),
	} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return fmt.Errorf("cannot write OpenCode's folder: %w", err)
		}
	}
	return f.linkLogin(environ)
}

// linkLogin takes the user's login along, by a link, so that tokens that the
// server renews stay the user's.
func (f folders) linkLogin(environ []string) error {
	link := filepath.Join(f.data, "opencode", "auth.json")
	login := filepath.Join(userFolder(environ, "XDG_DATA_HOME", ".local/share"), "opencode", "auth.json")
	if info, err := os.Lstat(link); err == nil && info.Mode()&os.ModeSymlink == 0 {
		return nil // a login that was made here
	}
	_ = os.Remove(link)
	if _, err := os.Stat(login); err != nil {
		return nil //nolint:nilerr // nobody has logged in
	}
	if err := os.Symlink(login, link); err != nil {
		return fmt.Errorf("cannot link the user's login: %w", err)
	}
	return nil
}

// userConfig is the user's own configuration; empty if there is none.
func userConfig(environ []string) string {
	if path, ok := lookup(environ, "OPENCODE_CONFIG"); ok && path != "" {
		return path
	}
	dir := filepath.Join(userFolder(environ, "XDG_CONFIG_HOME", ".config"), "opencode")
	for _, name := range []string{"opencode.jsonc", "opencode.json", "config.json"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Mode().IsRegular() {
			return filepath.Join(dir, name)
		}
	}
	return ""
}

// userFolder is one of the user's XDG folders.
func userFolder(environ []string, variable, otherwise string) string {
	if dir, ok := lookup(environ, variable); ok && dir != "" {
		return dir
	}
	home, _ := lookup(environ, "HOME")
	return filepath.Join(home, otherwise)
}

// environment is what the server finds in its environment (section 3). The
// configuration of a folder is left alone: it could load code into the process
// that all sessions share, and allow itself everything. Its plugins are not
// switched off by that; folders that have some are refused (package project).
func (f folders) environment(environ []string, password string) []string {
	content := encode(map[string]any{"autoupdate": false, "share": "disabled", "plugin": []string{fileURL(f.guard())}})
	set := f.xdg()
	for _, name := range []string{
		"MODELS_FETCH", "AUTOUPDATE", "SHARE", "LSP_DOWNLOAD", "DEFAULT_PLUGINS", "CLAUDE_CODE", "PROJECT_CONFIG", "EMBEDDED_WEB_UI",
	} {
		set["OPENCODE_DISABLE_"+name] = "1"
	}
	set["OPENCODE_CONFIG_CONTENT"] = string(content)
	set[passwordVariable] = password
	if config := userConfig(environ); config != "" {
		set["OPENCODE_CONFIG"] = config
	}
	return agents.Environment{Pass: passed, Set: set}.Build(environ)
}

// passwordVariable is how the server is told its password.
const passwordVariable = "OPENCODE_SERVER_PASSWORD"

// lookup returns the value of a variable in a list of name=value.
func lookup(environ []string, name string) (string, bool) {
	for _, entry := range environ {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value, true
		}
	}
	return "", false
}

// credentials tells whether the server will find a key or a login: one that
// was made with opencode, one in the environment, or a provider that the
// user's configuration brings. It looks for names alone.
func credentials(environ []string) string {
	login := filepath.Join(userFolder(environ, "XDG_DATA_HOME", ".local/share"), "opencode", "auth.json")
	if b, err := os.ReadFile(login); err == nil {
		var logins map[string]json.RawMessage
		if json.Unmarshal(b, &logins) == nil && len(logins) > 0 {
			return "found"
		}
	}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if strings.HasSuffix(name, "_API_KEY") && value != "" {
			return "found"
		}
	}
	if userConfig(environ) != "" {
		return "unknown" // it may bring a provider of its own
	}
	return "missing"
}

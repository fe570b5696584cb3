package codex

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// passed names what the CLI takes over from the server's environment: how to
// reach the model, and as whom.
var passed = []string{"OPENAI_*", "AZURE_OPENAI_*", "CODEX_API_KEY", "CODEX_CA_CERTIFICATE", "RUST_LOG"}

// keyVariable finds the variables that the configuration reads keys from.
var keyVariable = regexp.MustCompile(`(?m)(?:env_key|bearer_token_env_var)\s*=\s*["']([A-Za-z_][A-Za-z0-9_]*)["']`)

// environment is what the process finds in its environment. config is the
// user's configuration.
func environment(server []string, home string, config []byte) []string {
	pass := passed
	for _, m := range keyVariable.FindAllSubmatch(config, -1) {
		pass = append(slices.Clip(pass), string(m[1]))
	}
	set := map[string]string{"CODEX_HOME": home}
	if agents.Variable(server, "RUST_LOG") == "" {
		set["RUST_LOG"] = "warn"
	}
	return agents.Environment{Pass: pass, Set: set}.Build(server)
}

// checkEnv refuses variables that the process itself would have to have: it
// serves other sessions too. The others go to the session's commands.
func checkEnv(env map[string]string) error {
	for name := range env {
		if strings.HasPrefix(name, "OPENAI_") || strings.HasPrefix(name, "CODEX_") {
			return protocol.Errorf(protocol.CodeInvalidRequest,
				"env cannot set %s for one session, because one Codex process serves all; set it for the server instead", name)
		}
	}
	return nil
}

// userHome is the user's own CODEX_HOME; empty if there is no home folder.
func userHome(environ []string) string {
	if dir := agents.Variable(environ, "CODEX_HOME"); dir != "" {
		return dir
	}
	if home := agents.Variable(environ, "HOME"); home != "" {
		return filepath.Join(home, ".codex")
	}
	return ""
}

// ownProvider finds a model provider in a configuration, which may need no
// login.
var ownProvider = regexp.MustCompile(`(?m)^\s*model_provider\s*=`)

// credentials tells whether the CLI will find a login. It looks for the names
// alone; of a model provider of the user's own it cannot tell.
func credentials(environ []string) string {
	dir := userHome(environ)
	if info, err := os.Stat(filepath.Join(dir, authFile)); dir != "" && err == nil && info.Mode().IsRegular() {
		return "found"
	}
	if config, err := os.ReadFile(filepath.Join(dir, configFile)); dir != "" && err == nil && ownProvider.Match(config) {
		return "unknown"
	}
	if agents.Variable(environ, "CODEX_API_KEY") != "" {
		return "found"
	}
	return "missing"
}

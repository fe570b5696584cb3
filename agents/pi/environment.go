package pi

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/towline-dev/towline/agents"
)

// providerKeys are the variables in which Pi looks for keys and addresses of
// providers.
var providerKeys = []string{
	"ANTHROPIC_*", "OPENAI_*", "AZURE_OPENAI_*", "GEMINI_API_KEY", "GOOGLE_*", "GROQ_API_KEY", "CEREBRAS_API_KEY",
	"XAI_API_KEY", "OPENROUTER_API_KEY", "AI_GATEWAY_API_KEY", "ZAI_API_KEY", "MISTRAL_API_KEY", "MINIMAX_API_KEY",
	"KIMI_API_KEY", "DEEPSEEK_API_KEY", "HF_TOKEN", "OPENCODE_API_KEY",
	"AWS_PROFILE", "AWS_REGION", "AWS_BEARER_TOKEN_BEDROCK",
}

// environment is what Pi finds in its environment (section 1). PI_OFFLINE
// keeps it from looking for new versions and downloading tools.
func environment(server []string, session map[string]string) []string {
	return agents.Environment{
		Pass: append([]string{"PI_CODING_AGENT_DIR"}, providerKeys...), Session: session,
		Set: map[string]string{"PI_OFFLINE": "1"},
	}.Build(server)
}

// credentials tells whether Pi will find a key or a login. It looks for the
// names alone.
func credentials(environ []string) string {
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		isKey := strings.HasSuffix(name, "_KEY") || strings.HasSuffix(name, "_TOKEN")
		if value != "" && isKey && slices.ContainsFunc(providerKeys, func(p string) bool {
			prefix, star := strings.CutSuffix(p, "*")
			return name == p || star && strings.HasPrefix(name, prefix)
		}) {
			return "found"
		}
	}
	for _, file := range []string{"auth.json", "models.json"} {
		if info, err := os.Stat(filepath.Join(configDir(environ), file)); err == nil && info.Mode().IsRegular() {
			return "found"
		}
	}
	return "missing"
}

// configDir is where Pi keeps its configuration.
func configDir(environ []string) string {
	if dir := agents.Variable(environ, "PI_CODING_AGENT_DIR"); dir != "" {
		return dir
	}
	return filepath.Join(agents.Variable(environ, "HOME"), ".pi", "agent")
}

// configuredModels are the models of the user's own providers (section 1). A
// file that cannot be read has none; Pi itself will tell why.
func configuredModels(environ []string, u *agents.User) []model {
	var config struct {
		Providers map[string]struct {
			Models []model `json:"models"`
		} `json:"providers"`
	}
	b, err := u.ReadFile(filepath.Join(configDir(environ), "models.json"))
	if err != nil || json.Unmarshal(b, &config) != nil {
		return nil
	}
	var all []model
	for _, provider := range slices.Sorted(maps.Keys(config.Providers)) {
		for _, m := range config.Providers[provider].Models {
			m.Provider = provider
			all = append(all, m)
		}
	}
	return all
}

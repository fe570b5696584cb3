package terminaltest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/towline-dev/towline/agents/agenttest"
)

// SettleCodex answers in a home what the Codex interface asks for at its first
// start, makes it ask before it runs what its sandbox forbids, and lets it
// notify of that.
func SettleCodex(t testing.TB, home *agenttest.Home) {
	t.Helper()
	config := filepath.Join(home.Config, "config.toml")
	b, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	settings := `approval_policy = "on-request"
sandbox_mode = "read-only"
check_for_update_on_startup = false
` + string(b) + `[projects."` + home.Dir + `"]
trust_level = "trusted"
[tui]
notifications = true
notification_method = "osc9"
notification_condition = "always"
[notice.model_migrations]
"gpt-5.5" = "gpt-6-sol"
`
	if err := os.WriteFile(config, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
}

// SettleClaude answers in a home what the Claude interface asks for at its
// first start.
func SettleClaude(t testing.TB, home *agenttest.Home) {
	t.Helper()
	settings, err := json.Marshal(map[string]any{
		"hasCompletedOnboarding": true, "theme": "dark", "numStartups": 3,
		"customApiKeyResponses": map[string]any{"approved": []string{"fake-key"}, "rejected": []string{}},
		"projects":              map[string]any{home.Dir: map[string]any{"hasTrustDialogAccepted": true, "hasCompletedProjectOnboarding": true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home.Config, ".claude.json"), settings, 0o600); err != nil {
		t.Fatal(err)
	}
}

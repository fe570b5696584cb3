package agenttest_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents/agenttest"
)

func TestRequireLoopback(t *testing.T) {
	for base, want := range map[string]bool{
		"http://127.0.0.1:8080":         true,
		"http://[::1]:8080/v1":          true,
		"http://localhost:8080":         false, // a name can lead elsewhere
		"https://api.example":           false,
		"http://10.0.0.1":               false,
		"http://127.0.0.1.example:80":   false,
		"http://user@evil.example:80":   false,
		"":                              false,
		"http://127.0.0.1:80@evil.test": false,
		"%":                             false,
	} {
		if err := agenttest.RequireLoopback(base); (err == nil) != want {
			t.Errorf("RequireLoopback(%q) = %v", base, err)
		}
	}
}

func TestHomeIsItsOwn(t *testing.T) {
	t.Setenv("ANTHROPIC_API_KEY", "a real key")
	h := agenttest.NewHome(t, "http://127.0.0.1:1")
	if _, err := os.Stat(filepath.Join(h.Dir, ".git")); err != nil {
		t.Errorf("the work folder is no repository: %v", err)
	}
	env := h.Env()
	for _, want := range []string{
		"HOME=" + h.Home, "CLAUDE_CONFIG_DIR=" + h.Config, "ANTHROPIC_BASE_URL=http://127.0.0.1:1",
		"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1", "DISABLE_AUTOUPDATER=1",
	} {
		if !slices.Contains(env, want) {
			t.Errorf("the environment lacks %s", want)
		}
	}
	if strings.Contains(strings.Join(env, "\n"), "real key") {
		t.Error("the user's key is in the environment")
	}
}

package installed_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/agenttest/installed"
	"github.com/towline-dev/towline/agents/install"
	"github.com/towline-dev/towline/testdata/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

// The pinned CLI is installed by real npm and runs.
func TestRealClaudeInstalls(t *testing.T) {
	path := installed.Claude(t)
	home := agenttest.NewHome(t, "http://127.0.0.1:1")
	cmd := exec.CommandContext(t.Context(), path, "--version")
	cmd.Env, cmd.Dir = home.Env(), home.Dir
	out, err := cmd.Output()
	if err != nil || !strings.HasPrefix(string(out), install.ClaudeVersion) {
		t.Errorf("--version said %q, %v; want %s", out, err, install.ClaudeVersion)
	}
}

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents/agenttest/optional"
)

// towline agents install brings the real, pinned agents from the configured
// registry: with npm, and on a machine that has neither npm nor node.
func TestInstallRealAgents(t *testing.T) {
	if testing.Short() {
		t.Skip("installs real agents, which takes a while")
	}
	npm := optional.Tool(t, "npm")
	registry, err := exec.CommandContext(t.Context(), npm, "config", "get", "registry").Output()
	if err != nil {
		t.Fatal(err)
	}
	// The race detector would unpack for minutes.
	program := filepath.Join(t.TempDir(), "towline")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("cannot build the program: %v\n%s", err, out)
	}
	for _, c := range []struct {
		agent string
		npm   bool
	}{{"codex", true}, {"codex", false}, {"opencode", false}} {
		name := c.agent + " without npm"
		if c.npm {
			name = c.agent + " with npm"
		}
		t.Run(name, func(t *testing.T) {
			if !c.npm {
				t.Setenv("PATH", t.TempDir())
				t.Setenv("NPM_CONFIG_REGISTRY", strings.TrimSpace(string(registry)))
			}
			installReal(t, program, c.agent)
		})
	}
}

// installReal installs an agent on a new server, and runs it.
func installReal(t *testing.T, program, agent string) {
	t.Helper()
	dir := folderOf(t, program)
	startServe(t, dir, "127.0.0.1:0")
	install := exec.CommandContext(t.Context(), filepath.Join(dir, "bin", "towline"), "--state-dir", ".state", "agents", "install", agent)
	install.Dir = dir
	var progress strings.Builder
	install.Stderr = &progress
	out, err := install.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	fields := strings.Fields(string(out))
	if len(fields) < 2 || fields[0] != agent || fields[1] != "ready" {
		t.Fatalf("it printed %q", out)
	}
	for _, phase := range []string{"resolve", "verify", "unpack", "done"} {
		if !strings.Contains(progress.String(), phase) {
			t.Errorf("the progress lacks %q:\n%s", phase, progress.String())
		}
	}
	path := fields[len(fields)-1]
	version := exec.CommandContext(t.Context(), path, "--version")
	version.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}
	if got, err := version.CombinedOutput(); err != nil || !strings.Contains(string(got), fields[2]) {
		t.Errorf("%s --version says %q, %v; want %s", path, got, err, fields[2])
	}
}

// Package installed brings the agents' real command line programs to tests,
// installed once into a cache folder.
package installed

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/towline-dev/towline/agents/agenttest/optional"
	"github.com/towline-dev/towline/agents/install"
)

// installTime is how long a test waits for an installation.
const installTime = 5 * time.Minute

// Claude returns the path of the pinned Claude Code CLI. It lies in a cache
// folder that all packages' tests share, and is installed by the first that
// asks: 175 MB, which take 10 to 20 s. Without npm the test is skipped, and
// fails where CI=true.
func Claude(t testing.TB) string {
	t.Helper()
	return Agent(t, install.Claude(Dir(t)))
}

// OpenCode returns the path of the pinned OpenCode CLI, as Claude does: 60 MB,
// 185 MB unpacked.
func OpenCode(t testing.TB) string {
	t.Helper()
	return Agent(t, install.OpenCode(Dir(t)))
}

// Codex returns the path of the pinned Codex CLI, as Claude does.
func Codex(t testing.TB) string {
	t.Helper()
	return Agent(t, install.Codex(Dir(t)))
}

// Dir is the agents folder that tests install real agents into:
// towline/agents in XDG_CACHE_HOME, or in .cache of the user's home.
func Dir(t testing.TB) string {
	t.Helper()
	cache := os.Getenv("XDG_CACHE_HOME")
	if cache == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			t.Fatalf("cannot find the cache folder: %v", err)
		}
		cache = filepath.Join(home, ".cache")
	}
	return filepath.Join(cache, "towline", "agents")
}

// Agent returns the path of an agent's executable after installing it where
// needed, or ends the test as Claude does. With -short, which is for the
// edit-test loop, tests with real agents are left out.
func Agent(t testing.TB, i *install.Program) string {
	t.Helper()
	if testing.Short() {
		t.Skip("the real " + i.Agent + " is left out with -short")
	}
	if path, ok := i.Installed(); ok {
		return path
	}
	optional.Tool(t, "npm")
	ctx, cancel := context.WithTimeout(t.Context(), installTime)
	defer cancel()
	if err := i.Install(ctx, nil); err != nil {
		optional.Missing(t, "the real "+i.Agent+" cannot be installed: "+err.Error())
	}
	path, ok := i.Installed()
	if !ok {
		t.Fatalf("%s was installed but is not found", i.Agent)
	}
	return path
}

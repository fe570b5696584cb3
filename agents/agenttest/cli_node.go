package agenttest

import (
	"os/exec"
	"testing"

	"github.com/towline-dev/towline/agents"
)

// AmpCLI returns the path of the pinned Amp CLI, as Claude does: 12 MB, of
// Node 20.
func AmpCLI(t testing.TB) string {
	t.Helper()
	requireNode(t)
	return Installed(t, agents.AmpInstallation(CacheDir(t)))
}

// PiCLI returns the path of the pinned Pi, as Claude does: 195 MB unpacked, of
// Node 20.
func PiCLI(t testing.TB) string {
	t.Helper()
	requireNode(t)
	return Installed(t, agents.PiInstallation(CacheDir(t)))
}

// requireNode ends the test if there is no Node.
func requireNode(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		Missing(t, "node is not on PATH, so agents for Node cannot run")
	}
}

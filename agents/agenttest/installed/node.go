package installed

import (
	"os/exec"
	"testing"

	"github.com/towline-dev/towline/agents"
)

// Amp returns the path of the pinned Amp CLI, as Claude does: 12 MB, of
// Node 20.
func Amp(t testing.TB) string {
	t.Helper()
	requireNode(t)
	return Agent(t, agents.AmpInstallation(Dir(t)))
}

// Pi returns the path of the pinned Pi, as Claude does: 195 MB unpacked, of
// Node 20.
func Pi(t testing.TB) string {
	t.Helper()
	requireNode(t)
	return Agent(t, agents.PiInstallation(Dir(t)))
}

// requireNode ends the test if there is no Node.
func requireNode(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		Missing(t, "node is not on PATH, so agents for Node cannot run")
	}
}

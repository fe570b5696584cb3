package installed

import (
	"testing"

	"github.com/towline-dev/towline/agents/agenttest/optional"
	"github.com/towline-dev/towline/agents/install"
)

// Amp returns the path of the pinned Amp CLI, as Claude does: 12 MB, of
// Node 20.
func Amp(t testing.TB) string {
	t.Helper()
	optional.Tool(t, "node")
	return Agent(t, install.Amp(Dir(t)))
}

// Pi returns the path of the pinned Pi, as Claude does: 195 MB unpacked, of
// Node 20.
func Pi(t testing.TB) string {
	t.Helper()
	optional.Tool(t, "node")
	return Agent(t, install.Pi(Dir(t)))
}

package installed

import (
	"runtime"
	"testing"

	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/agenttest/optional"
	"github.com/towline-dev/towline/agents/install"
)

// CodexACP returns the path of the pinned ACP adapter of Codex, as Claude does.
// Towline itself does not install it.
func CodexACP(t testing.TB) string {
	t.Helper()
	return Package(t, "codex-acp", agenttest.CodexACPVersion, install.Package{
		Name: "@zed-industries/codex-acp-linux-x64", File: "bin/codex-acp",
		Integrity: "sha512-xs5zZBLpJuciEbZNx6ZSNL0qCa9h3i/zWpj40sp6QtF+L4Ow/7qzHdBzboGhHdcz1jrLedfZeRFDA2Elj8TLMA==",
	})
}

// Copilot returns the path of the pinned GitHub Copilot CLI, as CodexACP does.
func Copilot(t testing.TB) string {
	t.Helper()
	return Package(t, "copilot", agenttest.CopilotVersion, install.Package{
		Name: "@github/copilot-linux-x64", File: "copilot",
		Integrity: "sha512-eGHPbsP0p2QgfVZCjtbGBFZPBOJQ0DN7xIbBRAo7oG8b1zfLirQIdfI4h8Iy68Dv2cKJGJZg2/EO7W7KpIMJOw==",
	})
}

// Package returns the path of an agent that is tested and not installed on
// demand: its package for Linux on x64, or its one package without those that
// it depends on.
func Package(t testing.TB, agent, version string, p install.Package) string {
	t.Helper()
	if runtime.GOOS+runtime.GOARCH != "linuxamd64" {
		optional.Missing(t, "the package of "+agent+" is pinned for Linux on x64 alone")
	}
	return Agent(t, &install.Program{
		Agent: agent, Version: version, Dir: Dir(t), Platforms: map[string]install.Package{"linux-x64": p, "linux-x64-musl": p},
	})
}

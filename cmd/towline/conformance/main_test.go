package conformance_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/towline-dev/towline/agents/amp"
	"github.com/towline-dev/towline/cmd/towline/conformance"
	"github.com/towline-dev/towline/testdata/leak"
)

// TestMain is an MCP server when an agent starts this program as one, and
// Amp's delegate when Amp does: this program is the server's executable here.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == amp.DelegateName {
		os.Exit(amp.Delegate(os.Environ(), os.Stdin, os.Stderr))
	}
	if os.Getenv(conformance.MCPVariable) != "" {
		conformance.ServeMCP(os.Stdin, os.Stdout)
		return
	}
	leak.Main(m)
}

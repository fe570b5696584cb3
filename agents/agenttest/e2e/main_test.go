package e2e_test

import (
	"os"
	"testing"

	"github.com/towline-dev/towline/testdata/leak"
)

// TestMain is an MCP server when an agent starts this program as one.
func TestMain(m *testing.M) {
	if os.Getenv(mcpVariable) != "" {
		serveMCP(os.Stdin, os.Stdout)
		return
	}
	leak.Main(m)
}

// Towline runs coding agents for clients elsewhere: `towline serve` is the
// server, the other commands are clients of it.
package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/towline-dev/towline/agents/amp"
	"github.com/towline-dev/towline/cmd/towline/conformance"
)

func main() { os.Exit(runMain()) }

// runMain runs the command line and returns the exit code.
func runMain() int {
	if os.Getenv(conformance.MCPVariable) != "" {
		// An agent that the doctor drives was told to use this program as its
		// MCP server. People never set the variable.
		conformance.ServeMCP(os.Stdin, os.Stdout)
		return 0
	}
	args := os.Args[1:]
	if filepath.Base(os.Args[0]) == amp.DelegateName {
		args = []string{"delegate"} // Amp passes no arguments
	}
	return execute(context.Background(), &terminal{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.Environ(),
	}, args)
}

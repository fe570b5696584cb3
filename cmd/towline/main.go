// Towline runs coding agents for clients elsewhere: `towline serve` is the
// server, the other commands are clients of it.
package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/towline-dev/towline/agents/amp"
)

func main() { os.Exit(runMain()) }

// runMain runs the command line and returns the exit code.
func runMain() int {
	args := os.Args[1:]
	if filepath.Base(os.Args[0]) == amp.DelegateName {
		args = []string{"delegate"} // Amp passes no arguments
	}
	return execute(context.Background(), &terminal{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.Environ(),
	}, args)
}

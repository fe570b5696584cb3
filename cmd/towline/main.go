// Towline runs coding agents for clients elsewhere: `towline serve` is the
// server, the other commands are clients of it.
package main

import (
	"context"
	"os"
)

func main() { os.Exit(runMain()) }

// runMain runs the command line and returns the exit code.
func runMain() int {
	return execute(context.Background(), &terminal{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.Environ(),
	}, os.Args[1:])
}

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/towline-dev/towline/agents/amp"
	"github.com/towline-dev/towline/cmd/towline/conformance"
	"github.com/towline-dev/towline/testdata/leak"
)

// The race detector has a program wait for a second at its end, in case that
// something is still to be reported. This one is started a hundred times.
const (
	raceVariable = "GORACE"
	raceOptions  = "atexit_sleep_ms=10"
)

// TestMain is the binary itself when the scripts start it under its name, or
// an agent starts it for a session that the doctor made.
func TestMain(m *testing.M) {
	if name := filepath.Base(os.Args[0]); name == "towline" || name == amp.DelegateName || os.Getenv(conformance.MCPVariable) != "" {
		os.Exit(runMain())
	}
	if err := os.Setenv(raceVariable, raceOptions); err != nil {
		panic(err)
	}
	leak.Main(m)
}

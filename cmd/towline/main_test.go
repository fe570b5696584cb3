package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/towline-dev/towline/testdata/leak"
)

// TestMain is the binary itself when the scripts start it under its name.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "towline" {
		os.Exit(runMain())
	}
	leak.Main(m)
}

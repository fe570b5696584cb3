package amp

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/towline-dev/towline/testdata/leak"
)

// TestMain runs the tests, or plays the CLI or its delegate: tests start this
// binary in their place.
func TestMain(m *testing.M) {
	switch {
	case filepath.Base(os.Args[0]) == DelegateName:
		os.Exit(Delegate(os.Environ(), os.Stdin, os.Stderr))
	case slices.Contains(os.Args, "--version"):
		fmt.Println("0.0.1777266064-g47b6f7 (released 2026-04-27)")
	case slices.Contains(os.Args, "--stream-json"):
		os.Exit(fakeAmp(os.Args[1:]))
	default:
		leak.Main(m)
	}
}

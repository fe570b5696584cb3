package opencode

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/towline-dev/towline/testdata/leak"
)

// TestMain runs the tests, or plays the server: tests start this binary in its
// place.
func TestMain(m *testing.M) {
	switch {
	case slices.Contains(os.Args, "--version"):
		fmt.Println("1.18.33")
	case slices.Contains(os.Args, "serve"):
		os.Exit(standIn())
	default:
		leak.Main(m)
	}
}

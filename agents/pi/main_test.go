package pi

import (
	"os"
	"slices"
	"testing"

	"github.com/towline-dev/towline/testdata/leak"
)

// TestMain runs the tests, or plays Pi: tests start this binary in its place.
func TestMain(m *testing.M) {
	if slices.Contains(os.Args, "--mode") || slices.Contains(os.Args, "--version") {
		os.Exit(fakePi(os.Args[1:]))
	}
	leak.Main(m)
}

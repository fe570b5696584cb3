// Package leak fails a package's tests when they leave goroutines behind.
package leak

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// grace is how long goroutines that are on their way out may take.
const grace = 3 * time.Second

// Main runs the tests and exits. If they pass but goroutines are left after a
// grace of 3 s, it prints their stacks and exits 1. Use it as the body of
// TestMain.
func Main(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if left := await(grace); left != "" {
			fmt.Fprintf(os.Stderr, "goroutines left behind by the tests:\n\n%s\n", left)
			code = 1
		}
	}
	os.Exit(code)
}

// await polls until no goroutine of ours is left, or the time is over.
func await(limit time.Duration) string {
	deadline := time.Now().Add(limit)
	for {
		left := strangers()
		if left == "" || time.Now().After(deadline) {
			return left
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// strangers returns the stacks of all goroutines but those of the runtime and
// of the testing package.
func strangers() string {
	buf := make([]byte, 4<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var left []string
	for g := range strings.SplitSeq(string(buf), "\n\n") {
		if !expected(g) {
			left = append(left, g)
		}
	}
	return strings.Join(left, "\n\n")
}

// expected tells whether a stack belongs to the test runner itself.
func expected(stack string) bool {
	for _, s := range []string{
		"testing.Main(", "testing.(*M).", "testing.(*T).Run(", "testing.tRunner(", "testing.runFuzz",
		"testing.runTests", "runtime.goexit0", "os/signal.signal_recv", "os/signal.loop", "runtime/trace.Start",
		"testdata/leak.Main(", "testing/internal/testdeps", "internal/fuzz.",
	} {
		if strings.Contains(stack, s) {
			return true
		}
	}
	return strings.TrimSpace(stack) == ""
}

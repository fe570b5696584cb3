// Package optional says what becomes of a test that lacks something which not
// every machine has: a tool, a privilege, an operating system's feature. It
// imports nothing of the project, so that tests of every package can use it.
package optional

import (
	"os"
	"os/exec"
	"testing"
)

// Missing skips a test for want of something, in one clear line; where CI=true
// nothing is optional and the test fails.
func Missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	} else {
		t.Skip(why)
	}
}

// Tool returns the path of a tool, or ends the test as Missing does if it is
// not on PATH.
func Tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(t, name+" is not on PATH, which this test needs")
	}
	return path
}

// Root ends a test as Missing does unless it runs as root: only root can run
// processes as another user.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		Missing(t, "only root can run processes as another user")
	}
}

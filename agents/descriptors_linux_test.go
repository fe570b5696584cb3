package agents

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// inheritable takes away the mark that closes a descriptor in children, as it
// would be on one that the server got from its own parent.
func inheritable(t *testing.T, f *os.File) {
	t.Helper()
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETFD, 0); err != nil {
		t.Fatal(err)
	}
}

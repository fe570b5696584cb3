// Package otheruser brings another user of the operating system to tests of
// agents that run as one. Only root can: elsewhere a test ends as
// optional.Root says.
package otheruser

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest/optional"
	"github.com/towline-dev/towline/protocol"
)

// Place is where the user nobody can work.
type Place struct {
	User *agents.User
	// Dir belongs to the user and is closed to others.
	Dir string
	// Bin holds executables; everyone can run them.
	Bin string
}

// NewPlace makes a place, which is removed with the test. Without root, the
// test is skipped.
func NewPlace(t testing.TB) Place {
	t.Helper()
	optional.Root(t)
	u, err := agents.LookupUser("nobody")
	ok(t, err)
	root, err := os.MkdirTemp("", "towline-user-") //nolint:usetesting // t.TempDir lies in a folder that is closed to others
	ok(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	ok(t, os.Chmod(root, 0o755))
	p := Place{User: u, Dir: filepath.Join(root, "work"), Bin: filepath.Join(root, "bin")}
	ok(t, os.Mkdir(p.Dir, 0o700))
	p.Own(t, p.Dir)
	ok(t, os.Mkdir(p.Bin, 0o755))
	return p
}

// Own makes a file or folder the user's.
func (p Place) Own(t testing.TB, path string) {
	t.Helper()
	c := p.User.Credential()
	ok(t, os.Chown(path, int(c.Uid), int(c.Gid)))
}

// WantOwned checks that a file is the user's.
func (p Place) WantOwned(t testing.TB, info fs.FileInfo) {
	t.Helper()
	if owner, ok := info.Sys().(*syscall.Stat_t); !ok || owner.Uid != p.User.Credential().Uid {
		t.Errorf("%s is not the user's", info.Name())
	}
}

// Install puts a copy of an executable into Bin and returns its path.
func (p Place) Install(t testing.TB, executable, name string) string {
	t.Helper()
	b, err := os.ReadFile(executable)
	ok(t, err)
	path := filepath.Join(p.Bin, name)
	ok(t, os.WriteFile(path, b, 0o755))
	return path
}

// Self puts a copy of the running test binary into Bin and returns its path.
func (p Place) Self(t testing.TB, name string) string {
	t.Helper()
	self, err := os.Executable()
	ok(t, err)
	return p.Install(t, self, name)
}

// Refuses checks that what the user may not enter or run is told in one
// sentence. open opens a session with that executable in that folder; own is an
// executable that the user may run.
func (p Place) Refuses(t *testing.T, own string, open func(executable, dir string) error) {
	t.Helper()
	closed := filepath.Join(t.TempDir(), "closed")
	ok(t, os.Mkdir(closed, 0o700))
	private := filepath.Join(closed, "agent")
	ok(t, os.WriteFile(private, []byte("#!/bin/sh\n"), 0o700))
	for name, c := range map[string]struct {
		executable, dir, says string
		code                  protocol.Code
	}{
		"folder":     {own, closed, "may not enter", protocol.CodeInvalidRequest},
		"executable": {private, p.Dir, "may not read and run", protocol.CodeAgentStartFailed},
	} {
		t.Run(name, func(t *testing.T) {
			if err := open(c.executable, c.dir); protocol.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

package agents

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/towline-dev/towline/protocol"
)

// User is the user of the operating system that agents run as. It is the wall
// between the agents and the server: another user can read neither the server's
// memory nor its state folder. A nil *User is the server's own user; all
// methods work on it. It does not change once it is made.
type User struct {
	name     string
	home     string
	uid, gid uint32
}

// LookupUser returns the user of that name. Only a server that is root can run
// agents as another user than its own; the error says so in one sentence.
func LookupUser(name string) (*User, error) {
	found, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("there is no user %q on this machine; make it first, or name another", name)
	}
	uid, err := strconv.ParseUint(found.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("cannot read the id of user %s: %w", name, err)
	}
	gid, err := strconv.ParseUint(found.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("cannot read the group of user %s: %w", name, err)
	}
	if os.Geteuid() != 0 && uint64(os.Geteuid()) != uid {
		return nil, fmt.Errorf("only a server that is root can run agents as the user %s; start it as root, or as that user without naming one", name)
	}
	return &User{name: name, home: found.HomeDir, uid: uint32(uid), gid: uint32(gid)}, nil
}

// Name returns the user's name; empty for the server's own.
func (u *User) Name() string {
	if u == nil {
		return ""
	}
	return u.name
}

// Home returns the user's home folder; empty for the server's own user.
func (u *User) Home() string {
	if u == nil {
		return ""
	}
	return u.home
}

// IsRoot tells whether agents run as root.
func (u *User) IsRoot() bool {
	if u == nil {
		return os.Geteuid() == 0
	}
	return u.uid == 0
}

// Credential is what ProcessOptions wants: the user and its own group. The
// server's supplementary groups are dropped. It is nil where nothing changes.
func (u *User) Credential() *syscall.Credential {
	if u == nil || os.Geteuid() != 0 {
		return nil
	}
	return &syscall.Credential{Uid: u.uid, Gid: u.gid}
}

// Environ returns the server's environment as the user's: with its home and
// names, and without what names folders of the server's user. Config folders of
// agents are then those in the user's home.
func (u *User) Environ(server []string) []string {
	if u == nil {
		return server
	}
	own := filepath.Clean(lookupVariable(server, "HOME"))
	env := make([]string, 0, len(server)+3)
	for _, entry := range server {
		name, value, _ := strings.Cut(entry, "=")
		switch {
		case name == "HOME", name == "USER", name == "LOGNAME", name == "SHELL", strings.HasPrefix(name, "XDG_"):
		case name != "PATH" && own != "/" && own != "." && isBelow(filepath.Clean(value), own):
		default:
			env = append(env, entry)
		}
	}
	return append(env, "HOME="+u.home, "USER="+u.name, "LOGNAME="+u.name)
}

// lookupVariable returns the value of a variable in a list of name=value.
func lookupVariable(environ []string, name string) string {
	for _, entry := range environ {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

// isBelow tells whether a path is a folder or lies in it.
func isBelow(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}

// CheckDirectory refuses a session's folder that the user cannot list and
// enter. The error is a *protocol.Error invalid_request that names what is
// closed.
func (u *User) CheckDirectory(dir string) error {
	if closed := u.closed(dir, 0o5); closed != "" {
		return protocol.Errorf(protocol.CodeInvalidRequest,
			"agents run as the user %s, who may not enter %q; give that user access, or send another directory", u.name, closed)
	}
	return nil
}

// CheckExecutable refuses an agent's executable that the user cannot run. The
// error is a *protocol.Error agent_start_failed that names what is closed.
func (u *User) CheckExecutable(path string) error {
	if closed := u.closed(path, 0o5); closed != "" {
		return protocol.Errorf(protocol.CodeAgentStartFailed,
			"agents run as the user %s, who may not read and run %q; install the agent where that user can reach it (serve --agents-dir)", u.name, closed)
	}
	return nil
}

// closed returns the first part of a path that keeps the user from what is
// wanted at its end: a folder that it may not pass, or the end itself. Empty
// means that nothing does. What has an access list is believed to be open: the
// kernel has the last word when the process starts.
func (u *User) closed(path string, want fs.FileMode) string {
	if u == nil || u.uid == 0 {
		return ""
	}
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return path
	}
	for at := "/"; ; {
		if at == target {
			if !u.may(at, want) {
				return at
			}
			return ""
		}
		if !u.may(at, 0o1) {
			return at
		}
		next, _, _ := strings.Cut(strings.TrimPrefix(target[len(at):], "/"), "/")
		at = filepath.Join(at, next)
	}
}

// may tells whether the user has these rights (r 4, w 2, x 1) on one file or
// folder.
func (u *User) may(path string, want fs.FileMode) bool {
	info, err := os.Stat(path)
	if err != nil {
		return false
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return true
	}
	mode := info.Mode().Perm()
	switch {
	case owner.Uid == u.uid:
		mode >>= 6
	case owner.Gid == u.gid:
		mode >>= 3
	}
	return mode&want == want || hasAccessList(path)
}

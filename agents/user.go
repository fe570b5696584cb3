package agents

import (
	"errors"
	"fmt"
	"io"
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
	own := filepath.Clean(Variable(server, "HOME"))
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

// give sets the mode of a file or folder of the server's, and gives the user's
// group the rights that the mode gives the owner, so that the user may use it
// and cannot change its mode.
func (u *User) give(path string, mode fs.FileMode) error {
	if u.Credential() != nil {
		if err := os.Chown(path, -1, int(u.gid)); err != nil {
			return fmt.Errorf("cannot give the agent's user a file: %w", err)
		}
		mode |= mode >> 3 & 0o070
		if info, err := os.Lstat(path); err == nil && info.IsDir() {
			mode &^= 0o020 // what is in it stays as it is
		}
	}
	if err := os.Chmod(path, mode); err != nil {
		return fmt.Errorf("cannot give the agent's user a file: %w", err)
	}
	return nil
}

// maxOwnFile bounds a file that ReadFile reads for another user, in bytes.
const maxOwnFile = 16 << 20

// ReadFile reads a file of the user's. For another user than the server's own
// it must belong to that user and be no link, so that the server reads nothing
// in its name that it could not read itself; else the error is
// fs.ErrPermission.
func (u *User) ReadFile(path string) ([]byte, error) {
	if u.Credential() == nil {
		return os.ReadFile(path)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) {
		return nil, fs.ErrPermission
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || !ownedBy(info, int(u.uid)) || info.Size() > maxOwnFile {
		return nil, fs.ErrPermission
	}
	return io.ReadAll(io.LimitReader(f, maxOwnFile))
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

package agents

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/towline-dev/towline/protocol"
)

const (
	// handoutPrefix begins the names of all handouts.
	handoutPrefix = "towline-handout-"
	// handoutRoom is how much longer than its parent the path of a file in a
	// handout may be: the folder with its number, and the file.
	handoutRoom = len("/"+handoutPrefix) + len("agent-1234567890") + len("/socket-name")
	// maxSocketPath is the longest path of a socket on all systems, in bytes:
	// Linux has room for 108 with the zero at the end, others for 104.
	maxSocketPath = 103
	// handoutTries is how often a sweeping server may take a folder for dead
	// that is not locked yet.
	handoutTries = 10
)

// Handout is a folder of files that the processes of one session are given
// beside their command line: settings, an extension, a socket. The agent's user
// can use them and change none: the folder is the server's, and that user's
// group is let in. It lies among the temporary files, since other users cannot
// enter the state folder. Remove removes it; if the server dies first,
// SweepHandouts of the next one does. Not safe for concurrent use.
type Handout struct {
	// Dir is the folder's absolute path. The path of a file in it whose name
	// has at most 11 bytes is short enough for a socket.
	Dir  string
	user *User
	// lock is the open folder: its lock tells that the server lives.
	lock *os.File
}

// NewHandout makes a handout for processes of that user (nil: the server's
// own). agent is a word of at most 5 bytes for the folder's name. The error is
// a *protocol.Error agent_start_failed.
func NewHandout(u *User, agent string) (*Handout, error) {
	parent := ""
	for _, dir := range handoutParents() {
		if len(dir)+handoutRoom <= maxSocketPath && u.closed(dir, 0o1) == "" {
			parent = dir
			break
		}
	}
	if parent == "" {
		return nil, protocol.Errorf(protocol.CodeAgentStartFailed,
			"no folder for temporary files is open to the agent's user and has a short path; set TMPDIR of the server to one that is")
	}
	for range handoutTries {
		h, err := newHandout(parent, agent, u)
		if err == nil {
			return h, nil
		}
		if !errors.Is(err, errSwept) {
			return nil, protocol.Errorf(protocol.CodeAgentStartFailed,
				"the files that the agent needs could not be written to %s; look whether it is full or read-only", parent)
		}
	}
	return nil, protocol.Errorf(protocol.CodeAgentStartFailed, "other servers clear %s away all the time; try again", parent)
}

// handoutParents are the folders where handouts may lie, the best first.
func handoutParents() []string {
	own := filepath.Clean(os.TempDir())
	if own == "/tmp" {
		return []string{own}
	}
	return []string{own, "/tmp"}
}

// errSwept tells that another server took a new folder for a dead one's.
var errSwept = errors.New("swept away")

// newHandout makes the folder, locks it and opens it to the user.
func newHandout(parent, agent string, u *User) (_ *Handout, err error) {
	dir, err := os.MkdirTemp(parent, handoutPrefix+agent+"-") // made 0700
	if err != nil {
		return nil, fmt.Errorf("cannot make a folder: %w", err)
	}
	h := &Handout{Dir: dir, user: u}
	defer func() {
		if err != nil {
			h.Remove()
		}
	}()
	if h.lock, err = lockFolder(dir); err != nil {
		return nil, err
	}
	return h, u.give(dir, 0o700)
}

// lockFolder opens and locks a folder that is there still. It returns errSwept
// if another process was first.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, errSwept
	}
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
		opened, err := f.Stat()
		if named, errNow := os.Lstat(dir); err == nil && errNow == nil && os.SameFile(opened, named) {
			return f, nil
		}
	}
	_ = f.Close()
	return nil, errSwept
}

// Path is the path of a file in the folder.
func (h *Handout) Path(name string) string { return filepath.Join(h.Dir, name) }

// Write makes a file that the agent's user can read.
func (h *Handout) Write(name string, content []byte) error {
	if err := os.WriteFile(h.Path(name), content, 0o600); err != nil {
		return fmt.Errorf("cannot write a file for the agent: %w", err)
	}
	return h.user.give(h.Path(name), 0o400)
}

// ShareSocket lets the agent's user, and nobody else, connect to a socket in
// the folder.
func (h *Handout) ShareSocket(name string) error { return h.user.give(h.Path(name), 0o600) }

// Remove removes the folder with all that is in it.
func (h *Handout) Remove() {
	_ = os.RemoveAll(h.Dir)
	if h.lock != nil {
		_ = h.lock.Close()
	}
}

// SweepHandouts removes the handouts of servers that died, and returns how
// many. Those of other users, and those of servers that live, are left alone;
// it may run at any time.
func SweepHandouts() int {
	swept := 0
	for _, parent := range handoutParents() {
		entries, _ := os.ReadDir(parent)
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), handoutPrefix) && removeDead(filepath.Join(parent, e.Name())) {
				swept++
			}
		}
	}
	return swept
}

// removeDead removes a handout of ours whose lock nobody holds.
func removeDead(dir string) bool {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() || !ownedBy(info, os.Geteuid()) {
		return false
	}
	lock, err := lockFolder(dir)
	if err != nil {
		return false
	}
	defer func() { _ = lock.Close() }()
	return os.RemoveAll(dir) == nil
}

// ownedBy tells whether a file belongs to a user.
func ownedBy(info fs.FileInfo, uid int) bool {
	owner, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(owner.Uid) == uid
}

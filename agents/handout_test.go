package agents

import (
	"bufio"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/towline-dev/towline/protocol"
)

// newTestHandout makes a handout that is removed with the test.
func newTestHandout(t *testing.T, u *User) *Handout {
	t.Helper()
	h, err := NewHandout(u, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Remove)
	return h
}

// wantMode checks the mode of a file.
func wantMode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
		t.Errorf("%s has mode %v (%v), want %v", path, info.Mode(), err, want)
	}
}

// Without another user, a handout is the server's user's alone.
func TestHandoutIsPrivate(t *testing.T) {
	h := newTestHandout(t, nil)
	if err := h.Write("settings", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	wantMode(t, h.Dir, 0o700)
	wantMode(t, h.Path("settings"), 0o400)
	h.Remove()
	if _, err := os.Stat(h.Dir); err == nil {
		t.Error("the folder is still there")
	}
	h.Remove() // again does no harm
}

// another user can read its handout and connect to the socket in it, and
// change nothing of it.
func TestA08_HandoutOfAnotherUser(t *testing.T) {
	u := nobody(t)
	h := newTestHandout(t, u)
	if err := h.Write("settings", []byte("hello\n")); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", h.Path("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	if err := h.ShareSocket("socket"); err != nil {
		t.Fatal(err)
	}
	wantMode(t, h.Dir, 0o750)
	wantMode(t, h.Path("settings"), 0o440)
	wantMode(t, h.Path("socket"), 0o660)
	got := asNobody(t, "cd "+h.Dir+" && cat settings; [ -w socket ] && echo may connect; "+
		"echo bad 2>/dev/null >settings || echo kept; rm -f settings socket 2>/dev/null || echo stays; touch new 2>/dev/null || echo closed; chmod 777 . 2>/dev/null || echo fixed")
	if got != "hello\nmay connect\nkept\nstays\nclosed\nfixed\n" {
		t.Errorf("the user says %q", got)
	}
}

// A socket's path has room for 108 bytes; where the folder for temporary files
// is deeper, the handout lies in /tmp.
func TestHandoutPathFitsASocket(t *testing.T) {
	deep := filepath.Join(t.TempDir(), strings.Repeat("deep", 20))
	if err := os.Mkdir(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", deep)
	h := newTestHandout(t, nil)
	if len(h.Path("socket-name")) > maxSocketPath || filepath.Dir(h.Dir) != "/tmp" {
		t.Errorf("the handout is %s", h.Dir)
	}
	listener, err := net.Listen("unix", h.Path("socket-name"))
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	short := "/tmp/" + strings.Repeat("x", maxSocketPath-handoutRoom-len("/tmp/"))
	if err := os.Mkdir(short, 0o700); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(short) }()
	t.Setenv("TMPDIR", short)
	h = newTestHandout(t, nil)
	if filepath.Dir(h.Dir) != short {
		t.Errorf("the handout is %s, which is not in %s", h.Dir, short)
	}
	if listener, err = net.Listen("unix", h.Path("socket-name")); err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
}

// A folder for temporary files that is closed to the user is passed over.
func TestHandoutWhereTheUserMayGo(t *testing.T) {
	u := nobody(t)
	closed := filepath.Join(openFolder(t), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", closed)
	if h := newTestHandout(t, u); filepath.Dir(h.Dir) != "/tmp" {
		t.Errorf("the handout is %s", h.Dir)
	}
}

func TestHandoutCannotBeMade(t *testing.T) {
	t.Setenv("TMPDIR", "/proc/self")
	if _, err := NewHandout(nil, "test"); protocol.CodeOf(err) != protocol.CodeAgentStartFailed || !strings.Contains(err.Error(), "/proc/self") {
		t.Errorf("got %v", err)
	}
}

// variableHolder makes the test binary a server that holds a handout.
const variableHolder = "TOWLINE_TEST_HANDOUT"

// TestHandoutHolder is no test: TestHandoutsOfDeadServersAreSwept runs it in
// another process.
func TestHandoutHolder(t *testing.T) {
	if os.Getenv(variableHolder) == "" {
		return
	}
	h, err := NewHandout(nil, "test")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Write("secret", []byte("x")); err != nil {
		t.Fatal(err)
	}
	_, _ = os.Stdout.WriteString("dir " + h.Dir + "\n")
	_, _ = io.Copy(io.Discard, os.Stdin) // until it is killed
}

// What a killed server left is removed by the next one; what a living one has,
// and what is not of a server, stays.
func TestHandoutsOfDeadServersAreSwept(t *testing.T) {
	t.Setenv("TMPDIR", openFolder(t))
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestHandoutHolder$")
	cmd.Env = append(os.Environ(), variableHolder+"=1")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stdin.Close() }()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	dir, ok := strings.CutPrefix(strings.TrimSpace(line), "dir ")
	if err != nil || !ok {
		t.Fatalf("the holder says %q (%v)", line, err)
	}
	ours := newTestHandout(t, nil)
	foreign := filepath.Join(os.TempDir(), "towline-handouts")
	if err := os.Mkdir(foreign, 0o700); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(os.TempDir(), handoutPrefix+"link")
	if err := os.Symlink(foreign, link); err != nil {
		t.Fatal(err)
	}
	if n := sweptIn(t, dir, ours.Dir, foreign, link); n != 0 {
		t.Errorf("%d handouts were swept while their servers live", n)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	SweepHandouts()
	if _, err := os.Stat(dir); err == nil {
		t.Error("the dead server's handout is still there")
	}
	if n := sweptIn(t, ours.Dir, foreign, link); n != 0 {
		t.Errorf("%d others were swept", n)
	}
}

// sweptIn sweeps and counts the paths that are gone.
func sweptIn(t *testing.T, paths ...string) int {
	t.Helper()
	SweepHandouts()
	gone := 0
	for _, path := range paths {
		if _, err := os.Lstat(path); err != nil {
			gone++
		}
	}
	return gone
}

// A server that is root reads in a user's name only what is that user's.
func TestA08_FilesOfTheUserAlone(t *testing.T) {
	u := nobody(t)
	dir := openFolder(t)
	secret, own, link := filepath.Join(dir, "secret"), filepath.Join(dir, "own"), filepath.Join(dir, "link")
	for _, path := range []string{secret, own} {
		if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(own, int(u.uid), int(u.gid)); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, link); err != nil {
		t.Fatal(err)
	}
	var root *User
	for _, c := range []struct {
		user   *User
		path   string
		denied bool
	}{{u, own, false}, {u, secret, true}, {u, link, true}, {u, dir, true}, {root, secret, false}, {root, link, false}} {
		b, err := c.user.ReadFile(c.path)
		if (err != nil) != c.denied || err == nil && string(b) != "text" {
			t.Errorf("%s as %q: %q, %v", filepath.Base(c.path), c.user.Name(), b, err)
		}
	}
	if _, err := u.ReadFile(filepath.Join(dir, "none")); !os.IsNotExist(err) {
		t.Errorf("a file that is not there: %v", err)
	}
}

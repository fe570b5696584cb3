package agents

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/towline-dev/towline/agents/agenttest/optional"
	"github.com/towline-dev/towline/protocol"
)

// nobody returns another user than the test's. Only root may run processes as
// one.
func nobody(t *testing.T) *User {
	t.Helper()
	optional.Root(t)
	u, err := LookupUser("nobody")
	if err != nil {
		optional.Missing(t, "there is no user nobody here")
	}
	return u
}

// openFolder returns a folder that everyone may enter.
func openFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "towline-user-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// asNobody runs a script as nobody and returns what it prints.
func asNobody(t *testing.T, script string) string {
	t.Helper()
	u := nobody(t)
	p, err := StartProcess(ProcessOptions{
		Path: "/bin/sh", Args: []string{"-c", script}, Dir: openFolder(t), Credential: u.Credential(),
		Env: Environment{}.Build(u.Environ([]string{"PATH=/usr/bin:/bin", "HOME=/root"})),
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = p.stdin.Close()
	out, err := io.ReadAll(p.stdout)
	p.stdout.close()
	exit := p.Wait()
	<-p.Gone()
	if err != nil || exit.Code == nil {
		t.Fatalf("%v, %s", err, exit)
	}
	return string(out)
}

// the agent is another user, without the server's groups, and can read
// neither the server's environment nor its memory nor its descriptors.
func TestA08_AgentAsAnotherUser(t *testing.T) {
	u := nobody(t)
	got := asNobody(t, `id -u; id -g; id -G; echo "$HOME $USER $LOGNAME"`)
	id, group := strconv.Itoa(int(u.uid)), strconv.Itoa(int(u.gid))
	want := id + "\n" + group + "\n" + group + "\n" + u.home + " nobody nobody\n"
	if got != want {
		t.Errorf("the process is\n%s, want\n%s", got, want)
	}
	if runtime.GOOS != "linux" {
		return
	}
	server := "/proc/" + strconv.Itoa(os.Getpid())
	got = asNobody(t, `for f in environ mem; do cat `+server+`/$f 2>/dev/null | head -c 1; done
		ls `+server+`/fd 2>/dev/null; ls /proc/self/fd | tr '\n' ' '; kill -0 `+strconv.Itoa(os.Getpid())+` 2>/dev/null && echo killable`)
	if got != "0 1 2 3 " { // 3 is what ls reads
		t.Errorf("the process saw %q of the server", got)
	}
}

func TestAgentUserCannotReachTheStateFolder(t *testing.T) {
	dir := openFolder(t)
	state := filepath.Join(dir, "state")
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(state, "token"), []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := asNobody(t, "cat "+state+"/token; ls "+state); got != "" {
		t.Errorf("the process read %q", got)
	}
}

// What is said to be closed is closed, and the other way round.
func TestAgentUserAccess(t *testing.T) {
	u := nobody(t)
	for _, tc := range []struct {
		name          string
		parent, mode  os.FileMode
		uid, gid      int
		closed, above bool
	}{
		{name: "open to all", parent: 0o755, mode: 0o755},
		{name: "closed to others", parent: 0o755, mode: 0o750, closed: true},
		{name: "no entry", parent: 0o755, mode: 0o754, closed: true},
		{name: "no list", parent: 0o755, mode: 0o751, closed: true},
		{name: "its own", parent: 0o755, mode: 0o700, uid: int(u.uid)},
		{name: "its own, closed", parent: 0o755, mode: 0o077, uid: int(u.uid), closed: true},
		{name: "its group's", parent: 0o755, mode: 0o750, gid: int(u.gid)},
		{name: "below a passage", parent: 0o711, mode: 0o755},
		{name: "below a closed one", parent: 0o700, mode: 0o755, closed: true, above: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			parent := filepath.Join(openFolder(t), "parent")
			dir := filepath.Join(parent, "dir")
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			for _, err := range []error{os.Chown(dir, tc.uid, tc.gid), os.Chmod(dir, tc.mode), os.Chmod(parent, tc.parent)} {
				if err != nil {
					t.Fatal(err)
				}
			}
			err := u.CheckDirectory(dir)
			if (err != nil) != tc.closed {
				t.Errorf("CheckDirectory: %v", err)
			}
			named := dir
			if tc.above {
				named = parent
			}
			if err != nil && (protocol.CodeOf(err) != protocol.CodeInvalidRequest || !strings.Contains(err.Error(), `"`+named+`"`)) {
				t.Errorf("CheckDirectory: %v, want it to name %s", err, named)
			}
			entered := asNobody(t, "cd "+dir+" 2>/dev/null && ls . >/dev/null 2>&1 && echo in")
			if (entered == "in\n") == tc.closed {
				t.Errorf("the user says %q", entered)
			}
		})
	}
}

func TestAgentUserExecutable(t *testing.T) {
	u := nobody(t)
	path := filepath.Join(openFolder(t), "agent")
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho $(id -u) $HOME; : > \"$HOME/written\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := u.Version(t.Context(), path)
	if protocol.CodeOf(err) != protocol.CodeAgentStartFailed || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("a private executable: %v", err)
	}
	if err := os.Chmod(path, 0o755); err != nil {
		t.Fatal(err)
	}
	got, err := u.Version(t.Context(), path)
	if err != nil || !strings.HasPrefix(got, strconv.Itoa(int(u.uid))+" ") {
		t.Errorf("version %q, %v; want it asked by nobody", got, err)
	}
	if own, err := Version(t.Context(), path); err != nil || !strings.HasPrefix(own, "0 ") {
		t.Errorf("version %q, %v; want it asked by root", own, err)
	}
}

func TestAgentUserIsStopped(t *testing.T) {
	u := nobody(t)
	p, err := StartProcess(ProcessOptions{
		Path: "/bin/sh", Args: []string{"-c", "trap '' TERM; echo ready; sleep 60 & wait; sleep 60"},
		Dir: openFolder(t), Credential: u.Credential(), Env: []string{"PATH=/usr/bin:/bin"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.stdout.close()
	if _, err := io.ReadFull(p.stdout, make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(StopOptions{TermAfter: time.Millisecond, KillAfter: 10 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	if exit := p.Wait(); exit.Signal != "SIGKILL" {
		t.Errorf("the process ended with %s", exit)
	}
}

func TestAgentUserEnviron(t *testing.T) {
	u := &User{name: "coder", home: "/home/coder", uid: 1000, gid: 1000}
	got := u.Environ([]string{
		"PATH=/root/bin:/usr/bin", "HOME=/root", "USER=root", "LOGNAME=root", "SHELL=/bin/zsh", "XDG_RUNTIME_DIR=/run/user/0",
		"CLAUDE_CONFIG_DIR=/root/.claude", "NODE_EXTRA_CA_CERTS=/etc/ca.pem", "TMPDIR=/root/tmp/../x", "ROOTED=/rooted", "LANG=C",
	})
	slices.Sort(got)
	want := "HOME=/home/coder LANG=C LOGNAME=coder NODE_EXTRA_CA_CERTS=/etc/ca.pem PATH=/root/bin:/usr/bin ROOTED=/rooted USER=coder"
	if strings.Join(got, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, " "), want)
	}
	var own *User
	if got := own.Environ([]string{"HOME=/root"}); len(got) != 1 || got[0] != "HOME=/root" {
		t.Errorf("the server's own user got %v", got)
	}
}

func TestLookupUser(t *testing.T) {
	if _, err := LookupUser("no-such-user"); err == nil || !strings.Contains(err.Error(), "there is no user") {
		t.Errorf("unknown user: %v", err)
	}
	if os.Geteuid() == 0 {
		return
	}
	if _, err := LookupUser("root"); err == nil || !strings.Contains(err.Error(), "only a server that is root") {
		t.Errorf("another user, not as root: %v", err)
	}
}

package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents/agenttest/optional"
	"github.com/towline-dev/towline/clientlib"
	"github.com/towline-dev/towline/protocol"
)

// publicAgent builds the scripted agent in a folder that every user may enter,
// and returns both.
func publicAgent(t *testing.T) (dir, agent string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "towline-agent-user-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	agent = filepath.Join(dir, "fakeagent")
	if out, err := exec.Command("go", "build", "-o", agent, "../../testdata/fakeagent").CombinedOutput(); err != nil {
		t.Fatalf("cannot build the agent: %v\n%s", err, out)
	}
	for _, path := range []string{dir, agent} {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir, agent
}

// serveAsRoot starts a server whose agents run as nobody, and returns a client.
func serveAsRoot(t *testing.T, agent string) *clientlib.Client {
	t.Helper()
	home := homeFolder(t)
	url, _ := startServe(t, home, "127.0.0.1:0", "--agent-user", "nobody", "--agent", "claude="+agent)
	token, err := os.ReadFile(filepath.Join(home, ".state", "token"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := clientlib.Dial(t.Context(), url, clientlib.WithToken(strings.TrimSpace(string(token))))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// through the whole server, Claude Code's process belongs to the user
// that was named.
func TestA08_ServeWithAgentUser(t *testing.T) {
	optional.Root(t)
	if runtime.GOOS != "linux" {
		optional.Missing(t, "the owner of a process is read from Linux's /proc")
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	dir, agent := publicAgent(t)
	c := serveAsRoot(t, agent)
	closed := t.TempDir()
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err = c.CreateSession(t.Context(), protocol.SessionCreate{Agent: "claude", Directory: closed})
	if protocol.CodeOf(err) != protocol.CodeInvalidRequest || !strings.Contains(err.Error(), "agents run as the user nobody, who may not enter") {
		t.Errorf("a folder that is closed to the user: %v", err)
	}
	if _, err := c.CreateSession(t.Context(), protocol.SessionCreate{SessionID: "s1", Agent: "claude", Directory: dir}); err != nil {
		t.Fatal(err)
	}
	s, err := c.Attach(t.Context(), "s1", clientlib.AttachOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if _, err := s.Prompt(t.Context(), protocol.Prompt{Text: "hold"}); err != nil {
		t.Fatal(err)
	}
	for e, err := range s.Events(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		switch d := e.Data.(type) {
		case *protocol.AgentStarted:
			wantOwner(t, d.PID, nobody)
			return
		case *protocol.TurnEnded:
			t.Fatalf("the agent was not started: %+v", d.Error)
		}
	}
}

// wantOwner checks all four user and group ids of a process, and that it has
// no other group.
func wantOwner(t *testing.T, pid int, u *user.User) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		"Uid:": {u.Uid, u.Uid, u.Uid, u.Uid}, "Gid:": {u.Gid, u.Gid, u.Gid, u.Gid}, "Groups:": nil,
	} {
		_, line, _ := strings.Cut(string(status), "\n"+name)
		line, _, _ = strings.Cut(line, "\n")
		if got := strings.Fields(line); strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("the agent's %s %v, want %v", name, got, want)
		}
	}
}

// S1: a server that is root says what that means, in one line.
func TestS1_RootIsWarnedOf(t *testing.T) {
	for _, tc := range []struct {
		root  bool
		agent string
		want  string
	}{
		{true, "", "server and agents are all root"},
		{true, "root", "server and agents are all root"},
		{false, "", ""},
	} {
		if tc.agent != "" && os.Geteuid() != 0 {
			continue // it would be refused
		}
		var out strings.Builder
		warnIfShared(&terminal{err: &out}, &serveOptions{AgentUser: tc.agent}, tc.root)
		if lines := strings.Count(out.String(), "\n"); !strings.Contains(out.String(), tc.want) || lines > 1 || (lines == 0) != (tc.want == "") {
			t.Errorf("root %v, user %q: %q", tc.root, tc.agent, out.String())
		}
	}
}

func TestAgentsDirWithAgentUser(t *testing.T) {
	for _, tc := range []struct {
		o    serveOptions
		want string
	}{
		{serveOptions{}, "/state/agents"},
		{serveOptions{AgentUser: "nobody"}, sharedAgentsDir},
		{serveOptions{AgentUser: "nobody", AgentsDir: "/opt/agents"}, "/opt/agents"},
	} {
		if got, err := tc.o.agentsDir("/state"); err != nil || got != tc.want {
			t.Errorf("%+v: %q, %v; want %q", tc.o, got, err, tc.want)
		}
	}
}

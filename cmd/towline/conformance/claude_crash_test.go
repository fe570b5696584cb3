package conformance_test

import (
	"bufio"
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/agenttest/installed"
	"github.com/towline-dev/towline/clientlib"
	"github.com/towline-dev/towline/cmd/towline/conformance"
	"github.com/towline-dev/towline/protocol"
)

// served is a real `towline serve`, as a child of the test.
type served struct {
	t       *testing.T
	binary  string
	state   string
	claude  string
	home    *agenttest.Home
	address string
	cmd     *exec.Cmd
	out     *bufio.Reader
	log     bytes.Buffer
}

// startServed builds the binary and starts it, with an own state folder.
func startServed(t *testing.T, claude string, home *agenttest.Home) *served {
	t.Helper()
	s := &served{t: t, state: t.TempDir(), claude: claude, home: home, address: "127.0.0.1:0"}
	s.binary = filepath.Join(t.TempDir(), "towline")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", s.binary, "github.com/towline-dev/towline/cmd/towline")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("cannot build the server: %v: %s", err, out)
	}
	s.start()
	t.Cleanup(func() { s.end(syscall.SIGTERM) })
	return s
}

// start starts the server and waits until it listens.
func (s *served) start() {
	s.t.Helper()
	s.cmd = exec.Command(s.binary, "serve", "--listen", s.address, "--state-dir", s.state, "--no-install", "--agent", "claude="+s.claude, "--log-level", "warn")
	s.cmd.Env, s.cmd.Dir, s.cmd.Stderr = s.home.Env(), s.home.Dir, &s.log
	out, err := s.cmd.StdoutPipe()
	ok(s.t, err)
	ok(s.t, s.cmd.Start())
	s.out = bufio.NewReader(out)
	line, err := s.out.ReadString('\n')
	address, found := strings.CutPrefix(strings.TrimSpace(line), "towline listening on http://")
	if err != nil || !found {
		s.end(syscall.SIGKILL)
		s.t.Fatalf("the server printed %q, %v: %s", line, err, s.log.String())
	}
	s.address = address
}

// end ends the server by a signal and waits for it.
func (s *served) end(by syscall.Signal) {
	s.t.Helper()
	ok(s.t, s.cmd.Process.Signal(by))
	if err := s.cmd.Wait(); err != nil && by != syscall.SIGKILL {
		s.t.Errorf("the server ended with %v: %s", err, s.log.String())
	}
}

// client returns a client of the server.
func (s *served) client() *clientlib.Client {
	s.t.Helper()
	token, err := os.ReadFile(filepath.Join(s.state, "token"))
	ok(s.t, err)
	transport := &http.Transport{}
	s.t.Cleanup(transport.CloseIdleConnections)
	c, err := clientlib.Dial(s.t.Context(), "http://"+s.address,
		clientlib.WithToken(strings.TrimSpace(string(token))), clientlib.WithHTTPClient(&http.Client{Transport: transport}))
	ok(s.t, err)
	return c
}

// lives tells whether a process runs. Where there is no /proc none is seen.
func lives(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !bytes.Contains(stat, []byte(") Z "))
}

// The server is killed in the middle of a turn. Started again on its state
// folder it has ended what was left of the agent, tells the turn as cut, and
// resumes the native session at the next prompt. The client's socket comes
// back by itself, and misses nothing.
func TestClaudeServerKilled(t *testing.T) {
	t.Parallel()
	path, m := installed.Claude(t), agenttest.NewMessages(t)
	home := agenttest.NewHome(t, m.URL())
	s := startServed(t, path, home)
	client := s.client()
	info, err := client.CreateSession(t.Context(), protocol.SessionCreate{Agent: "claude", Directory: home.Dir})
	ok(t, err)
	c := &talk{
		t: t, model: m, place: &conformance.Place{Model: m, Dir: home.Dir},
		Recorder: conformance.Record(t, client, info.ID, protocol.FormatMsgpack),
	}
	c.past()
	c.held()
	orphan := c.agentPID()

	s.end(syscall.SIGKILL)
	s.start()
	if lives(orphan) {
		t.Errorf("the agent's process %d outlived its server", orphan)
	}
	if e := c.ended(protocol.OutcomeFailed); e.Error == nil || e.Error.Code != "server_restart" || !e.Error.Retryable {
		t.Errorf("the turn failed with %+v", e.Error)
	}
	c.goesOn()
	if c.agentPID() == orphan {
		t.Errorf("process %d still answers", orphan)
	}
}

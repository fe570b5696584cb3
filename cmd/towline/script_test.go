package main

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/towline-dev/towline/agents/agenttest/golden"
	"github.com/towline-dev/towline/clientlib"
	"github.com/towline-dev/towline/protocol"
)

// TestScripts runs testdata/script: each script has a state folder of its own.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		UpdateScripts:       golden.Updating(),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setUpScript,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"serve": serveScript, "quit": stopScript(syscall.SIGTERM), "kill9": stopScript(syscall.SIGKILL), "awaitask": awaitAsk,
		},
	})
}

// setUpScript puts this program under the name towline on the script's PATH.
func setUpScript(e *testscript.Env) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	bin := filepath.Join(e.WorkDir, ".bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		return err
	}
	e.Setenv("PATH", bin+string(filepath.ListSeparator)+e.Getenv("PATH"))
	e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, ".state"))
	e.Setenv("HOME", e.WorkDir)
	e.Setenv("TOWLINE_NO_INSTALL", "true")
	e.Setenv(raceVariable, raceOptions)
	e.Values[runningKey{}] = new(*exec.Cmd)
	return os.Symlink(self, filepath.Join(bin, "towline"))
}

// runningKey holds the script's server.
type runningKey struct{}

// serveScript starts `towline serve` with the arguments on a free port, and
// returns when it is ready. $URL is its address.
func serveScript(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("serve cannot fail here: use exec")
	}
	cmd := exec.Command(filepath.Join(ts.Getenv("WORK"), ".bin", "towline"), append([]string{"serve", "--listen", "127.0.0.1:0", "--log-level", "error"}, args...)...)
	cmd.Dir = ts.Getenv("WORK")
	for _, name := range []string{"PATH", "HOME", "XDG_STATE_HOME", "TOWLINE_NO_INSTALL", "TOWLINE_TOKEN"} {
		if v := ts.Getenv(name); v != "" {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	*ts.Value(runningKey{}).(**exec.Cmd) = cmd //nolint:forcetypeassert // set by setUpScript
	ts.Defer(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "towline listening on ")
	if err != nil || !ok {
		ts.Fatalf("the server printed %q instead of its address: %v", line, err)
	}
	ts.Setenv("URL", url)
}

// stopScript ends the server by a signal, and checks the exit code after one
// that it can catch.
func stopScript(sig syscall.Signal) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, _ bool, _ []string) {
		cmd := *ts.Value(runningKey{}).(**exec.Cmd) //nolint:forcetypeassert // set by setUpScript
		ts.Check(cmd.Process.Signal(sig))
		if err := cmd.Wait(); err != nil && sig != syscall.SIGKILL {
			ts.Fatalf("the server ended with %v", err)
		}
	}
}

// awaitAsk returns when an ask of a session waits: awaitask SESSION.
func awaitAsk(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	token := strings.TrimSpace(ts.ReadFile(filepath.Join(ts.Getenv("XDG_STATE_HOME"), "towline", "token")))
	client, err := clientlib.Dial(ctx, ts.Getenv("URL"), clientlib.WithToken(token))
	ts.Check(err)
	s, err := client.Attach(ctx, args[0], clientlib.AttachOptions{View: protocol.ViewAsks})
	ts.Check(err)
	defer func() { _ = s.Close() }()
	for st := s.State(); len(st.Permissions)+len(st.Questions) == 0; st = s.State() {
		_, err := s.Next(ctx)
		ts.Check(err)
	}
}

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// screen is a program on a terminal of its own.
type screen struct {
	t    *testing.T
	cmd  *exec.Cmd
	tty  *os.File
	seen strings.Builder
}

// onScreen starts towline on a terminal, in a folder with ./bin/towline.
func onScreen(t *testing.T, home string, args ...string) *screen {
	t.Helper()
	cmd := exec.Command(filepath.Join(home, "bin", "towline"), args...)
	cmd.Dir = home
	cmd.Env = []string{
		"HOME=" + home, "TERM=xterm", "PATH=" + os.Getenv("PATH"), "EDITOR=true", "TOWLINE_STATE_DIR=" + filepath.Join(home, ".state"),
		raceVariable + "=" + raceOptions,
	}
	return show(t, cmd, 20*time.Second)
}

// show starts a program on a terminal, and kills it if it is not done in time.
func show(t *testing.T, cmd *exec.Cmd, limit time.Duration) *screen {
	t.Helper()
	s := &screen{t: t, cmd: cmd}
	var err error
	if s.tty, err = pty.Start(s.cmd); err != nil {
		t.Fatal(err)
	}
	// A read of a terminal knows no deadline: its program's end ends it.
	patience := time.AfterFunc(limit, func() { _ = s.cmd.Process.Kill() })
	t.Cleanup(func() { patience.Stop(); _ = s.cmd.Process.Kill(); _ = s.tty.Close() })
	return s
}

// expect reads until the text stands on the screen, and forgets what came
// before its end.
func (s *screen) expect(text string) {
	s.t.Helper()
	buf := make([]byte, 4096)
	for {
		if _, after, ok := strings.Cut(s.seen.String(), text); ok {
			s.seen.Reset()
			s.seen.WriteString(after)
			return
		}
		n, err := s.tty.Read(buf)
		s.seen.Write(buf[:n])
		if err != nil && n == 0 {
			s.t.Fatalf("the screen ended without %q: %v\n%s", text, err, s.seen.String())
		}
	}
}

func (s *screen) press(keys string) {
	s.t.Helper()
	if _, err := s.tty.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// exit waits for the end and returns the exit code.
func (s *screen) exit() int {
	s.t.Helper()
	buf := make([]byte, 4096)
	for {
		n, err := s.tty.Read(buf)
		s.seen.Write(buf[:n])
		if err != nil {
			break // the terminal is gone when its last program is
		}
	}
	_ = s.cmd.Wait() // the state has the code
	return s.cmd.ProcessState.ExitCode()
}

func TestTerminalAsksForDecisions(t *testing.T) {
	s := onScreen(t, homeFolder(t), "run", "mock", "permission")
	s.expect("p1? [y/n/always/edit] ")
	s.press("what\n")
	s.expect("p1? [y/n/always/edit] ")
	s.press("edit\n") // the editor true saves the input as it was
	s.expect("allowed, once")
	s.expect("completed")
	if code := s.exit(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

func TestTerminalShowsColoursAndTakesPrompts(t *testing.T) {
	s := onScreen(t, homeFolder(t), "run", "mock")
	s.expect("> ")
	s.press("edit\n")
	s.expect(string(green) + "  +Towline" + endColour)
	s.expect("? [y/n")
	s.press("n not this\n")
	s.expect("denied")
	s.expect("-- completed")
	s.expect("> ")
	s.press("\x04") // the end of the input
	if code := s.exit(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

func TestCtrlCStopsTheTurnThenTheProgram(t *testing.T) {
	s := onScreen(t, homeFolder(t), "run", "mock")
	s.expect("> ")
	s.press("slow 500 50\n")
	s.expect("> slow 500 50")
	s.expect("1")
	s.press("\x03")
	s.expect("-- interrupted")
	s.expect("> ")
	s.press("\x03")
	if code := s.exit(); code != exitFailed {
		t.Errorf("exit code %d, want 1: the last turn was not completed", code)
	}
}

func TestAttachedTerminalComesBackAfterAKill(t *testing.T) {
	home := homeFolder(t)
	url, killed := startServe(t, home, "127.0.0.1:0")
	towline := func(args ...string) {
		t.Helper()
		cmd := exec.Command(filepath.Join(home, "bin", "towline"), args...)
		cmd.Env = []string{"TOWLINE_STATE_DIR=" + filepath.Join(home, ".state"), raceVariable + "=" + raceOptions}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	towline("sessions", "create", "mock", "--id", "s1", "--directory", home)
	s := onScreen(t, home, "attach", "s1")
	s.expect("> ")
	s.press("reply one\n")
	s.expect("-- completed")
	f, err := readServerFile(filepath.Join(home, ".state"))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(f.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	killed()
	startServe(t, home, strings.TrimPrefix(url, "http://"))
	towline("send", "--wait", "s1", "reply two")
	s.expect("> reply two")
	s.expect("-- completed")
	s.press("\x03")
	if code := s.exit(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

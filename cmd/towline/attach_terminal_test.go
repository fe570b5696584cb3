package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// serveShell starts a server with a bash agent and a session s1 of it.
func serveShell(t *testing.T) (home string) {
	t.Helper()
	home, _, _ = serveShellAt(t)
	return home
}

// serveShellAt is serveShell; killed returns when the server at url is gone.
func serveShellAt(t *testing.T) (home, url string, killed func()) {
	t.Helper()
	path, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal("bash is not on PATH")
	}
	home = homeFolder(t)
	t.Setenv("TOWLINE_AGENT", "bash=terminal:"+path+" --norc --noprofile -i")
	url, killed = startServe(t, home, "127.0.0.1:0")
	cmd := exec.Command(filepath.Join(home, "bin", "towline"), "sessions", "create", "bash", "--id", "s1", "--directory", home)
	cmd.Env = []string{"TOWLINE_STATE_DIR=" + filepath.Join(home, ".state")}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return home, url, killed
}

func TestAttachToALiveTerminal(t *testing.T) {
	home := serveShell(t)
	s := onScreen(t, home, "attach", "--terminal", "s1")
	s.expect("attached")
	s.expect("bash-")
	s.press("echo o''ne\r")
	s.expect("one\r\n")
	s.press("\x1dq") // leave
	if code := s.exit(); code != 0 {
		t.Errorf("left with exit code %d", code)
	}

	// The program went on, and its screen can be printed.
	cmd := exec.Command(filepath.Join(home, "bin", "towline"), "attach", "--terminal", "--no-follow", "s1")
	cmd.Env = []string{"TOWLINE_STATE_DIR=" + filepath.Join(home, ".state")}
	if out, err := cmd.Output(); err != nil || !strings.Contains(string(out), "\none\nbash-") {
		t.Errorf("printed %q, %v", out, err)
	}

	// What it wrote comes again, its end is ours.
	s = onScreen(t, home, "attach", "--terminal", "s1")
	s.expect("one\r\n")
	s.press("\x1b[1;1R") // an answer of the terminal, which is no key
	s.press("exit 7\r")
	if code := s.exit(); code != 7 {
		t.Errorf("exit code %d, want the program's 7", code)
	}
	if strings.Contains(s.seen.String(), "1;1R") {
		t.Errorf("a terminal's answer was typed: %q", s.seen.String())
	}
}

func TestTypingIsTakenOver(t *testing.T) {
	home := serveShell(t)
	ada := onScreen(t, home, "attach", "--terminal", "s1")
	ada.expect("bash-")
	ada.press("echo a''da\r")
	ada.expect("ada\r\n")
	ben := onScreen(t, home, "attach", "--terminal", "s1")
	ben.expect("ada\r\n")
	ben.press("x")
	ben.expect("is typing on this terminal")
	ben.press("\x1dt")
	ben.press("echo b''en\r")
	ben.expect("ben\r\n")
	ada.expect("ben\r\n")
}

// A program on somebody else's terminal sets no titles on the person's, reads
// no clipboard and asks nothing, unless the person wants that.
func TestAttachedTerminalIsFiltered(t *testing.T) {
	home := serveShell(t)
	s := onScreen(t, home, "attach", "--terminal", "s1")
	s.expect("bash-")
	s.press(`printf '\e[1mb''old\e[0m\e]0;ti''tle\a\e]52;c;?\a\e[6n\e[21tdo''ne\n'` + "\r")
	s.expect("\x1b[1mbold\x1b[0mdone\r\n")
	s.press("\x1dq")
	if code := s.exit(); code != 0 {
		t.Errorf("left with exit code %d", code)
	}
	s = onScreen(t, home, "attach", "--terminal", "--raw", "s1")
	s.expect("\x1b[1mbold\x1b[0m\x1b]0;title\a\x1b]52;c;?\a\x1b[6n\x1b[21tdone\r\n")
	s.press("\x1dq")
	s.exit()
}

// A server that was killed takes its programs with it: the next one clears
// away what is left of them, and an attached terminal goes on with a new one.
func TestAttachedLiveTerminalComesBackAfterAKill(t *testing.T) {
	home, url, killed := serveShellAt(t)
	s := onScreen(t, home, "attach", "--terminal", "s1")
	s.expect("bash-")
	s.press("sleep 600 & echo $! >" + filepath.Join(home, "pid") + "; echo o''ne\r")
	s.expect("one\r\n")
	s.expect("bash-") // its prompt, which is not that of the next one
	f, err := readServerFile(filepath.Join(home, ".state"))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(f.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	killed()
	startServe(t, home, strings.TrimPrefix(url, "http://"))
	s.expect("bash-")
	s.press("echo t''wo\r")
	s.expect("two\r\n")
	b, err := os.ReadFile(filepath.Join(home, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	left := filepath.Join("/proc", strings.TrimSpace(string(b)), "cmdline")
	if b, err := os.ReadFile(left); err == nil && strings.Contains(string(b), "sleep") {
		t.Errorf("what the killed server's shell started lives on: %q", b)
	}
	s.press("exit 5\r")
	if code := s.exit(); code != 5 {
		t.Errorf("exit code %d, want the new program's 5", code)
	}
}

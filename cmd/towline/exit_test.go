package main

import (
	"bytes"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/towline-dev/towline/protocol"
)

// commandLine runs a command line in this process.
func commandLine(t *testing.T, args ...string) (code int, out, problem string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = execute(t.Context(), &terminal{
		in: strings.NewReader(""), out: &stdout, err: &stderr, env: []string{"HOME=" + t.TempDir()},
	}, args)
	return code, stdout.String(), stderr.String()
}

func TestErrorsOfTheStartExitWith2(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cases := map[string][]string{
		"is in use":     {"serve", "--listen", taken.Addr().String()},
		"unknown flag":  {"serve", "--nonsense"},
		"state folder":  {"serve", "--state-dir", filepath.Join("/dev/null", "state")},
		"names no exec": {"run", "mock", "--agent", "claude"},
	}
	for text, args := range cases {
		code, _, problem := commandLine(t, args...)
		if code != exitUsage || !strings.Contains(problem, text) || strings.Count(problem, "\n") != 1 {
			t.Errorf("%v: exit code %d and %q, want 2 and one line with %q", args, code, problem, text)
		}
	}
}

func TestFailuresExitWith1(t *testing.T) {
	if code, _, problem := commandLine(t, "sessions"); code != exitFailed || !strings.Contains(problem, "towline serve") {
		t.Errorf("got %d and %q", code, problem)
	}
	if code, out, _ := commandLine(t); code != 0 || !strings.Contains(out, "Usage:") {
		t.Errorf("without arguments: got %d and %q, want help", code, out)
	}
}

func TestSentenceLeavesTheCodeOut(t *testing.T) {
	err := errors.Join(protocol.Errorf(protocol.CodeBusy, "a turn is open"), errors.New("and more"))
	if got := sentence(err); got != "a turn is open; and more" {
		t.Errorf("got %q", got)
	}
}

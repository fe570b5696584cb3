package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/towline-dev/towline/agents/agenttest/installed"
	"github.com/towline-dev/towline/cmd/towline/conformance"
	"github.com/towline-dev/towline/protocol"
)

// doctorCommand is `towline agents doctor` as a program of its own, with a home
// and a folder for what is temporary, and no PATH but the system's.
func doctorCommand(t *testing.T, args ...string) (cmd *exec.Cmd, temp string) {
	t.Helper()
	home := homeFolder(t)
	temp = filepath.Join(home, "tmp")
	if err := os.Mkdir(temp, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd = exec.CommandContext(t.Context(), filepath.Join(home, "bin", "towline"), append([]string{"agents", "doctor"}, args...)...)
	cmd.Env = []string{"HOME=" + home, "TMPDIR=" + temp, "PATH=" + os.Getenv("PATH"), "TOWLINE_NO_INSTALL=true", raceVariable + "=" + raceOptions}
	return cmd, temp
}

// wantEmpty checks that nothing is left in a folder.
func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("the doctor left %v, %v", left, err)
	}
}

// buildToy builds the toy agent.
func buildToy(t *testing.T) string {
	t.Helper()
	toy := filepath.Join(t.TempDir(), "toyagent")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", toy, "../../testdata/toyagent").CombinedOutput(); err != nil {
		t.Fatalf("cannot build the toy agent: %v\n%s", err, out)
	}
	return toy
}

// The real Codex proves all that it claims.
func TestDoctorProvesCodex(t *testing.T) {
	t.Parallel()
	cmd, temp := doctorCommand(t, "codex", "--json", "--agent", "codex="+installed.Codex(t))
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("the doctor ended with %v: %s", err, errs.String())
	}
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	var info protocol.AgentInfo
	if err := json.Unmarshal(lines[0], &info); err != nil {
		t.Fatal(err)
	}
	claimed := map[string]bool{}
	marks, err := json.Marshal(info.Capabilities)
	if err == nil {
		err = json.Unmarshal(marks, &claimed)
	}
	if err != nil {
		t.Fatal(err)
	}
	proven := 0
	for _, line := range lines[1:] {
		var v verdictLine
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatal(err)
		}
		want := conformance.NotClaimed
		if claimed[v.Capability] {
			want = conformance.Proven
			proven++
		}
		if v.Result != want || v.Agent != "codex" || v.Version != info.Version || v.Version == "" {
			t.Errorf("%s, want %s", line, want)
		}
	}
	if len(lines) != 1+len(claimed) || proven < 15 {
		t.Errorf("%d lines for %d capabilities, of which %d are proven", len(lines), len(claimed), proven)
	}
	wantEmpty(t, temp)
}

// An agent that does not do what is claimed of its name proves nothing of it.
func TestDoctorFindsABoaster(t *testing.T) {
	t.Parallel()
	cmd, temp := doctorCommand(t, "gemini", "--agent", "gemini="+buildToy(t)+" --acp")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if cmd.ProcessState.ExitCode() != exitFailed {
		t.Errorf("the doctor ended with %v", err)
	}
	results := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if words := strings.Fields(line); len(words) > 2 {
			results[words[1]] = words[2]
		}
	}
	for _, capability := range []string{"streaming", "tool_calls", "diffs", "permissions", "always", "images", "interrupt", "models", "usage"} {
		if results[capability] != "NOT" {
			t.Errorf("%s is %s proven", capability, results[capability])
		}
	}
	if !strings.Contains(errs.String(), "\ntowline: gemini does not prove streaming, ") {
		t.Errorf("the error is not told: %s", errs.String())
	}
	// What never comes is not waited for: the turn's end tells.
	for _, why := range []string{
		"image: waiting for turn.ended with map[outcome:completed]: the turn ended as failed: this agent takes no image content in a prompt",
		"permission.options.*.decision:allow]: the turn ended as completed",
		"interrupt: waiting for request that comes to the hold of [[script:main]]: the turn ended as completed",
	} {
		if !strings.Contains(string(out), why) {
			t.Errorf("it is not told that %s:\n%s", why, out)
		}
	}
	wantEmpty(t, temp)
}

// An agent that nothing is known of is found, and not driven.
func TestDoctorOfAnUnknownAgent(t *testing.T) {
	t.Parallel()
	cmd, temp := doctorCommand(t, "toy", "--agent", "toy="+buildToy(t)+" --acp")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "toy is not checked: there is no scripted model for it") {
		t.Errorf("the doctor ended with %v: %s", err, out)
	}
	wantEmpty(t, temp)
}

// Ctrl-C ends the check, the agents and what was made for them.
func TestDoctorIsInterrupted(t *testing.T) {
	t.Parallel()
	toy := buildToy(t)
	// The first answers, and all others hear nothing.
	agent := filepath.Join(t.TempDir(), "agent")
	script := fmt.Sprintf("#!/bin/sh\nmkdir %[1]s.first && exec %[2]s\nmkfifo %[1]s.$$ && exec %[2]s 0<>%[1]s.$$\n", agent, toy)
	if err := os.WriteFile(agent, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd, temp := doctorCommand(t, "gemini", "--agent", "gemini="+agent+" --acp")
	progress, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	told := bufio.NewScanner(progress)
	if !told.Scan() || !strings.HasPrefix(told.Text(), "gemini 1/") {
		t.Errorf("the first progress is %q", told.Text())
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	last := ""
	for told.Scan() {
		last = told.Text()
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != exitFailed || !strings.Contains(last, "interrupted") {
		t.Errorf("the doctor ended with %v and said %q", err, last)
	}
	wantEmpty(t, temp)
	commands, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		t.Fatal(err)
	}
	for _, exe := range commands {
		if program, err := os.Readlink(exe); err == nil && program == toy {
			t.Errorf("%s is still there", exe)
		}
	}
}

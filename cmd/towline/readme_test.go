package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents/agenttest/optional"
)

// TestReadme runs the commands of the README's five minutes, in their order,
// against a server that is killed where the README kills it.
func TestReadme(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "go"} {
		optional.Tool(t, tool)
	}
	repository, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	set, before, after := readmeCommands(t, repository)
	dir := homeFolder(t)
	url, killed := startServe(t, dir, "127.0.0.1:0")
	set = strings.ReplaceAll(set, "http://127.0.0.1:7420", url)

	out := runReadme(t, dir, set+before)
	for _, want := range []string{`"id":"demo"`, "hello\n", "completed at event", "? p1", "p1: allow, once"} {
		if !strings.Contains(out, want) {
			t.Errorf("before the kill: no %q in\n%s", want, out)
		}
	}
	killed()
	watched, err := os.ReadFile(filepath.Join(dir, "watched.txt"))
	if err != nil || !strings.Contains(string(watched), `"type":"turn.ended"`) {
		t.Errorf("the reader of SSE saw no turn: %v\n%s", err, watched)
	}
	startServe(t, dir, strings.TrimPrefix(url, "http://"))
	out = runReadme(t, dir, set+after)
	for _, want := range []string{"> reply hello", "again\ncompleted at event", "id: 6\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("after the restart: no %q in\n%s", want, out)
		}
	}
}

// readmeCommands returns the commands that set variables, those up to the
// kill, and those after it. What a person does at a terminal is left out.
func readmeCommands(t *testing.T, repository string) (set, before, after string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(repository, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, guide, found := strings.Cut(string(b), "## Five minutes\n")
	guide, _, ended := strings.Cut(guide, "\n## ")
	if !found || !ended {
		t.Fatal("the README has no five minutes")
	}
	var blocks []string
	for _, part := range strings.Split(guide, "```sh\n")[1:] {
		block, _, _ := strings.Cut(part, "```")
		block = strings.ReplaceAll(block, "./bin/towline attach demo\n", "")
		block = strings.ReplaceAll(block, "go run ", "go run -C '"+repository+"' ")
		// A person is slower than the agent; a script has to wait for the ask.
		show := "./bin/towline sessions show demo\n"
		block = strings.ReplaceAll(block, show, "until "+strings.TrimSpace(show)+" | grep -q '? p'; do :; done\n"+show)
		blocks = append(blocks, block)
	}
	set = blocks[0]
	for i, block := range blocks {
		if strings.HasPrefix(block, "kill -9") {
			return set, strings.Join(blocks[1:i+1], ""), strings.Join(blocks[i+1:], "")
		}
	}
	t.Fatal("the README kills no server")
	return "", "", ""
}

// homeFolder makes a folder with ./bin/towline.
func homeFolder(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return folderOf(t, self)
}

// folderOf is a folder whose bin/towline is a program.
func folderOf(t *testing.T, program string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(program, filepath.Join(dir, "bin", "towline")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// startServe serves as make run does, with further flags; wait returns when the server is gone.
func startServe(t *testing.T, dir, listen string, flags ...string) (url string, wait func()) {
	t.Helper()
	args := append([]string{"serve", "--state-dir", ".state", "--listen", listen, "--log-level", "error"}, flags...)
	cmd := exec.Command(filepath.Join(dir, "bin", "towline"), args...)
	cmd.Dir = dir
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	wait = func() { _ = cmd.Wait() } // a killed server has no good exit code
	t.Cleanup(func() { _ = cmd.Process.Kill(); wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "towline listening on ")
	if err != nil || !ok {
		t.Fatalf("the server printed %q: %v", line, err)
	}
	return url, wait
}

// runReadme runs commands in bash and returns what they print.
func runReadme(t *testing.T, dir, commands string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-e", "-c", commands)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	// curl -m ends a stream that has no end with exit code 28.
	if err != nil && cmd.ProcessState.ExitCode() != 28 {
		t.Fatalf("the commands failed: %v\n%s\n%s", err, commands, out)
	}
	return string(out)
}

package agenttest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/agenttest/installed"
)

// realCLI is the real Claude Code CLI, driven over its pipes by nothing but
// this file: what fails here is the scripted server's fault or the CLI's.
type realCLI struct {
	t     *testing.T
	stdin io.WriteCloser
	out   *bufio.Reader
	seen  []string
}

// frame is what these tests read of the CLI's frames.
type frame struct {
	Type    string `json:"type"`
	Subtype string `json:"subtype"`
	Result  string `json:"result"`
	IsError bool   `json:"is_error"`
	Reason  string `json:"terminal_reason"`
	ID      string `json:"request_id"`
	Status  int    `json:"api_error_status"`
	Request struct {
		Subtype string          `json:"subtype"`
		Tool    string          `json:"tool_name"`
		Input   json.RawMessage `json:"input"`
	} `json:"request"`
	Event struct {
		Type  string `json:"type"`
		Delta struct {
			Text     string `json:"text"`
			Thinking string `json:"thinking"`
		} `json:"delta"`
	} `json:"event"`
}

// startCLI starts the CLI against a scripted server, in a home of its own.
func startCLI(t *testing.T, m *agenttest.Messages) *realCLI {
	t.Helper()
	return startCLIIn(t, agenttest.NewHome(t, m.URL()))
}

// startCLIIn starts the CLI in a home.
func startCLIIn(t *testing.T, home *agenttest.Home, args ...string) *realCLI {
	t.Helper()
	path := installed.Claude(t)
	ok(t, agenttest.RequireLoopback(home.Vars["ANTHROPIC_BASE_URL"]))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	cmd := exec.CommandContext(ctx, path, append([]string{
		"-p", "--output-format", "stream-json", "--input-format", "stream-json",
		"--verbose", "--include-partial-messages", "--permission-prompt-tool", "stdio",
	}, args...)...)
	cmd.Env, cmd.Dir = home.Env(), home.Dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	ok(t, err)
	stdout, err := cmd.StdoutPipe()
	ok(t, err)
	ok(t, cmd.Start())
	c := &realCLI{t: t, stdin: stdin, out: bufio.NewReader(stdout)}
	t.Cleanup(func() {
		_ = stdin.Close()
		_, _ = io.Copy(io.Discard, c.out)
		err := cmd.Wait() // exit code 1 after a failed last turn is no fault
		cancel()
		if t.Failed() {
			t.Logf("the CLI ended with %v; stderr: %s\nframes:\n%s", err, stderr.String(), strings.Join(c.seen, "\n"))
		}
	})
	return c
}

// send writes a frame.
func (c *realCLI) send(v any) {
	c.t.Helper()
	b, err := json.Marshal(v)
	ok(c.t, err)
	_, err = c.stdin.Write(append(b, '\n'))
	ok(c.t, err)
}

// prompt sends a prompt.
func (c *realCLI) prompt(text string) {
	c.t.Helper()
	c.send(map[string]any{"type": "user", "parent_tool_use_id": nil, "message": map[string]any{"role": "user", "content": text}})
}

// until reads frames up to the first that fits; the CLI's end fails the test.
func (c *realCLI) until(what string, fits func(frame) bool) frame {
	c.t.Helper()
	for {
		line, err := c.out.ReadBytes('\n')
		if err != nil {
			c.t.Fatalf("the CLI ended before %s: %v", what, err)
		}
		var f frame
		ok(c.t, json.Unmarshal(line, &f))
		c.seen = append(c.seen, string(line[:min(len(line), 400)]))
		if fits(f) {
			return f
		}
	}
}

// result reads up to the turn's end.
func (c *realCLI) result() frame {
	c.t.Helper()
	return c.until("a result", func(f frame) bool { return f.Type == "result" })
}

// allow answers a permission request.
func (c *realCLI) allow(ask frame) {
	c.t.Helper()
	c.send(map[string]any{"type": "control_response", "response": map[string]any{
		"subtype": "success", "request_id": ask.ID, "response": map[string]any{"behavior": "allow"},
	}})
}

func isAsk(f frame) bool {
	return f.Type == "control_request" && f.Request.Subtype == "can_use_tool"
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

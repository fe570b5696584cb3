package pi

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// fakeAgent is an agent whose executable is this test binary.
func fakeAgent(t *testing.T, environ ...string) *Agent {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	environ = append([]string{"HOME=" + t.TempDir(), "PATH=/usr/bin:/bin"}, environ...)
	return New(Options{
		Locator: &agents.Locator{Flags: map[string]string{"pi": path}},
		Environ: func() []string { return environ },
	})
}

func TestOpenAndTurn(t *testing.T) {
	a := fakeAgent(t, "OPENAI_API_KEY=k", "AWS_SECRET_ACCESS_KEY=x")
	conn, err := a.Open(t.Context(), agents.Start{
		SessionID: "s1", Directory: t.TempDir(), Model: "fake/one", Effort: "high", SystemPrompt: "- be brief", Env: map[string]string{"MY_VAR": "1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Send(t.Context(), &agents.Prompt{PromptID: "m1", Content: []agents.Content{{Part: protocol.TextPart("go")}}}); err != nil {
		t.Fatal(err)
	}
	got := ndjson(t, readUntil(t, conn, protocol.TypeTurnEnded))
	want(t, got, `"agent.started"`, `"model":"fake/one"`, `"commands":[{"name":"review"`, `"prompt_ids":["m1"]`, `"native_session_id":"N-1"`,
		"--mode rpc --offline --no-extensions -e ", "--model fake/one --thinking high --append-system-prompt ", "PI_OFFLINE=1", "OPENAI_API_KEY=k", "MY_VAR=1")
	wantNone(t, got, "AWS_SECRET", "be brief", gateCommand)
	files := connFiles(conn)
	for _, path := range []string{files.gate, files.prompt} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o400 {
			t.Errorf("%s: %v", path, err)
		}
	}
	finish(t, conn)
	if _, err := os.Stat(files.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
	if m := a.Info(t.Context()).Models; len(m) != 2 || m[1].ID != "fake/two" || len(m[1].Efforts) == 0 {
		t.Errorf("Info lists the models %+v", m)
	}
}

// A program that does not start well is told in one sentence, soon, with what
// it wrote to standard error. One without the gate is not used.
func TestStartFailures(t *testing.T) {
	for fake, c := range map[string]struct{ resume, message string }{
		"no session": {"x", "(exit code 1): No session found matching 'x'"},
		"no gate":    {"", "did not load Towline's permission gate"},
		"deaf":       {"", "did not become ready in time"},
	} {
		t.Run(fake, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			if fake == "deaf" {
				cancel()
				ctx, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
			}
			defer cancel()
			_, err := fakeAgent(t).Open(ctx, agents.Start{SessionID: "s1", Directory: t.TempDir(), Resume: c.resume, Env: map[string]string{"FAKE": fake}})
			if e := protocol.AsError(err); e.Code != protocol.CodeAgentStartFailed || !strings.Contains(e.Message, c.message) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// Lines that are no frames are kept aside, and the session goes on.
func TestGarbageAtTheStart(t *testing.T) {
	conn, err := fakeAgent(t).Open(t.Context(), agents.Start{SessionID: "s1", Directory: t.TempDir(), Env: map[string]string{"FAKE": "garbage"}})
	if err != nil {
		t.Fatal(err)
	}
	defer finish(t, conn)
	got := ndjson(t, readUntil(t, conn, protocol.TypeSessionStarted))
	if n := strings.Count(got, "agent.unparsed"); n != 3 {
		t.Errorf("%d unparsed lines in %s", n, got)
	}
}

func TestDiesInATurn(t *testing.T) {
	conn, err := fakeAgent(t).Open(t.Context(), agents.Start{SessionID: "s1", Directory: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer finish(t, conn)
	if err := conn.Send(t.Context(), &agents.Prompt{PromptID: "m1", Content: []agents.Content{{Part: protocol.TextPart("die")}}}); err != nil {
		t.Fatal(err)
	}
	want(t, ndjson(t, readUntil(t, conn, protocol.TypeAgentExited)), `"exit_code":7`, "out of memory")
}

func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		start agents.Start
		code  protocol.Code
	}{
		"plain":           {agents.Start{Model: "a/b", Effort: "off", PermissionMode: "bypass", Mode: "default"}, ""},
		"mode":            {agents.Start{Mode: "plan"}, protocol.CodeModeNotSupported},
		"permission mode": {agents.Start{PermissionMode: "plan"}, protocol.CodeModeNotSupported},
		"effort":          {agents.Start{Effort: "most"}, protocol.CodeInvalidRequest},
		"flag as model":   {agents.Start{Model: "--no-tools"}, protocol.CodeInvalidRequest},
		"flag as session": {agents.Start{Resume: "-ne"}, protocol.CodeInvalidRequest},
		"fork of nothing": {agents.Start{Fork: true}, protocol.CodeInvalidRequest},
		"mcp":             {agents.Start{MCP: map[string]protocol.MCPServer{"a": {Command: "b"}}}, protocol.CodeInvalidRequest},
	} {
		t.Run(name, func(t *testing.T) {
			if err := New(Options{}).Check(c.start); protocol.CodeOf(err) != c.code {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestInfo(t *testing.T) {
	home := t.TempDir()
	a := New(Options{Environ: func() []string { return []string{"HOME=" + home, "PATH=" + home} }})
	if info := a.Info(t.Context()); info.Status != "missing" || info.Credentials != "missing" || info.Message == "" {
		t.Errorf("got %+v", info)
	}
	dir := filepath.Join(home, ".pi", "agent")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "models.json"), []byte(`{"providers":{"lab":{"models":[{"id":"m"}]}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if info := a.Info(t.Context()); info.Credentials != "found" || len(info.Models) != 1 || info.Models[0].ID != "lab/m" {
		t.Errorf("got %+v", info)
	}
}

// The gate asks by the title that the translator knows, and registers the
// command that tells of it.
func TestGateAndTranslatorAgree(t *testing.T) {
	text := string(gate)
	want(t, text, `"towline:permission"`, `"`+gateCommand+`"`, "signal: ctx.signal")
	if !regexp.MustCompile(`vote\.allow !== true`).MatchString(text) {
		t.Error("the gate does not deny by default")
	}
}

// connFiles are the files of a connection.
func connFiles(c agents.Conn) *sideFiles { return c.(*conn).files }

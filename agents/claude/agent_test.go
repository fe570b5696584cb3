package claude

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/install"
	"github.com/towline-dev/towline/protocol"
)

// fakeAgent is an agent whose executable is this test binary.
func fakeAgent(t *testing.T, environ ...string) *Agent {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	environ = append([]string{"HOME=" + home, "PATH=/usr/bin:/bin"}, environ...)
	return New(Options{
		Locator: &agents.Locator{Flags: map[string]string{"claude": path}},
		Environ: func() []string { return environ },
	})
}

func TestOpenAndTurn(t *testing.T) {
	a := fakeAgent(t, "ANTHROPIC_API_KEY=k", "AWS_SECRET_ACCESS_KEY=x", "CLAUDECODE=1", "CLAUDE_CODE_ENTRYPOINT=cli")
	conn, err := a.Open(t.Context(), agents.Start{
		SessionID: "s1", Directory: t.TempDir(), Model: "opus", PermissionMode: "acceptEdits", Mode: "plan", Effort: "high",
		SystemPrompt: "- be brief", Env: map[string]string{"MY_VAR": "1"},
		MCP: map[string]protocol.MCPServer{"lab": {Command: "node", Args: []string{"x"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer finish(t, conn)
	if err := conn.Send(t.Context(), prompt("m1", "", false)); err != nil {
		t.Fatal(err)
	}
	events := readUntil(t, conn, protocol.TypeTurnEnded)
	var c protocol.SlashCommand
	for _, d := range events {
		if u, ok := d.(*protocol.CommandsUpdated); ok {
			c = u.Commands[0]
		}
	}
	want(t, c.Name, "-p --output-format stream-json --input-format stream-json --verbose --include-partial-messages --permission-prompt-tool stdio",
		"--session-id "+derivedID("session", "s1"), "--model opus", "--permission-mode plan",
		`--mcp-config {"mcpServers":{"lab":{"type":"stdio","command":"node","args":["x"]}}} --strict-mcp-config`, "--forward-subagent-text")
	for _, v := range []string{"ANTHROPIC_API_KEY=k", "MY_VAR=1", "DISABLE_AUTOUPDATER=1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1", "CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS=1"} {
		want(t, c.Description, v)
	}
	wantNone(t, c.Description, "AWS_SECRET", "CLAUDECODE=", "ENTRYPOINT")
	if c.Hint != "- be brief" {
		t.Errorf("the system prompt arrived as %q", c.Hint)
	}
	want(t, ndjson(t, events), `"agent.started"`, `"version":"2.1.330"`, `"turn.started"`, `"m1"`, `"turn.ended"`)
	if m := a.Info(t.Context()).Models; len(m) != 1 || m[0].Name != "Test model" {
		t.Errorf("Info lists the models %+v", m)
	}
}

// A start that died half way is done again under the same native id.
func TestSection7OpenAgain(t *testing.T) {
	for name, c := range map[string]struct {
		fake, resume, wantArg, wantError string
	}{
		"id in use is resumed":          {"in use", "", "--resume " + derivedID("session", "s1"), ""},
		"own id not there is new":       {"not there", derivedID("session", "s1"), "--session-id " + derivedID("session", "s1"), ""},
		"other id not there is refused": {"not there", "99999999-1111-4222-8333-444444444444", "", "does not know the native session"},
	} {
		t.Run(name, func(t *testing.T) {
			a := fakeAgent(t, "ANTHROPIC_FAKE="+c.fake)
			conn, err := a.Open(t.Context(), agents.Start{SessionID: "s1", Directory: t.TempDir(), Resume: c.resume})
			if c.wantError != "" {
				if protocol.CodeOf(err) != protocol.CodeAgentStartFailed || !strings.Contains(err.Error(), c.wantError) {
					t.Fatalf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer finish(t, conn)
			want(t, ndjson(t, readUntil(t, conn, protocol.TypeCommandsUpdated)), c.wantArg)
		})
	}
}

func TestArgs(t *testing.T) {
	for name, c := range map[string]struct {
		start   agents.Start
		version string
		want    string
		none    string
	}{
		"old version":   {agents.Start{}, "2.1.197", "--session-id", "--forward-subagent-text"},
		"no version":    {agents.Start{}, "", "--session-id", "--forward-subagent-text"},
		"resume":        {agents.Start{Resume: "x"}, "2.1.330", "--resume x --forward", "--session-id"},
		"fork":          {agents.Start{Resume: "x", Fork: true}, "2.1.330", "--resume x --fork-session", "--session-id"},
		"default mode":  {agents.Start{PermissionMode: "default"}, "2.1.330", "--session-id", "--permission-mode"},
		"default model": {agents.Start{Model: "default"}, "2.1.330", "--session-id", "--model"},
		"bypass":        {agents.Start{PermissionMode: "bypass"}, "2.1.330", "--permission-mode bypassPermissions", "dangerously"},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := newLaunch(c.start)
			if err != nil {
				t.Fatal(err)
			}
			args := strings.Join(l.args(c.version), " ")
			want(t, args, c.want)
			wantNone(t, args, c.none)
		})
	}
}

func TestCheckRefuses(t *testing.T) {
	a := fakeAgent(t)
	for name, s := range map[string]agents.Start{
		"flag as model":   {Model: "--dangerously-skip-permissions"},
		"flag as resume":  {Resume: "-c"},
		"mode":            {Mode: "build"},
		"permission mode": {PermissionMode: "yolo"},
		"effort":          {Effort: "huge"},
		"fork of nothing": {Fork: true},
		"server name":     {MCP: map[string]protocol.MCPServer{"a b": {Command: "x"}}},
		"empty server":    {MCP: map[string]protocol.MCPServer{"a": {}}},
		"server type":     {MCP: map[string]protocol.MCPServer{"a": {Type: "pipe", URL: "x"}}},
	} {
		if code := protocol.CodeOf(a.Check(s)); code != protocol.CodeInvalidRequest && code != protocol.CodeModeNotSupported {
			t.Errorf("%s: %q", name, code)
		}
	}
	if err := a.Check(agents.Start{Mode: "plan", Effort: "max", Model: "opus"}); err != nil {
		t.Error(err)
	}
}

// As root the CLI takes bypass mode only in what it is told is a sandbox.
func TestSection2BypassAsRoot(t *testing.T) {
	for name, c := range map[string]struct {
		mode    string
		root    bool
		environ []string
		refused bool
	}{
		"root":            {modeBypass, true, nil, true},
		"root in sandbox": {modeBypass, true, []string{"IS_SANDBOX=1"}, false},
		"user":            {modeBypass, false, nil, false},
		"root asks":       {modeDefault, true, nil, false},
	} {
		if err := checkBypass(c.mode, c.root, c.environ); (err != nil) != c.refused {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestInfo(t *testing.T) {
	if info := fakeAgent(t).Info(t.Context()); info.Status != "ready" || info.Version != "2.1.330" || info.Origin != agents.OriginFlag ||
		info.Credentials == "found" || info.Pinned != "2.1.330" || info.Message == "" {
		t.Errorf("found: %+v", info)
	}
	none := Options{Environ: func() []string { return nil }}
	if info := New(none).Info(t.Context()); info.Status != "missing" || info.Message == "" {
		t.Errorf("missing: %+v", info)
	}
	none.Installation = install.Claude(t.TempDir())
	if info := New(none).Info(t.Context()); info.Status != "installable" {
		t.Errorf("installable: %+v", info)
	}
	if err := New(Options{}).Install(t.Context(), nil); protocol.CodeOf(err) != protocol.CodeInstallFailed {
		t.Errorf("no installation: %v", err)
	}
	if _, err := New(none).Open(t.Context(), agents.Start{}); protocol.CodeOf(err) != protocol.CodeAgentNotInstalled {
		t.Errorf("open without an executable: %v", err)
	}
}

func TestCredentials(t *testing.T) {
	home := t.TempDir()
	if got := credentials([]string{"HOME=" + home}); got == "found" {
		t.Errorf("nothing is %s", got)
	}
	for _, name := range []string{"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"} {
		if got := credentials([]string{"HOME=" + home, name + "=x"}); got != "found" {
			t.Errorf("%s is %s", name, got)
		}
	}
	if err := os.MkdirAll(filepath.Join(home, ".claude"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, ".claude", ".credentials.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := credentials([]string{"HOME=" + home}); got != "found" {
		t.Errorf("a login is %s", got)
	}
}

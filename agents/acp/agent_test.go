package acp

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/install"
	"github.com/towline-dev/towline/protocol"
)

func TestCheckRefuses(t *testing.T) {
	a := New(Options{Entry: gemini()})
	for name, c := range map[string]struct {
		start agents.Start
		code  protocol.Code
	}{
		"dash":            {agents.Start{Model: "-x"}, protocol.CodeInvalidRequest},
		"permission mode": {agents.Start{PermissionMode: "yolo"}, protocol.CodeModeNotSupported},
		"fork":            {agents.Start{Fork: true, Resume: "s"}, protocol.CodeCapabilityMissing},
		"system prompt":   {agents.Start{SystemPrompt: "x"}, protocol.CodeCapabilityMissing},
		"mcp name":        {agents.Start{MCP: map[string]protocol.MCPServer{"": {Command: "x"}}}, protocol.CodeInvalidRequest},
		"mcp type":        {agents.Start{MCP: map[string]protocol.MCPServer{"a": {Type: "pipe"}}}, protocol.CodeInvalidRequest},
		"mcp command":     {agents.Start{MCP: map[string]protocol.MCPServer{"a": {Type: "stdio"}}}, protocol.CodeInvalidRequest},
	} {
		t.Run(name, func(t *testing.T) {
			c.start.Directory = t.TempDir()
			if err := a.Check(c.start); protocol.CodeOf(err) != c.code {
				t.Errorf("got %v, want %s", err, c.code)
			}
		})
	}
	if err := New(Options{Entry: claudeAdapter()}).Check(agents.Start{Directory: t.TempDir(), SystemPrompt: "x", Model: "m", Mode: "plan"}); err != nil {
		t.Errorf("a good start gives %v", err)
	}
}

func TestNotInstalled(t *testing.T) {
	for name, e := range map[string]Entry{"nowhere": gemini(), "no such file": Custom("x", []string{"/no/such/agent"}), "no command": Custom("x", nil)} {
		a := New(Options{Entry: e, Environ: func() []string { return []string{"PATH=/nowhere", "HOME=/nowhere"} }})
		if _, err := a.Open(t.Context(), agents.Start{Directory: t.TempDir()}); protocol.CodeOf(err) != protocol.CodeAgentNotInstalled {
			t.Errorf("%s gives %v", name, err)
		}
		if info := a.Info(t.Context()); info.Status != "missing" || info.Message == "" {
			t.Errorf("%s: info is %+v", name, info)
		}
		if err := a.Install(t.Context(), nil); protocol.CodeOf(err) != protocol.CodeInstallFailed {
			t.Errorf("%s: install gives %v", name, err)
		}
	}
}

// Only what the server installs is said to be installed by it; for the others
// the entry says how.
func TestHowToInstall(t *testing.T) {
	for _, e := range append(Entries(), Custom("mine", []string{"my-agent"})) {
		o := Options{Entry: e, Environ: func() []string { return []string{"PATH=/nowhere"} }, Installation: install.ACP(e.Name, t.TempDir())}
		_, err := New(o).Open(t.Context(), agents.Start{Directory: t.TempDir()})
		if byUs := strings.Contains(err.Error(), "run towline agents install "+e.Name); byUs != (o.Installation != nil) {
			t.Errorf("%s: %v", e.Name, err)
		}
		o.Installation = nil
		_, err = New(o).Open(t.Context(), agents.Start{Directory: t.TempDir()})
		told := New(o).Install(t.Context(), nil)
		if e.Name != "mine" && e.ByHand == "" {
			t.Errorf("%s does not say how to install it", e.Name)
		}
		for _, err := range []error{err, told} {
			want(t, err.Error(), "install", e.ByHand, "--agent "+e.Name+"=COMMAND")
			wantNone(t, err.Error(), "run towline agents install")
		}
	}
}

// Every entry is whole, and what it asks to have installed can be.
func TestEntries(t *testing.T) {
	names := map[string]bool{}
	for _, e := range Entries() {
		if e.Name == "" || e.Title == "" || len(e.Command) < 1 || names[e.Name] || e.Capabilities == (protocol.Capabilities{}) {
			t.Errorf("the entry %+v is not whole", e)
		}
		names[e.Name] = true
	}
	for _, want := range []string{"gemini", "qwen", "claude-agent-acp", "copilot", "goose", "opencode-acp", "codex-acp", "cursor", "auggie", "kimi"} {
		if !names[want] {
			t.Errorf("there is no entry %s", want)
		}
	}
	for _, name := range install.ACPNames() {
		e, ok := Find(name)
		if i := install.ACP(name, "/a"); !ok || i.Node.File != New(Options{Entry: e}).file() {
			t.Errorf("%s is installed as %s and looked for as %s", name, i.Node.File, New(Options{Entry: e}).file())
		}
	}
	if e, ok := Find("claude"); !ok || e.Name != "claude-agent-acp" {
		t.Errorf("claude is %+v", e)
	}
}

// The agent's own environment holds what its entry passes, and nothing else of
// the server's.
func TestEnvironment(t *testing.T) {
	a := New(Options{Entry: gemini(), Environ: func() []string {
		return []string{"PATH=/bin", "GEMINI_API_KEY=k", "OPENAI_API_KEY=secret", "TOWLINE_TOKEN=secret"}
	}})
	got := strings.Join(a.environment(map[string]string{"OWN": "1"}), " ")
	want(t, got, "PATH=/bin", "GEMINI_API_KEY=k", "GEMINI_CLI_NO_RELAUNCH=true", "OWN=1")
	wantNone(t, got, "secret")
	if a.auth(nil) != "gemini-api-key" || New(Options{Entry: qwen(), Environ: func() []string { return nil }}).auth(map[string]string{"OPENAI_API_KEY": "x"}) != "openai" {
		t.Error("the login method is not found")
	}
}

func TestPromptBlocks(t *testing.T) {
	part := func(p protocol.Part, data string) agents.Content {
		c := agents.Content{Part: p}
		if data != "" {
			c.Bytes = []byte(data)
		}
		return c
	}
	image := part(protocol.Part{Type: protocol.PartImage, Mime: "image/png", Path: "/w/a b.png"}, "hi")
	file := part(protocol.Part{Type: protocol.PartFile, Mime: "text/plain", Name: "n.txt"}, "text")
	all := []agents.Content{
		part(protocol.TextPart("t"), ""), image, file, part(protocol.Part{Type: protocol.PartFile, Path: "/w/x"}, "\xff"),
		part(protocol.Part{Type: protocol.PartResourceLink, URL: "https://x.test/"}, ""), part(protocol.Part{Type: protocol.PartJSON, JSON: json.RawMessage(`{"a":1}`)}, ""),
	}
	got := give(t, ready(t, Quirks{}), &agents.Prompt{PromptID: "m1", Content: all})
	want(t, got, `{"type":"text","text":"t"}`, `{"type":"image","data":"aGk=","mimeType":"image/png"}`,
		`"resource":{"uri":"attachment:///n.txt","text":"text","mimeType":"text/plain"}`, `"resource":{"uri":"file:///w/x","blob":"/w=="}`,
		`{"type":"resource_link","uri":"https://x.test/","name":"https://x.test/"}`, `"text":"{\"a\":1}"`)
	poor, _ := start(t, setup{}, `{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1}}`, newAnswer)
	want(t, give(t, poor, &agents.Prompt{PromptID: "m1", Content: []agents.Content{image}}), `{"type":"resource_link","mimeType":"image/png","uri":"file:///w/a%20b.png","name":"a b.png"}`)
	refused(t, poor, &agents.Prompt{PromptID: "m2", Content: []agents.Content{file}}, protocol.CodeInvalidRequest)
	refused(t, poor, &agents.Prompt{PromptID: "m3"}, protocol.CodeInvalidRequest)
	refused(t, poor, &agents.Prompt{PromptID: "m4", Content: []agents.Content{part(protocol.Part{Type: protocol.PartDiff}, "")}}, protocol.CodeInvalidRequest)
	early, _ := start(t, setup{})
	refused(t, early, say("m1", "x"), protocol.CodeAgentNotRunning)
}

// Close cancels the turn and closes the session, where the agent can.
func TestEnding(t *testing.T) {
	early, _ := start(t, setup{})
	if frames := early.Ending(); len(frames) > 0 {
		t.Errorf("a session that is not open ends with %s", frames)
	}
	tr := running(t, Quirks{})
	frames := tr.Ending()
	if len(frames) != 2 || textAt(frames[0], "method") != "session/cancel" || textAt(frames[1], "method") != "session/close" {
		t.Errorf("a running session ends with %s", frames)
	}
	poor, _ := start(t, setup{}, `{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1}}`, newAnswer)
	if frames := poor.Ending(); len(frames) > 0 {
		t.Errorf("an agent that cannot close gets %s", frames)
	}
}

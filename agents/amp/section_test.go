package amp

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

const (
	initFrame = `{"type":"system","subtype":"init","session_id":"T-1","tools":[],"mcp_servers":[]}`
	bashCall  = `{"type":"assistant","message":{"content":[{"type":"tool_use","id":"c1","name":"Bash","input":{"cmd":"rm x"}}],"stop_reason":"tool_use"},"parent_tool_use_id":null}`
)

// opened is a translator with a turn for the prompt "go".
func opened(t *testing.T) *translator {
	t.Helper()
	tr := newTranslator(setup{})
	if out := tr.Native([]byte(initFrame)); !out.Ready {
		t.Fatal("the first frame does not make it ready")
	}
	if _, err := tr.Command(prompt("go")); err != nil {
		t.Fatal(err)
	}
	native(tr, echoOf("go"))
	return tr
}

func echoOf(text string) string {
	return `{"type":"user","message":{"content":[{"type":"text","text":"` + text + `"}]},"parent_tool_use_id":null}`
}

// native feeds frames and returns what they led to.
func native(tr *translator, frames ...string) []protocol.Data {
	var events []protocol.Data
	for _, f := range frames {
		events = append(events, tr.Native([]byte(f)).Events...)
	}
	return events
}

// asks lets a delegate ask for the call c1 and returns what that led to.
func asks(tr *translator) []protocol.Data {
	var o output
	tr.asked("a1", askRequest{Tool: "Bash", ToolUseID: "c1", Input: []byte(`{"cmd":"rm x"}`)}, &o)
	return o.Events
}

// A prompt in the middle of a turn cuts it: the turn goes on, what waited is
// withdrawn, and a late decision goes nowhere.
func TestSection5SteerWhileAsking(t *testing.T) {
	tr := opened(t)
	native(tr, bashCall)
	want(t, ndjson(t, asks(tr)), `"permission_id":"a1","item_id":"c1"`)
	if _, err := tr.Command(prompt("never mind")); err != nil {
		t.Fatal(err)
	}
	got := ndjson(t, native(tr, `{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"c1","content":"Tool execution cancelled: user:interrupted","is_error":true}]}}`, echoOf("never mind")))
	want(t, got, `"outcome":"cancelled"`, `"status":"interrupted"`)
	wantNone(t, got, "turn.ended", "turn.started", `"role":"user"`)
	if len(tr.answers) != 1 || tr.answers[0].allow {
		t.Errorf("the delegate is told %+v", tr.answers)
	}
	_, err := tr.Command(&agents.Decide{PermissionID: "a1", Option: protocol.PermissionOption{Decision: protocol.Allow}})
	if protocol.CodeOf(err) != protocol.CodePermissionClosed {
		t.Errorf("a late decision was answered with %v", err)
	}
}

// A message without a stop reason was cut, and ends no turn.
func TestSection4CutMessage(t *testing.T) {
	tr := opened(t)
	got := ndjson(t, native(tr, `{"type":"assistant","message":{"content":[{"type":"text","text":"half"}],"stop_reason":null},"parent_tool_use_id":null}`))
	want(t, got, `"status":"interrupted"`)
	wantNone(t, got, "turn.ended")
}

// The turn ends by the stop reason of a message of the agent itself.
func TestSection4StopReasons(t *testing.T) {
	for stop, outcome := range map[string]string{"end_turn": "completed", "max_tokens": "limit", "refusal": "refused", "stop_sequence": "completed"} {
		tr := opened(t)
		want(t, ndjson(t, native(tr, `{"type":"assistant","message":{"content":[],"stop_reason":"`+stop+`"},"parent_tool_use_id":null}`)), `"outcome":"`+outcome+`"`)
	}
	tr := opened(t)
	got := ndjson(t, native(tr, `{"type":"assistant","message":{"content":[],"stop_reason":"end_turn"},"parent_tool_use_id":"c9"}`, bashCall))
	wantNone(t, got, "turn.ended")
}

// A delegate may be heard before its call was read; a subagent's call is
// never read.
func TestSection5AskBeforeItsCall(t *testing.T) {
	tr := opened(t)
	if events := asks(tr); len(events) != 0 {
		t.Errorf("got %s", ndjson(t, events))
	}
	got := ndjson(t, native(tr, bashCall))
	if i := strings.Index(got, "item.started"); i < 0 || i > strings.Index(got, "permission.requested") {
		t.Errorf("got %s", got)
	}

	sub := opened(t)
	asks(sub)
	var o output
	sub.unpark("a1", &o)
	got = ndjson(t, o.Events)
	want(t, got, "permission.requested")
	wantNone(t, got, "item_id")
	o = output{}
	sub.gone("a1", &o)
	want(t, ndjson(t, o.Events), `"outcome":"cancelled"`)
}

// A command that fails is no error of its tool.
func TestSection3FailedCommand(t *testing.T) {
	tr := opened(t)
	got := ndjson(t, native(tr, bashCall, `{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"c1","content":"{\"output\":\"no\",\"exitCode\":3}","is_error":false}]}}`))
	want(t, got, `"status":"failed"`, `"exit_code":3,"output":"no"`)
}

// Each end of a process: only one without a word, and not of our doing, is an
// exit.
func TestSection4Exits(t *testing.T) {
	for name, c := range map[string]struct {
		frames    []string
		interrupt bool
		wanted    bool
		events    string
	}{
		"after success":       {[]string{`{"type":"result","subtype":"success","is_error":false}`}, false, true, ""},
		"after an error":      {[]string{`{"type":"result","subtype":"error_during_execution","is_error":true,"error":"x"}`}, false, true, ""},
		"by our signal alone": {nil, true, true, `"outcome":"interrupted"`},
		"without a word":      {nil, false, false, "agent.exited"},
	} {
		t.Run(name, func(t *testing.T) {
			tr := opened(t)
			if c.interrupt {
				if _, err := tr.Command(&agents.Interrupt{}); err != nil {
					t.Fatal(err)
				}
			}
			native(tr, c.frames...)
			var o output
			if wanted := tr.exited(&protocol.AgentExited{}, &o); wanted != c.wanted {
				t.Errorf("wanted: %v", wanted)
			}
			got := ndjson(t, o.Events)
			want(t, got, c.events)
			if c.events == "" && len(o.Events) > 0 {
				t.Errorf("got %s", got)
			}
		})
	}
}

// What Amp says about an error becomes one sentence and a code.
func TestSection4Errors(t *testing.T) {
	for text, wanted := range map[string]protocol.Failure{
		`401 {"type":"error","error":{"message":"bad key"}}`:                                          {Code: codeAuth, Message: "the model's API answered 401: bad key"},
		`529 {"error":{"message":"busy"}}`:                                                            {Code: codeModel, Message: "the model's API answered 529: busy", Retryable: true},
		"The following tools require user approval, which is not supported in stream JSON mode: Bash": {Code: codeApproval, Message: "The following tools require user approval, which is not supported in stream JSON mode: Bash"},
		"": {Code: codeAgent, Message: "Amp ended with an error that it did not name"},
	} {
		if got := readFailure(text); got.Code != wanted.Code || got.Message != wanted.Message || got.Retryable != wanted.Retryable {
			t.Errorf("%q became %+v", text, got)
		}
	}
}

// What cannot be sent is refused before a byte goes to the CLI, which one bad
// line would end.
func TestSection3Prompts(t *testing.T) {
	image := func(mime string) agents.Content { return imageOf(mime, pngOf(t, 1, 1)) }
	text := agents.Content{Part: protocol.TextPart("what is this?")}
	for name, c := range map[string]struct {
		content []agents.Content
		code    protocol.Code
		frame   string
	}{
		"text":            {[]agents.Content{text}, "", `{"type":"user","message":{"role":"user","content":[{"type":"text","text":"what is this?"}]}}`},
		"image":           {[]agents.Content{text, image("image/png")}, "", `{"type":"image","source":{"type":"base64","media_type":"image/png","data":"` + base64.StdEncoding.EncodeToString(pngOf(t, 1, 1)) + `"}}`},
		"other image":     {[]agents.Content{text, image("image/tiff")}, protocol.CodeInvalidRequest, ""},
		"image alone":     {[]agents.Content{image("image/png")}, protocol.CodeInvalidRequest, ""},
		"four images":     {[]agents.Content{text, image("image/png"), image("image/png"), image("image/png"), image("image/png")}, "", `"what is this?"`},
		"five images":     {[]agents.Content{text, image("image/png"), image("image/png"), image("image/png"), image("image/png"), image("image/png")}, protocol.CodeInvalidRequest, ""},
		"no image":        {[]agents.Content{text, imageOf("image/png", []byte("text"))}, protocol.CodeInvalidRequest, ""},
		"wrong type":      {[]agents.Content{text, image("image/jpeg")}, protocol.CodeInvalidRequest, ""},
		"too many pixels": {[]agents.Content{text, imageOf("image/png", pngOf(t, 8001, 1))}, protocol.CodeInvalidRequest, ""},
		"many pixels":     {[]agents.Content{text, imageOf("image/png", pngOf(t, 8000, 1))}, "", `"what is this?"`},
		"too many bytes":  {[]agents.Content{text, imageOf("image/png", append(pngOf(t, 1, 1), make([]byte, maxImage)...))}, protocol.CodeTooLarge, ""},
		"WebP":            {[]agents.Content{text, imageOf("image/webp", []byte("RIFF\x1a\x00\x00\x00WEBPVP8 "))}, "", `"media_type":"image/webp"`},
		"nothing":         {nil, protocol.CodeInvalidRequest, ""},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := newTranslator(setup{}).Command(&agents.Prompt{PromptID: "m1", Content: c.content})
			if protocol.CodeOf(err) != c.code {
				t.Fatalf("got %v", err)
			}
			if c.frame != "" {
				want(t, string(out.Frames[0]), c.frame)
			}
		})
	}
}

// imageOf is an image of a prompt.
func imageOf(mime string, content []byte) agents.Content {
	return agents.Content{Part: protocol.Part{Type: protocol.PartImage, Mime: mime}, Bytes: content}
}

// pngOf makes a PNG image.
func pngOf(t *testing.T, width, height int) []byte {
	t.Helper()
	var b bytes.Buffer
	must(t, png.Encode(&b, image.NewGray(image.Rect(0, 0, width, height))))
	return b.Bytes()
}

func TestConfigure(t *testing.T) {
	tr := opened(t)
	for name, c := range map[string]agents.Configure{
		"mode": {Mode: new("rush")}, "permission mode": {PermissionMode: new("plan")}, "model": {Model: new("m")}, "effort": {Effort: new("high")},
	} {
		if _, err := tr.Command(&c); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if _, err := tr.Command(&agents.Configure{PermissionMode: new("bypass"), Title: new("t")}); err != nil {
		t.Fatal(err)
	}
	if events := asks(tr); len(events) != 0 || len(tr.answers) != 1 || !tr.answers[0].allow {
		t.Errorf("got %s and %+v", ndjson(t, events), tr.answers)
	}
}

// FuzzNative feeds the translator with anything; it must not panic.
func FuzzNative(f *testing.F) {
	for _, seed := range []string{initFrame, bashCall, echoOf("x"), `{"type":"result","is_error":true,"error":"400 {}"}`, `{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"c1","content":[{"text":"a"}]}]}}`, `{`, `null`, `{"type":"x"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		tr := opened(t)
		native(tr, bashCall)
		asks(tr)
		tr.Native(frame)
		tr.Native(frame)
		tr.exited(&protocol.AgentExited{}, &output{})
	})
}

// The work folder's own settings would pass over all approvals.
func TestSection5WorkFoldersSettings(t *testing.T) {
	for name, c := range map[string]struct {
		file, content string
		refused       bool
	}{
		"none":              {"", "", false},
		"harmless":          {"work/.amp/settings.json", `{"amp.network.timeout":1}`, false},
		"permissions":       {"work/.amp/settings.json", `{"amp.permissions":[]}`, true},
		"allow all":         {"work/.amp/settings.jsonc", `{/**/"amp.dangerouslyAllowAll":true}`, true},
		"escaped":           {"work/.amp/settings.json", `{"amp.\u0070ermissions":[]}`, true},
		"repository's root": {".amp/settings.json", `{"amp.permissions":[]}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for _, dir := range []string{"work/.amp", ".amp", ".git"} {
				if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			if c.file != "" {
				if err := os.WriteFile(filepath.Join(root, c.file), []byte(c.content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			err := checkWorkspace(filepath.Join(root, "work"))
			if refused := protocol.CodeOf(err) == protocol.CodeAgentStartFailed; refused != c.refused {
				t.Errorf("got %v", err)
			}
		})
	}
}

// The tools of mode deep have other names: one command that is allowed for the
// session allows no other.
func TestSection2ToolsOfModeDeep(t *testing.T) {
	tr := opened(t)
	ask := func(id, tool, input string) *ask {
		t.Helper()
		var o output
		tr.asked(id, askRequest{Tool: tool, ToolUseID: id, Input: []byte(input)}, &o)
		tr.unpark(id, &o)
		return tr.asks[id]
	}
	a := ask("a1", "shell_command", `{"command":"ls","workdir":"/w"}`)
	if a == nil || a.tool.Title != "shell_command: ls" || a.tool.Kind != protocol.ToolExecute {
		t.Fatalf("asked for %+v", a)
	}
	give(t, tr, &agents.Decide{PermissionID: "a1", Option: protocol.PermissionOption{Decision: protocol.Allow, Scope: protocol.ScopeSession}})
	if ask("a2", "shell_command", `{"command":"rm -r /"}`) == nil {
		t.Error("another command is not asked for")
	}
	if ask("a3", "shell_command", `{"command":"ls","workdir":"/w"}`) != nil {
		t.Error("the command that is allowed is asked for")
	}
	tr.grants.Mode = agents.PermissionAcceptEdits
	if ask("a4", "apply_patch", `{"patchText":"*** Begin Patch"}`) != nil {
		t.Error("an edit is asked for where edits are allowed")
	}
}

package agents

import (
	"strings"
	"testing"

	"github.com/towline-dev/towline/protocol"
)

// A grant covers the tool, and of a command only the very same one.
func TestGrants(t *testing.T) {
	tool := func(name string, kind protocol.ToolKind, input string) *protocol.Tool {
		return &protocol.Tool{Name: name, Kind: kind, Input: []byte(input)}
	}
	ls, rm := tool("bash", protocol.ToolExecute, `{"c":"ls"}`), tool("bash", protocol.ToolExecute, `{"c":"ls; rm x"}`)
	edit, other := tool("edit", protocol.ToolEdit, `{"p":1}`), tool("edit", protocol.ToolEdit, `{"p":2}`)
	var g Grants
	if g.Covers(ls) || g.Covers(edit) || !g.Covers(tool("read", protocol.ToolRead, `{}`)) {
		t.Error("the default mode does not ask for what changes something")
	}
	g.Give(ls)
	g.Give(edit)
	if !g.Covers(tool("bash", protocol.ToolExecute, `{ "c": "ls" }`)) || g.Covers(rm) || !g.Covers(other) {
		t.Error("a grant covers something else than it says")
	}
	for mode, want := range map[string][2]bool{PermissionAcceptEdits: {false, true}, PermissionBypass: {true, true}, PermissionDefault: {false, false}} {
		g := Grants{Mode: mode}
		if got := [2]bool{g.Covers(rm), g.Covers(edit)}; got != want {
			t.Errorf("mode %s covers a command and an edit: %v", mode, got)
		}
	}
	if err := CheckGrantMode("plan"); protocol.CodeOf(err) != protocol.CodeModeNotSupported || CheckGrantMode("") != nil {
		t.Errorf("got %v", err)
	}
}

// A file's content goes with the prompt where it is text; its name cannot end
// the element that holds it.
func TestPromptText(t *testing.T) {
	for name, c := range map[string]struct {
		content Content
		want    string
	}{
		"text":   {Content{Part: protocol.TextPart("a")}, "a"},
		"file":   {Content{Part: protocol.Part{Type: protocol.PartFile, Name: `n".txt`}, Bytes: []byte("x")}, "<file name=\"n'.txt\">\nx\n</file>"},
		"binary": {Content{Part: protocol.Part{Type: protocol.PartFile, Path: "/a/b"}, Bytes: []byte{0}}, "@/a/b"},
		"link":   {Content{Part: protocol.Part{Type: protocol.PartResourceLink, Name: "n", URL: "u"}}, "n u"},
	} {
		if got, err := PromptText("Test", c.content); got != c.want || err != nil {
			t.Errorf("%s became %q (%v)", name, got, err)
		}
	}
	for _, c := range []Content{{Part: protocol.Part{Type: protocol.PartDiff}}, {Part: protocol.Part{Type: protocol.PartFile}, Bytes: []byte{0}}} {
		if _, err := PromptText("Test", c); protocol.CodeOf(err) != protocol.CodeInvalidRequest {
			t.Errorf("%s: %v", c.Type, err)
		}
	}
}

// Escape sequences that an agent sends to a terminal do not reach people.
func TestStderrWithoutEscapes(t *testing.T) {
	var s Stderr
	if _, err := s.Write([]byte("\x1b[=0u\x1b]0;title\x07\x1b[1;31mred\x1b[0m\n")); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(s.Report().Head, "|"); got != "red" {
		t.Errorf("got %q", got)
	}
}

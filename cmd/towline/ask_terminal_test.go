package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/towline-dev/towline/protocol"
)

func testPermission() *protocol.Permission {
	return &protocol.Permission{
		PermissionID: "p1", Kind: protocol.PermitCommand, Title: "Run ls", Editable: true, InputSHA256: "abc",
		Tool: &protocol.Tool{Name: "Bash", Input: json.RawMessage(`{"command":"ls"}`)},
		Options: []protocol.PermissionOption{
			{ID: "once", Decision: protocol.Allow, Scope: protocol.ScopeOnce, Label: "Yes"},
			{ID: "always", Decision: protocol.Allow, Scope: protocol.ScopeAlways, Label: "Always"},
			{ID: "no", Decision: protocol.Deny, Scope: protocol.ScopeOnce, Label: "No"},
		},
	}
}

func TestPermissionWords(t *testing.T) {
	narrow := testPermission()
	narrow.Options, narrow.Editable = narrow.Options[:1], false
	allow := &protocol.PermissionDecide{PermissionID: "p1", InputSHA256: "abc", Decision: protocol.Allow, Scope: protocol.ScopeOnce}
	cases := []struct {
		line       string
		permission *protocol.Permission
		want       protocol.Command
	}{
		{"y", testPermission(), allow},
		{" YES ", testPermission(), allow},
		{"n", testPermission(), &protocol.PermissionDecide{PermissionID: "p1", InputSHA256: "abc", Decision: protocol.Deny}},
		{"no use rg", testPermission(), &protocol.PermissionDecide{PermissionID: "p1", InputSHA256: "abc", Decision: protocol.Deny, Message: "use rg"}},
		{"always", testPermission(), &protocol.PermissionDecide{PermissionID: "p1", InputSHA256: "abc", OptionID: "always"}},
		{"always", narrow, nil},
		{"edit", narrow, nil},
		{"", testPermission(), nil},
		{"perhaps", testPermission(), nil},
	}
	for _, c := range cases {
		got, err := (&ask{permission: c.permission}).decide(t.Context(), &terminal{}, c.line)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%q: %s", c.line, d)
		}
	}
	if got := (&ask{permission: testPermission()}).invite(); got != "p1? [y/n/always/edit] (always: Always) " {
		t.Errorf("the invitation is %q", got)
	}
	if got := (&ask{permission: narrow}).invite(); got != "p1? [y/n] " {
		t.Errorf("the narrow invitation is %q", got)
	}
}

func TestEditOpensTheEditor(t *testing.T) {
	dir := t.TempDir()
	editor := filepath.Join(dir, "editor")
	write := func(saved string) {
		script := "#!/bin/sh\ncp \"$1\" " + filepath.Join(dir, "seen") + "\nprintf '%s' '" + saved + "' > \"$1\"\n"
		if err := os.WriteFile(editor, []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	term := &terminal{in: strings.NewReader(""), out: &strings.Builder{}, err: &strings.Builder{}, env: []string{"EDITOR=" + editor}}
	write(`{"command":"ls -l"}`)
	got, err := (&ask{permission: testPermission()}).decide(t.Context(), term, "edit")
	d, ok := got.(*protocol.PermissionDecide)
	if err != nil || !ok || string(d.Input) != `{"command":"ls -l"}` || d.Decision != protocol.Allow {
		t.Errorf("got %+v, %v", got, err)
	}
	if seen, _ := os.ReadFile(filepath.Join(dir, "seen")); string(seen) != "{\n  \"command\": \"ls\"\n}\n" {
		t.Errorf("the editor saw %q", seen)
	}
	write("{")
	if _, err := (&ask{permission: testPermission()}).decide(t.Context(), term, "edit"); err == nil || !strings.Contains(err.Error(), "no JSON") {
		t.Errorf("broken JSON: got %v", err)
	}
	term.env = []string{"EDITOR=" + filepath.Join(dir, "missing")}
	if _, err := (&ask{permission: testPermission()}).decide(t.Context(), term, "edit"); err == nil {
		t.Error("a missing editor was no error")
	}
}

func TestQuestionsAreAnsweredPartByPart(t *testing.T) {
	options := []protocol.QuestionOption{{Label: "red"}, {Label: "blue"}}
	a := &ask{question: &protocol.Question{QuestionID: "q1", Questions: []protocol.QuestionItem{
		{Header: "colour", Text: "Which?", Options: options},
		{Text: "Which ones?", Options: options, MultiSelect: true},
		{Text: "Why?", FreeText: true},
	}}}
	for _, line := range []string{"", "3", "green", "2", "1, blue", "because"} {
		cmd, err := a.decide(t.Context(), &terminal{}, line)
		if err != nil {
			t.Fatal(err)
		}
		if line != "because" {
			if cmd != nil {
				t.Fatalf("%q: an answer was sent too early", line)
			}
			continue
		}
		want := &protocol.QuestionAnswer{QuestionID: "q1", Answers: [][]string{{"blue"}, {"red", "blue"}, {"because"}}}
		if d := cmp.Diff(protocol.Command(want), cmd); d != "" {
			t.Error(d)
		}
	}
}

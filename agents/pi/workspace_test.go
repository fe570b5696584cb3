package pi

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// The settings of a work folder may choose a model, and no program.
func TestWorkspaceSettings(t *testing.T) {
	for name, c := range map[string]struct {
		settings string
		refused  string
		leftOut  bool
	}{
		"none":              {"", "", false},
		"harmless":          {`{"defaultModel":"m","theme":"dark"}`, "", false},
		"extensions":        {`{"extensions":["a.ts"]}`, "", true},
		"packages":          {`{"packages":["npm:a"]}`, "", true},
		"a shell":           {`{"shellPath":"./sh"}`, "sets shellPath", false},
		"no shell":          {`{"shellPath":null}`, "sets shellPath", false},
		"a prefix":          {`{"theme":"dark","shellCommandPrefix":"./sh;"}`, "sets shellCommandPrefix", false},
		"an escaped prefix": {`{"shell\u0043ommandPrefix":"./sh;"}`, "sets shellCommandPrefix", false},
		"an npm":            {`{"npmCommand":["./npm"]}`, "sets npmCommand", false},
		"no JSON":           {`{"shellPath":"./sh"`, "cannot be read", false},
		"no object":         {`[1]`, "cannot be read", false},
		"too much":          {`{"a":"` + strings.Repeat("x", maxSettings) + `","shellPath":"./sh"}`, "cannot be read", false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, map[string]string{filepath.Join(dir, ".pi", "settings.json"): c.settings})
			leftOut, err := checkWorkspace(dir)
			if leftOut != c.leftOut || (err != nil) != (c.refused != "") {
				t.Fatalf("got %v, %v", leftOut, err)
			}
			if e := protocol.AsError(err); c.refused != "" && (e.Code != protocol.CodeAgentStartFailed || !strings.Contains(e.Message, c.refused)) {
				t.Errorf("got %v", e)
			}
		})
	}
}

// A folder without configuration is no error, nor is a file of its name.
func TestWorkspaceWithoutConfiguration(t *testing.T) {
	dir := t.TempDir()
	for _, files := range []map[string]string{nil, {filepath.Join(dir, ".pi"): "text"}} {
		put(t, files)
		if leftOut, err := checkWorkspace(dir); leftOut || err != nil {
			t.Errorf("got %v, %v", leftOut, err)
		}
	}
}

// Pi is not even started in a folder whose settings name a program.
func TestOpenRefusesAWorkspace(t *testing.T) {
	dir := t.TempDir()
	put(t, map[string]string{filepath.Join(dir, ".pi", "settings.json"): `{"shellPath":"./sh"}`})
	_, err := fakeAgent(t).Open(t.Context(), agents.Start{SessionID: "s1", Directory: dir})
	if e := protocol.AsError(err); e.Code != protocol.CodeAgentStartFailed || !strings.Contains(e.Message, "shellPath") {
		t.Errorf("got %v", err)
	}
}

// The user's own extensions are given to Pi by name, the gate first. Who has
// none does not wait for a list.
func TestOwnExtensions(t *testing.T) {
	for name, c := range map[string]struct {
		file, content string
		fake          string
		args, refused string
	}{
		"none":                {"models.json", "{}", "", "-e GATE", ""},
		"settings":            {"settings.json", `{"theme":"x"}`, "", "-e GATE", ""},
		"a file":              {filepath.Join("extensions", "a.ts"), "", "", "-e GATE -e /own/a.ts -e /own/b.ts", ""},
		"a package":           {"settings.json", `{"packages":["npm:a"]}`, "", "-e GATE -e /own/a.ts -e /own/b.ts", ""},
		"broken settings":     {"settings.json", `{"packages"`, "", "-e GATE -e /own/a.ts -e /own/b.ts", ""},
		"the list fails":      {"settings.json", `{"packages":["npm:a"]}`, "no list", "", "did not list your own extensions"},
		"a relative path":     {"settings.json", `{"packages":["npm:a"]}`, "odd list", "", "did not list your own extensions"},
		"the list is endless": {"settings.json", `{"packages":["npm:a"]}`, "endless list", "", "did not list your own extensions"},
	} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			put(t, map[string]string{filepath.Join(home, ".pi", "agent", c.file): c.content})
			conn, err := fakeAgent(t).Open(t.Context(), agents.Start{SessionID: "s1", Directory: t.TempDir(), Env: map[string]string{"HOME": home, "FAKE": c.fake}})
			if c.refused != "" {
				if e := protocol.AsError(err); e.Code != protocol.CodeAgentStartFailed || !strings.Contains(e.Message, c.refused) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer finish(t, conn)
			if err := conn.Send(t.Context(), &agents.Prompt{PromptID: "m1", Content: []agents.Content{{Part: protocol.TextPart("go")}}}); err != nil {
				t.Fatal(err)
			}
			got := strings.ReplaceAll(ndjson(t, readUntil(t, conn, protocol.TypeTurnEnded)), connFiles(conn).gate, "GATE")
			want(t, got, "--mode rpc --offline --no-extensions "+c.args+`\n`)
		})
	}
}

// A prompt template of the work folder does not pass for the gate.
func TestGateIsAnExtension(t *testing.T) {
	tr := newTranslator(setup{})
	native(tr, `{"type":"response","command":"get_commands","success":true,"data":{"commands":[{"name":"towline-gate","source":"prompt"}]}}`)
	if tr.gated {
		t.Error("a prompt template was taken for the gate")
	}
}

// What writes Pi's configuration is asked for, even where edits are not.
func TestConfigurationIsAskedFor(t *testing.T) {
	for name, c := range map[string]struct {
		mode, tool, path, real string
		asks                   bool
	}{
		"a file":                    {"acceptEdits", "write", "a.ts", "/w/a.ts", false},
		"a name like it":            {"acceptEdits", "write", "a.pi/x.ts", "/w/a.pi/x.ts", false},
		"the folder's":              {"acceptEdits", "write", ".pi/extensions/a.ts", "/w/.pi/extensions/a.ts", true},
		"in other letters":          {"acceptEdits", "edit", "./.PI/settings.json", "/w/.PI/settings.json", true},
		"the gate does not say":     {"acceptEdits", "edit", "~/.pi/agent/settings.json", "", true},
		"through a link":            {"acceptEdits", "write", "docs/a.ts", "/h/.pi/agent/extensions/a.ts", true},
		"the user's, in its place":  {"acceptEdits", "write", "docs/a.ts", "/cfg/extensions/a.ts", true},
		"beside it":                 {"acceptEdits", "write", "docs/a.ts", "/cfg2/a.ts", false},
		"the folder's, all allowed": {"bypass", "write", ".pi/extensions/a.ts", "/w/.pi/extensions/a.ts", false},
		"a file, granted":           {"", "write", "a.ts", "/w/a.ts", false},
		"the folder's, granted":     {"", "write", ".pi/a.ts", "/w/.pi/a.ts", true},
		"reading it":                {"acceptEdits", "read", ".pi/settings.json", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			tr := newTranslator(setup{PermissionMode: c.mode, Config: "/cfg"})
			tr.grants.Give(&protocol.Tool{Name: "write", Kind: protocol.ToolEdit}) // for the session
			native(tr, `{"type":"agent_start"}`)
			ask, err := json.Marshal(map[string]any{"toolCallId": "c1", "tool": c.tool, "path": c.real, "input": map[string]string{"path": c.path}})
			if err != nil {
				t.Fatal(err)
			}
			frame, err := json.Marshal(map[string]string{"type": "extension_ui_request", "id": "d1", "method": "input", "title": "towline:permission", "placeholder": string(ask)})
			if err != nil {
				t.Fatal(err)
			}
			if _, sent := native(tr, string(frame)); (sent == "") != c.asks {
				t.Errorf("it was answered with %q", sent)
			}
		})
	}
}

// fakeList plays Pi listing the user's extensions.
func fakeList() int {
	out := "no JSON\n{\"towline_extensions\":[\"/own/a.ts\",\"/own/b.ts\"]}\n"
	switch os.Getenv("FAKE") {
	case "no list":
		return 1
	case "odd list":
		out = `{"towline_extensions":["npm:a"]}`
	case "endless list":
		out = strings.Repeat(" ", maxList+1)
	}
	if _, err := os.Stdout.WriteString(out); err != nil {
		return 9
	}
	return 0
}

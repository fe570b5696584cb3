package opencode

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/protocol"
)

// spy is code that makes a file when it runs.
func spy(mark string) string { return fmt.Sprintf("require('fs').writeFileSync(%q, 'ran')\n", mark) }

// fill writes files into a folder.
func fill(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// work has the model edit a file and run a command, and returns its session.
func (r *real) work(t *testing.T, name, dir string) *talk {
	t.Helper()
	s := r.chat.On(name, agenttest.InDir(dir, []agenttest.Round{
		agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "write", Path: "made.txt", Content: "made\n"}}),
		agenttest.Play(command("true")), agenttest.Play(agenttest.Say("Done.")),
	})...)
	k := r.open(t, agents.Start{SessionID: name, Directory: dir, PermissionMode: permitAll})
	k.say(s.Marker())
	if end := k.ended(); end.Outcome != protocol.OutcomeCompleted {
		t.Errorf("the turn ended as %+v", end)
	}
	return k
}

// wantMark tells whether a spy shall have run.
func wantMark(t *testing.T, mark string, want bool) {
	t.Helper()
	if _, err := os.Stat(mark); (err == nil) != want {
		t.Errorf("%s ran: %v", filepath.Base(mark), err == nil)
	}
}

// A folder's plugins never run in the process that serves all sessions: a
// folder that brings some is refused before anything is asked of the server.
func TestRealFolderWithPlugins(t *testing.T) {
	r := newReal(t)
	for name, c := range map[string]struct{ work, file, text string }{
		"plugin":        {"", ".opencode/plugin/x.js", ""},
		"plugins":       {"", ".opencode/plugins/x.ts", ""},
		"named":         {"", "opencode.json", `{"plugins":["./code/x.js"]}`},
		"named_before":  {"", ".opencode/opencode.jsonc", `{"\u0070lugin":["../code/x.js"]}`},
		"above":         {"sub", ".opencode/plugin/x.js", ""},
		"no_repository": {"sub", "opencode.json", `{"plugins":["./code/x.js"]}`},
	} {
		t.Run(name, func(t *testing.T) {
			dir, mark := r.folder(t), filepath.Join(t.TempDir(), "mark")
			fill(t, dir, map[string]string{"code/x.js": spy(mark), "sub/.git/x": "", c.file: c.text})
			if c.text == "" {
				fill(t, dir, map[string]string{c.file: spy(mark)})
			}
			start := agents.Start{SessionID: name, Directory: filepath.Join(dir, c.work), PermissionMode: permitAll}
			for what, err := range map[string]error{"checking": r.Check(start), "opening": func() error {
				conn, err := r.Open(t.Context(), start)
				if err == nil {
					_ = conn.Close()
					r.work(t, name, start.Directory)
				}
				return err
			}()} {
				if protocol.CodeOf(err) != protocol.CodeAgentStartFailed || !strings.Contains(err.Error(), filepath.Join(dir, c.file)+" brings plugins") {
					t.Errorf("%s: %v", what, err)
				}
			}
			wantMark(t, mark, false)
		})
	}
}

// Whatever else a folder's configuration names does not run; a folder with it
// is taken. What the user's own configuration names does run.
func TestRealFolderRunsNothing(t *testing.T) {
	r := newReal(t)
	marks := t.TempDir()
	mark := func(name string) string { return filepath.Join(marks, name) }
	touch := func(name string) string { return fmt.Sprintf(`["touch",%q]`, mark(name)) }
	dir := r.folder(t)
	files := map[string]string{
		".opencode/plugin/x.mjs": spy(mark("mjs")), ".opencode/plugins/x/index.js": spy(mark("folder")),
		".opencode/tool/x.js": spy(mark("tool")), ".opencode/tools/y.ts": spy(mark("tools")), "code/x.js": spy(mark("provider")),
		"config.json": `{"plugins":["./code/x.js"]}`,
		"opencode.json": `{"mcp":{"m":{"type":"local","command":` + touch("mcp") + `}},"shell":"` + dir + `/code/shell",
			"formatter":{"f":{"command":` + touch("formatter") + `,"extensions":[".txt"]}},
			"lsp":{"l":{"command":` + touch("lsp") + `,"extensions":[".txt"]}},
			"provider":{"fake":{"npm":"file://` + dir + `/code/x.js","options":{"baseURL":"http://127.0.0.1:9/v1"}}}}`,
		".opencode/opencode.json": `{"mcp":{"servers":{"m":{"type":"local","command":` + touch("mcp") + `}}},
			"providers":{"fake":{"api":{"type":"aisdk","package":"file://` + dir + `/code/x.js","settings":{}}}}}`,
		".opencode/agent/build.md": "---\nmode: primary\n---\n!`touch " + mark("agent") + "`",
		"code/shell":               "#!/bin/sh\ntouch " + mark("shell") + "\nexec /bin/sh \"$@\"\n",
	}
	fill(t, dir, files)
	if err := os.Chmod(filepath.Join(dir, "code/shell"), 0o700); err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(r.home.Home, ".config/opencode")
	config, err := os.ReadFile(filepath.Join(own, "opencode.json"))
	if err != nil {
		t.Fatal(err)
	}
	named := strings.Replace(string(config), "{", `{"plugin":["./own.js"],`, 1)
	fill(t, own, map[string]string{"own.js": spy(mark("own")), "opencode.json": named})
	r.work(t, "work", dir)
	entries, err := os.ReadDir(marks)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0].Name() != "own" {
		t.Errorf("of %q ran %v", slices.Sorted(maps.Keys(files)), entries)
	}
}

// Accepted edits reach files of the folder alone: not what OpenCode loads, nor
// where a link of the folder leads.
func TestRealEditsOfConfiguration(t *testing.T) {
	r := newReal(t)
	dir := r.folder(t)
	own := filepath.Join(r.home.Home, ".config/opencode")
	if err := os.Symlink(own, filepath.Join(dir, "docs")); err != nil {
		t.Fatal(err)
	}
	k := r.open(t, agents.Start{SessionID: "s", Directory: dir, PermissionMode: permitEdits})
	for i, c := range []struct {
		path  string
		asked bool
	}{
		{"made.txt", false}, {".opencode/plugin/x.js", true}, {"opencode.json", true}, {"docs/x.js", true}, {"sub/made.txt", false},
	} {
		s := r.chat.On(fmt.Sprintf("edit%d", i), agenttest.InDir(dir, []agenttest.Round{
			agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "write", Path: c.path, Content: "made\n"}}), agenttest.Play(agenttest.Say("Made.")),
		})...)
		from := len(k.events)
		k.say(s.Marker())
		if c.asked {
			p := k.asked()
			k.send(&agents.Decide{PermissionID: p.PermissionID, Option: p.Options[len(p.Options)-1]})
		}
		k.ended()
		asked := slices.ContainsFunc(k.events[from:], func(d protocol.Data) bool { return d.EventType() == protocol.TypePermissionRequested })
		_, err := os.Stat(filepath.Join(dir, c.path))
		if asked != c.asked || (err == nil) == c.asked {
			t.Errorf("%s: asked %v, made %v", c.path, asked, err == nil)
		}
	}
}

// A subagent's session has no rules of its parent, so starting one is asked
// for; refused, nothing runs.
func TestRealSubagentIsAskedFor(t *testing.T) {
	r := newReal(t)
	dir := r.folder(t)
	sub := r.chat.On("sub", agenttest.Play(command("touch by-subagent")), agenttest.Play(agenttest.Say("Reported.")))
	main := r.chat.On("main", agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "subagent", Text: "Run it. " + sub.Marker()}}), agenttest.Play(agenttest.Say("Done.")))
	for _, mode := range []string{permitDefault, permitEdits} {
		k := r.open(t, agents.Start{SessionID: mode, Directory: dir, PermissionMode: mode})
		k.say(main.Marker())
		p := k.asked()
		if p.Tool.Kind != protocol.ToolTask || !strings.Contains(p.Description, "without asking") {
			t.Errorf("asked %+v", p)
		}
		k.send(&agents.Decide{PermissionID: p.PermissionID, Option: p.Options[len(p.Options)-1]})
		k.ended()
	}
	if _, err := os.Stat(filepath.Join(dir, "by-subagent")); err == nil || len(sub.Requests()) > 0 {
		t.Error("the subagent ran")
	}
}

// Plugins that came after the session was opened do not run with its prompt.
func TestRealPluginsAfterOpening(t *testing.T) {
	r := newReal(t)
	dir, mark := r.folder(t), filepath.Join(t.TempDir(), "mark")
	s := r.chat.On("hello", agenttest.Play(agenttest.Say("Hello.")))
	k := r.open(t, agents.Start{SessionID: "s", Directory: dir})
	fill(t, dir, map[string]string{".opencode/plugin/x.js": spy(mark)})
	prompt := &agents.Prompt{PromptID: "m1", Content: textContentOf(s.Marker())}
	if err := k.Send(t.Context(), prompt); protocol.CodeOf(err) != protocol.CodeAgentStartFailed {
		t.Errorf("the prompt was answered with %v", err)
		k.ended()
	}
	wantMark(t, mark, false)
	if err := os.RemoveAll(filepath.Join(dir, ".opencode")); err != nil {
		t.Fatal(err)
	}
	k.say(s.Marker())
	if end := k.ended(); end.Outcome != protocol.OutcomeCompleted {
		t.Errorf("the turn after it ended as %+v", end)
	}
}

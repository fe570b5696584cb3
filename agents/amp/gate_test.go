package amp

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// gatedPlace is a repository whose work folder has all kinds of ways to the
// settings that decide what is asked for.
func gatedPlace(t *testing.T) (g gate, root string) {
	t.Helper()
	root = t.TempDir()
	for _, dir := range []string{".git", ".amp", "plain", "conf", "sub/.amp", "own", "home/.config/amp", "target"} {
		must(t, os.MkdirAll(filepath.Join(root, dir), 0o700))
	}
	for _, file := range []string{".amp/settings.json", "plain/a.go", "own/settings.json", "conf/real.json"} {
		must(t, os.WriteFile(filepath.Join(root, file), []byte("{}"), 0o600))
	}
	for from, to := range map[string]string{
		"cfg": ".amp", "loop": "loop", "far": "cfg", "abs": filepath.Join(root, ".amp"), "one.json": ".amp/settings.json",
		"new.json": ".amp/settings.jsonc", "plain/up": "..", "work": "sub", "sub/.amp/settings.jsonc": "../../conf/real.json",
		"sub/.amp/settings.json": "../../target/not-yet.json", "cwd": "/proc/self/cwd",
	} {
		must(t, os.Symlink(to, filepath.Join(root, from)))
	}
	must(t, os.Link(filepath.Join(root, ".amp/settings.json"), filepath.Join(root, "hard.json")))
	return gate{dir: filepath.Join(root, "work"), home: filepath.Join(root, "home"), own: []string{filepath.Join(root, "own"), filepath.Join(root, "home/.config/amp")}}, root
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Whatever way a path takes to the settings that set permissions, the call
// that writes there is asked for; others are not.
func TestSection5GatePaths(t *testing.T) {
	g, root := gatedPlace(t)
	for path, opens := range map[string]bool{
		// In words.
		"/x/.amp/settings.json": true, "/x/.AMP/settings.json": true, "/x/.Amp/plugins/p.ts": true, "/x/.amp/../.amp/x": true, ".amp/settings.json": true,
		"/x/.amp": true, "/x/.a\u200cmp/settings.json": true, "/x/.amp /settings.json": true, "file:///x/%2eamp/settings.json": true, "file:///x/a.go": false,
		"/x/a.go": false, "/x/.amplify/a.go": false, "/x/amp/settings.json": false, "a.go": false, "": false,
		// By links.
		root + "/cfg/settings.json": true, root + "/cfg/new/deep.json": true, root + "/far/settings.json": true, root + "/abs/x": true, root + "/one.json": true,
		root + "/new.json": true, root + "/hard.json": true, root + "/loop/x": true, root + "/plain/up/cfg/x": true, root + "/plain/../cfg/x": true,
		root + "/none/../cfg/x": true, "../cfg/settings.json": true, "../plain/a.go": false, "~/../cfg/x": true, "~/notes.md": false,
		root + "/CFG/../cfg/x": true, root + "/plain/a.go": false, root + "/plain/a.go/x": false,
		// The settings are links themselves.
		root + "/conf/real.json": true, root + "/conf/other.json": false, root + "/target/not-yet.json": true, root + "/Target/Not-Yet.json": true,
		// What only Amp can resolve.
		"/proc/self/cwd/cfg/settings.json": true, root + "/cwd/cfg/settings.json": true, "/dev/fd/3": true,
		// Towline's own, and the user's.
		root + "/own/settings.json": true, "~/.config/amp/settings.json": true, "~/.config/amp/plugins/p.ts": true, "~/.config/other": false,
	} {
		for _, name := range []string{"create_file", "edit_file", "undo_edit"} {
			input := encode(map[string]string{"path": path, "content": "see .amp/settings.json", "new_str": "/x/.amp"})
			if got := g.opens(name, input); got != opens {
				t.Errorf("%s of %q opens the gate: %v", name, path, got)
			}
		}
	}
}

// Other tools name files in other places.
func TestSection5GateTools(t *testing.T) {
	g, root := gatedPlace(t)
	patch := func(lines string) string {
		return string(encode(map[string]string{"patchText": "*** Begin Patch\n" + lines + "\n*** End Patch"}))
	}
	for name, c := range map[string]struct {
		tool, input string
		opens       bool
	}{
		"command":              {"Bash", `{"cmd":"cp x .amp/settings.json"}`, true},
		"command in capitals":  {"Bash", `{"cmd":"cp x .AMP/settings.json"}`, true},
		"other command":        {"Bash", `{"cmd":"go test ./..."}`, false},
		"long command":         {"Bash", `{"cmd":"echo ` + strings.Repeat("x", 5000) + `"}`, false},
		"long way around":      {"create_file", `{"path":"` + strings.Repeat("a/../", 1000) + `../cfg/x"}`, true},
		"shell of deep mode":   {"shell_command", `{"command":"cp x .amp/settings.json"}`, true},
		"folder of a command":  {"Bash", `{"cmd":"cp x settings.json","cwd":"` + root + `/cfg"}`, true},
		"patch":                {"apply_patch", patch("*** Update File: " + root + "/plain/a.go\n@@\n-a\n+.amp/settings.json"), false},
		"patch of the gate":    {"apply_patch", patch("*** Add File: ../cfg/settings.json\n+{}"), true},
		"patch that moves":     {"apply_patch", patch("*** Update File: ../plain/a.go\n*** Move to: ../.AMP/settings.json"), true},
		"patch moves away":     {"apply_patch", patch("*** Update File: ../.amp/settings.json\n*** Move to: ../plain/b"), true},
		"patch that deletes":   {"apply_patch", patch("*** Delete File: ../cfg/settings.json"), true},
		"patch by its name":    {"apply_patch", `{"patch":"*** Begin Patch\n*** Add File: ../cfg/x\n+{}\n*** End Patch"}`, true},
		"server's tool":        {"mcp__files__move", `{"from":"a","to":["` + root + `/cfg/settings.json"]}`, true},
		"server's tool, words": {"mcp__files__move", `{"a":{"b":"write .Amp/settings.json"}}`, true},
		"server's other tool":  {"mcp__files__move", `{"from":"a","to":"b","n":1,"x":null}`, false},
		"no JSON":              {"create_file", `{`, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := g.opens(c.tool, []byte(c.input)); got != c.opens {
				t.Errorf("opens the gate: %v", got)
			}
		})
	}
}

// The fact decides whether a call that the mode allows is asked for.
func TestSection5WritingSettingsIsAsked(t *testing.T) {
	for name, c := range map[string]struct {
		mode         string
		opens, asked bool
	}{
		"settings":              {"acceptEdits", true, true},
		"another file":          {"acceptEdits", false, false},
		"settings, all allowed": {"bypass", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			tr := newTranslator(setup{PermissionMode: c.mode})
			var o output
			tr.asked("a1", askRequest{Tool: "create_file", ToolUseID: "c", Input: []byte(`{"path":"/w/x"}`), OpensGate: c.opens}, &o)
			if got := tr.asks["a1"] != nil; got != c.asked {
				t.Errorf("it is asked for: %v", got)
			}
		})
	}
}

// A link in the work folder does not lead past the question.
func TestSection5GateOfASession(t *testing.T) {
	a := fakeAgent(t)
	dir := t.TempDir()
	must(t, os.Symlink(".amp", filepath.Join(dir, "cfg")))
	c := openWith(t, a, agents.Start{SessionID: "s1", Directory: dir, PermissionMode: "acceptEdits"})
	defer finish(t, c)
	sendTo(t, c, prompt("write cfg/settings.json"))
	asked := until(t, c, protocol.TypePermissionRequested)
	p := asked[len(asked)-1].(*protocol.PermissionRequested).Permission
	sendTo(t, c, &agents.Decide{PermissionID: p.PermissionID, Option: p.Options[len(p.Options)-1]})
	want(t, ndjson(t, until(t, c, protocol.TypeTurnEnded)), `"status":"declined"`)
	sendTo(t, c, prompt("write plain/settings.json"))
	wantNone(t, ndjson(t, until(t, c, protocol.TypeTurnEnded)), "permission.requested")
}

// The work folder may be a link: Amp looks from where it leads to.
func TestSection5WorkFolderIsALink(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"repo/.git", "repo/.amp", "repo/sub", "links"} {
		must(t, os.MkdirAll(filepath.Join(root, dir), 0o700))
	}
	must(t, os.WriteFile(filepath.Join(root, "repo/.amp/settings.json"), []byte(`{"amp.permissions":[]}`), 0o600))
	must(t, os.Symlink("../repo/sub", filepath.Join(root, "links/work")))
	if err := checkWorkspace(filepath.Join(root, "links/work")); protocol.CodeOf(err) != protocol.CodeAgentStartFailed {
		t.Errorf("got %v", err)
	}
}

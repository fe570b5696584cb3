package pi

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/agenttest/installed"
	"github.com/towline-dev/towline/agents/agenttest/talk"
	"github.com/towline-dev/towline/protocol"
)

// realPi is the real Pi in a home of its own, with a model on loopback.
func realPi(t *testing.T) (*Agent, *agenttest.Home, *agenttest.Chat) {
	t.Helper()
	path := installed.Pi(t)
	m := agenttest.NewPiChat(t)
	home := agenttest.PiHome(t, m.URL())
	a := New(Options{Locator: &agents.Locator{Flags: map[string]string{"pi": path}}, Environ: home.Env})
	return a, home, m
}

// openReal opens a session in the home's work folder.
func openReal(t *testing.T, a *Agent, s agents.Start) agents.Conn {
	t.Helper()
	s.SessionID = "s1"
	conn, err := a.Open(t.Context(), s)
	if err != nil {
		t.Fatalf("cannot open: %v, %+v", err, protocol.AsError(err).Details)
	}
	t.Cleanup(func() { finish(t, conn) })
	return conn
}

// say sends a prompt that asks for a script.
func say(t *testing.T, conn agents.Conn, id, text string, s *agenttest.Script) {
	t.Helper()
	p := &agents.Prompt{PromptID: id, Content: []agents.Content{{Part: protocol.TextPart(text + " " + s.Marker())}}}
	if err := conn.Send(t.Context(), p); err != nil {
		t.Fatal(err)
	}
}

// put writes files; their folders are made.
func put(t *testing.T, files map[string]string) {
	t.Helper()
	for path, content := range files {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// leaves is an extension that makes a file when it is loaded, and registers a
// command of the file's name.
func leaves(path string) string {
	return `import { writeFileSync } from "node:fs";
export default function (pi) {
	writeFileSync("` + path + `", "ran");
	pi.registerCommand("` + filepath.Base(path) + `", { description: "d", handler: async () => {} });
}
`
}

// Extensions of the work folder do not run: they could take the gate out. The
// user's own are loaded as Pi itself finds them, and the gate asks.
func TestRealFolderExtensionsDoNotRun(t *testing.T) {
	a, home, m := realPi(t)
	ran := func(name string) string { return filepath.Join(home.Home, "ran-"+name) }
	config, folder := filepath.Join(home.Home, ".pi", "agent"), filepath.Join(home.Dir, ".pi")
	put(t, map[string]string{
		filepath.Join(folder, "extensions", "evil.ts"):                 leaves(ran("folder")),
		filepath.Join(folder, "named.ts"):                              leaves(ran("folder-named")),
		filepath.Join(folder, "pack", "extensions", "p.ts"):            leaves(ran("folder-package")),
		filepath.Join(folder, "settings.json"):                         `{"extensions":["named.ts"],"packages":["./pack"]}`,
		filepath.Join(config, "extensions", "own.ts"):                  leaves(ran("own")),
		filepath.Join(config, "extensions", "deep", "index.ts"):        leaves(ran("own-index")),
		filepath.Join(config, "extensions", "off.ts"):                  leaves(ran("own-off")),
		filepath.Join(home.Home, "more", "named.ts"):                   leaves(ran("own-named")),
		filepath.Join(home.Home, "more", "pack", "extensions", "p.ts"): leaves(ran("own-package")),
		filepath.Join(config, "settings.json"): `{"defaultProvider":"fake","defaultModel":"one",
			"extensions":["-extensions/off.ts","~/more/named.ts"],"packages":["../../more/pack"]}`,
	})
	conn := openReal(t, a, agents.Start{Directory: home.Dir})
	for name, want := range map[string]bool{
		"folder": false, "folder-named": false, "folder-package": false, "own-off": false,
		"own": true, "own-index": true, "own-named": true, "own-package": true,
	} {
		if _, err := os.Stat(ran(name)); (err == nil) != want {
			t.Errorf("the extension %s ran: %v, want %v", name, err == nil, want)
		}
	}
	s := m.On("run", agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "execute", Command: "true"}}), agenttest.Play(agenttest.Say("done")))
	say(t, conn, "m1", "Run it.", s)
	events := ndjson(t, readUntil(t, conn, protocol.TypePermissionRequested))
	want(t, events, `"name":"ran-own"`, `"name":"ran-own-package"`, "project_extensions_left_out")
}

// Where edits are accepted, one that reaches Pi's configuration through a link
// of the work folder is asked for.
func TestRealConfigurationIsAskedFor(t *testing.T) {
	a, home, m := realPi(t)
	config := filepath.Join(home.Home, ".pi", "agent")
	links := map[string]string{"docs": config, "notes.md": filepath.Join(config, "extensions", "new.ts"), "here": ".pi"}
	for link, target := range links {
		if err := os.Symlink(target, filepath.Join(home.Dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	conn := openReal(t, a, agents.Start{Directory: home.Dir, PermissionMode: "acceptEdits"})
	write := func(path string) agenttest.Block {
		return agenttest.Block{Do: &agenttest.Do{Kind: "write", Path: path, Content: "x"}}
	}
	var asked []string
	s := m.On("write", agenttest.Play(write("plain.md"), write("docs/extensions/a.ts"), write("notes.md"), write("here/b.ts"), write("~/.pi/c.ts")), agenttest.Play(agenttest.Say("done")))
	say(t, conn, "m1", "Write.", s)
	talk.Watch(t, conn, protocol.TypeTurnEnded, func(d protocol.Data) {
		if p, ok := d.(*protocol.PermissionRequested); ok {
			asked = append(asked, p.Permission.Title)
			if err := conn.Send(t.Context(), &agents.Decide{PermissionID: p.Permission.PermissionID, Option: p.Permission.Options[2]}); err != nil {
				t.Error(err)
			}
		}
	})
	if len(asked) != 4 || slices.ContainsFunc(asked, func(title string) bool { return strings.Contains(title, "plain") }) {
		t.Errorf("asked for %q", asked)
	}
	if _, err := os.Stat(filepath.Join(home.Dir, "plain.md")); err != nil {
		t.Errorf("the plain file was not written: %v", err)
	}
}

package codex

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/protocol"
)

// repository is a git repository whose own configuration starts a program and
// allows a command, with what sessions may be opened in: the repository, a
// folder of it with the same configuration, another work tree, and a link.
type repository struct {
	*testing.T
	root string
	dirs []string
	// started is what the program makes, allowed what the command does.
	started, allowed string
}

func newRepository(t *testing.T) *repository {
	t.Helper()
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(base, name) }
	r := &repository{T: t, root: at("repo"), started: at("started"), allowed: at("allowed")}
	r.dirs = []string{r.root, filepath.Join(r.root, "part"), at("tree"), at("link")}
	r.git(base, "init", "-q", r.root)
	r.configure(r.root)
	r.configure(r.dirs[1])
	r.git(r.root, "add", ".")
	r.git(r.root, "commit", "-q", "-m", "all")
	r.git(r.root, "worktree", "add", "-q", r.dirs[2])
	if err := os.Symlink(r.root, r.dirs[3]); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *repository) git(dir string, args ...string) {
	r.Helper()
	args = append([]string{"-C", dir, "-c", "user.name=t", "-c", "user.email=t@example.invalid"}, args...)
	if out, err := exec.CommandContext(r.Context(), "git", args...).CombinedOutput(); err != nil {
		r.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

// configure writes Codex's configuration for a folder.
func (r *repository) configure(dir string) {
	r.Helper()
	for name, text := range map[string]string{
		".codex/config.toml": fmt.Sprintf("[mcp_servers.own]\ncommand = \"/bin/sh\"\nargs = [\"-c\", \"echo ran >> %s; exec cat\"]\n"+
			"[sandbox_workspace_write]\nnetwork_access = true\n", r.started),
		".codex/rules/own.rules": "prefix_rule(pattern=[\"touch\"], decision=\"allow\")\n",
		".codex/hooks.json":      fmt.Sprintf(`{"hooks":{"SessionStart":[{"hooks":[{"type":"command","command":"echo ran >> %s"}]}]}}`, r.started),
		"AGENTS.md":              "Speak like the folder wants.\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			r.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			r.Fatal(err)
		}
	}
}

// ran names what the folder's configuration did since the last time.
func (r *repository) ran() (what []string) {
	for _, path := range []string{r.started, r.allowed} {
		if os.Remove(path) == nil {
			what = append(what, filepath.Base(path))
		}
	}
	return what
}

// session opens one, lets the model run what the folder's rules allow, which
// is denied if it is asked for, and returns the native session, what was asked,
// and the model's input.
func (r *repository) session(a *Agent, m *agenttest.Responses, s agents.Start) (native string, asked int, input string) {
	r.Helper()
	script := m.On("touch", agenttest.Play(run("touch "+r.allowed)), agenttest.Play(agenttest.Say("Over.")))
	s.SessionID = "s"
	by := &answering{T: r.T, conn: open(r.T, a, s)}
	send(r.T, by.conn, textPrompt(script.Marker()))
	events := readUntil(r.T, by.conn, protocol.TypeTurnEnded, by.see)
	if err := by.conn.Close(); err != nil {
		r.Error(err)
	}
	return nativeID(events), len(by.asked), string(script.Requests()[0].Body)
}

// The configuration of a work folder starts no program and allows no command,
// however the session begins and wherever in the repository; the folder's
// instructions for the model are read all the same. Codex does not come to
// trust the folder by that, and forgets that it once did.
func TestRealUntrustedFolder(t *testing.T) {
	r := newRepository(t)
	a, m, folders := realCodex(t, "", nil)
	home := filepath.Join(a.o.StateDir, name)
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(home, configFile)
	users, err := os.ReadFile(filepath.Join(folders.Config, configFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range r.dirs {
		users = fmt.Appendf(users, "\n[projects.%q]\ntrust_level = \"trusted\"\n", dir)
	}
	if err := os.WriteFile(config, users, 0o600); err != nil {
		t.Fatal(err)
	}
	check := func(what string, asked int, input string) {
		t.Helper()
		if ran := r.ran(); len(ran) > 0 || asked != 1 {
			t.Errorf("%s: it ran %v, and was asked for %d times", what, ran, asked)
		}
		if !strings.Contains(input, "Speak like the folder wants.") {
			t.Errorf("%s: the model was not told of AGENTS.md", what)
		}
		if b, err := os.ReadFile(config); err != nil || strings.Contains(string(b), "trust_level") {
			t.Errorf("%s: the home's configuration is\n%s\n%v", what, b, err)
		}
	}
	for _, dir := range r.dirs {
		native, asked, input := r.session(a, m, agents.Start{Directory: dir})
		check(dir, asked, input)
		_, asked, input = r.session(a, m, agents.Start{Directory: dir, Resume: native})
		check(dir+" resumed", asked, input)
		_, asked, input = r.session(a, m, agents.Start{Directory: dir, Resume: native, Fork: true})
		check(dir+" forked", asked, input)
	}
	conn := open(t, a, agents.Start{SessionID: "free", Directory: r.root, PermissionMode: modeBypass})
	script := m.On("say", agenttest.Play(agenttest.Say("Said.")))
	send(t, conn, textPrompt(script.Marker()))
	readUntil(t, conn, protocol.TypeTurnEnded, nil)
	check("bypass", 1, string(script.Requests()[0].Body))
}

// A folder that the user trusts is configured as the user wants, with its own
// settings of the sandbox; a folder of a trusted repository is trusted.
func TestRealTrustedFolder(t *testing.T) {
	r := newRepository(t)
	a, m, _ := realCodex(t, fmt.Sprintf("[projects.%q]\ntrust_level = \"trusted\"\n", r.root), nil)
	for _, dir := range r.dirs {
		_, asked, input := r.session(a, m, agents.Start{Directory: dir})
		if ran := r.ran(); !slices.Equal(ran, []string{"started", "allowed"}) || asked != 0 {
			t.Errorf("%s: it ran %v, and was asked for %d times", dir, ran, asked)
		}
		if !strings.Contains(input, "Network access is enabled.") {
			t.Errorf("%s: the sandbox is not as the folder wants it", dir)
		}
	}
}

// The user's settings of the sandbox hold.
func TestRealSandboxSettings(t *testing.T) {
	a, m, home := realCodex(t, "[sandbox_workspace_write]\nnetwork_access = true\n", nil)
	for _, mode := range []string{modeDefault, modeAcceptEdits} {
		s := m.On("say", agenttest.Play(agenttest.Say("Said.")))
		c := open(t, a, agents.Start{SessionID: mode, Directory: home.Dir, PermissionMode: mode})
		send(t, c, textPrompt(s.Marker()))
		readUntil(t, c, protocol.TypeTurnEnded, nil)
		want(t, string(s.Requests()[0].Body), "`workspace-write`", "Network access is enabled.")
	}
}

package acp

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// toy is the entry that docs/ADD-AN-AGENT.md adds.
func toy() Entry {
	c := basic()
	c.Files, c.Usage = false, false // say only what a test has shown
	return Entry{
		Name: "toy", Title: "The toy agent", Command: []string{"toyagent", "--acp"},
		Env:          map[string]string{"TOY_TELEMETRY": "off"},
		Pass:         []string{"TOY_*"},
		Keys:         []string{"TOY_API_KEY"},
		Capabilities: c,
		Quirks:       Quirks{ToolName: []string{"toolName"}},
	}
}

// buildToy builds the toy agent into a folder of its own and returns it.
func buildToy(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, "toyagent"), "github.com/towline-dev/towline/testdata/toyagent").CombinedOutput()
	if err != nil {
		t.Fatalf("cannot build the toy agent: %v: %s", err, out)
	}
	return dir
}

// The page holds the entry as it stands here, and is as short as it says.
func TestAddAnAgentPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/ADD-AN-AGENT.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("add_agent_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```go\n")
	code, _, ok := strings.Cut(rest, "```")
	if !ok || !strings.Contains(string(source), code) || strings.Count(code, "\n") > 99 {
		t.Errorf("the page's entry is not the one that is tested:\n%s", code)
	}
	toy, err := os.ReadFile("../../testdata/toyagent/main.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, says := range []string{fmt.Sprintf("an agent of %d lines", strings.Count(string(toy), "\n")), "toy is not checked: there is no scripted model for it"} {
		if !strings.Contains(string(page), says) {
			t.Errorf("the page does not say %q", says)
		}
	}
	for _, e := range Entries() {
		if row := "| " + e.Name + " | `" + strings.Join(e.Command, " ") + "` |"; !strings.Contains(string(page), row) {
			t.Errorf("the page has no row %s", row)
		}
	}
}

// The entry of the page runs the toy agent: text, a permission that is allowed,
// one that is denied, and an interrupt.
func TestAddAnAgent(t *testing.T) {
	bin, work := buildToy(t), t.TempDir()
	a := New(Options{Entry: toy(), Locator: &agents.Locator{Path: bin}, Environ: func() []string { return []string{"PATH=" + os.Getenv("PATH")} }})
	if info := a.Info(t.Context()); info.Status != "ready" || info.Credentials != "missing" || !strings.Contains(info.Message, "TOY_API_KEY") {
		t.Errorf("info is %+v", info)
	}
	conn, err := a.Open(t.Context(), agents.Start{SessionID: "s", Directory: work})
	if err != nil {
		t.Fatal(err)
	}
	defer finish(t, conn)
	want(t, runTurn(t, conn, "m1", "hello", nil), `"agent_version":"1.0"`, "You said: hello", `"outcome":"completed"`)
	want(t, runTurn(t, conn, "m2", "touch a", choose(protocol.Allow)), `"name":"touch","kind":"edit","title":"Touch a"`, `"status":"completed"`)
	want(t, runTurn(t, conn, "m3", "touch b", choose(protocol.Deny)), `"status":"declined"`, `"outcome":"completed"`)
	want(t, runTurn(t, conn, "m4", "touch c", func(d protocol.Data) agents.Command {
		if d.EventType() == protocol.TypePermissionRequested {
			return &agents.Interrupt{}
		}
		return nil
	}), `"status":"interrupted"`, `"outcome":"interrupted"`)
	files, err := os.ReadDir(work)
	if err != nil || len(files) != 1 || files[0].Name() != "a" {
		t.Errorf("the work folder holds %v (%v), want a alone", files, err)
	}
}

func TestWith(t *testing.T) {
	spaced := filepath.Join(t.TempDir(), "my agent")
	if err := os.WriteFile(spaced, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		entry   Entry
		command string
		want    string
	}{
		{Custom("x", nil), "agent --acp", "agent --acp"},
		{Custom("x", nil), "agent", "agent"},
		{gemini(), "/opt/gemini", "/opt/gemini --acp"},
		{gemini(), "npx gemini --acp -m x", "npx gemini --acp -m x"},
		{gemini(), spaced, spaced + " --acp"},
		{Custom("x", nil), "A_KEY=v=w B=2 agent C=3", "agent C=3"},
	} {
		e, err := c.entry.With(c.command)
		if got := strings.Join(e.Command, " "); err != nil || got != c.want {
			t.Errorf("%q gives %q (%v), want %q", c.command, got, err, c.want)
		}
	}
	e, err := gemini().With("A_KEY=v=w B=2 agent C=3")
	if err != nil || e.Env["A_KEY"] != "v=w" || e.Env["B"] != "2" || e.Env["GEMINI_CLI_NO_RELAUNCH"] != "true" || gemini().Env["B"] != "" {
		t.Errorf("the environment is %v (%v)", e.Env, err)
	}
	for _, command := range []string{"", "  ", "A=b"} {
		if _, err := gemini().With(command); err == nil {
			t.Errorf("%q is taken", command)
		}
	}
}

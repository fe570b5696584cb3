package terminal_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/terminal"
	"github.com/towline-dev/towline/protocol"
)

// aiderPath makes TestAiderInterface run the real aider at this path, and
// record it anew.
var aiderPath = flag.String("aider", "", "run the real aider at this absolute path, and record it")

// aiderRecording is aider 0.86.2 on Debian 12 with Python 3.11. Its model
// library was replaced by a small one that asks the scripted model over HTTP,
// and the parsers for its map of a repository by empty ones; the interface is
// its own.
var aiderRecording = filepath.Join("..", "..", "testdata", "aider", "interface.txt")

// The interface of aider, as people use it: a prompt of several lines, a file
// that it may write after a key, an interrupt, the end. Test machines cannot
// get the program, so its recording plays it, which ends with another code if
// it is typed anything else than aider was; with -aider it runs for real.
func TestAiderInterface(t *testing.T) {
	t.Parallel()
	real := *aiderPath != ""
	m := agenttest.NewChat(t)
	greet := m.On("greet", agenttest.Play(agenttest.Say("Hello from the script.")))
	made := m.On("make", agenttest.Play(agenttest.Say("Here it is.\n\nmade.txt\n```\nIt is made.\n```\n")))
	hold := m.On("hold", agenttest.Play(agenttest.Block{Text: "This takes a while.\n\nAnd more.", Chunks: 2, Hold: true}))
	dir := t.TempDir()
	p := openAider(t, dir, m.URL())

	p.asks(">")
	if err := p.prompt("Greet me.\nIn one line. " + greet.Marker()); err != nil {
		t.Fatal(err)
	}
	p.shows("Hello from the script.")
	if e := next[*protocol.TurnEnded](p); e.Outcome != protocol.OutcomeCompleted {
		t.Errorf("ended as %+v", e)
	}
	if real && len(greet.Requests()) == 0 {
		t.Error("the model was not asked")
	}

	if err := p.prompt("Make it. " + made.Marker()); err != nil {
		t.Fatal(err)
	}
	if n := next[*protocol.Notice](p); n.Code != "bell" {
		t.Errorf("told %+v, want that it asks", n)
	}
	p.tells("Create new file?")
	if _, err := os.Stat(filepath.Join(dir, "made.txt")); err == nil {
		t.Error("the file was written before a person said so")
	}
	p.typeKeys("y\r")
	p.shows("Applied edit to made.txt")
	if real {
		if b, err := os.ReadFile(filepath.Join(dir, "made.txt")); err != nil || string(b) != "It is made.\n" {
			t.Errorf("made %q, %v", b, err)
		}
	}
	p.live.ReleaseLease(ada)
	p.asks(">")

	if err := p.prompt("Hold. " + hold.Marker()); err != nil {
		t.Fatal(err)
	}
	if real {
		hold.WaitHeld(t)
	}
	if err := p.conn.Send(t.Context(), &agents.Interrupt{}); err != nil {
		t.Fatal(err)
	}
	for next[*protocol.TurnEnded](p).Outcome != protocol.OutcomeInterrupted {
	}
	p.shows("^C again to exit")
	p.asks(">")
	p.leave("/exit")
}

// openAider starts aider, or its recording, under the name that its habits are
// known by. What it needs to reach its model comes from the server's
// environment, by those habits.
func openAider(t *testing.T, dir, model string) *opened {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file, err := filepath.Abs(aiderRecording)
	if err != nil {
		t.Fatal(err)
	}
	if err := agenttest.RequireLoopback(model); err != nil {
		t.Fatal(err)
	}
	set := fmt.Sprintf("%s=%q", playVar, file)
	if *aiderPath != "" {
		set = fmt.Sprintf("%s=%q %s=%q", recordVar, file, realVar, *aiderPath)
	}
	path, home := filepath.Join(t.TempDir(), "aider"), t.TempDir()
	if err := os.WriteFile(path, fmt.Appendf(nil, "#!/bin/sh\n%s exec %q\n", set, self), 0o700); err != nil {
		t.Fatal(err)
	}
	// Where it knows the prices of models it does not look them up elsewhere.
	prices := filepath.Join(home, ".aider", "caches", "model_prices_and_context_window.json")
	if err := os.MkdirAll(filepath.Dir(prices), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(prices, []byte(`{"fake-model":{"max_tokens":8192}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	return openWith(t, agents.Start{SessionID: "s", Directory: dir}, terminal.Options{
		Rows: 40, Cols: 120, Pace: calm,
		Environ: func() []string {
			return []string{
				"HTTPS_PROXY=http://127.0.0.1:9", // and finds nothing if it does
				"PATH=/usr/bin:/bin", "HOME=" + home, "LANG=C.UTF-8",
				"OPENAI_API_BASE=" + model + "/v1", "OPENAI_API_KEY=fake-key", "AIDER_MODEL=openai/fake-model", "AIDER_MAP_TOKENS=0",
				"AIDER_GIT=false", "AIDER_GITIGNORE=false", "AIDER_CHECK_UPDATE=false", "AIDER_ANALYTICS_DISABLE=true", "AIDER_ANALYTICS=false",
				"AIDER_SHOW_RELEASE_NOTES=false", "AIDER_SHOW_MODEL_WARNINGS=false", "AIDER_NOTIFICATIONS=true", "AIDER_CHECK_MODEL_ACCEPTS_SETTINGS=false",
			}
		},
	}, path)
}

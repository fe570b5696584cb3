package terminal_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/towline-dev/towline/agents/agenttest/optional"
	"github.com/towline-dev/towline/agents/terminal"
)

// chat is a conversation as aider leads one, by the same library: it asks the
// terminal where its cursor is, redraws the line that is typed, takes pasted
// lines as one message, asks before it acts, and ends at the end of the input.
const chat = `
from prompt_toolkit import PromptSession, prompt
session = PromptSession(bottom_toolbar="the toolbar")
while True:
    try:
        text = session.prompt("chat> ")
    except KeyboardInterrupt:
        print("nothing is sent")
        continue
    except EOFError:
        raise SystemExit(3)
    print("heard %d lines: %s" % (len(text.splitlines()), text.splitlines()[-1]))
    if prompt("Apply it? (Y/n) ") == "y":
        open("applied", "w").write(text)
        print("it is applied")
`

// Python's prompt_toolkit draws the interface of aider and of many programs
// like it. This one runs, where aider is played by its recording.
func TestPromptToolkit(t *testing.T) {
	t.Parallel()
	python := "/usr/bin/python3" // the system's, which has the library as a package of the system
	if err := exec.CommandContext(t.Context(), python, "-c", "import prompt_toolkit").Run(); err != nil {
		optional.Missing(t, "the system's Python has no prompt_toolkit, so no interface drawn by it is tried")
	}
	dir := t.TempDir()
	p := openIn(t, dir, terminal.Options{}, python, "-c", chat)
	p.shows("the toolbar")
	if err := p.prompt("one\ntwo\nthree"); err != nil {
		t.Fatal(err)
	}
	p.shows("heard 3 lines: three")
	p.shows("Apply it?")
	p.typeKeys("y\r")
	p.shows("it is applied")
	if b, err := os.ReadFile(filepath.Join(dir, "applied")); err != nil || string(b) != "one\ntwo\nthree" {
		t.Errorf("applied %q, %v", b, err)
	}
	p.shows("it is applied\nchat>") // before it, Ctrl-C would end the program
	p.typeKeys("half a thought")
	p.shows("chat> half a thought")
	p.typeKeys("\x03")
	p.shows("nothing is sent")
	p.shows("nothing is sent\nchat>")
	p.typeKeys("\x04")
	if e := p.exit(); e.Code == nil || *e.Code != 3 {
		t.Errorf("ended with %+v, want code 3", e)
	}
}

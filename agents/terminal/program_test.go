package terminal_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/towline-dev/towline/agents/agenttest/optional"
	"github.com/towline-dev/towline/agents/terminal"
	"github.com/towline-dev/towline/protocol"
)

// What a program asks its terminal is answered, and typed by nobody.
func TestQuestionsAreAnswered(t *testing.T) {
	t.Parallel()
	p := open(t, terminal.Options{Lease: time.Minute}, append(bash(t), "-c", `stty -echo
printf '日本'
IFS= read -rsd R -p $'\e[6n' where; printf 'cursor %q\r\n' "$where"
IFS= read -rsd c -p $'\e[c' who; printf 'terminal %q\r\n' "$who"
IFS= read -rsd \\ -p $'\e]11;?\a' colour; printf 'background %q\r\n' "$colour"`)...)
	e := p.exit()
	if e.Code == nil || *e.Code != 0 {
		t.Errorf("ended with %+v", e)
	}
	for _, want := range []string{`cursor $'\E[1;5'`, `terminal $'\E[?62;22'`, `background $'\E]11;rgb:0000/0000/0000\E'`} {
		if !strings.Contains(p.text.String(), want) {
			t.Errorf("%s is missing in %q", want, p.text.String())
		}
	}
	if holder := p.live.Snapshot().Lease.ClientID; holder != "" {
		t.Errorf("%s typed the answers", holder)
	}
}

// shows waits until the screen holds a text, and returns the screen.
func (p *opened) shows(text string) protocol.Screen {
	p.t.Helper()
	return p.awaits(text, func(s protocol.Screen) bool { return strings.Contains(strings.Join(s.Lines, "\n"), text) })
}

// asks waits until the cursor is in a line that holds a prompt and nothing
// else.
func (p *opened) asks(prompt string) {
	p.t.Helper()
	p.awaits("the prompt "+prompt, func(s protocol.Screen) bool {
		row := s.CursorRow
		return row >= 0 && row < len(s.Lines) && strings.TrimSpace(s.Lines[row]) == prompt
	})
}

// awaits waits until the screen is as wanted, and returns it.
func (p *opened) awaits(what string, wanted func(protocol.Screen) bool) protocol.Screen {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	for {
		s := p.live.Snapshot().Screen
		if wanted(s) {
			return s
		}
		at := p.at.Offset
		for p.at.Offset == at {
			if _, err := p.live.Next(ctx, &p.at); err != nil {
				p.t.Fatalf("the screen never showed %q: %v\n%s", what, err, strings.Join(s.Lines, "\n"))
			}
		}
	}
}

func TestVim(t *testing.T) {
	t.Parallel()
	path := optional.Tool(t, "vim")
	file := filepath.Join(t.TempDir(), "note.txt")
	p := open(t, terminal.Options{}, path, "-u", "NONE", "-N", "-n", file)
	p.shows("[New]")
	p.typeKeys("ione\rtwo three\x1b")
	if s := p.shows("two three"); s.Lines[0] != "one" || s.Lines[1] != "two three" || s.Confidence != 0.9 {
		t.Errorf("the screen: %+v", s)
	}
	if err := p.live.Resize(ada, 12, 50); err != nil {
		t.Fatal(err)
	}
	// vim learns of the size by a signal, which a key may overtake. A message
	// may be drawn over; a line of the text stays.
	for try, done := 0, false; !done; try++ {
		p.typeKeys(fmt.Sprintf(":put ='try%d '.&lines.' '.&columns\r", try))
		shown := p.shows(fmt.Sprintf("\ntry%d ", try))
		done = strings.Contains(strings.Join(shown.Lines, "\n"), fmt.Sprintf("\ntry%d 12 50", try))
		if try == 50 {
			t.Fatalf("vim was not told of the size: %+v", shown)
		}
	}
	p.typeKeys(":wq\r")
	if e := p.exit(); e.Code == nil || *e.Code != 0 {
		t.Errorf("ended with %+v", e)
	}
	if b, err := os.ReadFile(file); err != nil || !strings.HasPrefix(string(b), "one\ntwo three\ntry0 ") {
		t.Errorf("saved %q, %v", b, err)
	}
}

// A pager draws on another screen; when it ends, what was there before is back.
func TestLessOnAnotherScreen(t *testing.T) {
	t.Parallel()
	optional.Tool(t, "less")
	dir := t.TempDir()
	var text strings.Builder
	for i := range 200 {
		fmt.Fprintf(&text, "line %d of the text\n", i)
	}
	if err := os.WriteFile(filepath.Join(dir, "note"), []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	p := openIn(t, dir, terminal.Options{}, bash(t)...)
	p.typeKeys("echo bef''ore; less note\r")
	p.shows("line 20 of the text")
	p.typeKeys("G")
	if s := p.shows("line 199 of the text"); strings.Contains(strings.Join(s.Lines, "\n"), "before") {
		t.Errorf("the pager's screen: %q", s.Lines)
	}
	p.typeKeys("q")
	if s := p.shows("before"); strings.Contains(strings.Join(s.Lines, "\n"), "of the text") {
		t.Errorf("the screen after it: %q", s.Lines)
	}
}

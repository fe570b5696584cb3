package ws_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/agenttest/installed"
	"github.com/towline-dev/towline/agents/terminal"
	"github.com/towline-dev/towline/agents/terminal/terminaltest"
	"github.com/towline-dev/towline/protocol"
)

// tells reads events up to a screen that rests and holds a text.
func (c *client) tells(text string) {
	c.t.Helper()
	for {
		events := c.until(protocol.TypeItemCompleted)
		item := events[len(events)-1].Data.(*protocol.ItemCompleted).Item
		var shown struct {
			Confidence float64
			Text       string
		}
		if err := json.Unmarshal(item.Content[1].JSON, &shown); err != nil {
			c.t.Fatal(err)
		}
		if shown.Confidence == 0.9 && strings.Contains(shown.Text, text) {
			return
		}
	}
}

// The two faces of one session, whose program is the Codex interface: one
// client prompts, interrupts and reads events, another one sees the terminal
// and answers by keys.
func TestTerminal_RealCodexFromBothSides(t *testing.T) {
	t.Parallel()
	path := installed.Codex(t)
	m := agenttest.NewResponses(t)
	m.On("greet", agenttest.Play(agenttest.Say("Hello from the script.")))
	m.On("touch", agenttest.Play(agenttest.Use("exec_command", map[string]any{
		"cmd": "touch made", "login": false, "sandbox_permissions": "require_escalated", "justification": "May I make it?",
	})), agenttest.Play(agenttest.Say("It is made.")))
	hold := m.On("hold", agenttest.Play(agenttest.Block{Text: "This takes a while.", Hold: true}))
	home := agenttest.CodexHome(t, m.URL())
	terminaltest.SettleCodex(t, home)
	f := serveTerminals(t, nil, terminal.New(terminal.Options{
		Name: "codex-tui", Command: []string{path}, Environ: home.Env,
		Pace: terminal.Pace{Settle: 300 * time.Millisecond, Done: 3 * time.Second},
	}))
	f.call("POST", "/v1/sessions", map[string]any{
		"id": "s", "agent": "codex-tui", "directory": home.Dir, "env": map[string]string{"FAKE_API_KEY": home.Vars["FAKE_API_KEY"]},
	}, http.StatusCreated, nil)
	events, screen := f.dial("/v1/sessions/s/ws"), f.watch("s", "?rows=40&cols=120", nil)
	prompt := func(text, script string) {
		t.Helper()
		if r := events.do(&protocol.Prompt{Text: text + agenttest.Marker(script)}); !r.OK {
			t.Fatalf("prompt: %+v", r)
		}
	}

	prompt("Greet me. ", "greet")
	events.tells("Hello from the script.")
	screen.control(protocol.TerminalControl{Type: protocol.ControlScreen})
	if s := screen.await(protocol.TerminalScreen).Screen; !strings.Contains(strings.Join(s.Lines, "\n"), "Hello from the script.") || screen.seen.Len() == 0 {
		t.Errorf("the terminal shows %+v", s)
	}

	prompt("Make it. ", "touch")
	events.tells("Would you like to run the following command?")
	screen.keys("y")
	events.tells("It is made.")
	if _, err := os.Stat(filepath.Join(home.Dir, "made")); err != nil {
		t.Error(err)
	}
	screen.control(protocol.TerminalControl{Type: protocol.ControlRelease})

	prompt("Hold. ", "hold")
	hold.WaitHeld(t)
	if r := events.do(&protocol.TurnInterrupt{}); !r.OK {
		t.Fatalf("interrupt: %+v", r)
	}
	hold.WaitAborted(t)
	for {
		ended := events.until(protocol.TypeTurnEnded)
		if ended[len(ended)-1].Data.(*protocol.TurnEnded).Outcome == protocol.OutcomeInterrupted {
			break
		}
	}
	screen.keys("/quit")
	events.tells("/quit")
	screen.keys("\r")
	if exit := screen.await(protocol.TerminalExit); exit.ExitCode == nil || *exit.ExitCode != 0 {
		t.Errorf("exit: %+v", exit)
	}
	exited := events.until(protocol.TypeAgentExited)
	if e := exited[len(exited)-1].Data.(*protocol.AgentExited); e.ExitCode == nil || *e.ExitCode != 0 {
		t.Errorf("told %+v", e)
	}
}

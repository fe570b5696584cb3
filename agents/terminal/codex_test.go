package terminal_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/agenttest/installed"
	"github.com/towline-dev/towline/agents/terminal"
	"github.com/towline-dev/towline/agents/terminal/terminaltest"
	"github.com/towline-dev/towline/protocol"
)

// calm is a pace for agents, whose screens rest for a second now and then while
// they work.
var calm = terminal.Pace{Settle: 300 * time.Millisecond, Done: 3 * time.Second}

// The Codex CLI's own interface, as people use it: a prompt, one of several
// lines whose command a person approves by a key, an interrupt, the end.
func TestRealCodexInterface(t *testing.T) {
	t.Parallel()
	path := installed.Codex(t)
	m := agenttest.NewResponses(t)
	greet := m.On("greet", agenttest.Play(agenttest.Say("Hello from the script.")))
	m.On("touch", agenttest.Play(agenttest.Use("exec_command", map[string]any{
		"cmd": "touch made", "login": false, "sandbox_permissions": "require_escalated", "justification": "May I make it?",
	})), agenttest.Play(agenttest.Say("It is made.")))
	hold := m.On("hold", agenttest.Play(agenttest.Block{Text: "This takes a while.", Hold: true}))
	home := agenttest.CodexHome(t, m.URL())
	terminaltest.SettleCodex(t, home)
	p := openWith(t, agents.Start{
		SessionID: "s", Directory: home.Dir, Env: map[string]string{"FAKE_API_KEY": home.Vars["FAKE_API_KEY"]},
	}, terminal.Options{Environ: home.Env, Rows: 40, Cols: 120, Pace: calm}, path)

	if err := p.prompt("Greet me. " + greet.Marker()); err != nil {
		t.Fatal(err)
	}
	p.shows("Hello from the script.")
	if e := next[*protocol.TurnEnded](p); e.Outcome != protocol.OutcomeCompleted {
		t.Errorf("ended as %+v", e)
	}
	if len(greet.Requests()) == 0 {
		t.Error("the model was not asked")
	}

	if err := p.prompt("Make it.\nNow. " + agenttest.Marker("touch")); err != nil {
		t.Fatal(err)
	}
	for !strings.Contains(next[*protocol.Notice](p).Message, "touch made") { // it also notifies of turns that are done
	}
	p.tells("Would you like to run the following command?")
	made := filepath.Join(home.Dir, "made")
	if _, err := os.Stat(made); err == nil {
		t.Error("the command ran before it was approved")
	}
	p.typeKeys("y")
	p.shows("It is made.")
	if _, err := os.Stat(made); err != nil {
		t.Error(err)
	}
	p.live.ReleaseLease(ada)

	if err := p.prompt("Hold. " + hold.Marker()); err != nil {
		t.Fatal(err)
	}
	hold.WaitHeld(t)
	if err := p.conn.Send(t.Context(), &agents.Interrupt{}); err != nil {
		t.Fatal(err)
	}
	hold.WaitAborted(t)
	for next[*protocol.TurnEnded](p).Outcome != protocol.OutcomeInterrupted {
	}
	p.shows("Conversation interrupted")
	p.leave("/quit")
}

// leave types the command that ends an agent's interface. It enters it once
// the interface has shown it, as a person does.
func (p *opened) leave(command string) {
	p.t.Helper()
	p.typeKeys(command)
	p.shows(command)
	p.typeKeys("\r")
	if e := p.exit(); e.Code == nil || *e.Code != 0 {
		p.t.Errorf("ended with %+v", e)
	}
}

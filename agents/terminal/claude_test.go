package terminal_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/agenttest/installed"
	"github.com/towline-dev/towline/agents/terminal"
	"github.com/towline-dev/towline/agents/terminal/terminaltest"
	"github.com/towline-dev/towline/protocol"
)

// The Claude CLI's own interface, as people use it: a prompt, one whose file a
// person approves by a key, an interrupt, the end.
func TestRealClaudeInterface(t *testing.T) {
	t.Parallel()
	path := installed.Claude(t)
	m := agenttest.NewMessages(t)
	home := agenttest.NewHome(t, m.URL())
	terminaltest.SettleClaude(t, home)
	made := filepath.Join(home.Dir, "made")
	greet := m.On("greet", agenttest.Play(agenttest.Say("Hello from the script.")))
	m.On("write", agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "write", Path: made, Content: "by claude"}}),
		agenttest.Play(agenttest.Say("It is made.")))
	hold := m.On("hold", agenttest.Play(agenttest.Block{Text: "This takes a while.", Hold: true}))
	p := openIn(t, home.Dir, terminal.Options{Environ: home.Env, Rows: 40, Cols: 120, Pace: calm}, path, "--permission-mode", "default")

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

	if err := p.prompt("Make it.\nNow. " + agenttest.Marker("write")); err != nil {
		t.Fatal(err)
	}
	p.tells("Do you want to create made?")
	if _, err := os.Stat(made); err == nil {
		t.Error("the file was written before that was approved")
	}
	p.typeKeys("1")
	p.shows("It is made.")
	if b, err := os.ReadFile(made); err != nil || string(b) != "by claude" {
		t.Errorf("wrote %q, %v", b, err)
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
	p.shows("Interrupted")
	p.leave("/exit")
}

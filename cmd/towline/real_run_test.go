package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/agenttest/installed"
)

// realRunTime bounds a conversation with a real agent on a busy machine.
const realRunTime = 2 * time.Minute

// model is a scripted model server.
type model interface {
	On(name string, rounds ...agenttest.Round) *agenttest.Script
}

// TestRunRealAgents is a person at a terminal: towline run shows what the real
// agent says and does, asks before it writes, and takes the answer.
func TestRunRealAgents(t *testing.T) {
	for name, place := range map[string]func(*testing.T) (path string, m model, home *agenttest.Home){
		"claude": func(t *testing.T) (string, model, *agenttest.Home) {
			path, m := installed.Claude(t), agenttest.NewMessages(t)
			return path, m, agenttest.NewHome(t, m.URL())
		},
		"codex": func(t *testing.T) (string, model, *agenttest.Home) {
			path, m := installed.Codex(t), agenttest.NewResponses(t)
			return path, m, agenttest.CodexHome(t, m.URL())
		},
		"opencode": func(t *testing.T) (string, model, *agenttest.Home) {
			path, m := installed.OpenCode(t), agenttest.NewChat(t)
			return path, m, agenttest.OpenCodeHome(t, m.URL())
		},
	} {
		t.Run(name, func(t *testing.T) {
			path, m, home := place(t)
			script := m.On("write",
				agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "execute", Command: "echo yes >written && echo it-is-written"}}),
				agenttest.Play(agenttest.Say("That was it.")))
			cmd := exec.Command(filepath.Join(homeFolder(t), "bin", "towline"), "run", name, "Do as scripted. "+script.Marker())
			cmd.Dir = home.Dir
			cmd.Env = append(home.Env(), "TOWLINE_STATE_DIR="+t.TempDir(), "TOWLINE_NO_INSTALL=true", "TOWLINE_AGENT="+name+"="+path, raceVariable+"="+raceOptions)
			s := show(t, cmd, realRunTime)
			s.expect("? [y/n")
			s.press("y\n")
			s.expect("allowed, once")
			s.expect("That was it.")
			s.expect("-- completed")
			if code := s.exit(); code != 0 {
				t.Errorf("exit code %d, want 0:\n%s", code, s.seen.String())
			}
			if b, err := os.ReadFile(filepath.Join(home.Dir, "written")); string(b) != "yes\n" {
				t.Errorf("the command wrote %q, %v", b, err)
			}
		})
	}
}

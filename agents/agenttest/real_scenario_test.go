package agenttest_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/towline-dev/towline/agents/agenttest"
)

// The scenarios' scripts make the real CLI do what they say: here everything
// is allowed, and what must lie in the work folder in the end is compared.
// Waits, denials and faults are the business of the driver over the socket.
func TestRealClaudeScenarios(t *testing.T) {
	t.Parallel()
	chosen := []string{"text", "tool", "command_output", "edit", "create", "plan", "subagent", "ask_allow", "question", "plan_approved"}
	for _, s := range agenttest.Scenarios() {
		if !slices.Contains(chosen, s.Name) {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			m := agenttest.NewMessages(t)
			home := agenttest.NewHome(t, m.URL())
			home.Vars["CLAUDE_CODE_ENABLE_TODO_TOOLS"], home.Vars["CLAUDE_CODE_ENABLE_TASKS"] = "1", "0"
			for name, text := range s.Files {
				ok(t, os.WriteFile(filepath.Join(home.Dir, name), []byte(text), 0o600))
			}
			var last *agenttest.Script
			for name, rounds := range s.Scripts {
				script := m.On(name, agenttest.InDir(home.Dir, rounds)...)
				if name == "main" {
					last = script
				}
			}
			var args []string
			if s.PlanMode {
				args = []string{"--permission-mode", "plan"}
			}
			c := startCLIIn(t, home, args...)
			c.prompt(last.Marker())
			f := c.until("the last round's result", func(f frame) bool {
				if isAsk(f) {
					c.answerOrAllow(f)
				}
				return f.Type == "result" && lastRound(last) == len(s.Scripts["main"])-1
			})
			if f.IsError {
				t.Errorf("result %+v", f)
			}
			for _, r := range last.Requests() {
				for _, result := range r.ToolResults {
					if result.Error {
						t.Errorf("a tool failed: %s", result.Text)
					}
				}
			}
			for name, want := range s.After {
				got, err := os.ReadFile(filepath.Join(home.Dir, name))
				if string(got) != want || want == "" && !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%s holds %q, %v; want %q", name, got, err, want)
				}
			}
		})
	}
}

// lastRound is the highest round that a script has answered.
func lastRound(s *agenttest.Script) int {
	highest := -1
	for _, r := range s.Requests() {
		highest = max(highest, r.Round)
	}
	return highest
}

// answerOrAllow allows what is asked for, and answers a question with its
// first option.
func (c *realCLI) answerOrAllow(ask frame) {
	c.t.Helper()
	if ask.Request.Tool != "AskUserQuestion" {
		c.allow(ask)
		return
	}
	var input map[string]any
	ok(c.t, json.Unmarshal(ask.Request.Input, &input))
	var asked struct {
		Questions []struct {
			Question string `json:"question"`
			Options  []struct {
				Label string `json:"label"`
			} `json:"options"`
		} `json:"questions"`
	}
	ok(c.t, json.Unmarshal(ask.Request.Input, &asked))
	answers := map[string]string{}
	for _, q := range asked.Questions {
		answers[q.Question] = q.Options[0].Label
	}
	input["answers"] = answers
	c.send(map[string]any{"type": "control_response", "response": map[string]any{
		"subtype": "success", "request_id": ask.ID, "response": map[string]any{"behavior": "allow", "updatedInput": input},
	}})
}

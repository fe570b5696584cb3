package claude

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/agenttest/installed"
	"github.com/towline-dev/towline/agents/agenttest/talk"
	"github.com/towline-dev/towline/protocol"
)

// sessionEvents are made by the session, not by an agent.
var sessionEvents = []protocol.EventType{
	protocol.TypePermissionResolved, protocol.TypeQuestionResolved, protocol.TypePromptAccepted, protocol.TypePromptWithdrawn,
	protocol.TypeSessionStarted,
}

// realAgent is the agent with the real CLI and a scripted model.
func realAgent(t *testing.T, m *agenttest.Messages) (*Agent, *agenttest.Home) {
	t.Helper()
	path := installed.Claude(t)
	home := agenttest.NewHome(t, m.URL())
	return New(Options{
		Locator: &agents.Locator{Flags: map[string]string{"claude": path}},
		Environ: home.Env,
	}), home
}

// The real CLI, driven by this agent, does what the scenarios want. Those that
// need a session (queues, kills, forks) are run over the socket.
func TestRealClaude(t *testing.T) {
	chosen := []string{"text", "tool", "command_output", "edit", "create", "plan", "subagent", "ask_allow", "question", "plan_approved"}
	for _, s := range agenttest.Scenarios() {
		if !slices.Contains(chosen, s.Name) {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			m := agenttest.NewMessages(t)
			a, home := realAgent(t, m)
			for name, text := range s.Files {
				if err := os.WriteFile(filepath.Join(home.Dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			markers := map[string]string{}
			for name, rounds := range s.Scripts {
				markers[name] = m.On(name, agenttest.InDir(home.Dir, rounds)...).Marker()
			}
			start := agents.Start{SessionID: "s1", Directory: home.Dir}
			if s.PlanMode {
				start.Mode = modePlan
			}
			conn, err := a.Open(t.Context(), start)
			if err != nil {
				t.Fatal(err)
			}
			defer finish(t, conn)
			talk.Fits(t, s, drive(t, conn, s, markers), sessionEvents)
		})
	}
}

// drive sends the scenario's first prompt, answers what is asked, and returns
// the events of the turn.
func drive(t *testing.T, conn agents.Conn, s agenttest.Scenario, markers map[string]string) []protocol.Data {
	t.Helper()
	var answers [][]string
	for _, step := range s.Steps {
		if step.Kind == agenttest.StepAnswer {
			answers = step.Answers
		}
	}
	p := &agents.Prompt{PromptID: "m1", Content: []agents.Content{{Part: protocol.TextPart(s.Steps[0].Text + markers[s.Steps[0].Script])}}}
	checked := recordings.Checker(t)
	checked.Sent(p)
	if err := conn.Send(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	var events []protocol.Data
	for {
		reports, err := conn.Recv()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range reports {
			for _, d := range r.Events {
				events = append(events, d)
				checked.See(d)
				if c := consent(d, answers); c != nil {
					checked.Sent(c)
					if err := conn.Send(t.Context(), c); err != nil {
						t.Fatal(err)
					}
				}
				if d.EventType() == protocol.TypeTurnEnded {
					return events
				}
			}
		}
	}
}

// consent says yes to an ask; nil for other events.
func consent(d protocol.Data, answers [][]string) agents.Command {
	switch d := d.(type) {
	case *protocol.PermissionRequested:
		return &agents.Decide{PermissionID: d.Permission.PermissionID, Option: d.Permission.Options[0]}
	case *protocol.QuestionRequested:
		return &agents.Answer{QuestionID: d.Question.QuestionID, Answers: answers}
	default:
		return nil
	}
}

package conformance_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/protocol"
)

// copyTwice is a script that runs the same command in two rounds.
func copyTwice() []agenttest.Round {
	run := agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "execute", Command: "cp seed same"}})
	return []agenttest.Round{run, run, agenttest.Play(agenttest.Say("Twice."))}
}

// An allowance for the session stays in memory; only the option that says so
// is kept in the workspace. Neither asks a second time.
func TestClaudeAlways(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		scope protocol.Scope
		kept  bool
	}{{protocol.ScopeSession, false}, {protocol.ScopeAlways, true}} {
		t.Run(string(c.scope), func(t *testing.T) {
			t.Parallel()
			s := startTalk(t, protocol.SessionCreate{})
			ok(t, os.WriteFile(filepath.Join(s.place.Dir, "seed"), []byte("yes\n"), 0o600))
			s.say(s.script("copy", copyTwice()...), "")
			_, err := s.Decide(t.Context(), protocol.PermissionDecide{PermissionID: s.asked().PermissionID, Decision: protocol.Allow, Scope: c.scope})
			ok(t, err)
			s.ended(protocol.OutcomeCompleted)
			if n := s.count(protocol.TypePermissionRequested); n != 1 {
				t.Errorf("%d permissions were asked for, want 1", n)
			}
			settings, err := os.ReadFile(filepath.Join(s.place.Dir, ".claude", "settings.local.json"))
			if kept := err == nil && strings.Contains(string(settings), "cp "); kept != c.kept {
				t.Errorf("the workspace keeps the rule: %v, want %v: %s, %v", kept, c.kept, settings, err)
			}
		})
	}
}

// A denial can stop the turn; then the model is not asked again.
func TestClaudeDenyAndStop(t *testing.T) {
	t.Parallel()
	s := startTalk(t, protocol.SessionCreate{})
	s.say(s.script("stop", copyTwice()...), "")
	s.decide(s.asked(), "deny-stop")
	s.ended(protocol.OutcomeInterrupted)
	if r := s.lastRequest("stop"); r.Round != 0 {
		t.Errorf("the model was asked for round %d after the stop", r.Round)
	}
}

// The first decision wins; the second client learns who was faster. A decision
// on another input than the one shown is refused.
func TestClaudeOneDecision(t *testing.T) {
	t.Parallel()
	s := startTalk(t, protocol.SessionCreate{})
	s.say(s.script("one", copyTwice()[1:]...), "")
	p := s.asked()
	other := attach(t, s, protocol.FormatMsgpack)
	decide := protocol.PermissionDecide{PermissionID: p.PermissionID, Decision: protocol.Deny, InputSHA256: strings.Repeat("0", 64)}
	if _, err := other.Decide(t.Context(), decide); protocol.CodeOf(err) != protocol.CodeInputMismatch {
		t.Errorf("a decision on another input ended with %v", err)
	}
	decide.InputSHA256 = p.InputSHA256
	_, err := other.Decide(t.Context(), decide)
	ok(t, err)
	_, err = s.Decide(t.Context(), protocol.PermissionDecide{PermissionID: p.PermissionID, Decision: protocol.Allow})
	if protocol.CodeOf(err) != protocol.CodeAlreadyDecided {
		t.Errorf("the second decision ended with %v", err)
	}
	s.ended(protocol.OutcomeCompleted)
}

// In permission mode acceptEdits a file is written without asking, from the
// change on.
func TestClaudePermissionMode(t *testing.T) {
	t.Parallel()
	s := startTalk(t, protocol.SessionCreate{})
	mode := "acceptEdits"
	ok(t, s.Configure(t.Context(), protocol.SessionConfigure{PermissionMode: &mode}))
	s.say(s.script("write",
		agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "write", Path: "new.txt", Content: "unasked\n"}}),
		agenttest.Play(agenttest.Say("Written.")),
	), "")
	s.ended(protocol.OutcomeCompleted)
	if got, err := os.ReadFile(filepath.Join(s.place.Dir, "new.txt")); string(got) != "unasked\n" || s.count(protocol.TypePermissionRequested) != 0 {
		t.Errorf("the file holds %q, %v; %d permissions", got, err, s.count(protocol.TypePermissionRequested))
	}
}

// A question that is rejected tells the model why, and the turn goes on.
func TestClaudeQuestionRejected(t *testing.T) {
	t.Parallel()
	s := startTalk(t, protocol.SessionCreate{})
	s.say(s.script("ask",
		agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "ask", Text: "Which colour?", Options: []string{"Red", "Blue"}}}),
		agenttest.Play(agenttest.Say("Then none.")),
	), "")
	q := s.Await(agenttest.Want{Type: protocol.TypeQuestionRequested}).Data.(*protocol.QuestionRequested).Question
	ok(t, s.Reject(t.Context(), q.QuestionID, "paint it yourself"))
	s.Await(agenttest.Want{Type: protocol.TypeQuestionResolved, Has: map[string]string{"outcome": "rejected", "delivered": "true"}})
	s.ended(protocol.OutcomeCompleted)
	mentions(t, s.lastRequest("ask"), "paint it yourself")
}

package conformance_test

import (
	"syscall"
	"testing"

	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/protocol"
)

// A prompt that waits in the queue when the agent is killed, or when the
// server stops, runs afterwards, with the conversation so far.
func TestClaudeQueueOutlives(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		cut  func(*talk)
	}{
		{"the agent", func(c *talk) { ok(c.t, syscall.Kill(c.agentPID(), syscall.SIGKILL)) }},
		{"the server", func(c *talk) { c.server.Restart() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := startTalk(t, protocol.SessionCreate{})
			s.past()
			s.held()
			s.say(s.script("queued", agenttest.Play(agenttest.Say("At last."))), protocol.DeliverQueue)
			c.cut(s)
			s.ended(protocol.OutcomeFailed)
			s.ended(protocol.OutcomeCompleted)
			mentions(t, s.lastRequest("queued"), "I keep the word anchor.")
		})
	}
}

// When the agent is killed while it asks, the ask is over: a decision comes too
// late, and the command never runs.
func TestClaudeKilledWhileItAsks(t *testing.T) {
	t.Parallel()
	s := startTalk(t, protocol.SessionCreate{})
	s.past()
	s.say(s.script("ask", copyTwice()...), "")
	p := s.asked()
	ok(t, syscall.Kill(s.agentPID(), syscall.SIGKILL))
	s.Await(agenttest.Want{Type: protocol.TypePermissionResolved, Has: map[string]string{"outcome": "cancelled", "delivered": "false"}})
	s.ended(protocol.OutcomeFailed)
	_, err := s.Decide(t.Context(), protocol.PermissionDecide{PermissionID: p.PermissionID, Decision: protocol.Allow})
	if protocol.CodeOf(err) != protocol.CodePermissionClosed {
		t.Errorf("a decision after the end was answered with %v", err)
	}
	s.goesOn()
}

// A copy is a session of its own from its making on: over a restart before its
// first prompt, and after its agent is killed, it never writes into the
// original.
func TestClaudeForkOutlives(t *testing.T) {
	t.Parallel()
	s := startTalk(t, protocol.SessionCreate{})
	s.past()
	original := s.nativeID()
	info, err := s.server.Client.Fork(t.Context(), s.Session(), protocol.SessionCreate{})
	ok(t, err)
	s.server.Restart()
	s.Recorder = attachTo(t, s, info.ID)
	s.say("The fork's word is buoy. "+s.script("fork", agenttest.Play(agenttest.Say("Buoy it is."))), "")
	s.ended(protocol.OutcomeCompleted)
	copied := s.nativeID()
	ok(t, syscall.Kill(s.agentPID(), syscall.SIGKILL))
	s.Await(agenttest.Want{Type: protocol.TypeAgentExited})
	s.goesOn()
	mentions(t, s.lastRequest("future"), "The fork's word is buoy.")
	if copied == original || s.nativeID() != copied {
		t.Errorf("the native session is %s, was %s at first, and the original's is %s", s.nativeID(), copied, original)
	}
}

// A native session that was begun elsewhere can be gone on from; one that does
// not exist fails the turn in words.
func TestClaudeResumeByNativeID(t *testing.T) {
	t.Parallel()
	s := startTalk(t, protocol.SessionCreate{})
	s.past()
	native := s.nativeID()
	ok(t, s.End(t.Context()))
	s.Await(agenttest.Want{Type: protocol.TypeSessionEnded})
	s.Recorder = attachTo(t, s, s.server.Create(s.place, protocol.SessionCreate{Resume: native}))
	s.goesOn()
	s.Recorder = attachTo(t, s, s.server.Create(s.place, protocol.SessionCreate{Resume: "00000000-0000-4000-8000-000000000000"}))
	s.say("Who am I?", "")
	if e := s.ended(protocol.OutcomeFailed); e.Error == nil || e.Error.Code != string(protocol.CodeAgentStartFailed) {
		t.Errorf("the turn failed with %+v", e.Error)
	}
}

// In plan mode nothing is written; after the change back it is.
func TestClaudePlanModeAndBack(t *testing.T) {
	t.Parallel()
	s := startTalk(t, protocol.SessionCreate{})
	plan, work := "plan", "default"
	ok(t, s.Configure(t.Context(), protocol.SessionConfigure{Mode: &plan}))
	s.past()
	if m := s.State().Mode; m != plan {
		t.Errorf("the mode is %q", m)
	}
	ok(t, s.Configure(t.Context(), protocol.SessionConfigure{Mode: &work}))
	s.say(s.script("ask", copyTwice()[1:]...), "")
	s.decide(s.asked(), "deny")
	s.ended(protocol.OutcomeCompleted)
	if m := s.State(); m.Mode != work || m.PermissionMode != work {
		t.Errorf("the mode is %q, the permission mode %q", m.Mode, m.PermissionMode)
	}
}

// An interrupt while the agent asks a question closes the question.
func TestClaudeInterruptQuestion(t *testing.T) {
	t.Parallel()
	s := startTalk(t, protocol.SessionCreate{})
	s.say(s.script("ask", agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "ask", Text: "Which?", Options: []string{"A", "B"}}})), "")
	q := s.Await(agenttest.Want{Type: protocol.TypeQuestionRequested}).Data.(*protocol.QuestionRequested).Question
	ok(t, s.Interrupt(t.Context()))
	s.Await(agenttest.Want{Type: protocol.TypeQuestionResolved, Has: map[string]string{"outcome": "cancelled"}})
	s.ended(protocol.OutcomeInterrupted)
	if err := s.Answer(t.Context(), q.QuestionID, [][]string{{"A"}}); protocol.CodeOf(err) != protocol.CodePermissionClosed {
		t.Errorf("a late answer ended with %v", err)
	}
	s.past()
}

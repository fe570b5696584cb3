package conformance_test

import (
	"syscall"
	"testing"

	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/protocol"
)

// past gives a session a turn to remember.
func (c *talk) past() {
	c.t.Helper()
	c.say("My word is anchor. "+c.script("past", agenttest.Play(agenttest.Say("I keep the word anchor."))), "")
	c.ended(protocol.OutcomeCompleted)
}

// goesOn sends a prompt and checks that the model still hears of the past.
func (c *talk) goesOn() {
	c.t.Helper()
	c.say(c.script("future", agenttest.Play(agenttest.Say("The word is anchor."))), "")
	c.ended(protocol.OutcomeCompleted)
	mentions(c.t, c.lastRequest("future"), "My word is anchor.", "I keep the word anchor.")
}

// held begins a turn that waits in the middle of its text.
func (c *talk) held() {
	c.t.Helper()
	cut := c.model.On("cut", agenttest.Play(agenttest.Block{Text: "This sentence is cut short.", Hold: true}))
	c.say("Go on. "+cut.Marker(), "")
	cut.WaitHeld(c.t)
	c.Await(agenttest.Want{Type: protocol.TypeItemDelta, Has: map[string]string{"text": "~This"}})
}

// agentPID is the newest process of the agent.
func (c *talk) agentPID() int {
	pid := 0
	for _, e := range c.Events {
		if d, is := e.Data.(*protocol.AgentStarted); is {
			pid = d.PID
		}
	}
	return pid
}

// After a SIGKILL in the middle of a turn the turn has failed, and the next
// prompt resumes the native session: the model hears the old conversation.
func TestClaudeResumeAfterKill(t *testing.T) {
	t.Parallel()
	s := startTalk(t, protocol.SessionCreate{})
	s.past()
	s.held()
	killed := s.agentPID()
	ok(t, syscall.Kill(killed, syscall.SIGKILL))
	if e := s.ended(protocol.OutcomeFailed); e.Error == nil || e.Error.Code != "agent_exited" {
		t.Errorf("the turn failed with %+v", e.Error)
	}
	native := s.nativeID()
	s.goesOn()
	if pid := s.agentPID(); pid == killed || s.nativeID() != native {
		t.Errorf("process %d goes on with %s, want another one with %s", pid, s.nativeID(), native)
	}
}

// nativeID is the native session's id as REST shows it.
func (c *talk) nativeID() string {
	c.t.Helper()
	info, err := c.server.Client.Session(c.t.Context(), c.Session())
	ok(c.t, err)
	return info.NativeSessionID
}

// Over a restart of the server the same socket client goes on by itself, what
// was open is told as cut, and the next prompt resumes the native session.
func TestClaudeServerRestart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		open func(*talk)
	}{
		{"idle", nil},
		{"in a turn", (*talk).held},
		{"while it asks", func(c *talk) {
			c.say(c.script("ask", copyTwice()...), "")
			c.asked()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := startTalk(t, protocol.SessionCreate{})
			s.past()
			if c.open != nil {
				c.open(s)
			}
			s.server.Restart()
			if c.open != nil {
				if e := s.ended(protocol.OutcomeFailed); e.Error == nil || e.Error.Code != "server_shutdown" || !e.Error.Retryable {
					t.Errorf("the turn failed with %+v", e.Error)
				}
			}
			s.goesOn()
		})
	}
}

// A fork knows the past, and what is said in it stays out of the original.
func TestClaudeFork(t *testing.T) {
	t.Parallel()
	s := startTalk(t, protocol.SessionCreate{})
	s.past()
	info, err := s.server.Client.Fork(t.Context(), s.Session(), protocol.SessionCreate{SessionID: "copy"})
	ok(t, err)
	original := *s
	s.Recorder = attachTo(t, s, info.ID)
	s.say("The fork's word is buoy. "+s.script("fork", agenttest.Play(agenttest.Say("Buoy it is."))), "")
	s.ended(protocol.OutcomeCompleted)
	mentions(t, s.lastRequest("fork"), "My word is anchor.")
	original.goesOn()
	if r := original.lastRequest("future"); containsText(r, "buoy") {
		t.Error("the original heard what was said in the fork")
	}
}

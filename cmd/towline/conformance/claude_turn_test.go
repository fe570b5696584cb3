package conformance_test

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/cmd/towline/conformance"
	"github.com/towline-dev/towline/protocol"
)

// attach adds a client to a session.
func attach(t *testing.T, s *talk, format protocol.Format) *conformance.Recorder {
	t.Helper()
	return conformance.Record(t, s.server.Client, s.Session(), format)
}

// Three prompts at once are three turns in their order, and one that is
// withdrawn is none.
func TestClaudeQueue(t *testing.T) {
	t.Parallel()
	s := startTalk(t, protocol.SessionCreate{})
	first := s.model.On("first", agenttest.Play(agenttest.Block{Text: "The first answer.", Hold: true}))
	s.say("One. "+first.Marker(), "")
	first.WaitHeld(t)
	var ids []string
	for _, name := range []string{"second", "withdrawn", "third"} {
		ids = append(ids, s.say(s.script(name, agenttest.Play(agenttest.Say("The "+name+" answer."))), protocol.DeliverQueue).PromptID)
	}
	ok(t, s.Withdraw(t.Context(), ids[1]))
	if q := s.State().Queue; len(q) != 2 || q[0].PromptID != ids[0] || q[1].PromptID != ids[2] {
		t.Errorf("the queue is %+v", q)
	}
	first.Release()
	var ran []string
	for range 3 {
		ran = append(ran, s.Await(agenttest.Want{Type: protocol.TypeTurnStarted}).Data.(*protocol.TurnStarted).PromptIDs...)
		s.ended(protocol.OutcomeCompleted)
	}
	if want := []string{"m1", ids[0], ids[2]}; !slices.Equal(ran, want) {
		t.Errorf("the prompts %v ran, want %v", ran, want)
	}
	mentions(t, s.lastRequest("third"), "The first answer.", "The second answer.")
}

// A prompt that arrives while a tool runs reaches the model of the same turn,
// or of the next; either way it runs once.
func TestClaudeSteerIntoRunningTool(t *testing.T) {
	t.Parallel()
	s := startTalk(t, protocol.SessionCreate{})
	pipe := filepath.Join(s.place.Dir, "pipe")
	ok(t, syscall.Mkfifo(pipe, 0o600))
	f, err := os.OpenFile(pipe, os.O_RDWR, 0)
	ok(t, err)
	defer f.Close()
	s.say(s.script("wait",
		agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "execute", Command: "touch ran && head -n 1 pipe"}}),
		agenttest.Play(agenttest.Say("Steered.")), agenttest.Play(agenttest.Say("Steered late.")),
	), "")
	s.decide(s.asked(), "allow")
	s.Await(agenttest.Want{Type: protocol.TypePermissionResolved})
	if r := s.say("Mind the rocks.", protocol.DeliverSteer); r.Delivery != protocol.DeliverSteer {
		t.Errorf("the prompt was taken as %s", r.Delivery)
	}
	_, err = f.WriteString("released\n")
	ok(t, err)
	s.Await(agenttest.Want{Type: protocol.TypeItemCompleted, Has: map[string]string{"item.kind": "message", "item.content.*.text": "~Steered"}})
	s.ended(protocol.OutcomeCompleted)
	if s.lastRequest("wait").Round == 1 && s.count(protocol.TypeTurnStarted) == 1 {
		mentions(t, s.lastRequest("wait"), "Mind the rocks.", "released")
		return
	}
	s.Await(agenttest.Want{Type: protocol.TypeItemCompleted, Has: map[string]string{"item.content.*.text": "~Steered late"}})
	s.ended(protocol.OutcomeCompleted)
	mentions(t, s.lastRequest("wait"), "Mind the rocks.")
}

// Delivery interrupt stops the turn and goes before what is queued; reject is
// refused while a turn is open.
func TestClaudePromptThatInterrupts(t *testing.T) {
	t.Parallel()
	s := startTalk(t, protocol.SessionCreate{})
	slow := s.model.On("slow", agenttest.Play(agenttest.Block{Text: "A long story.", Hold: true}))
	s.say("Tell. "+slow.Marker(), "")
	slow.WaitHeld(t)
	if _, err := s.Prompt(t.Context(), protocol.Prompt{Text: "Now?", Delivery: protocol.DeliverReject}); protocol.CodeOf(err) != protocol.CodeBusy {
		t.Errorf("a prompt with delivery reject ended with %v", err)
	}
	s.say(s.script("queued", agenttest.Play(agenttest.Say("Queued."))), protocol.DeliverQueue)
	s.say(s.script("urgent", agenttest.Play(agenttest.Say("Urgent."))), protocol.DeliverInterrupt)
	s.ended(protocol.OutcomeInterrupted)
	slow.WaitAborted(t)
	for _, text := range []string{"~Urgent.", "~Queued."} {
		s.Await(agenttest.Want{Type: protocol.TypeItemCompleted, Has: map[string]string{"item.kind": "message", "item.content.*.text": text}})
		s.ended(protocol.OutcomeCompleted)
	}
}

// A subagent's items carry the task that they happened inside.
func TestClaudeSubagentParents(t *testing.T) {
	t.Parallel()
	s := startTalk(t, protocol.SessionCreate{PermissionMode: "acceptEdits"})
	sub := s.model.On("sub", agenttest.InDir(s.place.Dir, []agenttest.Round{
		agenttest.Play(agenttest.Say("I look."), agenttest.Block{Do: &agenttest.Do{Kind: "read", Path: "note.txt"}}),
		agenttest.Play(agenttest.Say("The subagent's report.")),
	})...)
	ok(t, os.WriteFile(filepath.Join(s.place.Dir, "note.txt"), []byte("noted\n"), 0o600))
	s.say(s.script("main",
		agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "subagent", Text: "Report. " + sub.Marker()}}),
		agenttest.Play(agenttest.Say("All done.")),
	), "")
	task := s.Await(agenttest.Want{Type: protocol.TypeItemStarted, Has: map[string]string{"item.tool.kind": "task"}}).Data.(*protocol.ItemStarted).Item.ID
	s.ended(protocol.OutcomeCompleted)
	inside := map[protocol.ItemKind]int{}
	for _, e := range s.Events {
		if d, is := e.Data.(*protocol.ItemStarted); is && d.Item.ParentID == task {
			inside[d.Item.Kind]++
		}
	}
	if inside[protocol.KindToolCall] != 1 || inside[protocol.KindMessage] < 1 {
		t.Errorf("inside the task are %v", inside)
	}
}

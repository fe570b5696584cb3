package conformance_test

import (
	"strings"
	"testing"
	"time"

	"github.com/towline-dev/towline/cmd/towline/conformance"
	"github.com/towline-dev/towline/protocol"
)

// log makes a session's events of their data: it numbers them and names the
// open turn, as a server would.
func log(data ...protocol.Data) []protocol.Event {
	turn, turns := "", 0
	var events []protocol.Event
	for i, d := range append([]protocol.Data{&protocol.SessionStarted{Agent: "mock"}}, data...) {
		if _, opens := d.(*protocol.TurnStarted); opens {
			turns++
			turn = "t" + string(rune('0'+turns))
		}
		events = append(events, protocol.Event{
			Seq: uint64(i + 1), SessionID: "s", Time: protocol.At(time.Unix(1, 0)), TurnID: turn, Source: protocol.SourceServer, Data: d,
		})
		if _, closes := d.(*protocol.TurnEnded); closes {
			turn = ""
		}
	}
	return events
}

// The checker finds each violation that it is there for, and nothing in a
// session that has none.
func TestInvariants(t *testing.T) {
	t.Parallel()
	accepted := &protocol.PromptAccepted{PromptID: "m1", CommandID: "c", Content: []protocol.Part{protocol.TextPart("x")}}
	began := &protocol.TurnStarted{PromptIDs: []string{"m1"}, Origin: protocol.SourceClient}
	ended := &protocol.TurnEnded{Outcome: protocol.OutcomeCompleted}
	message := protocol.Item{ID: "i1", Kind: protocol.KindMessage, Role: "assistant", Status: protocol.ItemInProgress}
	start, done := &protocol.ItemStarted{Item: message}, message
	done.Status, done.Content = protocol.ItemDone, []protocol.Part{protocol.TextPart("ab")}
	finish := &protocol.ItemCompleted{Item: done}
	delta := func(text string) protocol.Data {
		return &protocol.ItemDelta{ItemID: "i1", Kind: protocol.DeltaText, Text: text}
	}
	asks := &protocol.QuestionRequested{Question: protocol.Question{QuestionID: "q1"}}
	answered := &protocol.QuestionResolved{QuestionID: "q1", Outcome: protocol.QuestionAnswered}
	for _, c := range []struct {
		name, fault string
		events      []protocol.Event
	}{
		{"a whole turn", "", log(accepted, began, start, delta("a"), delta("b"), finish, asks, answered, ended)},
		{"no start", "no session.started", log(accepted)[1:]},
		{"a hole", "follows seq 1", append(log(accepted)[:1], log(accepted, accepted)[2:]...)},
		{"a turn in a turn", "was open", log(accepted, began, began, ended)},
		{"a turn left open", "turn t1 is open", log(accepted, began)},
		{"a prompt from nowhere", "never accepted", log(began, ended)},
		{"a prompt twice", "ran before", log(accepted, began, ended, began, ended)},
		{"an item left open", "item i1 (message) is open", log(accepted, began, start, ended)},
		{"an item twice", "is not open", log(accepted, began, start, finish, finish, ended)},
		{"a delta after the end", "which is not open", log(accepted, began, start, finish, delta("b"), ended)},
		{"lost text", "are not what it completed with", log(accepted, began, start, delta("a"), finish, ended)},
		{"text twice", "are not what it completed with", log(accepted, began, start, delta("ab"), delta("ab"), finish, ended)},
		{"an ask left open", "q1 is not resolved", log(accepted, began, asks, ended)},
		{"an ask resolved twice", "q1 does not wait", log(accepted, began, asks, answered, answered, ended)},
		{"an agent twice", "while one ran", log(&protocol.AgentStarted{}, &protocol.AgentStarted{})},
		{"an exit without an agent", "no agent ran", log(&protocol.AgentExited{})},
		{"a frame that nobody understood", "no JSON", log(&protocol.AgentUnparsed{Error: "no JSON"})},
		{"an event after the end", "after the session's end", log(&protocol.SessionEnded{}, &protocol.AgentStarted{})},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			check := conformance.NewInvariants()
			for _, e := range c.events {
				check.See(e)
			}
			check.Rest()
			faults := strings.Join(check.Faults(), "\n")
			if (faults == "") != (c.fault == "") || !strings.Contains(faults, c.fault) {
				t.Errorf("found %q, want %q", faults, c.fault)
			}
		})
	}
}

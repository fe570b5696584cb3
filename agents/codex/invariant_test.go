package codex

import (
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// checker follows the events of one recording.
type checker struct {
	t      *testing.T
	items  map[string]protocol.Item
	open   map[string]bool
	done   map[string]bool
	deltas map[string]map[int]string
	asks   map[string]bool
	turn   bool
	turns  int
}

func newChecker(t *testing.T) *checker {
	return &checker{
		t: t, items: map[string]protocol.Item{}, open: map[string]bool{}, done: map[string]bool{},
		deltas: map[string]map[int]string{}, asks: map[string]bool{},
	}
}

// command notes what the session would note of a command.
func (c *checker) command(cmd agents.Command) {
	switch cmd := cmd.(type) {
	case *agents.Decide:
		c.resolved(cmd.PermissionID)
	case *agents.Answer:
		c.resolved(cmd.QuestionID)
	case *agents.RejectQuestion:
		c.resolved(cmd.QuestionID)
	case *agents.Prompt:
		if c.turn != cmd.Steer {
			c.t.Errorf("prompt %s: steer is %t while a turn is open: %t", cmd.PromptID, cmd.Steer, c.turn)
		}
	}
}

func (c *checker) resolved(id string) {
	if !c.asks[id] {
		c.t.Errorf("ask %s is resolved but not open", id)
	}
	delete(c.asks, id)
}

func (c *checker) see(d protocol.Data) {
	switch d := d.(type) {
	case *protocol.TurnStarted:
		if c.turn {
			c.t.Error("a turn started while one was open")
		}
		c.turn = true
		clear(c.done) // as the session does
	case *protocol.TurnEnded:
		if !c.turn || len(c.open) > 0 || len(c.asks) > 0 {
			c.t.Errorf("a turn ended; it was open: %t, items %v and asks %v were", c.turn, c.open, c.asks)
		}
		c.turn = false
		c.turns++
	case *protocol.ItemStarted:
		c.started(d.Item)
	case *protocol.ItemDelta:
		if !c.open[d.ItemID] || d.Text == "" {
			c.t.Errorf("delta %q for item %q, which is not open", d.Text, d.ItemID)
		}
		if c.deltas[d.ItemID] == nil {
			c.deltas[d.ItemID] = map[int]string{}
		}
		c.deltas[d.ItemID][d.Index] += d.Text
	case *protocol.ItemCompleted:
		c.completed(d.Item)
	case *protocol.PermissionRequested:
		c.ask(d.Permission.PermissionID, d.Permission.ItemID)
		if d.Permission.InputSHA256 != hashInput(d.Permission.Tool.Input) {
			c.t.Errorf("permission %s has a hash of another input", d.Permission.PermissionID)
		}
	case *protocol.QuestionRequested:
		c.ask(d.Question.QuestionID, d.Question.ItemID)
	case *protocol.PermissionResolved:
		c.resolved(d.PermissionID)
	case *protocol.QuestionResolved:
		c.resolved(d.QuestionID)
	case *protocol.AgentUnparsed:
		c.t.Errorf("unparsed: %s: %s", d.Error, d.Sample)
	}
}

func (c *checker) started(item protocol.Item) {
	if c.open[item.ID] || c.done[item.ID] || item.ID == "" || item.Status != protocol.ItemInProgress {
		c.t.Errorf("item %q started twice, or is not in progress", item.ID)
	}
	if item.ParentID != "" && !c.open[item.ParentID] {
		c.t.Errorf("item %s has parent %s, which is not open", item.ID, item.ParentID)
	}
	if item.Kind == protocol.KindToolCall && (item.Tool == nil || item.Tool.Name == "" || len(item.Tool.Input) == 0) {
		c.t.Errorf("tool call %s has no tool", item.ID)
	}
	c.open[item.ID], c.items[item.ID] = true, item
	delete(c.deltas, item.ID)
}

// ask checks that an ask is new, and that what it belongs to is open.
func (c *checker) ask(id, item string) {
	if c.asks[id] {
		c.t.Errorf("ask %s came twice", id)
	}
	c.asks[id] = true
	if item != "" && !c.open[item] {
		c.t.Errorf("ask %s belongs to %q, which is not open", id, item)
	}
}

func (c *checker) completed(item protocol.Item) {
	if !c.open[item.ID] {
		c.t.Errorf("item %s completed without being open", item.ID)
		return
	}
	delete(c.open, item.ID)
	c.done[item.ID] = true
	began := c.items[item.ID]
	if began.Kind != item.Kind || began.ParentID != item.ParentID || item.Status == protocol.ItemInProgress {
		c.t.Errorf("item %s began as %+v and completed as %+v", item.ID, began, item)
	}
	checkJoined(c.t, item, c.deltas[item.ID])
}

// checkJoined checks that the deltas make up the item: each stream is one of
// its texts, and put together in the order of their index they are all of it.
func checkJoined(t *testing.T, item protocol.Item, streams map[int]string) {
	t.Helper()
	if len(streams) == 0 {
		return
	}
	all, joined := "", ""
	texts := map[string]bool{}
	for _, p := range item.Content {
		all += p.Text + p.Output
		texts[p.Text+p.Output] = true
	}
	for index := range 16 {
		joined += streams[index]
		if s := streams[index]; s != "" && !texts[s] {
			t.Errorf("item %s: the deltas %q of index %d are none of its texts", item.ID, s, index)
		}
	}
	if all != joined {
		t.Errorf("item %s: deltas %q, whole %q", item.ID, joined, all)
	}
}

// What must hold of every recording: items complete once and before their
// turn, deltas make up the whole, asks resolve, turns alternate, and nothing
// is unparsed (no recording holds a message that is not known).
func TestInvariants(t *testing.T) {
	for name, lines := range captures(t) {
		t.Run(name, func(t *testing.T) {
			c := newChecker(t)
			play(t, lines, c.command, func(r agents.Report) {
				for _, d := range r.Events {
					c.see(d)
				}
			})
			// The one recording that ends in a turn was killed there.
			if killed := name == "21a-killed-with-pending-approval"; c.turn != killed || (len(c.open) > 0) != killed || (len(c.asks) > 0) != killed {
				t.Errorf("left open: the turn %t, items %v, asks %v", c.turn, c.open, c.asks)
			}
			if c.turns == 0 {
				t.Error("no turn ended")
			}
		})
	}
}

// Every native turn of a thread that is no subagent's is one turn.
func TestTurnsMatch(t *testing.T) {
	want := map[string]int{
		"01-basic-text-reasoning": 2, "12-interrupt": 4, "13-steer": 2, "16-parallel-threads": 3,
		"17-fork-list-read-compact": 5, "18-model-errors": 19, "22-subagents": 1, "23-websocket-listener": 3,
	}
	for name, lines := range captures(t) {
		if want[name] == 0 {
			continue
		}
		ended := 0
		play(t, lines, func(agents.Command) {}, func(r agents.Report) {
			for _, d := range r.Events {
				if d.EventType() == protocol.TypeTurnEnded {
					ended++
				}
			}
		})
		if ended != want[name] {
			t.Errorf("%s: %d turns, want %d", name, ended, want[name])
		}
	}
}

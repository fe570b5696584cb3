package opencode

import (
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// cutItems are the items that a recording leaves open, by the reason.
var cutItems = map[string]int{
	"10-kill-restart-resume":             2, // killed in a command, then while a permission waited
	"18-signals":                         3, // killed in a command, three times
	"20-parallel-tools-permission-rules": 1, // the recording ends while a permission waits
}

// checker follows the events of one recording.
type checker struct {
	t      *testing.T
	open   map[string]protocol.Item
	done   map[string]bool
	deltas map[string]string
	asks   map[string]bool
	turn   bool
	ended  int
}

func newChecker(t *testing.T) *checker {
	return &checker{t: t, open: map[string]protocol.Item{}, done: map[string]bool{}, deltas: map[string]string{}, asks: map[string]bool{}}
}

func (c *checker) see(d protocol.Data) {
	switch d := d.(type) {
	case *protocol.TurnStarted:
		if c.turn && len(d.PromptIDs) == 0 {
			c.t.Error("a turn started while one was open")
		}
		c.turn = true
	case *protocol.TurnEnded:
		if !c.turn {
			c.t.Error("a turn ended while none was open")
		}
		c.turn = false
		c.ended++
	case *protocol.AgentExited:
		c.turn = false
	case *protocol.ItemStarted:
		c.started(d.Item)
	case *protocol.ItemDelta:
		if _, ok := c.open[d.ItemID]; !ok || d.Text == "" {
			c.t.Errorf("delta %q for item %q, which is not open", d.Text, d.ItemID)
		}
		if d.Kind != protocol.DeltaToolInput {
			c.deltas[d.ItemID] += d.Text
		}
	case *protocol.ItemCompleted:
		c.completed(d.Item)
	case *protocol.PermissionRequested:
		p := d.Permission
		c.ask(p.PermissionID, p.ItemID)
		if p.InputSHA256 != hashInput(p.Tool.Input) {
			c.t.Errorf("permission %s has a hash of another input", p.PermissionID)
		}
	case *protocol.QuestionRequested:
		c.ask(d.Question.QuestionID, d.Question.ItemID)
	case *protocol.AgentUnparsed:
		c.t.Errorf("unparsed: %s: %s", d.Error, d.Sample)
	}
}

func (c *checker) started(item protocol.Item) {
	if _, ok := c.open[item.ID]; ok || c.done[item.ID] || item.ID == "" {
		c.t.Errorf("item %q started twice, or without an id", item.ID)
	}
	if item.ParentID != "" && c.open[item.ParentID].ID == "" {
		c.t.Errorf("item %s has parent %s, which is not open", item.ID, item.ParentID)
	}
	c.open[item.ID] = item
}

// ask checks that an ask is new and belongs to an open tool call.
func (c *checker) ask(id, item string) {
	if c.asks[id] {
		c.t.Errorf("ask %s came twice", id)
	}
	c.asks[id] = true
	if c.open[item].Kind != protocol.KindToolCall {
		c.t.Errorf("ask %s belongs to %q, which is no open tool call", id, item)
	}
}

func (c *checker) completed(item protocol.Item) {
	began, ok := c.open[item.ID]
	if !ok {
		c.t.Errorf("item %s completed without being open", item.ID)
		return
	}
	delete(c.open, item.ID)
	c.done[item.ID] = true
	if began.Kind != item.Kind || began.ParentID != item.ParentID || item.Status == protocol.ItemInProgress {
		c.t.Errorf("item %s began as %+v and completed as %+v", item.ID, began, item)
	}
	streamed, ok := c.deltas[item.ID]
	if !ok {
		return
	}
	whole := ""
	for _, p := range item.Content {
		whole += p.Text + p.Output
	}
	if whole != streamed {
		c.t.Errorf("item %s: deltas %q, whole %q", item.ID, streamed, whole)
	}
}

// What must hold of every recording: items complete exactly once, deltas make
// up the whole, asks belong to open tool calls, turns alternate, and nothing
// is unparsed (no recording holds an event that is not known).
func TestInvariants(t *testing.T) {
	for name, lines := range captures(t) {
		t.Run(name, func(t *testing.T) {
			c := newChecker(t)
			for _, p := range play(t, lines) {
				if _, ok := p.command.(*agents.Prompt); ok {
					c.turn = true
				}
				if p.event != nil {
					c.see(p.event)
				}
			}
			if len(c.open) != cutItems[name] {
				t.Errorf("%d items are open, want %d: %+v", len(c.open), cutItems[name], c.open)
			}
			if c.turn && name != "20-parallel-tools-permission-rules" {
				t.Error("a turn was left open")
			}
			if c.ended == 0 && name != "18-signals" && name != "21-v2-api-probe" {
				t.Error("no turn ended")
			}
		})
	}
}

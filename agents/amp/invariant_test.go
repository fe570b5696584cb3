package amp

import (
	"testing"

	"github.com/towline-dev/towline/protocol"
)

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

func (c *checker) see(d protocol.Data) {
	switch d := d.(type) {
	case *protocol.TurnStarted, *protocol.TurnEnded:
		c.turns(d)
	case *protocol.ItemStarted:
		if _, ok := c.open[d.Item.ID]; ok || c.done[d.Item.ID] || d.Item.ID == "" {
			c.t.Errorf("item %q started twice, or without an id", d.Item.ID)
		}
		c.open[d.Item.ID] = d.Item
	case *protocol.ItemDelta:
		if _, ok := c.open[d.ItemID]; !ok || d.Text == "" {
			c.t.Errorf("delta %q for item %q, which is not open", d.Text, d.ItemID)
		}
		c.deltas[d.ItemID] += d.Text
	case *protocol.ItemCompleted:
		c.completed(d.Item)
	case *protocol.PermissionRequested:
		if p := d.Permission; c.asks[p.PermissionID] || c.open[p.ItemID].Kind != protocol.KindToolCall {
			c.t.Errorf("permission %s came twice, or belongs to no open call", p.PermissionID)
		} else {
			c.asks[p.PermissionID] = true
		}
	case *protocol.AgentUnparsed:
		c.t.Errorf("unparsed: %s: %s", d.Error, d.Sample)
	}
}

// turns checks that turns alternate.
func (c *checker) turns(d protocol.Data) {
	_, starts := d.(*protocol.TurnStarted)
	if c.turn == starts {
		c.t.Errorf("a %s while the turn is open: %v", d.EventType(), c.turn)
	}
	c.turn = starts
	if !starts {
		c.ended++
	}
}

func (c *checker) completed(item protocol.Item) {
	began, ok := c.open[item.ID]
	if !ok || began.Kind != item.Kind || item.Status == protocol.ItemInProgress {
		c.t.Errorf("item %s began as %+v and completed as %+v", item.ID, began, item)
	}
	delete(c.open, item.ID)
	c.done[item.ID] = true
	if streamed, ok := c.deltas[item.ID]; ok && whole(item.Content) != streamed {
		c.t.Errorf("item %s: deltas %q, whole %q", item.ID, streamed, whole(item.Content))
	}
}

// whole joins the texts that deltas make up.
func whole(parts []protocol.Part) string {
	s := ""
	for _, p := range parts {
		s += p.Text + p.Output
	}
	return s
}

// cut are the recordings that end in the middle of a turn.
var cut = map[string]string{
	"tool_ask_hangs":     "a rule says ask, and the CLI waits for ever (section 5)",
	"tool_default_rules": "a built-in rule says ask, and the CLI waits for ever (section 5)",
}

// quiet are the recordings without a turn.
var quiet = map[string]string{
	"bad_input": "a line that is not JSON ends the process",
	"mode_deep": "the mode is refused before the first frame",
}

// What must hold of every recording: items complete exactly once, turns
// alternate, and nothing is unparsed.
func TestInvariants(t *testing.T) {
	for name, lines := range captures(t) {
		t.Run(name, func(t *testing.T) {
			events, _ := play(t, lines)
			c := &checker{t: t, open: map[string]protocol.Item{}, done: map[string]bool{}, deltas: map[string]string{}, asks: map[string]bool{}}
			for _, d := range events {
				c.see(d)
			}
			if ends := len(c.open) == 0 && !c.turn; ends == (cut[name] != "") {
				t.Errorf("%d items are open, a turn is open: %v", len(c.open), c.turn)
			}
			if turns := c.ended > 0; turns == (quiet[name] != "" || cut[name] != "") {
				t.Errorf("%d turns ended", c.ended)
			}
		})
	}
}

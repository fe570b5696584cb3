package claude

import (
	"encoding/json"
	"testing"

	"github.com/towline-dev/towline/protocol"
)

// cutItems are the items that a recording leaves open, with the reason.
var cutItems = map[string]map[string]string{
	"resume-after-kill": {"msg_fake0002:0": "the process was killed while it streamed"},
}

// checker follows the events of one recording.
type checker struct {
	t       *testing.T
	open    map[string]protocol.Item
	done    map[string]bool
	deltas  map[string]string
	asks    map[string]bool
	turn    bool
	ended   int
	started int
}

func newChecker(t *testing.T) *checker {
	return &checker{t: t, open: map[string]protocol.Item{}, done: map[string]bool{}, deltas: map[string]string{}, asks: map[string]bool{}}
}

func (c *checker) see(d protocol.Data) {
	switch d := d.(type) {
	case *protocol.TurnStarted:
		if c.turn {
			c.t.Error("a turn started while one was open")
		}
		c.turn = true
		c.started++
	case *protocol.TurnEnded:
		if !c.turn {
			c.t.Error("a turn ended while none was open")
		}
		c.turn = false
		c.ended++
	case *protocol.AgentExited:
		c.turn = false
	case *protocol.ItemStarted:
		if _, ok := c.open[d.Item.ID]; ok || c.done[d.Item.ID] || d.Item.ID == "" {
			c.t.Errorf("item %q started twice, or without an id", d.Item.ID)
		}
		if d.Item.ParentID != "" && c.open[d.Item.ParentID].ID == "" {
			c.t.Errorf("item %s has parent %s, which is not open", d.Item.ID, d.Item.ParentID)
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
	if item.Kind == protocol.KindToolCall {
		if !sameJSON(json.RawMessage(streamed), item.Tool.Input) {
			c.t.Errorf("tool %s: deltas %s, input %s", item.ID, streamed, item.Tool.Input)
		}
		return
	}
	if whole := joinText(item.Content); whole != streamed {
		c.t.Errorf("item %s: deltas %q, whole %q", item.ID, streamed, whole)
	}
}

func joinText(parts []protocol.Part) string {
	s := ""
	for _, p := range parts {
		s += p.Text
	}
	return s
}

// What must hold of every recording: items complete exactly once, deltas make
// up the whole, asks belong to open tool calls, turns alternate, and nothing
// is unparsed (no recording holds a frame that is not known).
func TestInvariants(t *testing.T) {
	for name, lines := range captures(t) {
		t.Run(name, func(t *testing.T) {
			events, _ := play(t, lines)
			c := newChecker(t)
			for _, d := range events {
				c.see(d)
			}
			for id := range c.open {
				if cutItems[name][id] == "" {
					t.Errorf("item %s was left open", id)
				}
			}
			if len(c.open) != len(cutItems[name]) {
				t.Errorf("%d items are open, want %d", len(c.open), len(cutItems[name]))
			}
			if c.turn {
				t.Error("a turn was left open")
			}
			if c.ended == 0 {
				t.Error("no turn ended")
			}
		})
	}
}

// Every recorded result ends one turn, and the turns' costs add up to what
// the process counted.
func TestTurnsMatchResults(t *testing.T) {
	for name, lines := range captures(t) {
		if name == "resume-after-kill" {
			continue // several processes; TestSection6CostOfAFork
		}
		t.Run(name, func(t *testing.T) {
			results, total, last := 0, 0.0, 0.0
			for _, line := range lines {
				var l struct {
					Frame struct {
						Type string  `json:"type"`
						Cost float64 `json:"total_cost_usd"`
					} `json:"frame"`
				}
				if err := json.Unmarshal(line, &l); err != nil {
					t.Fatal(err)
				}
				if l.Frame.Type == "result" {
					results++
					if l.Frame.Cost < last {
						last = 0 // /clear counts from zero again
					}
					total += l.Frame.Cost - last
					last = l.Frame.Cost
				}
			}
			events, _ := play(t, lines)
			ended, cost := 0, 0.0
			for _, d := range events {
				if e, ok := d.(*protocol.TurnEnded); ok {
					ended++
					cost += *e.CostUSD
				}
			}
			if ended != results || cost < total-1e-9 || cost > total+1e-9 {
				t.Errorf("%d turns that cost %g, want %d and %g", ended, cost, results, total)
			}
		})
	}
}

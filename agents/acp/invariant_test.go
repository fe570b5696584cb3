package acp

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/towline-dev/towline/protocol"
)

// strangeFrames are the recordings that hold frames which belong to nothing
// the server would do.
var strangeFrames = map[string]int{}

// checker follows the events of one recording.
type checker struct {
	t        *testing.T
	open     map[string]protocol.Item
	done     map[string]bool
	deltas   map[string]string
	asks     map[string]bool
	turn     bool
	ended    int
	unparsed int
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
	case *protocol.TurnEnded:
		if !c.turn {
			c.t.Error("a turn ended while none was open")
		}
		for id := range c.open {
			c.t.Errorf("item %s is open at the end of its turn", id)
		}
		for id := range c.asks {
			delete(c.asks, id) // the next process numbers them anew
		}
		c.turn = false
		c.ended++
	case *protocol.AgentExited:
		clear(c.done)
		clear(c.deltas)
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
		c.ask(d.Permission.PermissionID, d.Permission.ItemID)
		if first, last := d.Permission.Options[0], d.Permission.Options[len(d.Permission.Options)-1]; first.Decision != protocol.Allow || first.Scope != protocol.ScopeOnce || last.Decision != protocol.Deny {
			c.t.Errorf("the options are in the order %+v", d.Permission.Options)
		}
	case *protocol.AgentUnparsed:
		c.unparsed++
		c.t.Logf("unparsed: %s: %s", d.Error, d.Sample)
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
	if began.Kind != item.Kind || item.Status == protocol.ItemInProgress || item.Content == nil {
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

// What must hold of every recording: items complete exactly once and within
// their turn, deltas make up the whole, asks belong to open tool calls, turns
// alternate, and every prompt's answer ends one.
func TestInvariants(t *testing.T) {
	for name, lines := range captures(t) {
		t.Run(name, func(t *testing.T) {
			events, _ := play(t, name, lines)
			c := newChecker(t)
			for _, d := range events {
				c.see(d)
			}
			for id := range c.open {
				t.Errorf("item %s was left open", id)
			}
			if c.turn {
				t.Error("a turn was left open")
			}
			if want := answeredPrompts(t, lines); c.ended != want {
				t.Errorf("%d turns ended, want %d", c.ended, want)
			}
			if c.unparsed != strangeFrames[name] {
				t.Errorf("%d frames are unparsed, want %d", c.unparsed, strangeFrames[name])
			}
		})
	}
}

// answeredPrompts counts the recorded prompts whose answer was recorded too.
func answeredPrompts(t *testing.T, lines []json.RawMessage) int {
	t.Helper()
	open := map[string]bool{}
	n := 0
	for _, line := range lines {
		var l struct {
			Dir   string `json:"dir"`
			Frame struct {
				ID     json.RawMessage `json:"id"`
				Method string          `json:"method"`
			} `json:"frame"`
		}
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatal(err)
		}
		id := string(l.Frame.ID)
		switch {
		case l.Dir == "in" && l.Frame.Method == "session/prompt":
			open[id] = true
		case l.Dir == "out" && l.Frame.Method == "" && open[id]:
			delete(open, id)
			n++
		}
	}
	return n
}

// What the agents said, as it was recorded, comes out as it was, once: also
// where a session was loaded and its history came again.
func TestNothingIsDoubledOrLost(t *testing.T) {
	for name, lines := range captures(t) {
		t.Run(name, func(t *testing.T) {
			events, _ := play(t, name, lines)
			var got strings.Builder
			for _, d := range events {
				if c, ok := d.(*protocol.ItemCompleted); ok && c.Item.Kind == protocol.KindMessage {
					got.WriteString(c.Item.Content[0].Text)
				}
			}
			if want := spoken(t, lines); got.String() != want {
				t.Errorf("got %q, want %q", got.String(), want)
			}
		})
	}
}

// spoken joins the text of the recorded message chunks, without history.
func spoken(t *testing.T, lines []json.RawMessage) string {
	t.Helper()
	var text strings.Builder
	loading := ""
	for _, line := range lines {
		var l struct {
			Frame struct {
				ID     json.RawMessage `json:"id"`
				Method string          `json:"method"`
				Params struct {
					Update struct {
						Kind    string          `json:"sessionUpdate"`
						Content json.RawMessage `json:"content"`
					} `json:"update"`
				} `json:"params"`
			} `json:"frame"`
		}
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatal(err)
		}
		switch f := l.Frame; {
		case f.Method == "session/load":
			loading = string(f.ID)
		case f.Method == "" && string(f.ID) == loading:
			loading = ""
		case f.Params.Update.Kind == "agent_message_chunk" && loading == "":
			text.WriteString(textAt(f.Params.Update.Content, "text"))
		}
	}
	return text.String()
}

package session

import (
	"encoding/json"

	"github.com/towline-dev/towline/protocol"
)

// logCheck goes through a session's whole log and finds what must not be.
type logCheck struct {
	w        *world
	turn     string
	accepted map[string]string // prompt ids by command id
	ran      map[string]bool   // prompts that a turn began with, or joined
	gone     map[string]bool   // withdrawn prompts
	items    map[string]bool   // whether it is open
	asks     map[string]bool   // whether it waits
	resolved map[string]*protocol.PermissionResolved
}

func newLogCheck(w *world) *logCheck {
	return &logCheck{
		w: w, accepted: map[string]string{}, ran: map[string]bool{}, gone: map[string]bool{},
		items: map[string]bool{}, asks: map[string]bool{}, resolved: map[string]*protocol.PermissionResolved{},
	}
}

// see takes the event at a place of the log.
func (c *logCheck) see(i int, e *protocol.Event) {
	if e.Seq != uint64(i+1) {
		c.w.faultf("event %d has seq %d", i+1, e.Seq)
	}
	switch d := e.Data.(type) {
	case *protocol.PromptAccepted:
		c.no(c.accepted[d.CommandID] != "", e, "command was accepted before")
		c.accepted[d.CommandID] = d.PromptID
		c.ran[d.PromptID] = d.Delivery == protocol.DeliverSteer
	case *protocol.PromptWithdrawn:
		c.no(c.ran[d.PromptID] || c.gone[d.PromptID], e, "prompt ran or was withdrawn before")
		c.gone[d.PromptID] = true
	case *protocol.TurnStarted:
		c.no(c.turn != "", e, "turn is open")
		c.turn = e.TurnID
		for _, id := range d.PromptIDs {
			c.no(c.ran[id] || c.gone[id], e, "prompt ran or was withdrawn before")
			c.ran[id] = true
		}
	case *protocol.TurnEnded:
		c.no(c.turn != e.TurnID, e, "turn is not open")
		c.turn = ""
		for id, open := range c.items {
			c.no(open, e, "item "+id+" is open")
		}
		for id, waits := range c.asks {
			c.no(waits, e, "ask "+id+" waits")
		}
	case *protocol.ItemStarted:
		_, known := c.items[d.Item.ID]
		c.no(known, e, "item started before")
		c.items[d.Item.ID] = true
	case *protocol.ItemDelta:
		c.no(!c.items[d.ItemID], e, "item is not open")
	case *protocol.ItemCompleted:
		c.no(!c.items[d.Item.ID], e, "item is not open")
		c.items[d.Item.ID] = false
	case *protocol.PermissionRequested:
		c.asks[d.Permission.PermissionID] = true
	case *protocol.PermissionResolved:
		c.no(!c.asks[d.PermissionID], e, "permission does not wait")
		c.asks[d.PermissionID] = false
		c.resolved[d.PermissionID] = d
	}
}

// no notes a fault at an event.
func (c *logCheck) no(fault bool, e *protocol.Event, what string) {
	if fault {
		b, _ := json.Marshal(e)
		c.w.faultf("event %d, %s: %s", e.Seq, b, what)
	}
}

// acknowledged compares what clients were told with the log. It asks for a
// session at rest or mended: then a decision that was told has its event.
func (c *logCheck) acknowledged() {
	c.w.mu.Lock()
	sent := c.w.sent
	var acked []sentCommand
	for _, s := range sent {
		if s.acked {
			acked = append(acked, *s)
		}
	}
	c.w.mu.Unlock()
	for _, s := range acked {
		switch s.command.(type) {
		case *protocol.Prompt:
			var r protocol.PromptResult
			if err := json.Unmarshal(s.result.Data, &r); err != nil || c.accepted[s.id] != r.PromptID {
				c.w.faultf("command %s was told %s; the log has the prompt %q", s.id, s.result.Data, c.accepted[s.id])
			}
		case *protocol.PermissionDecide:
			var r protocol.DecideResult
			if err := json.Unmarshal(s.result.Data, &r); err != nil {
				c.w.Fatal(err)
			}
			if got := c.resolved[r.PermissionID]; got == nil || got.Outcome != protocol.PermissionDecided || got.Decision != r.Decision {
				c.w.faultf("command %s was told %s; the log has %+v", s.id, s.result.Data, got)
			}
		}
	}
	for id, n := range c.w.reachedAll() {
		if n > 0 && id[0] == 'm' && !c.ran[id] {
			c.w.faultf("prompt %s reached the agent, and the log does not tell", id)
		}
	}
}

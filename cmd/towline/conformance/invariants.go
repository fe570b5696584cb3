package conformance

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/towline-dev/towline/protocol"
)

// Invariants checks what must hold of the events of every session, of whatever
// agent: seqs are dense, turns alternate, each started item completes once and
// its deltas join to its text, each ask is resolved once, prompts run once. It
// is fed one session's events from the first on.
type Invariants struct {
	// Unparsed tolerates native frames that no translator understood.
	Unparsed bool

	faults  []string
	seq     uint64
	session string
	ended   bool
	running bool
	turn    string
	turns   int
	items   map[string]*watchedItem
	asks    map[string]bool        // whether it still waits
	prompts map[string]promptState // by prompt id
}

// watchedItem is an item from its start on.
type watchedItem struct {
	started protocol.Item
	done    bool
	deltas  map[deltaStream]string
}

// deltaStream names the text that deltas make up.
type deltaStream struct {
	kind  protocol.DeltaKind
	index int
}

// promptState is how far a prompt is.
type promptState int

const (
	promptQueued promptState = iota + 1
	promptSteered
	promptGone
)

// NewInvariants returns a checker that has seen nothing.
func NewInvariants() *Invariants {
	return &Invariants{items: map[string]*watchedItem{}, asks: map[string]bool{}, prompts: map[string]promptState{}}
}

// Faults are what was violated so far, in the order in which it was seen.
func (c *Invariants) Faults() []string { return c.faults }

// See takes the next event.
func (c *Invariants) See(e protocol.Event) {
	if c.seq == 0 {
		c.session = e.SessionID
		if e.Data.EventType() != protocol.TypeSessionStarted {
			c.faultf(e, "the first event is no session.started")
		}
	}
	if e.Seq != c.seq+1 || e.SessionID != c.session || e.Time.IsZero() {
		c.faultf(e, "follows seq %d of session %s, or has no time", c.seq, c.session)
	}
	c.seq = e.Seq
	if c.ended {
		c.faultf(e, "comes after the session's end")
	}
	if _, opens := e.Data.(*protocol.TurnStarted); !opens && e.TurnID != c.turn {
		c.faultf(e, "says turn %q, but %q is open", e.TurnID, c.turn)
	}
	c.look(e)
}

// look checks an event by its type.
func (c *Invariants) look(e protocol.Event) {
	switch d := e.Data.(type) {
	case *protocol.SessionEnded:
		c.ended = true
		c.rest(e)
	case *protocol.AgentStarted:
		if c.running {
			c.faultf(e, "an agent started while one ran")
		}
		c.running = true
	case *protocol.AgentExited:
		if !c.running {
			c.faultf(e, "no agent ran that could exit")
		}
		c.running = false
	case *protocol.AgentUnparsed:
		if !c.Unparsed {
			c.faultf(e, "%s: %s", d.Error, d.Sample)
		}
	case *protocol.PromptAccepted, *protocol.PromptWithdrawn:
		c.prompt(e)
	case *protocol.TurnStarted:
		c.turnStarted(e, d)
	case *protocol.TurnEnded:
		c.rest(e)
		if c.turn == "" || d.Outcome == "" {
			c.faultf(e, "no turn is open, or it ended without an outcome")
		}
		c.turn = ""
	case *protocol.ItemStarted, *protocol.ItemDelta, *protocol.ItemCompleted:
		c.item(e)
	default:
		c.ask(e)
	}
}

// AtRest tells whether no turn is open and no prompt waits for one.
func (c *Invariants) AtRest() bool {
	for _, state := range c.prompts {
		if state == promptQueued {
			return false
		}
	}
	return c.turn == ""
}

// Rest checks that nothing is open: no turn, no item, no ask.
func (c *Invariants) Rest() {
	at := protocol.Event{Seq: c.seq, Data: &protocol.UnknownData{Type: "the end"}}
	if c.turn != "" {
		c.faultf(at, "turn %s is open", c.turn)
	}
	c.rest(at)
}

// rest checks that no item and no ask is open.
func (c *Invariants) rest(at protocol.Event) {
	for id, i := range c.items {
		if !i.done {
			c.faultf(at, "item %s (%s) is open", id, i.started.Kind)
		}
	}
	for id, waits := range c.asks {
		if waits {
			c.faultf(at, "%s is not resolved", id)
		}
	}
}

// prompt follows a prompt into and out of the queue.
func (c *Invariants) prompt(e protocol.Event) {
	switch d := e.Data.(type) {
	case *protocol.PromptAccepted:
		if c.prompts[d.PromptID] != 0 || d.CommandID == "" || len(d.Content) == 0 {
			c.faultf(e, "prompt %s was accepted before, or has no command or content", d.PromptID)
		}
		c.prompts[d.PromptID] = promptQueued
		if d.Delivery == protocol.DeliverSteer {
			c.prompts[d.PromptID] = promptSteered
			if c.turn == "" {
				c.faultf(e, "there is no turn to steer")
			}
		}
	case *protocol.PromptWithdrawn:
		if c.prompts[d.PromptID] != promptQueued {
			c.faultf(e, "prompt %s was not in the queue", d.PromptID)
		}
		c.prompts[d.PromptID] = promptGone
	}
}

// turnStarted checks that turns alternate and that prompts run once.
func (c *Invariants) turnStarted(e protocol.Event, d *protocol.TurnStarted) {
	c.turns++
	if c.turn != "" || e.TurnID != "t"+strconv.Itoa(c.turns) {
		c.faultf(e, "turn %s started while %q was open, or out of number", e.TurnID, c.turn)
	}
	c.turn = e.TurnID
	if (d.Origin == protocol.SourceClient) != (len(d.PromptIDs) > 0) {
		c.faultf(e, "a turn of %s has the prompts %v", d.Origin, d.PromptIDs)
	}
	for _, id := range d.PromptIDs {
		if s := c.prompts[id]; s != promptQueued && s != promptSteered {
			c.faultf(e, "prompt %s was never accepted, or ran before", id)
		}
		c.prompts[id] = promptGone
	}
}

// ask checks that each ask belongs to a tool call that waits, and is resolved
// once.
func (c *Invariants) ask(e protocol.Event) {
	switch d := e.Data.(type) {
	case *protocol.PermissionRequested:
		c.asked(e, d.Permission.PermissionID, d.Permission.ItemID)
		if len(d.Permission.Options) == 0 || d.Permission.InputSHA256 == "" || e.Source != protocol.SourceAgent {
			c.faultf(e, "the permission has no options, no hash, or is not the agent's")
		}
	case *protocol.QuestionRequested:
		c.asked(e, d.Question.QuestionID, d.Question.ItemID)
	case *protocol.PermissionResolved:
		c.resolved(e, d.PermissionID)
		if d.Outcome == protocol.PermissionDecided && (d.Decision == "" || e.Source == protocol.SourceAgent) {
			c.faultf(e, "the decision is missing, or is the agent's own")
		}
	case *protocol.QuestionResolved:
		c.resolved(e, d.QuestionID)
	}
}

// asked notes a new ask.
func (c *Invariants) asked(e protocol.Event, id, item string) {
	if _, known := c.asks[id]; known || id == "" {
		c.faultf(e, "%q was asked before", id)
	}
	c.asks[id] = true
	if i := c.items[item]; item != "" && (i == nil || i.done || i.started.Kind != protocol.KindToolCall) {
		c.faultf(e, "%s belongs to %s, which is no open tool call", id, item)
	}
}

// resolved notes the end of an ask.
func (c *Invariants) resolved(e protocol.Event, id string) {
	if !c.asks[id] {
		c.faultf(e, "%s does not wait", id)
	}
	c.asks[id] = false
}

// item follows an item from start to completion.
func (c *Invariants) item(e protocol.Event) {
	switch d := e.Data.(type) {
	case *protocol.ItemStarted:
		c.itemStarted(e, d.Item)
	case *protocol.ItemDelta:
		i := c.items[d.ItemID]
		if i == nil || i.done || d.Text == "" {
			c.faultf(e, "a delta of %q for %s, which is not open", d.Text, d.ItemID)
			return
		}
		i.deltas[deltaStream{d.Kind, d.Index}] += d.Text
	case *protocol.ItemCompleted:
		i := c.items[d.Item.ID]
		if i == nil || i.done {
			c.faultf(e, "item %s is not open", d.Item.ID)
			return
		}
		i.done = true
		c.itemCompleted(e, i, d.Item)
	}
}

// itemStarted checks that an item is new and happens inside an open one.
func (c *Invariants) itemStarted(e protocol.Event, item protocol.Item) {
	if c.items[item.ID] != nil || item.ID == "" || item.Status != protocol.ItemInProgress {
		c.faultf(e, "item %q started before, or is not in progress", item.ID)
	}
	if p := c.items[item.ParentID]; item.ParentID != "" && (p == nil || p.started.Kind != protocol.KindToolCall) {
		c.faultf(e, "item %s is inside %s, which is no tool call", item.ID, item.ParentID)
	}
	if item.Kind == protocol.KindToolCall && (item.Tool == nil || item.Tool.Name == "" || item.Tool.Kind == "") {
		c.faultf(e, "tool call %s has no tool", item.ID)
	}
	c.items[item.ID] = &watchedItem{started: item, deltas: map[deltaStream]string{}}
}

// itemCompleted compares an item with its start and its deltas.
func (c *Invariants) itemCompleted(e protocol.Event, i *watchedItem, item protocol.Item) {
	s := i.started
	if s.Kind != item.Kind || s.Role != item.Role || s.ParentID != item.ParentID || s.NativeID != item.NativeID || item.Status == protocol.ItemInProgress {
		c.faultf(e, "item %s began as %s of %q and ended as %s of %q, %s", item.ID, s.Kind, s.ParentID, item.Kind, item.ParentID, item.Status)
	}
	for stream, text := range i.deltas {
		if !joins(stream, text, item) {
			c.faultf(e, "the %s deltas of item %s, %q, are not what it completed with", stream.kind, item.ID, text)
		}
	}
}

// joins tells whether a stream of deltas is found whole in the completed item.
func joins(stream deltaStream, text string, item protocol.Item) bool {
	switch stream.kind {
	case protocol.DeltaToolInput:
		cut := item.Status == protocol.ItemInterrupted || item.Status == protocol.ItemFailed
		return cut || item.Tool.InputBlob != nil || sameJSON([]byte(text), item.Tool.Input)
	case protocol.DeltaToolOutput:
		for _, p := range item.Content {
			if same(p, p.Output, text) || same(p, p.Text, text) {
				return true
			}
		}
		return false
	default:
		n := 0
		for _, p := range item.Content {
			if p.Type != protocol.PartText && p.Type != protocol.PartReasoning {
				continue
			}
			if n == stream.index {
				return same(p, p.Text, text)
			}
			n++
		}
		return false
	}
}

// same compares a part's text with its deltas; of a text that is in a blob the
// part holds the beginning.
func same(p protocol.Part, got, streamed string) bool {
	if p.Blob != nil && p.Truncated {
		return strings.HasPrefix(streamed, got) && p.Blob.Bytes == int64(len(streamed))
	}
	return got == streamed
}

// sameJSON compares two values by what they say.
func sameJSON(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

// faultf notes a violation at an event.
func (c *Invariants) faultf(e protocol.Event, format string, args ...any) {
	c.faults = append(c.faults, fmt.Sprintf("event %d (%s): ", e.Seq, e.Data.EventType())+fmt.Sprintf(format, args...))
}

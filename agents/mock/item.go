package mock

import (
	"slices"
	"strings"
	"time"

	"github.com/towline-dev/towline/protocol"
)

// begin starts an item and gives it an id, if it has none.
func (t *turn) begin(item *protocol.Item) error {
	if item.ID == "" {
		item.ID = t.newID("item")
	}
	item.Status = protocol.ItemInProgress
	if item.Content == nil {
		item.Content = []protocol.Part{}
	}
	if err := t.emit(&protocol.ItemStarted{Item: *item}); err != nil {
		return err
	}
	t.open = append(t.open, item)
	return nil
}

// finish completes an item.
func (t *turn) finish(item *protocol.Item, status protocol.ItemStatus) error {
	item.Status = status
	if err := t.emit(&protocol.ItemCompleted{Item: *item}); err != nil {
		return err
	}
	t.open = slices.DeleteFunc(t.open, func(o *protocol.Item) bool { return o == item })
	return nil
}

// say streams a message of the assistant.
func (t *turn) say(text string) error { return t.sayInside("", text) }

// sayInside streams a message that belongs to a tool call.
func (t *turn) sayInside(parent, text string) error {
	item := &protocol.Item{ParentID: parent, Kind: protocol.KindMessage, Role: "assistant"}
	return t.stream(item, protocol.DeltaText, pieces(text), t.c.agent.o.Pace)
}

// stream plays an item whose only part grows by deltas.
func (t *turn) stream(item *protocol.Item, kind protocol.DeltaKind, texts []string, pace time.Duration) error {
	if err := t.begin(item); err != nil {
		return err
	}
	part := protocol.TextPart("")
	if kind == protocol.DeltaReasoning {
		part = protocol.Part{Type: protocol.PartReasoning, Visibility: "public"}
	}
	item.Content = []protocol.Part{part}
	if err := t.grow(item, kind, &item.Content[0].Text, texts, pace); err != nil {
		return err
	}
	return t.finish(item, protocol.ItemDone)
}

// grow reports each text as a delta and keeps into equal to their sum, so that
// an item that is interrupted completes with what was shown.
func (t *turn) grow(item *protocol.Item, kind protocol.DeltaKind, into *string, texts []string, pace time.Duration) error {
	var sum strings.Builder
	defer func() { *into = sum.String() }()
	for _, text := range texts {
		if err := t.emit(&protocol.ItemDelta{ItemID: item.ID, Kind: kind, Text: text}); err != nil {
			return err
		}
		sum.WriteString(text)
		t.words++
		if err := t.pause(pace); err != nil {
			return err
		}
	}
	return nil
}

// pieces cuts a text after each space or line end; together they are the text.
func pieces(text string) []string {
	var all []string
	for text != "" {
		n := strings.IndexAny(text, " \n") + 1
		if n == 0 {
			n = len(text)
		}
		all = append(all, text[:n])
		text = text[n:]
	}
	return all
}

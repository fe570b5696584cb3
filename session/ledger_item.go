package session

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/towline-dev/towline/protocol"
)

// maxDelta bounds the text of one item.delta, in bytes; a longer one is cut
// into several, so that no frame grows too large.
const maxDelta = 32 << 10

// rememberedItems is how many completed items outside of turns are remembered,
// to drop what comes twice; in a turn all are.
const rememberedItems = 1024

// item is an open item: what item.started said, and the deltas since.
type item struct {
	protocol.Item
	order int
	texts []itemText
}

// itemText is the text that deltas of one kind and index have made.
type itemText struct {
	kind  protocol.DeltaKind
	index int
	text  []byte
}

// streamed returns the text of a kind and index.
func (it *item) streamed(kind protocol.DeltaKind, index int) *itemText {
	for i := range it.texts {
		if t := &it.texts[i]; t.kind == kind && t.index == index {
			return t
		}
	}
	it.texts = append(it.texts, itemText{kind: kind, index: index})
	return &it.texts[len(it.texts)-1]
}

// itemID returns the universal id of a native one, or "" if it is not known.
func (l *ledger) itemID(native string) string {
	if it, ok := l.items[native]; ok {
		return it.ID
	}
	return l.done[native]
}

// startItem opens an item and tells it. A second start of the same item is
// dropped.
func (l *ledger) startItem(in protocol.Item) *item {
	native := in.ID
	if it, ok := l.items[native]; ok {
		return it
	}
	if _, ok := l.done[native]; ok {
		return nil
	}
	l.counters.Items++
	in.NativeID = native
	in.ID = "i" + strconv.Itoa(l.counters.Items)
	in.ParentID = l.itemID(in.ParentID)
	in.Status = protocol.ItemInProgress
	in.Content = l.storeParts(in.Content)
	in.Tool = l.storeTool(in.Tool)
	it := &item{Item: in, order: l.counters.Items}
	l.items[native] = it
	l.add(protocol.SourceAgent, &protocol.ItemStarted{Item: in})
	return it
}

// delta adds to an open item. A delta for an item that never started starts
// it; one for a completed item is dropped.
func (l *ledger) delta(d *protocol.ItemDelta) {
	it, ok := l.items[d.ItemID]
	if !ok {
		it = l.startItem(stubFor(d))
	}
	if it == nil || d.Text == "" {
		return
	}
	t := it.streamed(d.Kind, d.Index)
	t.text = append(t.text, d.Text...)
	for text := d.Text; text != ""; {
		n := cut(text, maxDelta)
		l.add(protocol.SourceAgent, &protocol.ItemDelta{ItemID: it.ID, Index: d.Index, Kind: d.Kind, Text: text[:n]})
		text = text[n:]
	}
}

// stubFor guesses the item of a delta that came first.
func stubFor(d *protocol.ItemDelta) protocol.Item {
	it := protocol.Item{ID: d.ItemID, Kind: protocol.KindMessage, Role: "assistant"}
	switch d.Kind {
	case protocol.DeltaReasoning:
		it.Kind, it.Role = protocol.KindReasoning, ""
	case protocol.DeltaToolInput, protocol.DeltaToolOutput:
		it.Kind, it.Role = protocol.KindToolCall, ""
		it.Tool = &protocol.Tool{Name: "unknown", Kind: protocol.ToolOther, CallID: d.ItemID}
	case protocol.DeltaText:
	}
	return it
}

// cut returns how many bytes of s, at most n, end at a whole character.
func cut(s string, n int) int {
	if len(s) <= n {
		return len(s)
	}
	for n > 1 && !utf8.RuneStart(s[n]) {
		n--
	}
	return n
}

// completeItem closes an item and tells it whole. An item that never started
// starts first; a second completion is dropped.
func (l *ledger) completeItem(in protocol.Item) {
	native := in.ID
	it, ok := l.items[native]
	if !ok {
		open := in
		open.Content = nil
		if it = l.startItem(open); it == nil {
			return
		}
	}
	in.NativeID, in.ID, in.ParentID = native, it.ID, it.ParentID
	if in.Status == "" || in.Status == protocol.ItemInProgress {
		in.Status = protocol.ItemDone
	}
	if in.Kind == "" {
		in.Kind, in.Role = it.Kind, it.Role
	}
	if in.Tool == nil {
		in.Tool = it.Tool
	}
	l.settleText(it, &in)
	in.Content = l.storeParts(in.Content)
	in.Tool = l.storeTool(in.Tool)
	delete(l.items, native)
	if l.turn == nil && len(l.done) >= rememberedItems {
		clear(l.done)
	}
	l.done[native] = in.ID
	l.add(protocol.SourceAgent, &protocol.ItemCompleted{Item: in})
}

// settleText makes the deltas join to the completed text: what the completed
// text has beyond the deltas is sent as a last delta; where the two differ,
// what clients have already seen stands.
func (l *ledger) settleText(it *item, done *protocol.Item) {
	kind := protocol.DeltaText
	if done.Kind == protocol.KindReasoning {
		kind = protocol.DeltaReasoning
	}
	if done.Kind == protocol.KindToolCall {
		return
	}
	parts := textParts(done.Content)
	for i := range it.texts {
		t := &it.texts[i]
		if t.kind != kind || len(t.text) == 0 {
			continue
		}
		seen := string(t.text)
		if t.index >= len(parts) {
			done.Content = append(done.Content, textOf(done.Kind, seen))
			continue
		}
		p := &done.Content[parts[t.index]]
		if rest, ok := strings.CutPrefix(p.Text, seen); ok {
			l.delta(&protocol.ItemDelta{ItemID: it.NativeID, Index: t.index, Kind: kind, Text: rest})
			continue
		}
		p.Text = seen
	}
}

// textParts returns the places of the text and reasoning parts.
func textParts(parts []protocol.Part) []int {
	var at []int
	for i, p := range parts {
		if p.Type == protocol.PartText || p.Type == protocol.PartReasoning {
			at = append(at, i)
		}
	}
	return at
}

// textOf returns the part that holds an item's streamed text.
func textOf(kind protocol.ItemKind, text string) protocol.Part {
	if kind == protocol.KindReasoning {
		return protocol.Part{Type: protocol.PartReasoning, Text: text, Visibility: "public"}
	}
	return protocol.TextPart(text)
}

// closeItems completes every open item with the text that it has, in the
// order in which they began, children before parents told by that order.
func (l *ledger) closeItems(status protocol.ItemStatus) {
	open := make([]*item, 0, len(l.items))
	for _, it := range l.items {
		open = append(open, it)
	}
	slices.SortFunc(open, func(a, b *item) int { return b.order - a.order })
	for _, it := range open {
		l.closeItem(it, status)
	}
}

// closeItem completes an item that its agent left open.
func (l *ledger) closeItem(it *item, status protocol.ItemStatus) {
	done := it.Item
	done.Status = status
	done.Content = slices.Clone(done.Content)
	var output []byte
	for _, t := range it.texts {
		switch t.kind {
		case protocol.DeltaText, protocol.DeltaReasoning:
			if len(t.text) > 0 {
				done.Content = append(done.Content, textOf(done.Kind, string(t.text)))
			}
		case protocol.DeltaToolOutput:
			output = append(output, t.text...)
		case protocol.DeltaToolInput:
		}
	}
	if len(output) > 0 {
		done.Content = append(done.Content, outputPart(done.Tool, string(output)))
	}
	done.Content = l.storeParts(done.Content)
	delete(l.items, it.NativeID)
	l.done[it.NativeID] = it.ID
	l.add(protocol.SourceServer, &protocol.ItemCompleted{Item: done})
}

// outputPart returns the part that holds a tool's streamed output.
func outputPart(tool *protocol.Tool, output string) protocol.Part {
	if tool != nil && tool.Kind == protocol.ToolExecute {
		return protocol.Part{Type: protocol.PartCommand, Command: tool.Title, Output: output}
	}
	return protocol.TextPart(output)
}

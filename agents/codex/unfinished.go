package codex

import (
	"cmp"
	"maps"
	"slices"

	"github.com/towline-dev/towline/protocol"
)

// This file is about items whose native end does not come, comes late, or
// comes after their turn (PROTOCOL.md section 7).

// hasMore tells whether the end of an item that outlived its turn says more
// than was told.
func (it *item) hasMore(n nativeItem) bool {
	if n.Type == "commandExecution" {
		return true // its exit code
	}
	told := it.told()
	return n.Text != "" && n.Text != told[streamKey{streamText, 0}]
}

// told is all that was told of each stream, here and in items before.
func (it *item) told() map[streamKey]string {
	all := map[streamKey]string{}
	maps.Copy(all, it.before)
	for _, s := range it.streams {
		all[s.key] += string(s.text)
	}
	return all
}

// goOn opens an item for what comes of another after its turn.
func (t *translator) goOn(it *item, th *thread, o *output) *item {
	next := &item{key: it.key, Item: it.Item, command: it.command, changes: it.changes, before: it.told()}
	if it.Tool != nil {
		tool := *it.Tool
		next.Tool = &tool
	}
	t.open(next, th, o)
	return next
}

// streaming returns the open item that a delta is for. One that never started
// starts; what was closed for good gets none.
func (t *translator) streaming(threadID, id string, stub nativeItem, o *output) *item {
	th := t.threadOf(threadID)
	if th == nil {
		return nil
	}
	it := t.items[itemKey{threadID, id}]
	switch {
	case it == nil:
		return t.start(th, stub, nil, o)
	case !it.done:
		return it
	case it.left:
		return t.goOn(it, th, o)
	default:
		return nil
	}
}

// closeItems closes every open item at the end of a turn, the newest first, so
// that what is inside others closes before them. Only those of a turn that
// completed can go on.
func (t *translator) closeItems(outcome protocol.Outcome, o *output) {
	for _, it := range t.openItems(func(*item) bool { return true }) {
		status := protocol.ItemFailed
		switch outcome {
		case protocol.OutcomeCompleted:
			status = protocol.ItemDone
		case protocol.OutcomeInterrupted:
			status = protocol.ItemInterrupted
		case protocol.OutcomeFailed, protocol.OutcomeRefused, protocol.OutcomeLimit:
		}
		t.closeItem(it, status, o)
		it.left = outcome == protocol.OutcomeCompleted
	}
	for key, it := range t.items {
		if !it.ours || len(t.items) > maxItems {
			delete(t.items, key)
		}
	}
	clear(t.used)
	for _, it := range t.items {
		t.used[it.key.id] = max(t.used[it.key.id], 1)
	}
}

// maxItems bounds the items of ended turns whose end is awaited.
const maxItems = 1024

// openItems returns the open items that belong, the newest first.
func (t *translator) openItems(belongs func(*item) bool) []*item {
	var open []*item
	for _, it := range t.items {
		if !it.done && belongs(it) {
			open = append(open, it)
		}
	}
	slices.SortFunc(open, func(a, b *item) int { return cmp.Compare(b.order, a.order) })
	return open
}

// closeItem completes an item with what was told of it.
func (t *translator) closeItem(it *item, status protocol.ItemStatus, o *output) {
	var content []protocol.Part
	switch {
	case it.Kind != protocol.KindToolCall:
		content = it.texts(nil, o)
	case it.command:
		content = it.commandSoFar()
		if status == protocol.ItemDone {
			content = append(content, protocol.Part{Type: protocol.PartStatus, Label: "runs in the background"})
		}
	case len(it.changes) > 0:
		content = diffParts(it.changes)
	}
	t.complete(it, status, content, o)
	it.ours = true
}

// discard closes the texts that a thread was writing: a steer or a retry
// dropped them, and they are not in the history (PROTOCOL.md section 7).
func (t *translator) discard(th *thread, o *output) {
	writing := func(it *item) bool {
		return it.key.thread == th.id && (it.Kind == protocol.KindMessage || it.Kind == protocol.KindReasoning)
	}
	for _, it := range t.openItems(writing) {
		content := append(it.texts(nil, o), protocol.Part{Type: protocol.PartStatus, Label: "discarded", Detail: "the model's answer was cut here and begins anew"})
		t.complete(it, protocol.ItemInterrupted, content, o)
	}
}

package protocol

import (
	"slices"
	"unicode/utf8"
)

// maxOpenText is how much text of one open item a Fold keeps, in bytes. The
// completed item has all of it.
const maxOpenText = 64 << 10

// openItem is an item in progress, with its text so far.
type openItem struct {
	item  Item
	texts []openText
	size  int // of all texts
}

// openText is one stream of deltas and the part that it fills. The text grows
// in buf: a string would be copied whole by each delta.
type openText struct {
	Kind  DeltaKind `json:"kind"`
	Index int       `json:"index"`
	Part  int       `json:"part"`
	buf   []byte
}

func newOpenItem(item Item) *openItem {
	item.Content = append([]Part{}, item.Content...)
	return &openItem{item: item}
}

// add appends a delta to its part. Deltas of a tool's input make no part: the
// input stands in the completed item.
func (o *openItem) add(d *ItemDelta) {
	if partOf(d.Kind) == "" {
		return
	}
	t := o.text(d.Kind, d.Index)
	text := d.Text
	if room := maxOpenText - o.size; len(text) > room {
		text = cutRunes(text, max(room, 0))
		o.size = maxOpenText // the first part is kept, whatever comes
		o.item.Content[t.Part].Truncated = true
	} else {
		o.size += len(text)
	}
	t.buf = append(t.buf, text...)
}

// text returns the stream of a kind and index, new on its first delta.
func (o *openItem) text(kind DeltaKind, index int) *openText {
	for i := range o.texts {
		if t := &o.texts[i]; t.Kind == kind && t.Index == index {
			return t
		}
	}
	part := o.place(partOf(kind), index)
	if part == len(o.item.Content) {
		o.item.Content = append(o.item.Content, Part{Type: partOf(kind)})
	}
	t := openText{Kind: kind, Index: index, Part: part}
	t.buf = append(t.buf, *t.field(&o.item.Content[part])...)
	o.texts = append(o.texts, t)
	return &o.texts[len(o.texts)-1]
}

// place returns the part that a new stream fills: the one at its index, or if
// that is of another type, the first of its type that no stream fills yet; or
// else a new one at the end.
func (o *openItem) place(want PartType, index int) int {
	end := len(o.item.Content)
	if index < 0 || index >= end {
		return end
	}
	fits := func(i int) bool { return o.item.Content[i].Type == want && !o.filled(i) }
	if fits(index) {
		return index
	}
	for i := range end {
		if fits(i) {
			return i
		}
	}
	return end
}

// filled tells whether a stream fills the part already.
func (o *openItem) filled(part int) bool {
	return slices.ContainsFunc(o.texts, func(t openText) bool { return t.Part == part })
}

// partOf returns the type of part that deltas of a kind fill; empty for none.
func partOf(kind DeltaKind) PartType {
	switch kind {
	case DeltaText:
		return PartText
	case DeltaReasoning:
		return PartReasoning
	case DeltaToolOutput:
		return PartCommand
	default:
		return ""
	}
}

// field returns where in the part the stream's text stands.
func (t *openText) field(p *Part) *string {
	if t.Kind == DeltaToolOutput {
		return &p.Output
	}
	return &p.Text
}

// snapshot returns the item with its text so far; it shares nothing that later
// deltas change.
func (o *openItem) snapshot() Item {
	item := o.item
	item.Content = append([]Part{}, item.Content...)
	for i := range o.texts {
		t := &o.texts[i]
		*t.field(&item.Content[t.Part]) = string(t.buf)
	}
	return item
}

// cutRunes cuts s to at most n bytes without cutting a character.
func cutRunes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// FoldItems returns the items that were completed in events, in the order in
// which they began (an item whose beginning is not in events counts from its
// end). Items still open at the end are left out: they are in the State.
func FoldItems(events []Event) []Item {
	place := make(map[string]int)
	items := make([]*Item, 0)
	at := func(id string) int {
		i, ok := place[id]
		if !ok {
			i = len(items)
			place[id] = i
			items = append(items, nil)
		}
		return i
	}
	for i := range events {
		switch d := events[i].Data.(type) {
		case *ItemStarted:
			at(d.Item.ID)
		case *ItemCompleted:
			items[at(d.Item.ID)] = &d.Item
		}
	}
	done := make([]Item, 0, len(items))
	for _, item := range items {
		if item != nil {
			done = append(done, *item)
		}
	}
	return done
}

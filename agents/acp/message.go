package acp

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/towline-dev/towline/protocol"
)

// speech is the open message or reasoning item.
type speech struct {
	item protocol.Item
	// native is the message's id; empty where the agent gives none.
	native string
	text   strings.Builder
}

// chunk takes a piece of a message or of reasoning. Empty ones are common, as
// carriers of usage, and open no item (section 5.3). A new item starts after
// any tool or plan, when the kind changes, or the message's id (section 5.4).
func (t *translator) chunk(kind protocol.ItemKind, raw json.RawMessage, o *output) error {
	var f chunk
	if json.Unmarshal(raw, &f) != nil {
		return errShape
	}
	t.usage.chunk(&t.turn, f.Meta, t.quirks)
	var block contentBlock
	if json.Unmarshal(f.Content, &block) != nil {
		return errShape
	}
	if block.Type != "text" {
		t.closeSpeech(protocol.ItemDone, o)
		item := t.newSpeech(kind, f.MessageID).item
		o.emit(&protocol.ItemStarted{Item: item})
		item.Status, item.Content = protocol.ItemDone, []protocol.Part{part(block, f.Content)}
		o.emit(&protocol.ItemCompleted{Item: item})
		return nil
	}
	if block.Text == "" {
		return nil
	}
	if s := t.speech; s == nil || s.item.Kind != kind || (f.MessageID != "" && f.MessageID != s.native) {
		t.closeSpeech(protocol.ItemDone, o)
		t.speech = t.newSpeech(kind, f.MessageID)
		o.emit(&protocol.ItemStarted{Item: t.speech.item})
	}
	t.speech.text.WriteString(block.Text)
	delta := protocol.DeltaText
	if kind == protocol.KindReasoning {
		delta = protocol.DeltaReasoning
	} else {
		t.turn.said = block.Text
	}
	o.emit(&protocol.ItemDelta{ItemID: t.speech.item.ID, Kind: delta, Text: block.Text})
	return nil
}

// newSpeech makes an item. Its id is the message's, if it is the first item of
// the message in this turn.
func (t *translator) newSpeech(kind protocol.ItemKind, native string) *speech {
	id := native
	if id == "" || t.spoken[id] {
		t.items++
		id = strings.TrimPrefix(native+":"+strconv.Itoa(t.items), ":")
		if native == "" {
			id = string(kind) + "-" + id
		}
	}
	t.spoken[id] = true
	s := &speech{native: native, item: protocol.Item{
		ID: id, Kind: kind, Status: protocol.ItemInProgress, Content: []protocol.Part{},
	}}
	if kind == protocol.KindMessage {
		s.item.Role = "assistant"
	}
	return s
}

// closeSpeech completes the open message or reasoning.
func (t *translator) closeSpeech(status protocol.ItemStatus, o *output) {
	if t.speech == nil {
		return
	}
	item := t.speech.item
	item.Status = status
	p := protocol.TextPart(t.speech.text.String())
	if item.Kind == protocol.KindReasoning {
		p = protocol.Part{Type: protocol.PartReasoning, Text: p.Text, Visibility: "public"}
	}
	item.Content = []protocol.Part{p}
	t.speech = nil
	o.emit(&protocol.ItemCompleted{Item: item})
}

// part maps a block of content; raw is the block as it came.
func part(b contentBlock, raw json.RawMessage) protocol.Part {
	switch {
	case b.Type == "text":
		return protocol.TextPart(b.Text)
	case b.Type == "image" && len(b.Data) > 0:
		return protocol.Part{Type: protocol.PartImage, Mime: b.MimeType, Data: b.Data}
	case b.Type == "image" && b.URI != "":
		return protocol.Part{Type: protocol.PartImage, Mime: b.MimeType, URL: b.URI}
	case b.Type == "resource_link":
		return protocol.Part{Type: protocol.PartResourceLink, URL: b.URI, Name: b.Name, Mime: b.MimeType}
	case b.Type == "resource" && b.Resource != nil && b.Resource.Text != "":
		return protocol.TextPart(b.Resource.Text)
	default:
		return protocol.Part{Type: protocol.PartJSON, JSON: raw}
	}
}

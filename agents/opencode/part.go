package opencode

import (
	"encoding/json"
	"strings"

	"github.com/towline-dev/towline/protocol"
)

// part is a part of an assistant's message that became an item.
type part struct {
	item    protocol.Item
	session string
	// key finds a tool's part by its call.
	key callKey
	// started and closed tell whether its item began and completed.
	started, closed bool
	// text is what deltas have told so far; gap tells that some may have been
	// missed, so that the rest is told when the whole is known.
	text []byte
	gap  bool
	// call is what is known of a tool's part; nil for others.
	call *toolCall
	// order is when the part was first seen.
	order int
	old   bool
}

// nativePart is a part of any type.
type nativePart struct {
	ID        string `json:"id"`
	SessionID string `json:"sessionID"`
	MessageID string `json:"messageID"`
	Type      string `json:"type"`
	Text      string `json:"text"`
	Synthetic bool   `json:"synthetic"`
	Time      struct {
		End int64 `json:"end"`
	} `json:"time"`
	Tool   string    `json:"tool"`
	CallID string    `json:"callID"`
	State  toolState `json:"state"`
	// Reason, Tokens and Cost are of a step-finish.
	Reason string       `json:"reason"`
	Tokens nativeTokens `json:"tokens"`
	Cost   float64      `json:"cost"`
	// Auto and Overflow are of a compaction.
	Auto     bool `json:"auto"`
	Overflow bool `json:"overflow"`
}

// partUpdated takes a whole part. Parts of users' messages come as the same
// event (section 8.9): a message's role decides.
func (t *translator) partUpdated(raw json.RawMessage, o *output) error {
	var e struct {
		Part nativePart `json:"part"`
	}
	if err := json.Unmarshal(raw, &e); err != nil || e.Part.ID == "" {
		return errShape
	}
	n := e.Part
	m := t.messages[n.MessageID]
	if !t.mine(n.SessionID) || m == nil || m.history {
		return nil
	}
	if !m.assistant {
		if n.Type == "compaction" && t.parts[n.ID] == nil {
			t.parts[n.ID] = &part{session: n.SessionID, closed: true}
			t.compacting(n, o)
		}
		return nil
	}
	switch n.Type {
	case "text", "reasoning":
		t.textPart(m, n, o)
	case "tool":
		t.toolPart(n, o)
	case "step-finish":
		t.stepFinished(n, o)
	case "step-start", "patch", "snapshot", "retry", "file", "agent", "subtask", "compaction":
	default:
		return errUnknown
	}
	return nil
}

// textPart follows a text or a piece of reasoning. The part with its end time
// has the whole text.
func (t *translator) textPart(m *message, n nativePart, o *output) {
	p := t.parts[n.ID]
	if p == nil {
		p = t.newPart(n, textItem(m, n))
		t.start(p, o)
	}
	if p.closed || n.Time.End == 0 {
		return
	}
	if rest, ok := strings.CutPrefix(n.Text, string(p.text)); ok && p.gap && len(p.text) > 0 && rest != "" {
		t.addText(p, rest, o)
	}
	item := p.item
	item.Content = textContent(item.Kind, n.Text)
	t.complete(p, item, protocol.ItemDone, o)
}

// textItem is the item of a text. A compaction's summary is no message to
// anybody: it is what the conversation was replaced by.
func textItem(m *message, n nativePart) protocol.Item {
	switch {
	case m.summary:
		return protocol.Item{Kind: protocol.KindStatus}
	case n.Type == "reasoning":
		return protocol.Item{Kind: protocol.KindReasoning}
	default:
		return protocol.Item{Kind: protocol.KindMessage, Role: "assistant"}
	}
}

// textContent is the content of a completed text item.
func textContent(kind protocol.ItemKind, text string) []protocol.Part {
	switch kind {
	case protocol.KindReasoning:
		return []protocol.Part{{Type: protocol.PartReasoning, Text: text, Visibility: "public"}}
	case protocol.KindStatus:
		return []protocol.Part{{Type: protocol.PartStatus, Label: "Conversation compacted", Detail: text}}
	default:
		return []protocol.Part{protocol.TextPart(text)}
	}
}

// partDelta adds to a text or a piece of reasoning.
func (t *translator) partDelta(raw json.RawMessage, o *output) error {
	var e struct {
		PartID string `json:"partID"`
		Field  string `json:"field"`
		Delta  string `json:"delta"`
	}
	if err := json.Unmarshal(raw, &e); err != nil || e.PartID == "" {
		return errShape
	}
	p := t.parts[e.PartID]
	if p == nil || p.closed || p.gap || e.Field != "text" || e.Delta == "" {
		return nil
	}
	t.addText(p, e.Delta, o)
	return nil
}

// addText adds to an open text.
func (t *translator) addText(p *part, text string, o *output) {
	p.text = append(p.text, text...)
	switch p.item.Kind {
	case protocol.KindMessage:
		o.emit(&protocol.ItemDelta{ItemID: p.item.ID, Kind: protocol.DeltaText, Text: text})
	case protocol.KindReasoning:
		o.emit(&protocol.ItemDelta{ItemID: p.item.ID, Kind: protocol.DeltaReasoning, Text: text})
	case protocol.KindStatus, protocol.KindToolCall, protocol.KindUnknown:
	}
}

// newPart remembers a part.
func (t *translator) newPart(n nativePart, item protocol.Item) *part {
	item.ID = n.ID
	item.ParentID = t.parentItem(n.SessionID)
	p := &part{item: item, session: n.SessionID, order: len(t.parts)}
	t.parts[n.ID] = p
	return p
}

// start reports the item.
func (t *translator) start(p *part, o *output) {
	if p.started {
		return
	}
	p.started = true
	item := p.item
	item.Status, item.Content = protocol.ItemInProgress, []protocol.Part{}
	if item.Tool != nil {
		tool := *item.Tool
		item.Tool = &tool
	}
	o.emit(&protocol.ItemStarted{Item: item})
}

// complete reports the item's end.
func (t *translator) complete(p *part, item protocol.Item, status protocol.ItemStatus, o *output) {
	t.start(p, o)
	p.closed = true
	item.Status = status
	o.emit(&protocol.ItemCompleted{Item: item})
}

// closeTexts closes the texts that a failed attempt of the model left open in
// a session: they will never be told whole.
func (t *translator) closeTexts(session string, o *output) {
	for _, p := range t.openParts(session) {
		if p.call == nil {
			t.closePart(p, protocol.ItemFailed, o)
		}
	}
}

// closeParts closes everything that is open in a session, or anywhere.
func (t *translator) closeParts(session string, status protocol.ItemStatus, o *output) {
	for _, p := range t.openParts(session) {
		t.closePart(p, status, o)
	}
}

// openParts returns the open parts of a session, or of all; the newest first,
// so that a subagent's come before the call that it works for.
func (t *translator) openParts(session string) []*part {
	var open []*part
	for _, p := range t.parts {
		if !p.closed && (session == "" || p.session == session) {
			open = append(open, p)
		}
	}
	sortNewestFirst(open)
	return open
}

// closePart completes an item with what is known of it.
func (t *translator) closePart(p *part, status protocol.ItemStatus, o *output) {
	item := p.item
	if p.call != nil {
		if !p.started {
			p.closed = true // pending: nobody has heard of it
			return
		}
		item.Content = p.call.outputSoFar(item.Tool)
	} else {
		item.Content = textContent(item.Kind, string(p.text))
	}
	t.complete(p, item, status, o)
}

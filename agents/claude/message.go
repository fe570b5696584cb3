package claude

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/towline-dev/towline/protocol"
)

// messageKey names one API message. Subagents' frames interleave with the main
// ones, so the tool call that they run inside is part of it.
type messageKey struct{ parent, id string }

// message is one API message, of which blocks arrive streamed or whole.
type message struct {
	key    messageKey
	blocks []*block
}

// block is one content block of a message.
type block struct {
	index  int
	kind   string
	itemID string
	// streamed is what deltas carried so far.
	streamed []byte
	done     bool
}

const maxBlocks = 10_000

// nativeBlock is a content block as the API writes it.
type nativeBlock struct {
	Type     string          `json:"type"`
	Text     string          `json:"text"`
	Thinking string          `json:"thinking"`
	ID       string          `json:"id"`
	Name     string          `json:"name"`
	Input    json.RawMessage `json:"input"`
}

// streamEvent handles the API's own events, all but the deltas that scanDelta
// reads. Subagents have none (section 7), so the key is the parent alone.
func (t *translator) streamEvent(frame []byte, o *output) error {
	var f struct {
		Parent    string           `json:"parent_tool_use_id"`
		Abandoned *abandonedBlocks `json:"abandoned_blocks"`
		Event     struct {
			Type    string          `json:"type"`
			Index   int             `json:"index"`
			Block   nativeBlock     `json:"content_block"`
			Message json.RawMessage `json:"message"`
			Usage   *apiUsage       `json:"usage"`
			Delta   struct {
				Type     string `json:"type"`
				Text     string `json:"text"`
				Thinking string `json:"thinking"`
				JSON     string `json:"partial_json"`
			} `json:"delta"`
		} `json:"event"`
	}
	if err := json.Unmarshal(frame, &f); err != nil {
		return errShape
	}
	e := f.Event
	switch e.Type {
	case "message_start":
		return t.messageStart(f.Parent, e.Message, o)
	case "content_block_start":
		t.blockStart(f.Parent, e.Index, e.Block, o)
	case "content_block_delta":
		t.delta(streamDelta{parent: f.Parent, index: e.Index, kind: e.Delta.Type, text: e.Delta.Text + e.Delta.Thinking + e.Delta.JSON}, o)
	case "content_block_stop", "ping":
		// The assistant frame of a block comes before its stop and closes it.
	case "message_stop":
		if f.Abandoned != nil {
			t.abandon(t.streams[f.Parent], f.Abandoned.From, o)
		}
	case "message_delta":
		t.total.messageDelta(f.Parent, e.Usage)
	default:
		return errUnknown
	}
	return nil
}

// messageStart opens a streamed message. What the one before left open will not
// be closed any more.
func (t *translator) messageStart(parent string, raw json.RawMessage, o *output) error {
	var m struct {
		ID    string    `json:"id"`
		Usage *apiUsage `json:"usage"`
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return errShape
	}
	if before := t.streams[parent]; before != nil && before.key.id != m.ID {
		t.abandon(before, 0, o)
	}
	t.streams[parent] = t.message(messageKey{parent, m.ID})
	t.total.messageStart(parent, m.Usage)
	return nil
}

// message returns the message of that key, new if it was not met.
func (t *translator) message(key messageKey) *message {
	m, ok := t.messages[key]
	if !ok {
		m = &message{key: key}
		t.messages[key] = m
	}
	return m
}

// blockStart opens a streamed block, and the item that it is.
func (t *translator) blockStart(parent string, index int, n nativeBlock, o *output) {
	m, ok := t.streams[parent]
	if !ok || m.find(index) != nil || len(m.blocks) >= maxBlocks {
		return
	}
	b := m.add(index, n)
	t.startBlock(m, b, n, nil, o)
}

// find returns the block of that index.
func (m *message) find(index int) *block {
	for _, b := range slices.Backward(m.blocks) {
		if b.index == index {
			return b
		}
	}
	return nil
}

// add notes a block. Tools have ids of their own; text and thinking are
// numbered inside their message (section 8, item ids).
func (m *message) add(index int, n nativeBlock) *block {
	b := &block{index: index, kind: n.Type, itemID: m.key.id + ":" + strconv.Itoa(index)}
	if isToolUse(n.Type) {
		b.itemID = n.ID
	}
	m.blocks = append(m.blocks, b)
	return b
}

// startBlock reports the item that a block begins. input is a tool's, if the
// block came whole.
func (t *translator) startBlock(m *message, b *block, n nativeBlock, input json.RawMessage, o *output) {
	switch {
	case n.Type == "text", n.Type == "thinking":
		o.start(m.item(b))
	case isToolUse(n.Type):
		t.startTool(m.key.parent, n, input, o)
	}
}

// item is the item of a text or thinking block, without content.
func (m *message) item(b *block) protocol.Item {
	item := protocol.Item{ID: b.itemID, ParentID: m.key.parent, Kind: protocol.KindMessage, Role: "assistant"}
	if b.kind == "thinking" {
		item.Kind = protocol.KindReasoning
	}
	return item
}

// start reports that an item began.
func (o *output) start(item protocol.Item) {
	item.NativeID = item.ID
	item.Status = protocol.ItemInProgress
	item.Content = []protocol.Part{}
	o.emit(&protocol.ItemStarted{Item: item})
}

var deltaKinds = map[string]protocol.DeltaKind{
	"text_delta":       protocol.DeltaText,
	"thinking_delta":   protocol.DeltaReasoning,
	"input_json_delta": protocol.DeltaToolInput,
}

// delta adds to an open block. Signatures and other kinds are no content.
func (t *translator) delta(d streamDelta, o *output) {
	kind, ok := deltaKinds[d.kind]
	m := t.streams[d.parent]
	if !ok || m == nil || d.text == "" {
		return
	}
	b := m.find(d.index)
	if b == nil || b.done || !b.takes(kind) {
		return
	}
	b.streamed = append(b.streamed, d.text...)
	o.emit(&protocol.ItemDelta{ItemID: b.itemID, Kind: kind, Text: d.text})
}

// takes tells whether deltas of that kind belong to the block.
func (b *block) takes(kind protocol.DeltaKind) bool {
	switch kind {
	case protocol.DeltaText:
		return b.kind == "text"
	case protocol.DeltaReasoning:
		return b.kind == "thinking"
	default:
		return isToolUse(b.kind)
	}
}

// assistantFrame is a completed content block (section 5).
type assistantFrame struct {
	UUID    string `json:"uuid"`
	Parent  string `json:"parent_tool_use_id"`
	Aborted bool   `json:"aborted"`
	Message struct {
		ID      string            `json:"id"`
		Model   string            `json:"model"`
		Content []json.RawMessage `json:"content"`
		Usage   *apiUsage         `json:"usage"`
	} `json:"message"`
	apiError
}

// synthetic is the model of messages that the CLI wrote itself.
const synthetic = "<synthetic>"

// assistant handles whole blocks. After a compaction the CLI sends some kept
// messages again, with the uuid they had; those are dropped.
func (t *translator) assistant(frame []byte, o *output) error {
	var f assistantFrame
	if err := json.Unmarshal(frame, &f); err != nil {
		return errShape
	}
	if !t.seen.add(f.UUID) {
		return nil
	}
	if f.IsError {
		t.apiFailure(f, o)
		return nil
	}
	if f.Parent == "" && f.Message.Model != synthetic {
		var u protocol.SessionUpdated
		if setFact(&t.facts.model, f.Message.Model, &u.Model) {
			o.emit(&u)
		}
	}
	m := t.message(messageKey{f.Parent, f.Message.ID})
	for _, raw := range f.Message.Content {
		var n nativeBlock
		if err := json.Unmarshal(raw, &n); err != nil {
			return errShape
		}
		t.wholeBlock(m, n, raw, f.Aborted, o)
	}
	return nil
}

// wholeBlock completes a block. The frame has no index: it belongs to the
// first open block of its kind, or else it is the message's next one.
func (t *translator) wholeBlock(m *message, n nativeBlock, raw json.RawMessage, aborted bool, o *output) {
	b := m.open(n)
	if b == nil {
		if len(m.blocks) >= maxBlocks {
			return
		}
		b = m.add(m.next(), n)
		t.startBlock(m, b, n, n.Input, o)
	}
	b.done = true
	switch {
	case n.Type == "text":
		o.completeText(m, b, n.Text, aborted)
	case n.Type == "thinking":
		o.completeText(m, b, n.Thinking, aborted)
	case isToolUse(n.Type):
		t.wholeTool(b, n)
	case strings.HasSuffix(n.Type, "_tool_result"):
		t.serverResult(raw, o)
	case n.Type != "redacted_thinking":
		item := protocol.Item{ID: b.itemID, ParentID: m.key.parent, Kind: protocol.KindUnknown, Role: "assistant"}
		o.start(item)
		o.complete(item, protocol.ItemDone, []protocol.Part{{Type: protocol.PartJSON, JSON: raw}})
	}
}

// open returns the block that a whole one completes.
func (m *message) open(n nativeBlock) *block {
	for _, b := range m.blocks {
		if !b.done && b.kind == n.Type && (!isToolUse(n.Type) || b.itemID == n.ID) {
			return b
		}
	}
	return nil
}

// next returns an index that no block has.
func (m *message) next() int {
	next := 0
	for _, b := range m.blocks {
		next = max(next, b.index+1)
	}
	return next
}

// complete reports that an item is done, whole.
func (o *output) complete(item protocol.Item, status protocol.ItemStatus, content []protocol.Part) {
	item.NativeID = item.ID
	item.Status = status
	item.Content = content
	if item.Content == nil {
		item.Content = []protocol.Part{}
	}
	o.emit(&protocol.ItemCompleted{Item: item})
}

// completeText completes a text or thinking block so that its deltas make up
// its text. The frame's text is the authority: a missing tail follows as a
// delta. What was shown cannot be taken back, so a text that went elsewhere is
// an item of its own, and an interrupted one keeps what was streamed.
func (o *output) completeText(m *message, b *block, text string, aborted bool) {
	item, kind := m.item(b), protocol.DeltaText
	if b.kind == "thinking" {
		kind = protocol.DeltaReasoning
	}
	streamed := string(b.streamed)
	b.streamed = nil
	status := protocol.ItemDone
	if aborted {
		status = protocol.ItemInterrupted
	}
	tail, extends := strings.CutPrefix(text, streamed)
	switch {
	case streamed == "":
		o.complete(item, status, textParts(b.kind, text))
	case extends:
		if tail != "" {
			o.emit(&protocol.ItemDelta{ItemID: b.itemID, Kind: kind, Text: tail})
		}
		o.complete(item, status, textParts(b.kind, text))
	case aborted || strings.HasPrefix(streamed, text):
		o.complete(item, status, textParts(b.kind, streamed))
	default:
		o.complete(item, protocol.ItemInterrupted, textParts(b.kind, streamed))
		item.ID += ":whole"
		o.start(item)
		o.complete(item, status, textParts(b.kind, text))
	}
}

// textParts is the content of a message or of reasoning.
func textParts(kind, text string) []protocol.Part {
	if text == "" {
		return []protocol.Part{}
	}
	if kind == "thinking" {
		return []protocol.Part{{Type: protocol.PartReasoning, Text: text, Visibility: "public"}}
	}
	return []protocol.Part{protocol.TextPart(text)}
}

// recent remembers the last ids that passed.
type recent struct {
	ids  map[string]bool
	ring []string
	at   int
}

const recentIDs = 1024

// add tells whether the id is new; an empty one always is.
func (r *recent) add(id string) bool {
	if id == "" {
		return true
	}
	if r.ids[id] {
		return false
	}
	if r.ids == nil {
		r.ids, r.ring = map[string]bool{}, make([]string, recentIDs)
	}
	delete(r.ids, r.ring[r.at])
	r.ring[r.at] = id
	r.ids[id] = true
	r.at = (r.at + 1) % recentIDs
	return true
}

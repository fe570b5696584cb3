package pi

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/towline-dev/towline/protocol"
)

// message is an assistant message on its way. Its blocks are keyed by their
// index, because the end of a block may come after later blocks' deltas
// (section 7).
type message struct {
	id     string
	blocks map[int]*block
}

// newMessage opens a message. Messages have no id of their own, so they are
// counted (section 6); their time tells those of two processes apart.
func (t *translator) newMessage(m nativeMessage) *message {
	t.number++
	id := "m" + strconv.Itoa(t.number)
	if m.Time > 0 {
		id += "-" + strconv.FormatInt(m.Time, 10)
	}
	return &message{id: id, blocks: map[int]*block{}}
}

// itemID is the id of a block.
func (m *message) itemID(index int) string { return m.id + ":" + strconv.Itoa(index) }

// block is one text or one piece of reasoning.
type block struct {
	item     protocol.Item
	streamed []byte
	done     bool
}

// maxBlocks bounds the blocks of one message.
const maxBlocks = 10_000

// nativeMessage is what of a message is read.
type nativeMessage struct {
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"`
	// Provider and Model are whose answer it is.
	Provider string      `json:"provider"`
	Model    string      `json:"model"`
	Usage    nativeUsage `json:"usage"`
	Stop     string      `json:"stopReason"`
	Error    string      `json:"errorMessage"`
	// Time is when it began, in ms since 1970.
	Time int64 `json:"timestamp"`
}

// nativeBlock is one block of a whole message.
type nativeBlock struct {
	Type      string          `json:"type"`
	Text      string          `json:"text"`
	Thinking  string          `json:"thinking"`
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Arguments json.RawMessage `json:"arguments"`
	Data      []byte          `json:"data"`
	Mime      string          `json:"mimeType"`
}

// blocks reads content, which is a list or, for a user's message, a text.
func blocks(content json.RawMessage) []nativeBlock {
	var list []nativeBlock
	if json.Unmarshal(content, &list) == nil {
		return list
	}
	var text string
	if json.Unmarshal(content, &text) != nil {
		return nil
	}
	return []nativeBlock{{Type: "text", Text: text}}
}

// readMessage reads the message of a frame.
func readMessage(frame []byte) (nativeMessage, error) {
	var f struct {
		Message nativeMessage `json:"message"`
	}
	if err := json.Unmarshal(frame, &f); err != nil || f.Message.Role == "" {
		return nativeMessage{}, errShape
	}
	return f.Message, nil
}

// messageStart opens a message. Results of tools come as messages too, after
// their own frames.
func (t *translator) messageStart(frame []byte, o *output) error {
	m, err := readMessage(frame)
	if err != nil {
		return err
	}
	switch m.Role {
	case "assistant":
		t.message = t.newMessage(m)
	case "user":
		t.userMessage(m, o)
	}
	return nil
}

// userMessage shows a message that did not come from us: an extension's. One
// of ours is known already.
func (t *translator) userMessage(m nativeMessage, o *output) {
	var text strings.Builder
	for _, b := range blocks(m.Content) {
		text.WriteString(b.Text)
	}
	if t.arrived(text.String()) {
		return
	}
	item := protocol.Item{ID: t.newMessage(m).itemID(0), Kind: protocol.KindMessage, Role: "user"}
	o.start(item)
	o.complete(item, protocol.ItemDone, []protocol.Part{protocol.TextPart(text.String())})
}

// messageEnd completes what of an assistant's message is open: the frame is
// the whole message.
func (t *translator) messageEnd(frame []byte, o *output) error {
	m, err := readMessage(frame)
	if err != nil || m.Role != "assistant" {
		return err
	}
	if t.message == nil {
		t.message = t.newMessage(m)
	}
	cut := m.Stop == "aborted" || m.Stop == "error"
	for i, b := range blocks(m.Content) {
		switch b.Type {
		case "text":
			t.message.block(i, false, o).end(b.Text, cut, o)
		case "thinking":
			t.message.block(i, true, o).end(b.Thinking, cut, o)
		case "toolCall":
			t.startTool(b, o)
			if cut {
				t.completeTool(b.ID, protocol.ItemInterrupted, nil, o) // it will not run
			}
		}
	}
	for _, b := range t.message.blocks {
		b.end(string(b.streamed), cut, o)
	}
	t.message = nil
	t.turn.last, t.turn.unread = m, false
	t.total.add(m.Usage)
	t.modelRuns(m.Provider, m.Model, o)
	t.tellNative(o)
	return nil
}

// block returns the block of an index, and opens it if it is new.
func (m *message) block(index int, reasoning bool, o *output) *block {
	if b := m.blocks[index]; b != nil {
		return b
	}
	b := &block{item: protocol.Item{ID: m.itemID(index), Kind: protocol.KindMessage, Role: "assistant"}}
	if reasoning {
		b.item.Kind = protocol.KindReasoning
	}
	if len(m.blocks) >= maxBlocks {
		b.done = true
		return b
	}
	m.blocks[index] = b
	o.start(b.item)
	return b
}

// add adds a delta.
func (b *block) add(text string, o *output) {
	if b.done || text == "" {
		return
	}
	b.streamed = append(b.streamed, text...)
	o.emit(&protocol.ItemDelta{ItemID: b.item.ID, Kind: b.deltaKind(), Text: text})
}

func (b *block) deltaKind() protocol.DeltaKind {
	if b.item.Kind == protocol.KindReasoning {
		return protocol.DeltaReasoning
	}
	return protocol.DeltaText
}

// end completes the block. Its deltas make up its text: what the whole has
// beyond them follows as a delta, and what was shown is not taken back.
func (b *block) end(text string, cut bool, o *output) {
	if b.done {
		return
	}
	if rest, extends := strings.CutPrefix(text, string(b.streamed)); extends {
		if len(b.streamed) > 0 {
			b.add(rest, o)
		}
	} else {
		text = string(b.streamed)
	}
	b.done, b.streamed = true, nil
	status := protocol.ItemDone
	if cut {
		status = protocol.ItemInterrupted
	}
	var content []protocol.Part
	switch {
	case text == "":
	case b.item.Kind == protocol.KindReasoning:
		content = []protocol.Part{{Type: protocol.PartReasoning, Text: text, Visibility: "public"}}
	default:
		content = []protocol.Part{protocol.TextPart(text)}
	}
	o.complete(b.item, status, content)
}

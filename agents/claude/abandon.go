package claude

import "github.com/towline-dev/towline/protocol"

// abandonedBlocks marks the end of a stream that broke: the CLI asks the model
// again, and no whole block will come of those from that index on. Seen with
// 2.1.330 after an error inside the stream and after a cut connection.
type abandonedBlocks struct {
	From int `json:"from_block_index"`
}

// abandon closes what a broken stream left open, so that it does not pass for
// complete at the turn's end: a text keeps what was shown of it, a tool call
// never ran. m may be nil.
func (t *translator) abandon(m *message, from int, o *output) {
	if m == nil {
		return
	}
	for _, b := range m.blocks {
		if b.done || b.index < from {
			continue
		}
		b.done = true
		switch {
		case b.kind == "text", b.kind == "thinking":
			o.complete(m.item(b), protocol.ItemInterrupted, textParts(b.kind, string(b.streamed)))
		case t.tools[b.itemID] != nil:
			o.complete(t.tools[b.itemID].item, protocol.ItemInterrupted, nil)
			delete(t.tools, b.itemID)
		}
		b.streamed = nil
	}
}

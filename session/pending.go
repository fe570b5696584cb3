package session

import (
	"encoding/json"
	"fmt"

	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/session/store"
)

// pending is what a session wants committed next. The owner fills it, the
// committer takes it whole.
type pending struct {
	blocks []*Block
	open   *builder
	events []protocol.Event // the same events, for the fold
	bytes  int

	create    *store.Session
	update    *store.Session
	commands  []store.Command
	decisions []store.Decision
	told      [][2]string
	blobs     []store.Blob
	durable   bool

	// after runs on the committer's goroutine once the batch is stored, or
	// with the error that lost it. It must not block.
	after []func(error)
}

// builder is a block that still grows.
type builder struct {
	first, last uint64
	n           int
	array       []byte
	raw         []byte
}

// add encodes events into the pending blocks. keepRaw keeps native frames.
func (p *pending) add(events []protocol.Event, raws []json.RawMessage, keepRaw bool) error {
	for i := range events {
		if err := p.addOne(&events[i], raws[i], keepRaw); err != nil {
			return err
		}
	}
	p.events = append(p.events, events...)
	return nil
}

// addOne encodes one event.
func (p *pending) addOne(e *protocol.Event, raw json.RawMessage, keepRaw bool) error {
	if p.open == nil {
		p.open = &builder{first: e.Seq, array: append(make([]byte, 0, 512), '[')}
		if keepRaw {
			p.open.raw = []byte{'['}
		}
	}
	b := p.open
	if b.n > 0 {
		b.array = append(b.array, ',')
	}
	before := len(b.array)
	var err error
	if b.array, err = protocol.AppendEvent(b.array, e); err != nil {
		return fmt.Errorf("cannot encode event %d: %w", e.Seq, err)
	}
	p.bytes += len(b.array) - before
	if keepRaw {
		if b.n > 0 {
			b.raw = append(b.raw, ',')
		}
		if raw == nil {
			raw = json.RawMessage("null")
		}
		b.raw = append(b.raw, raw...)
	}
	b.last = e.Seq
	b.n++
	if b.n >= blockEvents || len(b.array) >= blockBytes {
		p.seal()
	}
	return nil
}

// seal closes the growing block.
func (p *pending) seal() {
	b := p.open
	if b == nil {
		return
	}
	p.open = nil
	raw := b.raw
	if raw != nil {
		raw = append(raw, ']')
	}
	p.blocks = append(p.blocks, newBlock(b.first, b.last, b.n, append(b.array, ']'), raw))
}

// empty tells whether there is nothing to write. There may still be someone to
// tell, after.
func (p *pending) empty() bool {
	return len(p.blocks) == 0 && p.create == nil && p.update == nil &&
		len(p.commands) == 0 && len(p.decisions) == 0 && len(p.told) == 0 && len(p.blobs) == 0
}

// addTo adds everything to a batch.
func (p *pending) addTo(b *store.Batch, sessionID string) {
	for _, bl := range p.blocks {
		b.Chunks = append(b.Chunks, store.Chunk{SessionID: sessionID, First: bl.first, Last: bl.last, Events: bl.array, Raw: bl.raw})
	}
	if p.create != nil {
		b.Create = append(b.Create, *p.create)
	}
	if p.update != nil {
		b.Update = append(b.Update, *p.update)
	}
	b.Commands = append(b.Commands, p.commands...)
	b.Decisions = append(b.Decisions, p.decisions...)
	b.Told = append(b.Told, p.told...)
	b.Blobs = append(b.Blobs, p.blobs...)
	b.Durable = b.Durable || p.durable
}

package session

import (
	"encoding/json"
	"fmt"
	"sync"

	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/session/store"
)

// A block is closed at this many events or bytes; one block is one row of the
// store.
const (
	blockEvents = 128
	blockBytes  = 64 << 10
)

// Block is a run of encoded, committed events. It is immutable and shared by
// all readers: nothing is encoded per subscriber.
type Block struct {
	first, last uint64
	n           int
	array       []byte // JSON array text
	raw         []byte // JSON array text of native frames, null where there is none; or nil

	// Other forms of it, made on first use and kept.
	cut                         lazy[[][]byte]
	packed                      lazy[[]byte]
	itemsView, asksView, framed lazy[*Block]
}

// lazy is a value that is made on first use.
type lazy[T any] struct {
	once  sync.Once
	value T
	err   error
}

// get returns the value, which f makes the first time.
func (l *lazy[T]) get(f func() (T, error)) (T, error) {
	l.once.Do(func() { l.value, l.err = f() })
	return l.value, l.err
}

// newBlock wraps encoded events.
func newBlock(first, last uint64, n int, array, raw []byte) *Block {
	return &Block{first: first, last: last, n: n, array: array, raw: raw}
}

// elements returns the array's elements.
func (b *Block) elements() ([][]byte, error) {
	return b.cut.get(func() ([][]byte, error) { return protocol.SplitArray(b.array) })
}

// withRaw returns the events with their native frames.
func (b *Block) withRaw() (*Block, error) { return b.framed.get(b.joinRaw) }

// blockOf wraps a chunk from the store.
func blockOf(c store.Chunk) *Block {
	return newBlock(c.First, c.Last, int(c.Last-c.First+1), c.Events, c.Raw)
}

// First returns the seq of the first event.
func (b *Block) First() uint64 { return b.first }

// Last returns the seq of the last event. In a filtered block, which may lack
// events, it is the last seq that was looked at.
func (b *Block) Last() uint64 { return b.last }

// Len returns the number of events; 0 is possible in a filtered block.
func (b *Block) Len() int { return b.n }

// Size returns the length of JSON in bytes.
func (b *Block) Size() int { return len(b.array) - 2 }

// JSON returns the events as JSON objects joined by commas, without brackets.
// It must not be written to.
func (b *Block) JSON() []byte { return b.array[1 : len(b.array)-1] }

// Msgpack returns the events as msgpack maps one after the other, transcoded
// on first use and kept. It must not be written to. An error means that stored
// bytes are not what was once encoded.
func (b *Block) Msgpack() ([]byte, error) { return b.packed.get(b.transcode) }

// Each calls f with the seq and the JSON object of each event, for SSE and
// NDJSON, until f returns false.
func (b *Block) Each(f func(seq uint64, event []byte) bool) error {
	elements, err := b.elements()
	if err != nil {
		return fmt.Errorf("cannot read events %d to %d: %w", b.first, b.last, err)
	}
	for _, e := range elements {
		seq, _, err := protocol.EventHead(e)
		if err != nil {
			return fmt.Errorf("cannot read events %d to %d: %w", b.first, b.last, err)
		}
		if !f(seq, e) {
			return nil
		}
	}
	return nil
}

// transcode makes the msgpack form.
func (b *Block) transcode() ([]byte, error) {
	elements, err := b.elements()
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(b.array))
	for _, e := range elements {
		if out, err = protocol.AppendMsgpack(out, e); err != nil {
			return nil, fmt.Errorf("cannot transcode events %d to %d: %w", b.first, b.last, err)
		}
	}
	return out, nil
}

// view returns the block as a view shows it.
func (b *Block) view(v protocol.View) (*Block, error) {
	switch v {
	case protocol.ViewItems:
		return b.itemsView.get(func() (*Block, error) { return b.filter(protocol.ViewItems) })
	case protocol.ViewAsks:
		return b.asksView.get(func() (*Block, error) { return b.filter(protocol.ViewAsks) })
	default:
		return b, nil
	}
}

// filter keeps what a view shows.
func (b *Block) filter(v protocol.View) (*Block, error) {
	return b.keep(func(_ int, e []byte) ([]byte, bool, error) {
		_, t, err := protocol.EventHead(e)
		return e, v.Shows(t), err
	})
}

// slice returns the events after one seq and before another (0: no bound).
func (b *Block) slice(after, before uint64) (*Block, error) {
	if b.first > after && (before == 0 || b.last < before) {
		return b, nil
	}
	out, err := b.keep(func(_ int, e []byte) ([]byte, bool, error) {
		seq, _, err := protocol.EventHead(e)
		return e, seq > after && (before == 0 || seq < before), err
	})
	if err != nil {
		return nil, err
	}
	out.first = max(out.first, after+1)
	if before != 0 {
		out.last = min(out.last, before-1)
	}
	return out, nil
}

// joinRaw puts each event's native frame into it.
func (b *Block) joinRaw() (*Block, error) {
	if b.raw == nil {
		return b, nil
	}
	var raws []json.RawMessage
	if err := json.Unmarshal(b.raw, &raws); err != nil || len(raws) != b.n {
		return nil, fmt.Errorf("cannot read native frames of events %d to %d: %w", b.first, b.last, store.ErrCorrupt)
	}
	return b.keep(func(i int, e []byte) ([]byte, bool, error) {
		if string(raws[i]) == "null" {
			return e, true, nil
		}
		out, err := protocol.AppendRaw(nil, e, raws[i])
		return out, true, err
	})
}

// keep makes a new block of what pick returns for each event. Native frames
// stay with their events.
func (b *Block) keep(pick func(i int, event []byte) ([]byte, bool, error)) (*Block, error) {
	elements, err := b.elements()
	if err != nil {
		return nil, fmt.Errorf("cannot read events %d to %d: %w", b.first, b.last, err)
	}
	var raws []json.RawMessage
	if b.raw != nil {
		if err := json.Unmarshal(b.raw, &raws); err != nil || len(raws) != len(elements) {
			return nil, fmt.Errorf("cannot read native frames of events %d to %d: %w", b.first, b.last, store.ErrCorrupt)
		}
	}
	array := []byte{'['}
	var kept []json.RawMessage
	n := 0
	for i, e := range elements {
		e, ok, err := pick(i, e)
		if err != nil {
			return nil, fmt.Errorf("cannot read events %d to %d: %w", b.first, b.last, err)
		}
		if !ok {
			continue
		}
		if n > 0 {
			array = append(array, ',')
		}
		array = append(array, e...)
		if raws != nil {
			kept = append(kept, raws[i])
		}
		n++
	}
	array = append(array, ']')
	var raw []byte
	if raws != nil {
		if raw, err = json.Marshal(kept); err != nil {
			return nil, fmt.Errorf("cannot encode native frames: %w", err)
		}
	}
	return newBlock(b.first, b.last, n, array, raw), nil
}

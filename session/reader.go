package session

import (
	"context"
	"fmt"

	"github.com/towline-dev/towline/protocol"
)

// defaultReadBytes bounds one delivery when ReadOptions says nothing.
const defaultReadBytes = 256 << 10

// ReadOptions says what a reader wants.
type ReadOptions struct {
	View protocol.View
	Raw  bool
	// MaxBytes bounds the JSON bytes of one Delivery, unless a single event
	// is larger; 0 means 256 KiB.
	MaxBytes int
	// NoAsks leaves out asks that overtake a backlog (SSE).
	NoAsks bool
}

// Reader is one subscriber's place in a session's log. It is used by one
// goroutine at a time. It holds nothing but its place: a slow reader costs
// nothing and delays nobody.
type Reader struct {
	s     *Session
	o     ReadOptions
	after uint64
	asked uint64 // the newest ask that overtook the backlog
	gap   *protocol.Gap
	live  bool
	state *protocol.State // until the first Next
}

// Delivery is what a reader gives next. Kind is FrameEvents (Blocks and Last
// are set; Blocks may be empty when a filtered view only moved on), FrameLive
// (Last is set), FrameGap or FrameAsk.
type Delivery struct {
	Kind   protocol.FrameType
	Last   uint64
	Blocks []*Block
	Gap    protocol.Gap
	Ask    protocol.Ask
}

// Read opens a reader at a cursor. epoch may be empty; one that is not the
// session's, or a cursor beyond the head, gives a gap first: after a changed
// epoch everything is read again, after a cursor from the future the reader
// stands at the head. A reader needs no closing.
func (s *Session) Read(at protocol.Cursor, epoch string, o ReadOptions) *Reader {
	if o.MaxBytes <= 0 {
		o.MaxBytes = defaultReadBytes
	}
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	state := s.log.fold.State()
	r := &Reader{s: s, o: o, after: at.After, state: &state}
	head := s.log.head
	switch {
	case at.Head:
		r.after = head
	case epoch != "" && epoch != s.log.epoch && at.After > 0:
		r.gap = &protocol.Gap{From: 1, To: at.After, Reason: protocol.GapEpoch, Epoch: s.log.epoch}
		r.after = 0
	case at.After > head:
		r.gap = &protocol.Gap{From: head + 1, To: at.After, Reason: protocol.GapCursorAhead, Epoch: s.log.epoch}
		r.after = head
	}
	return r
}

// State returns the session's fold as it was when the reader was opened: a
// reader opened at the head continues exactly from it. It is kept only until
// the first Next; after that it is empty.
func (r *Reader) State() protocol.State {
	if r.state == nil {
		return protocol.State{}
	}
	return *r.state
}

// After returns the cursor: the last seq that was delivered.
func (r *Reader) After() uint64 { return r.after }

// Next blocks for the next delivery. Errors: ctx's, ErrDeleted, ErrClosed, or
// the store's.
func (r *Reader) Next(ctx context.Context) (Delivery, error) {
	r.state = nil
	if r.gap != nil {
		d := Delivery{Kind: protocol.FrameGap, Gap: *r.gap, Last: r.after}
		r.gap = nil
		return d, nil
	}
	for {
		d, wait, err := r.next(ctx)
		if err != nil || wait == nil {
			return d, err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return Delivery{}, context.Cause(ctx)
		}
	}
}

// next returns a delivery, or a channel to wait on.
func (r *Reader) next(ctx context.Context) (Delivery, <-chan struct{}, error) {
	l := r.s.log
	l.mu.Lock()
	if r.after >= l.head {
		defer l.mu.Unlock()
		if !r.live {
			r.live = true
			return Delivery{Kind: protocol.FrameLive, Last: r.after}, nil, nil
		}
		if l.closed != nil {
			return Delivery{}, nil, l.closed
		}
		l.waits = true
		return Delivery{}, l.moved, nil
	}
	blocks, ok := l.pickLocked(r.after, r.o.MaxBytes)
	asks, head, closed := l.asks, l.head, l.closed
	l.mu.Unlock()
	if !ok {
		if closed != nil {
			return Delivery{}, nil, closed
		}
		var err error
		if blocks, err = r.s.readStore(ctx, r.after, head, r.o); err != nil {
			return Delivery{}, nil, err
		}
	}
	d, err := r.deliver(blocks, asks, head)
	return d, nil, err
}

// deliver makes a delivery of blocks that follow the cursor, after an ask that
// overtakes them, or a gap before them.
func (r *Reader) deliver(blocks []*Block, asks []protocol.Ask, head uint64) (Delivery, error) {
	if len(blocks) == 0 || blocks[0].first > r.after+1 {
		to := head
		if len(blocks) > 0 {
			to = blocks[0].first - 1
		}
		gap := protocol.Gap{From: r.after + 1, To: to, Reason: protocol.GapRetention}
		r.after = to
		return Delivery{Kind: protocol.FrameGap, Gap: gap, Last: to}, nil
	}
	last := blocks[len(blocks)-1].last
	if ask, ok := r.overtaking(asks, last); ok {
		return Delivery{Kind: protocol.FrameAsk, Ask: ask, Last: r.after}, nil
	}
	d := Delivery{Kind: protocol.FrameEvents, Last: last}
	for _, b := range blocks {
		shown, err := r.shown(b)
		if err != nil {
			return Delivery{}, err
		}
		if shown.n > 0 {
			d.Blocks = append(d.Blocks, shown)
		}
	}
	r.after = last
	return d, nil
}

// overtaking returns the first ask that stands beyond what is to be sent next
// and was not told to this reader yet.
func (r *Reader) overtaking(asks []protocol.Ask, last uint64) (protocol.Ask, bool) {
	if r.o.NoAsks {
		return protocol.Ask{}, false
	}
	for _, a := range asks {
		if a.Seq > last && a.Seq > r.asked {
			r.asked = a.Seq
			return a, true
		}
	}
	return protocol.Ask{}, false
}

// shown cuts a block to what this reader wants of it.
func (r *Reader) shown(b *Block) (*Block, error) {
	out, err := b.view(r.o.View)
	if err != nil {
		return nil, err
	}
	if b.first <= r.after {
		if out, err = out.slice(r.after, 0); err != nil {
			return nil, err
		}
	}
	if r.o.Raw {
		return out.withRaw()
	}
	return out, nil
}

// readStore reads blocks after a cursor, up to the committed head, from the
// store.
func (s *Session) readStore(ctx context.Context, after, head uint64, o ReadOptions) ([]*Block, error) {
	chunks, err := s.m.o.Store.Chunks(ctx, s.id, after, o.MaxBytes, o.Raw)
	if err != nil {
		return nil, fmt.Errorf("cannot read events after %d: %w", after, err)
	}
	blocks := make([]*Block, 0, len(chunks))
	for _, c := range chunks {
		if c.First > head {
			break
		}
		b := blockOf(c)
		if c.Last > head {
			if b, err = b.slice(0, head+1); err != nil {
				return nil, err
			}
		}
		blocks = append(blocks, b)
	}
	return blocks, nil
}

package session

import (
	"context"
	"fmt"
	"slices"

	"github.com/towline-dev/towline/protocol"
)

// Pages: at most this many events or items, this many when nobody says, and
// this many bytes of events.
const (
	maxPage     = 1000
	defaultPage = 100
	pageBytes   = 512 << 10
)

// EventsPage is a page of encoded events.
type EventsPage struct {
	// Blocks hold the events, oldest first.
	Blocks []*Block
	// Last is the cursor after the page's events; First is their first seq.
	First, Last uint64
	Head        uint64
	Epoch       string
	// More tells that there is more in the direction of reading.
	More bool
}

// Events returns up to r.Limit committed events after r.After, or the last
// ones before r.Before, for pages. raw adds native frames.
func (s *Session) Events(ctx context.Context, r protocol.EventsRead, raw bool) (EventsPage, error) {
	limit := pageLimit(r.Limit)
	state, epoch := s.log.snapshot()
	p := EventsPage{Head: state.Seq, Epoch: epoch}
	var err error
	if r.Before != nil {
		err = s.pageBefore(ctx, &p, *r.Before, limit, raw)
	} else {
		after := uint64(0)
		if r.After != nil {
			after = *r.After
		}
		err = s.pageAfter(ctx, &p, after, limit, raw)
	}
	return p, err
}

// pageLimit bounds a page's size.
func pageLimit(n int) int {
	if n <= 0 {
		return defaultPage
	}
	return min(n, maxPage)
}

// pageAfter fills a page forwards.
func (s *Session) pageAfter(ctx context.Context, p *EventsPage, after uint64, limit int, raw bool) error {
	p.First, p.Last = after+1, after
	if after >= p.Head {
		return nil
	}
	chunks, err := s.m.o.Store.Chunks(ctx, s.id, after, pageBytes, raw)
	if err != nil {
		return fmt.Errorf("cannot read events after %d: %w", after, err)
	}
	for i, c := range chunks {
		if limit == 0 || c.First > p.Head {
			break
		}
		from := max(c.First, after+1)
		if i == 0 {
			p.First = from
		}
		to := min(c.Last, p.Head, from+uint64(limit)-1)
		b, err := window(blockOf(c), from, to, raw)
		if err != nil {
			return err
		}
		p.Blocks = append(p.Blocks, b)
		p.Last = to
		limit -= int(to - from + 1)
	}
	p.More = p.Last < p.Head
	return nil
}

// pageBefore fills a page backwards.
func (s *Session) pageBefore(ctx context.Context, p *EventsPage, before uint64, limit int, raw bool) error {
	before = min(before, p.Head+1)
	p.First, p.Last = before, max(before, 1)-1
	if before <= 1 {
		return nil
	}
	chunks, err := s.m.o.Store.ChunksBefore(ctx, s.id, before, pageBytes, raw)
	if err != nil {
		return fmt.Errorf("cannot read events before %d: %w", before, err)
	}
	for _, c := range chunks {
		if limit == 0 {
			break
		}
		to := min(c.Last, before-1)
		from := c.First
		if n := uint64(limit); to-from+1 > n {
			from = to - n + 1
		}
		b, err := window(blockOf(c), from, to, raw)
		if err != nil {
			return err
		}
		p.Blocks = append(p.Blocks, b)
		p.First = from
		limit -= int(to - from + 1)
	}
	slices.Reverse(p.Blocks)
	p.More = len(p.Blocks) > 0 && p.First > 1
	return nil
}

// window cuts a block to the events from one seq to another.
func window(b *Block, from, to uint64, raw bool) (*Block, error) {
	b, err := b.slice(from-1, to+1)
	if err != nil || !raw {
		return b, err
	}
	return b.withRaw()
}

// Items returns completed items, the newest page first; before 0 means the
// end, else it is the Before of the page before. Open items are in State.
func (s *Session) Items(ctx context.Context, before uint64, limit int) (protocol.ItemPage, error) {
	limit = pageLimit(limit)
	page := itemPage{ItemPage: protocol.ItemPage{Items: []protocol.Item{}}, limit: limit}
	state, _ := s.log.snapshot()
	if before == 0 || before > state.Seq+1 {
		before = state.Seq + 1
	}
	for before > 1 {
		chunks, err := s.m.o.Store.ChunksBefore(ctx, s.id, before, pageBytes, false)
		if err != nil {
			return protocol.ItemPage{}, fmt.Errorf("cannot read events before %d: %w", before, err)
		}
		if len(chunks) == 0 {
			break
		}
		for _, c := range chunks {
			b, err := blockOf(c).slice(0, before)
			if err != nil {
				return protocol.ItemPage{}, err
			}
			full, err := page.take(b)
			if err != nil {
				return protocol.ItemPage{}, err
			}
			if full {
				return page.done(), nil
			}
			before = c.First
		}
	}
	page.Before = 0
	return page.done(), nil
}

// itemPage gathers completed items, the newest first.
type itemPage struct {
	protocol.ItemPage
	limit int
}

// take adds a block's completed items, from its end. It tells when the page is
// full.
func (p *itemPage) take(b *Block) (full bool, err error) {
	elements, err := b.elements()
	if err != nil {
		return false, fmt.Errorf("cannot read events %d to %d: %w", b.first, b.last, err)
	}
	for _, raw := range slices.Backward(elements) {
		seq, t, err := protocol.EventHead(raw)
		if err != nil {
			return false, fmt.Errorf("cannot read events %d to %d: %w", b.first, b.last, err)
		}
		if t != protocol.TypeItemCompleted {
			continue
		}
		var e protocol.Event
		if err := e.UnmarshalJSON(raw); err != nil {
			return false, fmt.Errorf("cannot read event %d: %w", seq, err)
		}
		if len(p.Items) == p.limit {
			return true, nil
		}
		if d, ok := e.Data.(*protocol.ItemCompleted); ok {
			p.Items = append(p.Items, d.Item)
			p.Before = seq
		}
	}
	return false, nil
}

// done returns the page, oldest item first.
func (p *itemPage) done() protocol.ItemPage {
	slices.Reverse(p.Items)
	return p.ItemPage
}

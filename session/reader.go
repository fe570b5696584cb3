package session

import (
	"context"

	"github.com/towline-dev/towline/protocol"
)

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
// goroutine at a time.
type Reader struct{}

// Delivery is what a reader gives next. Kind is FrameEvents (Blocks and Last
// are set; Blocks may be empty when a filtered view only moved on), FrameLive,
// FrameGap or FrameAsk.
type Delivery struct {
	Kind   protocol.FrameType
	Last   uint64
	Blocks []*Block
	Gap    protocol.Gap
	Ask    protocol.Ask
}

// Next blocks for the next delivery. Errors: ctx's, ErrDeleted, ErrClosed, or
// the store's.
func (r *Reader) Next(ctx context.Context) (Delivery, error) { panic("not built yet") }

// After returns the cursor: the last seq that was delivered.
func (r *Reader) After() uint64 { panic("not built yet") }

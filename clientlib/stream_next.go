package clientlib

import (
	"context"
	"errors"
	"iter"

	"github.com/towline-dev/towline/protocol"
)

// Next blocks for the next event. A *GapError stands in the place of missing
// events, and Next may be called again after it. All other errors are ctx's,
// or the Stream's end: io.EOF after a normal close by the server, ErrClosed
// after Close, or why the server does not want the client back. What arrived
// before the end is returned first, except after Close.
func (s *Stream) Next(ctx context.Context) (protocol.Event, error) {
	for {
		e, ok, err := s.take()
		if ok && e.gap != nil {
			return protocol.Event{}, e.gap
		}
		if ok || err != nil {
			return e.event, err
		}
		select {
		case <-s.arrived:
		case <-ctx.Done():
			return protocol.Event{}, ctx.Err()
		}
	}
}

// take removes the oldest entry, or tells why there will be none.
func (s *Stream) take() (entry, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(s.err, ErrClosed) || len(s.queue) == 0 {
		if s.err != nil {
			signal(s.arrived) // the end stays for the next caller
		}
		return entry{}, false, s.err
	}
	e := s.queue[0]
	s.queue[0] = entry{} // let the event go while the array lives on
	s.queue = s.queue[1:]
	s.read = e.after
	if len(s.queue) == maxQueued/2 {
		signal(s.room)
	}
	return e, true, nil
}

// Events iterates over Next until ctx or the Stream ends. A *GapError is
// yielded and the iteration goes on; any other error is yielded last, except
// the normal end, which just ends the iteration.
func (s *Stream) Events(ctx context.Context) iter.Seq2[protocol.Event, error] {
	return func(yield func(protocol.Event, error) bool) {
		for {
			e, err := s.Next(ctx)
			if isNormalEnd(err) {
				return
			}
			if !yield(e, err) {
				return
			}
			if _, isGap := errors.AsType[*GapError](err); err != nil && !isGap {
				return
			}
		}
	}
}

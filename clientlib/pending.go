package clientlib

import (
	"context"
	"slices"

	"github.com/towline-dev/towline/protocol"
)

// pending is a command that the server has not answered.
type pending struct {
	id     string
	frame  []byte
	sentOn *conn       // the last connection it was sent on; guarded by Stream.mu
	answer chan answer // holds one
}

type answer struct {
	result protocol.Result
	err    error
}

// Do runs a command: it is sent now or as soon as there is a connection, again
// after every reconnect, and answered once. A refusal by the server is a
// *protocol.Error. If ctx ends first the command may or may not have run; ask
// again with WithID to learn which.
func (s *Stream) Do(ctx context.Context, cmd protocol.Command, opts ...CommandOption) (protocol.Result, error) {
	p := &pending{id: idOr(""), answer: make(chan answer, 1)}
	for _, o := range opts {
		o(p)
	}
	frame, err := protocol.EncodeClientFrame(s.opts.Format, protocol.ClientFrame{ID: p.id, Command: cmd})
	if err != nil {
		return protocol.Result{}, err
	}
	p.frame = frame
	if err := s.add(p); err != nil {
		return protocol.Result{}, err
	}
	select {
	case a := <-p.answer:
		if a.err == nil && a.result.Error != nil {
			return a.result, a.result.Error
		}
		return a.result, a.err
	case <-ctx.Done():
		s.remove(p)
		return protocol.Result{}, ctx.Err()
	}
}

// add registers a command for the writer. A frame that the server would close
// the socket for is refused here.
func (s *Stream) add(p *pending) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	if limit := s.hello.Limits.FrameBytes; limit > 0 && len(p.frame) > limit {
		return protocol.Errorf(protocol.CodeTooLarge, "the command has %d bytes and the server takes %d: upload large content first and name its blob", len(p.frame), limit)
	}
	if slices.ContainsFunc(s.pending, func(o *pending) bool { return o.id == p.id }) {
		return protocol.Errorf(protocol.CodeIdempotencyConflict, "a command with the id %q is still unanswered: wait for it, or use another id", p.id)
	}
	s.pending = append(s.pending, p)
	signal(s.unsent)
	signal(s.room) // the answer comes behind the events: read on
	return nil
}

// remove forgets a command whose caller gave up.
func (s *Stream) remove(p *pending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending = slices.DeleteFunc(s.pending, func(o *pending) bool { return o == p })
}

// takeResult hands a result to the command that waits for it; an answer to
// one that was given up, or answered before, is dropped.
func (s *Stream) takeResult(r *protocol.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, p := range s.pending {
		if p.id == r.ID {
			s.pending = slices.Delete(s.pending, i, i+1)
			p.answer <- answer{result: *r}
			return
		}
	}
}

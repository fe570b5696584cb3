package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/session/store"
)

// call is a command under way, or the place where its repetitions wait.
type call struct {
	hash   [32]byte
	done   chan struct{}
	result protocol.Result
}

// Do runs one client command, once: the same id with the same content gives
// the stored result with Duplicate set, with other content
// idempotency_conflict. It takes every command but SessionCreate,
// SessionAttach, EventsRead and Ping. It returns after the fsync of what the
// command changed; refusals are in Result.Error, and are not remembered: a
// refused command has not run and may be sent again. The error is ctx's only:
// then the command may or may not have run, and can be sent again.
func (s *Session) Do(ctx context.Context, f protocol.ClientFrame, by protocol.Actor) (protocol.Result, error) {
	hash := protocol.CommandHash(f.Command)
	s.callsMu.Lock()
	c, again := s.calls[f.ID]
	if !again {
		c = &call{hash: hash, done: make(chan struct{})}
		s.calls[f.ID] = c
	}
	s.callsMu.Unlock()
	if !again {
		select {
		case <-s.done:
			s.finish(f.ID, c, refused(f.ID, draining()))
		default:
			s.begin(ctx, f, by, c)
		}
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		return protocol.Result{}, context.Cause(ctx)
	case <-s.done: // the owner is gone: nobody will run it any more
		s.finish(f.ID, c, refused(f.ID, draining()))
	}
	r := c.result
	if again {
		if c.hash != hash {
			return refused(f.ID, conflict()), nil
		}
		r.Duplicate = r.OK
	}
	return r, nil
}

// begin looks whether the command ran before, and if not gives it to the
// owner. Until finish, repetitions find the call; after it, the store.
func (s *Session) begin(ctx context.Context, f protocol.ClientFrame, by protocol.Actor, c *call) {
	old, err := s.m.o.Store.Command(ctx, s.id, f.ID)
	switch {
	case err == nil && old.Hash != c.hash:
		s.finish(f.ID, c, refused(f.ID, conflict()))
	case err == nil:
		var r protocol.Result
		if err := json.Unmarshal(old.Result, &r); err != nil {
			s.finish(f.ID, c, refused(f.ID, err))
			return
		}
		r.Duplicate = true
		s.finish(f.ID, c, r)
	case !errors.Is(err, store.ErrNotFound):
		s.finish(f.ID, c, refused(f.ID, err))
	default:
		s.give(ctx, f, by, c)
	}
}

// give checks what can be checked outside the owner, then posts the command.
func (s *Session) give(ctx context.Context, f protocol.ClientFrame, by protocol.Actor, c *call) {
	if err := s.precheck(ctx, f.Command); err != nil {
		s.finish(f.ID, c, refused(f.ID, err))
		return
	}
	reply := func(data any, err error) { s.reply(f.ID, c, data, err) }
	s.inbox.put(func() { s.execute(f, by, reply) })
}

// execute runs a command on the owner. reply is called exactly once.
func (s *Session) execute(f protocol.ClientFrame, by protocol.Actor, reply func(any, error)) {
	if s.leaving {
		reply(nil, draining())
		return
	}
	if s.ledger.ended || s.ending != nil {
		if _, ok := f.Command.(*protocol.SessionConfigure); !ok {
			reply(nil, protocol.Errorf(protocol.CodeInvalidRequest, "the session has ended and takes no more commands; create a new one or fork this one"))
			return
		}
	}
	switch c := f.Command.(type) {
	case *protocol.Prompt:
		s.prompt(f.ID, c, by, reply)
	case *protocol.PromptWithdraw:
		s.withdraw(c, by, reply)
	case *protocol.PermissionDecide:
		s.decide(c, by, reply)
	case *protocol.QuestionAnswer:
		s.answer(c.QuestionID, &decision{Kind: askQuestion, Answers: c.Answers, By: by}, reply)
	case *protocol.QuestionReject:
		s.answer(c.QuestionID, &decision{Kind: askQuestion, Reject: true, Message: c.Message, By: by}, reply)
	case *protocol.TurnInterrupt:
		s.interrupt(by)
		reply(struct{}{}, nil)
	case *protocol.SessionConfigure:
		s.configure(c, reply)
	case *protocol.SessionEnd:
		s.end(&ending{by: by, reply: reply})
	default:
		reply(nil, protocol.Errorf(protocol.CodeUnknownType, "a session does not take %q; see docs/PROTOCOL.md for what it takes", f.Command.FrameType()))
	}
}

// reply answers a command: a refusal at once, a success after its fsync.
func (s *Session) reply(id string, c *call, data any, err error) {
	if err != nil {
		s.finish(id, c, refused(id, err))
		return
	}
	b, err := json.Marshal(data)
	if err != nil {
		s.finish(id, c, refused(id, fmt.Errorf("cannot encode a result: %w", err)))
		return
	}
	r := protocol.Result{ID: id, OK: true, Data: b}
	stored, err := json.Marshal(r)
	if err != nil {
		s.finish(id, c, refused(id, fmt.Errorf("cannot encode a result: %w", err)))
		return
	}
	s.stage(func(p *pending) {
		p.commands = append(p.commands, store.Command{SessionID: s.id, ID: id, Hash: c.hash, Result: stored})
		p.durable = true
		p.after = append(p.after, func(err error) {
			if err != nil {
				r = refused(id, protocol.Errorf(protocol.CodeStoreFailed, "the store failed, so this may not have been kept; look at the server's log and disk"))
			}
			s.finish(id, c, r)
		})
	})
}

// finish tells the waiting callers and forgets the call.
func (s *Session) finish(id string, c *call, r protocol.Result) {
	s.callsMu.Lock()
	defer s.callsMu.Unlock()
	if s.calls[id] != c {
		return
	}
	delete(s.calls, id)
	c.result = r
	close(c.done)
}

// refused is the result of a command that did not run.
func refused(id string, err error) protocol.Result {
	return protocol.Result{ID: id, Error: protocol.AsError(err)}
}

// draining is the refusal of a server that is going away.
func draining() *protocol.Error {
	return protocol.Errorf(protocol.CodeDraining, "the server is shutting down; send this again after its restart")
}

// conflict is the refusal of an id that was used for something else.
func conflict() *protocol.Error {
	return protocol.Errorf(protocol.CodeIdempotencyConflict, "this id was used for another command; choose a new id for each command")
}

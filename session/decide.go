package session

import (
	"bytes"
	"encoding/json"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/session/store"
)

// decide takes a client's decision on a permission. The first durable one
// wins; it is then delivered, and permission.resolved tells who won and
// whether the agent has it.
func (s *Session) decide(c *protocol.PermissionDecide, by protocol.Actor, reply func(any, error)) {
	a, err := s.pendingAsk(askPermission, c.PermissionID)
	if err != nil {
		reply(nil, err)
		return
	}
	if c.InputSHA256 != "" && c.InputSHA256 != a.permission.InputSHA256 {
		reply(nil, protocol.Errorf(protocol.CodeInputMismatch, "the permission is for another input than the one that was decided on; look at the request again"))
		return
	}
	option, err := chosen(a.permission.Options, c)
	if err != nil {
		reply(nil, err)
		return
	}
	if err := s.checkEdit(a, option, c.Input); err != nil {
		reply(nil, err)
		return
	}
	d := &decision{AskID: a.id, Kind: askPermission, Option: option, Message: c.Message, Input: c.Input, By: by}
	s.record(a, d, func() (agents.Command, error) {
		return &agents.Decide{PermissionID: a.native, Option: option, Message: c.Message, Input: c.Input}, nil
	})
	reply(&protocol.DecideResult{PermissionID: a.id, Decision: option.Decision, Scope: option.Scope, OptionID: option.ID}, nil)
}

// answer takes a client's answers to a question, or its refusal to answer.
func (s *Session) answer(id string, d *decision, reply func(any, error)) {
	a, err := s.pendingAsk(askQuestion, id)
	if err != nil {
		reply(nil, err)
		return
	}
	if n := len(a.question.Questions); !d.Reject && len(d.Answers) != n {
		reply(nil, protocol.Errorf(protocol.CodeInvalidRequest, "answers must hold one list for each of the %d questions", n))
		return
	}
	d.AskID = a.id
	s.record(a, d, func() (agents.Command, error) {
		if d.Reject {
			return &agents.RejectQuestion{QuestionID: a.native, Message: d.Message}, nil
		}
		return &agents.Answer{QuestionID: a.native, Answers: d.Answers}, nil
	})
	reply(struct {
		QuestionID string `json:"question_id"`
	}{a.id}, nil)
}

// record makes a decision durable, then delivers it, then tells of it. After a
// crash in between it is told as delivered unknown and never sent again.
func (s *Session) record(a *ask, d *decision, command func() (agents.Command, error)) {
	a.decided = d
	b, err := json.Marshal(d)
	if err != nil {
		panic("cannot encode a decision: " + err.Error()) // plain data: cannot happen
	}
	s.stage(func(p *pending) {
		p.decisions = append(p.decisions, store.Decision{SessionID: s.id, AskID: a.id, Record: b})
	})
	s.whenStored(func() {
		if s.ledger.asks[a.id] != a {
			return // closed meanwhile, and told as such
		}
		s.send(outgoing{command: command, done: func(err error) { s.told(a, err) }})
	})
}

// told writes the event of a decision whose delivery was tried.
func (s *Session) told(a *ask, err error) {
	if s.ledger.asks[a.id] != a {
		return
	}
	switch {
	case err == nil:
		s.ledger.resolveDecided(a, protocol.DeliveredTrue, "")
	case isRefusal(err):
		s.ledger.resolveDecided(a, protocol.DeliveredFalse, protocol.AsError(err).Message)
	default:
		s.ledger.resolveDecided(a, protocol.DeliveredUnknown, "")
	}
}

// pendingAsk finds an ask that can still be decided.
func (s *Session) pendingAsk(kind askKind, id string) (*ask, error) {
	if a, ok := s.ledger.asks[id]; ok && a.kind == kind {
		if a.decided == nil {
			return a, nil
		}
		return nil, alreadyDecided(a.decided.winner())
	}
	w, ok := s.ledger.closed[id]
	switch {
	case ok && w.Outcome != string(protocol.PermissionCancelled) && w.Outcome != string(protocol.PermissionExpired):
		return nil, alreadyDecided(w)
	case ok:
		return nil, protocol.Errorf(protocol.CodePermissionClosed, "nobody waits for this decision any more (%s); nothing was sent to the agent", w.Outcome).WithDetails(w)
	default:
		return nil, protocol.Errorf(protocol.CodePermissionClosed, "no %s of that id waits for a decision; the session's state lists those that do", kind)
	}
}

// alreadyDecided is the refusal for all but the winner.
func alreadyDecided(w protocol.Winner) *protocol.Error {
	return protocol.Errorf(protocol.CodeAlreadyDecided, "this was decided before; the details name who won").WithDetails(w)
}

// chosen returns the option that a decision means.
func chosen(options []protocol.PermissionOption, c *protocol.PermissionDecide) (protocol.PermissionOption, error) {
	for _, o := range options {
		if c.OptionID != "" {
			if o.ID == c.OptionID && (c.Decision == "" || c.Decision == o.Decision) {
				return o, nil
			}
			continue
		}
		scope := c.Scope
		if scope == "" {
			scope = protocol.ScopeOnce
		}
		if o.Decision == c.Decision && o.Scope == scope {
			return o, nil
		}
	}
	return protocol.PermissionOption{}, protocol.Errorf(protocol.CodeInvalidRequest,
		"the permission offers no such option; choose one of those in details").WithDetails(map[string]any{"options": options})
}

// checkEdit checks an edited input.
func (s *Session) checkEdit(a *ask, o protocol.PermissionOption, input json.RawMessage) error {
	if input == nil {
		return nil
	}
	if !a.permission.Editable {
		return protocol.Errorf(protocol.CodeCapabilityMissing, "this permission's input cannot be edited; decide without input")
	}
	if o.Decision != protocol.Allow {
		return protocol.Errorf(protocol.CodeInvalidRequest, "an edited input goes with allow only; leave it out to deny")
	}
	if t := bytes.TrimLeft(input, " \t\r\n"); len(t) == 0 || t[0] != '{' || !json.Valid(input) {
		return protocol.Errorf(protocol.CodeInvalidRequest, "input must be a JSON object, the tool's whole new input")
	}
	return nil
}

package jsonrpc

import (
	"encoding/json"
	"errors"
)

// Kind is what a received message is.
type Kind int

// The kinds of received messages.
const (
	// Notification wants no answer.
	Notification Kind = iota + 1
	// Request must be answered, with Answer or Refuse.
	Request
	// Response answers one of our calls.
	Response
	// Stray is an answer to no call that is open: too late, or sent twice.
	Stray
)

// Incoming is one received message. Method and Params are those of a
// notification or request; Tag, Result and Error those of a response.
type Incoming struct {
	Kind   Kind
	ID     ID
	Method string
	Params json.RawMessage
	// Tag is what the call was made with.
	Tag    any
	Result json.RawMessage
	// Error is nil if the call went well.
	Error *Error
	// Skipped tells that the line was too long to be read (Peer.Skipped).
	Skipped bool
}

// Peer is our side of a connection. Set the fields before use. It is not safe
// for concurrent use.
type Peer struct {
	// Version writes "jsonrpc":"2.0" into each message. Codex leaves it out.
	Version bool
	// NextID names the next call; nil counts from 1.
	NextID func() ID

	last int64
	open map[ID]any
}

// Call makes a request's line. Tag comes back with its response.
func (p *Peer) Call(method string, params, tag any) []byte {
	id := p.nextID()
	if p.open == nil {
		p.open = map[ID]any{}
	}
	p.open[id] = tag
	return p.encode(message{ID: &id, Method: method, Params: raw(params)})
}

func (p *Peer) nextID() ID {
	if p.NextID != nil {
		return p.NextID()
	}
	p.last++
	return Number(p.last)
}

// Notify makes a notification's line; nil params are left out.
func (p *Peer) Notify(method string, params any) []byte {
	return p.encode(message{Method: method, Params: raw(params)})
}

// Answer makes the line that answers a request.
func (p *Peer) Answer(id ID, result any) []byte {
	if result == nil {
		result = json.RawMessage("null")
	}
	return p.encode(message{ID: &id, Result: raw(result)})
}

// Refuse makes the line that answers a request with an error.
func (p *Peer) Refuse(id ID, code int, why string) []byte {
	return p.encode(message{ID: &id, Error: &Error{Code: code, Message: why}})
}

// Errors of lines that are no messages.
var (
	errJSON  = errors.New("the line is not JSON")
	errShape = errors.New("the line is no JSON-RPC message")
)

// Receive reads one line. An error says why it is no message; the connection
// goes on (JSON-RPC over lines has no state that one bad line could break).
func (p *Peer) Receive(line []byte) (Incoming, error) {
	var m message
	if err := json.Unmarshal(line, &m); err != nil {
		if !json.Valid(line) {
			return Incoming{}, errJSON
		}
		return Incoming{}, errShape
	}
	switch {
	case m.Method != "" && m.ID != nil && *m.ID != "":
		return Incoming{Kind: Request, ID: *m.ID, Method: m.Method, Params: m.Params}, nil
	case m.Method != "":
		return Incoming{Kind: Notification, Method: m.Method, Params: m.Params}, nil
	case m.ID == nil || *m.ID == "" || (m.Error == nil && m.Result == nil):
		return Incoming{}, errShape
	}
	return p.match(Incoming{Kind: Response, ID: *m.ID, Result: m.Result, Error: m.Error}), nil
}

// match finds the call that a response answers.
func (p *Peer) match(in Incoming) Incoming {
	tag, ok := p.Drop(in.ID)
	if !ok {
		in.Kind = Stray
	}
	in.Tag = tag
	return in
}

// raw encodes params or a result. They are our own types and checked JSON, so
// it cannot fail.
func raw(v any) json.RawMessage {
	if v == nil {
		return nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic("jsonrpc: cannot encode a message: " + err.Error())
	}
	return b
}

func (p *Peer) encode(m message) []byte {
	if p.Version {
		m.Version = "2.0"
	}
	return raw(m)
}

// Open returns the calls that wait for their responses, in no order.
func (p *Peer) Open() []ID {
	ids := make([]ID, 0, len(p.open))
	for id := range p.open {
		ids = append(ids, id)
	}
	return ids
}

// Drop gives up a call: its response will be a stray. It returns the call's
// tag, and false if the call is not open.
func (p *Peer) Drop(id ID) (tag any, ok bool) {
	tag, ok = p.open[id]
	delete(p.open, id)
	return tag, ok
}

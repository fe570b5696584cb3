package jsonrpc

import (
	"errors"

	"github.com/towline-dev/towline/agents"
)

// errEnds is the error of ends that do not tell what the message was.
var errEnds = errors.New("the ends of the line do not tell what message it is")

// Skipped tells by its ends what a line was that is too long to be read
// (agents.Skipper). A message has no fields but those of JSON-RPC, of which only
// params, result and error can be long, so the others are at one of the ends.
//
// A Response comes with an error of code CodeSkipped, whatever it was. Params
// hold no more than the first plain fields of the real ones. The error says that
// the ends do not tell what it was: it may be anything.
func (p *Peer) Skipped(head, tail []byte) (Incoming, error) {
	e := agents.ReadEnds(head, tail)
	in := Incoming{Method: e.Text("method"), Skipped: true}
	if in.ID.UnmarshalJSON(e.Fields["id"]) != nil {
		return Incoming{}, errEnds
	}
	if e.Long == "params" {
		in.Params = raw(e.Inner)
	}
	switch {
	case in.Method != "" && in.ID == "":
		in.Kind = Notification
	case in.ID == "":
		return Incoming{}, errEnds
	case in.Method != "", e.Long == "params":
		in.Kind = Request
	case e.Long == "result" || e.Long == "error":
		in.Kind = Response
		in.Error = &Error{Code: CodeSkipped, Message: "its answer is longer than this server reads"}
		return p.match(in), nil
	default:
		return Incoming{}, errEnds
	}
	return in, nil
}

// TooLong makes the line that refuses a request which was skipped.
func (p *Peer) TooLong(id ID) []byte {
	return p.Refuse(id, CodeInvalidRequest, "the request is longer than this client reads, so it was not read; send less at once")
}

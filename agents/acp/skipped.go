package acp

import (
	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/jsonrpc"
	"github.com/towline-dev/towline/protocol"
)

// Skipped takes a frame that was too long to be read (agents.Skipper).
func (t *translator) Skipped(head, tail []byte) agents.Output {
	var o output
	in, err := t.peer.Skipped(head, tail)
	switch {
	case err != nil:
		t.skippedAnything(&o)
	case in.Kind == jsonrpc.Response:
		in.Tag.(answer)(nil, in.Error, &o) //nolint:forcetypeassert // call makes no other
	case in.Kind == jsonrpc.Request:
		o.Frames = append(o.Frames, t.peer.TooLong(in.ID))
		o.emit(&protocol.ErrorEvent{
			Code:    string(protocol.CodeTooLarge),
			Message: "a request of the agent is longer than this server reads, so it was refused: " + agents.OneLine(in.Method),
		})
	}
	return o.Output
}

// skippedAnything takes a frame that may be the answer to whatever is awaited.
func (t *translator) skippedAnything(o *output) {
	switch {
	case !t.ready:
		t.fail(o, "it wrote a message that is longer than this server reads")
	case len(t.peer.Open()) > 0:
		o.Broken = "the agent wrote a message that is longer than this server reads, and it may be one that the turn waits for"
	}
}

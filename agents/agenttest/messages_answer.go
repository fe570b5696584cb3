package agenttest

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"time"
)

// messagesAnswer is one round on its way to the client.
type messagesAnswer struct {
	request *Request
	round   Round
	// script is nil if no script answers.
	script *Script
	tools  func(Do) Call
}

// object is a JSON object.
type object = map[string]any

// newID returns an id that no other server or run has given out.
func newID(prefix string) string { return prefix + rand.Text() }

// message is the message object that begins a stream, and with content the
// whole of an answer that is none.
func (a messagesAnswer) message(content []object, stop any, output int) object {
	return object{
		"id": newID("msg_"), "type": "message", "role": "assistant", "model": a.request.Model,
		"content": content, "stop_reason": stop, "stop_sequence": nil,
		"usage": object{
			"input_tokens": 100, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 2000,
			"output_tokens": output, "service_tier": "standard",
		},
	}
}

// stop is the reason for which the model stops.
func (a messagesAnswer) stop() string {
	if a.round.Stop != "" {
		return a.round.Stop
	}
	for _, b := range a.round.Blocks {
		if b.Call != nil || b.Do != nil {
			return "tool_use"
		}
	}
	return "end_turn"
}

// outputTokens is the same for every round, so that tests can count.
const outputTokens = 20

// whole answers a request that wants no stream.
func (a messagesAnswer) whole(w http.ResponseWriter, r *http.Request) {
	content := []object{}
	for _, b := range a.round.Blocks {
		if b.Hold && !a.script.hold(r) {
			a.script.abort()
			return
		}
		whole := a.wire(b)
		maps.Copy(whole.start, whole.full)
		content = append(content, whole.start)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(a.message(content, a.stop(), outputTokens)) // a client that is gone needs none
}

// wireBlock is a block in the words of the protocol.
type wireBlock struct {
	// start is the block as content_block_start holds it.
	start object
	// full is what a whole block has instead.
	full object
	// delta makes the delta of a piece of text.
	delta func(piece string) object
	text  string
	// last is sent after the pieces; nil for nothing.
	last object
}

// signature is what the scripted model signs its thinking with; the CLI hands
// it back and does not look inside.
const signature = "c2lnbmF0dXJl"

// wire puts a block into the words of the protocol.
func (a messagesAnswer) wire(b Block) wireBlock {
	if b.Do != nil {
		call := a.tools(*b.Do)
		b.Call = &call
	}
	switch {
	case b.Call != nil:
		input, err := json.Marshal(b.Call.Input)
		if err != nil {
			panic(fmt.Sprintf("cannot encode the input of a scripted %s: %v", b.Call.Name, err))
		}
		return wireBlock{
			start: object{"type": "tool_use", "id": newID("toolu_"), "name": b.Call.Name, "input": object{}},
			full:  object{"input": json.RawMessage(input)},
			delta: func(p string) object { return object{"type": "input_json_delta", "partial_json": p} },
			text:  string(input),
		}
	case b.Thinking != "":
		return wireBlock{
			start: object{"type": "thinking", "thinking": "", "signature": ""},
			full:  object{"thinking": b.Thinking, "signature": signature},
			delta: func(p string) object { return object{"type": "thinking_delta", "thinking": p} },
			text:  b.Thinking,
			last:  object{"type": "signature_delta", "signature": signature},
		}
	}
	return wireBlock{
		start: object{"type": "text", "text": ""},
		full:  object{"text": b.Text},
		delta: func(p string) object { return object{"type": "text_delta", "text": p} },
		text:  b.Text,
	}
}

// stream answers with server-sent events.
func (a messagesAnswer) stream(w http.ResponseWriter, r *http.Request, failure *Failure) {
	w.Header().Set("Content-Type", "text/event-stream")
	s := messagesStream{w: w, r: r, flush: http.NewResponseController(w).Flush}
	s.send("message_start", object{"message": a.message([]object{}, nil, 1)})
	s.send("ping", nil)
	for i, b := range a.round.Blocks {
		// A failing stream ends inside its last block, as real ones do.
		open := failure != nil && i == len(a.round.Blocks)-1
		if !a.block(&s, i, b, open) {
			break
		}
	}
	switch {
	case s.gone():
		if a.script != nil {
			a.script.abort()
		}
	case failure != nil && failure.InStream:
		s.send("error", failure.body())
	case failure != nil:
		panic(http.ErrAbortHandler)
	default:
		s.send("message_delta", object{
			"delta": object{"stop_reason": a.stop(), "stop_sequence": nil},
			"usage": object{"output_tokens": outputTokens},
		})
		s.send("message_stop", nil)
	}
}

// block streams one block, without its end if it shall stay open. It tells
// whether the client is still there.
func (a messagesAnswer) block(s *messagesStream, index int, b Block, open bool) bool {
	wire := a.wire(b)
	s.send("content_block_start", object{"index": index, "content_block": wire.start})
	for i, piece := range pieces(wire.text, b.Chunks) {
		if i > 0 && !s.pause(b.Delay) {
			return false
		}
		s.send("content_block_delta", object{"index": index, "delta": wire.delta(piece)})
		if i == 0 && b.Hold && !a.script.hold(s.r) {
			return false
		}
	}
	if open {
		return !s.gone()
	}
	if wire.last != nil {
		s.send("content_block_delta", object{"index": index, "delta": wire.last})
	}
	s.send("content_block_stop", object{"index": index})
	return !s.gone()
}

// messagesStream writes events, each at once.
type messagesStream struct {
	w     http.ResponseWriter
	r     *http.Request
	flush func() error
	err   error
}

// send writes one event. After an error it does nothing.
func (s *messagesStream) send(kind string, data object) {
	if s.err != nil {
		return
	}
	whole := object{"type": kind}
	maps.Copy(whole, data)
	b, err := json.Marshal(whole)
	if err != nil {
		panic(fmt.Sprintf("cannot encode a scripted event: %v", err))
	}
	if _, s.err = fmt.Fprintf(s.w, "event: %s\ndata: %s\n\n", kind, b); s.err == nil {
		s.err = s.flush()
	}
}

// pause waits. It tells whether the client is still there.
func (s *messagesStream) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return !s.gone()
	case <-s.r.Context().Done():
		return false
	}
}

// gone tells whether the client has cut the request.
func (s *messagesStream) gone() bool { return s.err != nil || s.r.Context().Err() != nil }

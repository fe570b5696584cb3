package agenttest

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// chatAnswer is one round on its way to the client.
type chatAnswer struct {
	request *Request
	round   Round
	// script is nil if no script answers.
	script *Script
	tools  func(Do) Call
}

// inputTokens are what every request is said to have cost.
const inputTokens = 2100

// finish is the reason for which the model stops.
func (a chatAnswer) finish() string {
	if a.round.Stop != "" {
		return a.round.Stop
	}
	for _, b := range a.round.Blocks {
		if b.Call != nil || b.Do != nil {
			return "tool_calls"
		}
	}
	return "stop"
}

// stream answers with server-sent events.
func (a chatAnswer) stream(w http.ResponseWriter, r *http.Request, failure *Failure) {
	w.Header().Set("Content-Type", "text/event-stream")
	s := &chatStream{messagesStream: messagesStream{w: w, r: r, flush: http.NewResponseController(w).Flush}, id: newID("chatcmpl-"), model: a.request.Model}
	s.choice(object{"role": "assistant", "content": ""}, nil)
	calls := 0
	for _, b := range a.round.Blocks {
		if !a.block(s, b, &calls) {
			break
		}
	}
	switch {
	case s.gone():
		if a.script != nil {
			a.script.abort()
		}
	case failure != nil && failure.InStream:
		s.data(failure.body())
	case failure != nil:
		panic(http.ErrAbortHandler)
	default:
		s.choice(object{}, a.finish())
		s.data(object{"id": s.id, "object": "chat.completion.chunk", "model": s.model, "choices": []object{}, "usage": object{
			"prompt_tokens": inputTokens, "completion_tokens": outputTokens, "total_tokens": inputTokens + outputTokens,
			"prompt_tokens_details": object{"cached_tokens": 0}, "completion_tokens_details": object{"reasoning_tokens": 0},
		}})
		s.raw("[DONE]")
	}
}

// block streams one block. It tells whether the client is still there.
func (a chatAnswer) block(s *chatStream, b Block, calls *int) bool {
	text, delta := a.wire(s, b, calls)
	for i, piece := range pieces(text, b.Chunks) {
		if i > 0 && !s.pause(b.Delay) {
			return false
		}
		s.choice(delta(piece), nil)
		if i == 0 && b.Hold && !a.script.hold(s.r) {
			return false
		}
	}
	return !s.gone()
}

// wire returns a block's text and how a piece of it travels. A tool call is
// begun at once.
func (a chatAnswer) wire(s *chatStream, b Block, calls *int) (string, func(piece string) object) {
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
		index := *calls
		*calls++
		s.choice(object{"tool_calls": []object{{
			"index": index, "id": newID("call_"), "type": "function", "function": object{"name": b.Call.Name, "arguments": ""},
		}}}, nil)
		return string(input), func(piece string) object {
			return object{"tool_calls": []object{{"index": index, "function": object{"arguments": piece}}}}
		}
	case b.Thinking != "":
		return b.Thinking, func(piece string) object { return object{"reasoning_content": piece} }
	default:
		return b.Text, func(piece string) object { return object{"content": piece} }
	}
}

// chatStream writes chunks, each at once.
type chatStream struct {
	messagesStream
	id, model string
}

// choice writes a chunk with a delta.
func (s *chatStream) choice(delta object, finish any) {
	s.data(object{
		"id": s.id, "object": "chat.completion.chunk", "created": 1, "model": s.model,
		"choices": []object{{"index": 0, "delta": delta, "finish_reason": finish}},
	})
}

// data writes an object.
func (s *chatStream) data(o object) {
	b, err := json.Marshal(o)
	if err != nil {
		panic(fmt.Sprintf("cannot encode a scripted chunk: %v", err))
	}
	s.raw(string(b))
}

// raw writes one event. After an error it does nothing.
func (s *chatStream) raw(text string) {
	if s.err != nil {
		return
	}
	if _, s.err = fmt.Fprintf(s.w, "data: %s\n\n", text); s.err == nil {
		s.err = s.flush()
	}
}

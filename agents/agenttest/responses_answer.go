package agenttest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
)

// responsesAnswer is one round on its way to the client.
type responsesAnswer struct {
	request *Request
	round   Round
	// script is nil if no script answers.
	script *Script
	tools  func(Do) Call
}

// stream answers with server-sent events.
func (a responsesAnswer) stream(w http.ResponseWriter, r *http.Request, failure *Failure) {
	w.Header().Set("Content-Type", "text/event-stream")
	s := &messagesStream{w: w, r: r, flush: http.NewResponseController(w).Flush}
	id := newID("resp_")
	s.send("response.created", object{"response": object{"id": id, "model": a.request.Model}})
	for i, b := range a.round.Blocks {
		// A failing stream ends inside its last block, as real ones do.
		open := failure != nil && i == len(a.round.Blocks)-1
		if !a.block(s, i, b, open) {
			break
		}
	}
	switch {
	case s.gone():
		if a.script != nil {
			a.script.abort()
		}
	case failure != nil && failure.InStream:
		s.send("response.failed", object{"response": object{"id": id, "error": failure.body()["error"]}})
	case failure != nil:
		panic(http.ErrAbortHandler)
	default:
		s.send("response.completed", object{"response": object{"id": id, "usage": object{
			"input_tokens": inputTokens, "input_tokens_details": object{"cached_tokens": 0},
			"output_tokens": outputTokens, "output_tokens_details": object{"reasoning_tokens": 0},
			"total_tokens": inputTokens + outputTokens,
		}}})
	}
}

// outputItem is a block in the words of the protocol.
type outputItem struct {
	// start is the item as it begins, and full what it has more at its end.
	start, full object
	text        string
	// delta is the kind of the event that carries a piece of the text; empty
	// for an item that comes whole. with goes along.
	delta string
	with  object
	// before is sent before the first piece; empty for nothing.
	before string
}

// wire puts a block into the words of the protocol.
func (a responsesAnswer) wire(b Block) outputItem {
	if b.Do != nil {
		call := a.tools(*b.Do)
		b.Call = &call
	}
	switch {
	case b.Call != nil:
		return outputItem{start: callItem(*b.Call)}
	case b.Thinking != "":
		return outputItem{
			start: object{"type": "reasoning", "id": newID("rs_"), "summary": []object{}},
			full:  object{"summary": []object{{"type": "summary_text", "text": b.Thinking}}, "encrypted_content": signature},
			text:  b.Thinking, delta: "response.reasoning_summary_text.delta", with: object{"summary_index": 0},
			before: "response.reasoning_summary_part.added",
		}
	}
	return outputItem{
		start: object{"type": "message", "id": newID("msg_"), "role": "assistant", "content": []object{}},
		full:  object{"content": []object{{"type": "output_text", "text": b.Text}}},
		text:  b.Text, delta: "response.output_text.delta", with: object{"content_index": 0},
	}
}

// callItem is a call of a tool. A slash parts the tool's namespace from its
// name.
func callItem(c Call) object {
	item := object{"id": newID("fc_"), "call_id": newID("call_"), "name": c.Name}
	if space, name, ok := strings.Cut(c.Name, "/"); ok {
		item["namespace"], item["name"] = space, name
	}
	if text, freeform := c.Input.(string); freeform {
		item["type"], item["input"] = "custom_tool_call", text
		return item
	}
	input, err := json.Marshal(c.Input)
	if err != nil {
		panic(fmt.Sprintf("cannot encode the input of a scripted %s: %v", c.Name, err))
	}
	item["type"], item["arguments"] = "function_call", string(input)
	return item
}

// block streams one block, without its end if it shall stay open. It tells
// whether the client is still there.
func (a responsesAnswer) block(s *messagesStream, index int, b Block, open bool) bool {
	item := a.wire(b)
	if item.delta != "" && !a.begin(s, index, b, item) {
		return false
	}
	if item.delta == "" && b.Hold && !a.script.hold(s.r) {
		return false
	}
	if open {
		return !s.gone()
	}
	maps.Copy(item.start, item.full)
	s.send("response.output_item.done", object{"output_index": index, "item": item.start})
	return !s.gone()
}

// begin streams an item's beginning and its text.
func (a responsesAnswer) begin(s *messagesStream, index int, b Block, item outputItem) bool {
	of := object{"item_id": item.start["id"], "output_index": index}
	maps.Copy(of, item.with)
	s.send("response.output_item.added", object{"output_index": index, "item": item.start})
	if item.before != "" {
		s.send(item.before, of)
	}
	for i, piece := range pieces(item.text, b.Chunks) {
		if i > 0 && !s.pause(b.Delay) {
			return false
		}
		one := maps.Clone(of)
		one["delta"] = piece
		s.send(item.delta, one)
		if i == 0 && b.Hold && !a.script.hold(s.r) {
			return false
		}
	}
	return true
}

package agenttest

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// geminiAnswer is one round on its way to the client.
type geminiAnswer struct {
	request *Request
	round   Round
	// script is nil if no script answers.
	script *Script
}

// chunk is one piece of an answer; finish is empty for all but the last.
func (a geminiAnswer) chunk(parts []object, finish string) object {
	candidate := object{"index": 0, "content": object{"role": "model", "parts": parts}}
	if finish != "" {
		candidate["finishReason"] = finish
	}
	return object{"candidates": []object{candidate}, "modelVersion": a.request.Model, "usageMetadata": object{
		"promptTokenCount": inputTokens, "candidatesTokenCount": outputTokens, "totalTokenCount": inputTokens + outputTokens,
	}}
}

// whole answers a request that wants no stream.
func (a geminiAnswer) whole(w http.ResponseWriter) {
	parts := make([]object, 0, len(a.round.Blocks))
	for _, b := range a.round.Blocks {
		parts = append(parts, geminiPartOf(b, b.Text+b.Thinking))
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(a.chunk(parts, "STOP")) // a client that is gone needs none
}

// geminiPartOf puts a piece of a block into the words of the protocol. A tool
// call is one piece.
func geminiPartOf(b Block, piece string) object {
	switch {
	case b.Do != nil:
		call := geminiTool(*b.Do)
		return object{"functionCall": object{"name": call.Name, "args": call.Input}}
	case b.Call != nil:
		return object{"functionCall": object{"name": b.Call.Name, "args": b.Call.Input}}
	case b.Thinking != "":
		return object{"text": piece, "thought": true}
	default:
		return object{"text": piece}
	}
}

// stream answers with server-sent events.
func (a geminiAnswer) stream(w http.ResponseWriter, r *http.Request, failure *Failure) {
	w.Header().Set("Content-Type", "text/event-stream")
	s := &chatStream{messagesStream: messagesStream{w: w, r: r, flush: http.NewResponseController(w).Flush}}
	for _, b := range a.round.Blocks {
		if !a.block(s, b) {
			break
		}
	}
	switch {
	case s.gone():
		if a.script != nil {
			a.script.abort()
		}
	case failure != nil && failure.InStream:
		s.data(geminiError(failure))
	case failure != nil:
		panic(http.ErrAbortHandler)
	default:
		s.data(a.chunk([]object{{"text": ""}}, "STOP"))
	}
}

// block streams one block. It tells whether the client is still there.
func (a geminiAnswer) block(s *chatStream, b Block) bool {
	cut := []string{b.Thinking} // a thought comes whole, as a tool call does
	if b.Text != "" {
		cut = pieces(b.Text, b.Chunks)
	}
	for i, piece := range cut {
		if i > 0 && !s.pause(b.Delay) {
			return false
		}
		s.data(a.chunk([]object{geminiPartOf(b, piece)}, ""))
		if i == 0 && b.Hold && !a.script.hold(s.r) {
			return false
		}
	}
	return !s.gone()
}

// geminiTool puts a tool call into the words of the Gemini CLI (acp PROTOCOL.md
// section 7).
func geminiTool(d Do) Call {
	switch d.Kind {
	case "execute":
		return Call{"run_shell_command", object{"command": d.Command, "description": "Run a scripted command"}}
	case "read":
		return Call{"read_file", object{"file_path": d.Path}}
	case "write":
		return Call{"write_file", object{"file_path": d.Path, "content": d.Content}}
	case "edit":
		return Call{"replace", object{"file_path": d.Path, "instruction": "Do it", "old_string": d.Old, "new_string": d.New}}
	case "todo":
		todos := make([]object, len(d.Options))
		for i, text := range d.Options {
			status := "pending"
			if i == 0 {
				status = "in_progress"
			}
			todos[i] = object{"description": text, "status": status}
		}
		return Call{"write_todos", object{"todos": todos}}
	case "mcp":
		return Call{"mcp_" + d.Server + "_" + d.Tool, d.Input}
	}
	panic(fmt.Sprintf("no tool of the Gemini CLI does %q", d.Kind))
}

package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// blockDeltas is how many deltas one content block holds, so that the block's
// whole text stays far below the limit of a line.
const blockDeltas = 2000

type object = map[string]any

func (a *agent) initFrame() object {
	return object{
		"type": "system", "subtype": "init", "session_id": a.session, "cwd": "/workspace", "model": a.model, "permissionMode": a.mode,
		"tools": []string{"Bash", "Write"}, "mcp_servers": []string{}, "slash_commands": []string{}, "apiKeySource": "ANTHROPIC_API_KEY",
		"claude_code_version": "2.1.330", "capabilities": []string{}, "uuid": a.uuid(),
	}
}

func (a *agent) resultFrame(p prompt, begin time.Time) object {
	ms := time.Since(begin).Milliseconds()
	r := object{
		"duration_api_ms": ms, "type": "result", "subtype": "success", "is_error": false, "result": tail(a.said.String()), "terminal_reason": "completed",
		"stop_reason": "end_turn", "num_turns": 1, "duration_ms": ms, "total_cost_usd": 0.001 * float64(a.turns), "session_id": a.session,
		"usage":              object{"input_tokens": 100, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 42},
		"permission_denials": []string{}, "user_message_uuids": []string{}, "uuid": a.uuid(),
	}
	if p.uuid != "" {
		r["user_message_uuids"] = []string{p.uuid}
	}
	if a.interrupted.Load() {
		r["subtype"], r["is_error"], r["terminal_reason"] = "error_during_execution", true, "aborted_streaming"
		r["errors"] = []string{"interrupted"}
	}
	a.said.Reset()
	return r
}

// tail keeps a result short.
func tail(text string) string { return text[max(0, len(text)-1000):] }

// uuid is a number in the form of a UUID.
func (a *agent) uuid() string {
	a.blocks++
	return fmt.Sprintf("00000000-0000-4000-8000-%012d", a.blocks)
}

func (a *agent) lifecycle(uuid, state string) {
	if uuid != "" {
		a.emit(object{"type": "command_lifecycle", "command_uuid": uuid, "state": state, "session_id": a.session, "uuid": a.uuid()})
	}
}

// stream emits one event of the model's stream.
func (a *agent) stream(event object) {
	a.emit(object{"type": "stream_event", "event": event, "session_id": a.session, "parent_tool_use_id": nil, "uuid": a.uuid()})
}

// assistant emits a whole content block.
func (a *agent) assistant(block object) {
	a.emit(object{
		"type": "assistant", "message": a.messageFields(block), "parent_tool_use_id": nil, "session_id": a.session, "uuid": a.uuid(),
	})
}

func (a *agent) messageFields(content ...object) object {
	if content == nil {
		content = []object{}
	}
	return object{
		"id": "msg_fake" + strconv.Itoa(a.messages), "type": "message", "role": "assistant", "model": a.model, "content": content,
		"stop_reason": nil, "stop_sequence": nil, "usage": object{"input_tokens": 100, "output_tokens": 1},
	}
}

// message emits one message of text blocks; body is called with a function
// that emits a block of one delta.
func (a *agent) message(body func(block func(text string))) {
	a.messages++
	a.stream(object{"type": "message_start", "message": a.messageFields()})
	index := 0
	body(func(text string) {
		a.openBlock(index)
		a.delta(index, text)
		a.closeBlock(index, text)
		index++
	})
	a.closeMessage("end_turn")
}

func (a *agent) openBlock(index int) {
	a.stream(object{"type": "content_block_start", "index": index, "content_block": object{"type": "text", "text": ""}})
}

func (a *agent) closeBlock(index int, text string) {
	a.said.WriteString(text)
	a.assistant(object{"type": "text", "text": text})
	a.stream(object{"type": "content_block_stop", "index": index})
}

func (a *agent) closeMessage(reason string) {
	a.stream(object{"type": "message_delta", "delta": object{"stop_reason": reason, "stop_sequence": nil}, "usage": object{"output_tokens": 42}})
	a.stream(object{"type": "message_stop"})
}

// delta emits one text delta without the cost of a JSON encoder, since floods
// shall measure the reader.
func (a *agent) delta(index int, text string) {
	quoted, _ := json.Marshal(text)
	a.raw(fmt.Appendf(nil, `{"type":"stream_event","event":{"type":"content_block_delta","index":%d,"delta":{"type":"text_delta","text":%s}},`+
		`"session_id":"%s","parent_tool_use_id":null,"uuid":"%s"}`+"\n", index, quoted, a.session, a.uuid()))
}

// deltas emits n deltas, each stamped with the time in nanoseconds since 1970
// and its number, and filled up to size bytes; rate 0 means no pause.
func (a *agent) deltas(n, rate, size int) {
	a.messages++
	a.stream(object{"type": "message_start", "message": a.messageFields()})
	begin := time.Now()
	var text strings.Builder
	for i := range n {
		if i%blockDeltas == 0 {
			a.openBlock(i / blockDeltas)
		}
		if rate > 0 {
			a.flush()
			time.Sleep(time.Until(begin.Add(time.Duration(i) * time.Second / time.Duration(rate))))
		}
		if a.interrupted.Load() {
			break
		}
		stamped := fmt.Sprintf("%d %d ", time.Now().UnixNano(), i)
		stamped += strings.Repeat("x", max(0, size-len(stamped)-1)) + " "
		text.WriteString(stamped)
		a.delta(i/blockDeltas, stamped)
		if i%blockDeltas == blockDeltas-1 || i == n-1 {
			a.closeBlock(i/blockDeltas, text.String())
			text.Reset()
		}
	}
	a.closeMessage("end_turn")
}

// environmentFrame tells what the process was started with.
func environmentFrame(args []string) object {
	env, fds := surroundings()
	return object{"type": "system", "subtype": "fake_env", "env": env, "fds": fds, "args": args}
}

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// inbound is what can come on standard input.
type inbound struct {
	Type      string `json:"type"`
	UUID      string `json:"uuid"`
	RequestID string `json:"request_id"`
	Request   struct {
		Subtype string  `json:"subtype"`
		Model   *string `json:"model"`
		Mode    string  `json:"mode"`
	} `json:"request"`
	Response struct {
		RequestID string          `json:"request_id"`
		Response  json.RawMessage `json:"response"`
	} `json:"response"`
	Message struct {
		Content json.RawMessage `json:"content"`
	} `json:"message"`
}

// readInput reads frames until the end of input, which also ends the prompts.
func (a *agent) readInput() {
	defer close(a.prompts)
	defer close(a.answers) // an ask that is open fails
	in := bufio.NewReaderSize(ledger(os.Stdin), 64<<10)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 1 {
			a.take(line)
		}
		if err != nil {
			return
		}
	}
}

// take acts on one frame. As with the real one, a malformed line is the end.
func (a *agent) take(line []byte) {
	var f inbound
	if err := json.Unmarshal(line, &f); err != nil {
		fmt.Fprintln(os.Stderr, "Error parsing streaming input line")
		os.Exit(1)
	}
	switch f.Type {
	case "control_request":
		a.control(f)
	case "control_response":
		a.answers <- f.Response.Response
	case "user":
		p := prompt{text: promptText(f.Message.Content), uuid: f.UUID}
		a.prompts <- p
		if strings.HasPrefix(p.text, "deaf") {
			select {} // never reads again
		}
	}
}

// control answers a control request.
func (a *agent) control(f inbound) {
	answer := object{}
	switch f.Request.Subtype {
	case "initialize":
		answer = object{
			"commands": []string{}, "agents": []string{}, "output_style": "default", "pid": os.Getpid(), "claude_code_version": "2.1.330",
			"models":  []object{{"value": "default", "displayName": "Default", "description": "the scripted model"}},
			"account": object{}, "current_permission_mode": a.mode, "session_state": "idle",
		}
	case "interrupt":
		a.interrupted.Store(true)
		select {
		case a.answers <- nil: // ends an ask that is open
		default:
		}
		answer = object{"still_queued": []string{}}
	case "set_model":
		if f.Request.Model != nil {
			a.model = *f.Request.Model
		}
		answer = object{"model": a.model}
	case "set_permission_mode":
		a.mode = f.Request.Mode
		answer = object{"mode": a.mode}
	}
	a.emit(object{"type": "control_response", "response": object{"subtype": "success", "request_id": f.RequestID, "response": answer}})
	a.flush()
}

// promptText returns the text of a prompt's content: a string, or blocks.
func promptText(content json.RawMessage) string {
	var text string
	if json.Unmarshal(content, &text) == nil {
		return text
	}
	var blocks []struct {
		Text string `json:"text"`
	}
	_ = json.Unmarshal(content, &blocks)
	for _, b := range blocks {
		text += b.Text
	}
	return text
}

// ask asks for a permission, waits for the answer, and tells what came of it.
func (a *agent) ask(tool, input string) {
	if !json.Valid([]byte(input)) {
		input = "{}"
	}
	for len(a.answers) > 0 {
		<-a.answers // of an interrupt that found no ask
	}
	a.asks++
	a.messages++
	id := "toolu_fake" + strconv.Itoa(a.asks)
	request := "ask-" + strconv.Itoa(a.asks)
	a.stream(object{"type": "message_start", "message": a.messageFields()})
	a.stream(object{"type": "content_block_start", "index": 0, "content_block": object{"type": "tool_use", "id": id, "name": tool, "input": object{}}})
	a.stream(object{"type": "content_block_delta", "index": 0, "delta": object{"type": "input_json_delta", "partial_json": input}})
	a.assistant(object{"type": "tool_use", "id": id, "name": tool, "input": json.RawMessage(input)})
	a.stream(object{"type": "content_block_stop", "index": 0})
	a.closeMessage("tool_use")
	a.emit(object{"type": "control_request", "request_id": request, "request": object{
		"subtype": "can_use_tool", "tool_name": tool, "display_name": tool, "input": json.RawMessage(input), "tool_use_id": id, "description": tool,
	}})
	a.flush()
	var answer struct {
		Behavior string `json:"behavior"`
		Message  string `json:"message"`
	}
	given := <-a.answers
	if given == nil {
		a.emit(object{"type": "control_cancel_request", "request_id": request})
	}
	_ = json.Unmarshal(given, &answer)
	content, failed := "done", false
	if answer.Behavior != "allow" {
		content, failed = answer.Message, true
	}
	a.emit(object{
		"type": "user", "session_id": a.session, "uuid": a.uuid(), "parent_tool_use_id": nil,
		"message": object{"role": "user", "content": []object{{"type": "tool_result", "tool_use_id": id, "content": content, "is_error": failed}}},
	})
}

// ledger copies what is read into the file FAKEAGENT_LEDGER, if one is named.
func ledger(from io.Reader) io.Reader {
	path := os.Getenv("FAKEAGENT_LEDGER")
	if path == "" {
		return from
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		fmt.Fprintln(os.Stderr, "cannot open the ledger:", err)
		os.Exit(2)
	}
	return io.TeeReader(from, f)
}

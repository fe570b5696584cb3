// Command toyagent is the smallest agent that speaks the Agent Client Protocol
// and does something: it repeats what it is told, and asked to touch a file it
// asks for permission, then makes it. docs/ADD-AN-AGENT.md adds it to Towline.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// message is any JSON-RPC message, as far as this agent looks at it.
type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params struct {
		Cwd    string `json:"cwd"`
		Prompt []struct {
			Text string `json:"text"`
		} `json:"prompt"`
	} `json:"params"`
	Result struct {
		Outcome struct {
			OptionID string `json:"optionId"`
		} `json:"outcome"`
	} `json:"result"`
}

type object = map[string]any

// toy is the agent's one session, and its open turn.
type toy struct {
	cwd string
	// prompt is the id of the prompt to answer; file is what it wants touched.
	prompt json.RawMessage
	file   string
}

func main() {
	var t toy
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var m message
		if err := json.Unmarshal(in.Bytes(), &m); err != nil {
			fmt.Fprintln(os.Stderr, "toyagent: a line is not JSON")
			continue
		}
		t.take(m)
	}
}

// take handles one message.
func (t *toy) take(m message) {
	switch m.Method {
	case "initialize":
		answer(m.ID, object{"protocolVersion": 1, "agentInfo": object{"name": "toy", "version": "1.0"}, "agentCapabilities": object{}})
	case "session/new":
		t.cwd = m.Params.Cwd
		answer(m.ID, object{"sessionId": "toy-1"})
	case "session/prompt":
		t.prompt = m.ID
		t.play(m.Params.Prompt[0].Text)
	case "session/cancel":
		t.end("cancelled")
	case "":
		t.decided(m.Result.Outcome.OptionID)
	default:
		send(object{"id": m.ID, "error": object{"code": -32601, "message": "method not found"}})
	}
}

// play answers a prompt: touch FILE, or anything else.
func (t *toy) play(text string) {
	file, ok := strings.CutPrefix(text, "touch ")
	if !ok {
		update(object{"sessionUpdate": "agent_message_chunk", "content": object{"type": "text", "text": "You said: " + text}})
		t.end("end_turn")
		return
	}
	t.file = filepath.Join(t.cwd, filepath.Base(file))
	call := object{"toolCallId": "call-1", "title": "Touch " + file, "kind": "edit", "status": "pending", "rawInput": object{"file": t.file}, "_meta": object{"toolName": "touch"}}
	options := []object{{"optionId": "yes", "name": "Yes", "kind": "allow_once"}, {"optionId": "no", "name": "No", "kind": "reject_once"}}
	send(object{"id": 1, "method": "session/request_permission", "params": object{"sessionId": "toy-1", "toolCall": call, "options": options}})
}

// decided goes on after the answer to the permission.
func (t *toy) decided(option string) {
	if t.prompt == nil || option != "yes" {
		t.end("end_turn")
		return
	}
	status := "completed"
	if err := os.WriteFile(t.file, nil, 0o600); err != nil {
		status = "failed"
	}
	update(object{"sessionUpdate": "tool_call_update", "toolCallId": "call-1", "status": status})
	t.end("end_turn")
}

// end answers the prompt, which ends the turn.
func (t *toy) end(reason string) {
	if t.prompt != nil {
		answer(t.prompt, object{"stopReason": reason})
	}
	t.prompt = nil
}

func update(u object) {
	send(object{"method": "session/update", "params": object{"sessionId": "toy-1", "update": u}})
}

func answer(id json.RawMessage, result object) { send(object{"id": id, "result": result}) }

// send writes one message as a line.
func send(m object) {
	m["jsonrpc"] = "2.0"
	b, err := json.Marshal(m)
	if err != nil {
		panic(err) // a message of our own making
	}
	fmt.Println(string(b))
}

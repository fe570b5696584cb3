package agenttest

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"
)

// Responses is a scripted server of the OpenAI Responses API on loopback, as
// much of it as Codex needs (codex PROTOCOL.md section 9). It plays the same
// scripts as Messages. It is safe for any number of agents at the same time,
// and closes itself when its test ends.
type Responses struct {
	url   string
	tools func(Do) Call
	book
}

// NewResponses starts a server.
func NewResponses(t T) *Responses {
	m := &Responses{tools: codexTool}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/responses", m.responses)
	m.url = serve(t, mux)
	return m
}

// NewCodexACPResponses is NewResponses for Codex's ACP adapter: commands ask to
// leave the sandbox.
func NewCodexACPResponses(t T) *Responses {
	m := NewResponses(t)
	m.tools = codexACPTool
	return m
}

// URL is the server's address, without the path /v1.
func (m *Responses) URL() string { return m.url }

// responsesBody is what matters of a request body.
type responsesBody struct {
	Model  string          `json:"model"`
	Stream bool            `json:"stream"`
	Input  []responsesItem `json:"input"`
}

// responsesItem is one item of the conversation: a message, a call, or what a
// call gave.
type responsesItem struct {
	Type    string           `json:"type"`
	Role    string           `json:"role"`
	Content responsesContent `json:"content"`
	Name    string           `json:"name"`
	CallID  string           `json:"call_id"`
	Output  responsesContent `json:"output"`
}

// responsesContent is the text of a list of parts, or a bare string.
type responsesContent string

// UnmarshalJSON reads a string or a list of parts.
func (c *responsesContent) UnmarshalJSON(b []byte) error {
	var text string
	if json.Unmarshal(b, &text) == nil {
		*c = responsesContent(text)
		return nil
	}
	var parts []struct {
		Text string `json:"text"`
	}
	if err := json.Unmarshal(b, &parts); err != nil {
		return err
	}
	texts := make([]string, len(parts))
	for i, p := range parts {
		texts[i] = p.Text
	}
	*c = responsesContent(strings.Join(texts, "\n"))
	return nil
}

// responses answers with the round that is due.
func (m *Responses) responses(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	var body responsesBody
	if err == nil {
		err = json.Unmarshal(raw, &body)
	}
	if err != nil {
		refuse(w, &Failure{Status: http.StatusBadRequest, Message: "cannot read the request: " + err.Error()})
		return
	}
	request := &Request{
		Method: r.Method, Path: r.URL.Path, Header: r.Header, Model: body.Model, Stream: body.Stream,
		Conversation: r.Header.Get("Thread-Id"), Body: raw,
	}
	request.place(responsesMessages(body.Input))
	m.record(request)
	if agent := spawned(body.Input); agent != "" {
		responsesAnswer{request: request, round: Play(waitFor(agent)), tools: m.tools}.stream(w, r, nil)
		return
	}
	script, round := m.due(request)
	answer := responsesAnswer{request: request, round: round, script: script, tools: m.tools}
	failure := script.failure(request)
	if failure != nil && !failure.Cut && !failure.InStream {
		refuse(w, failure.hinted())
		return
	}
	answer.stream(w, r, failure)
}

// hinted is the failure with the hint that goes with every limit of this API:
// without one Codex does not try again.
func (f *Failure) hinted() *Failure {
	hinted := *f
	if f.Status == http.StatusTooManyRequests && f.RetryAfter == 0 && f.Message == "" {
		hinted.RetryAfter = time.Second
		hinted.Message = "Rate limit reached. Please try again in 1s."
	}
	return &hinted
}

// responsesMessages puts the conversation into the words that scripts are
// placed by: what a tool gave is the user's side. That a subagent began is no
// part of it, because a script's subagent is one call, and two of Codex's.
func responsesMessages(input []responsesItem) []messagesMessage {
	spawns := map[string]bool{}
	messages := make([]messagesMessage, 0, len(input))
	for _, item := range input {
		switch item.Type {
		case "message":
			messages = append(messages, messagesMessage{Role: item.Role, Content: messagesContent{{Type: "text", Text: string(item.Content)}}})
		case "function_call", "custom_tool_call", "reasoning":
			spawns[item.CallID] = item.Name == spawnTool
			messages = append(messages, messagesMessage{Role: "assistant"})
		case "function_call_output", "custom_tool_call_output":
			if !spawns[item.CallID] {
				result := messagesBlock{Type: "tool_result", ToolUseID: item.CallID, Content: messagesContent{{Type: "text", Text: string(item.Output)}}}
				messages = append(messages, messagesMessage{Role: "user", Content: messagesContent{result}})
			}
		}
	}
	return messages
}

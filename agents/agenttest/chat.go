package agenttest

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// Chat is a scripted server of the Chat Completions API on loopback, as much
// of it as OpenCode needs (opencode PROTOCOL.md section 10). It plays the same
// scripts as Messages. It is safe for any number of agents at the same time,
// and closes itself when its test ends.
//
// Requests for a title or a summary are answered by themselves, with
// ChatTitle and ChatSummary: they repeat the prompt, and so its marker.
type Chat struct {
	url   string
	tools func(Do) Call
	book
}

// What requests for a title, and for a summary of the conversation, are
// answered with.
const (
	ChatTitle   = "A scripted title"
	ChatSummary = "A scripted summary."
)

// NewChat starts a server.
func NewChat(t T) *Chat {
	c := &Chat{tools: openCodeTool}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/chat/completions", c.completions)
	c.url = serve(t, mux)
	return c
}

// URL is the server's address, without the path /v1.
func (c *Chat) URL() string { return c.url }

// chatBody is what matters of a request body.
type chatBody struct {
	Model    string `json:"model"`
	Stream   bool   `json:"stream"`
	Messages []struct {
		Role       string          `json:"role"`
		Content    messagesContent `json:"content"`
		ToolCallID string          `json:"tool_call_id"`
	} `json:"messages"`
}

// completions answers with the round that is due.
func (c *Chat) completions(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	var body chatBody
	if err == nil {
		err = json.Unmarshal(raw, &body)
	}
	if err != nil {
		refuse(w, &Failure{Status: http.StatusBadRequest, Message: "cannot read the request: " + err.Error()})
		return
	}
	request := &Request{
		Method: r.Method, Path: r.URL.Path, Header: r.Header, Model: body.Model, Stream: body.Stream,
		Conversation: r.Header.Get("X-Session-Id"), Body: raw,
	}
	if round, ok := sideCall(body); ok {
		c.record(request)
		chatAnswer{request: request, round: round, tools: c.tools}.stream(w, r, nil)
		return
	}
	request.place(chatMessages(body))
	c.record(request)
	script, round := c.due(request)
	answer := chatAnswer{request: request, round: round, script: script, tools: c.tools}
	failure := script.failure(request)
	if failure != nil && !failure.Cut && !failure.InStream {
		// Left alone, OpenCode asks a broken model again for a minute.
		w.Header().Set("Retry-After-Ms", "100")
		refuse(w, failure)
		return
	}
	answer.stream(w, r, failure)
}

// sideCall returns the answer to a request that is no part of the
// conversation.
func sideCall(body chatBody) (Round, bool) {
	if len(body.Messages) == 0 || body.Messages[0].Role != "system" {
		return Round{}, false
	}
	system := body.Messages[0].Content.text()
	switch {
	case strings.HasPrefix(system, "You are a title generator"):
		return Play(Say(ChatTitle)), true
	case strings.HasPrefix(system, "You are a context summarization agent"), strings.Contains(system, "summarizing conversations"):
		return Play(Say(ChatSummary)), true
	}
	return Round{}, false
}

// chatMessages puts the conversation into the words that scripts are placed
// by: what a tool told is the user's side.
func chatMessages(body chatBody) []messagesMessage {
	messages := make([]messagesMessage, 0, len(body.Messages))
	for _, m := range body.Messages {
		one := messagesMessage{Role: m.Role, Content: m.Content}
		if m.Role == "tool" {
			one = messagesMessage{Role: "user", Content: messagesContent{{Type: "tool_result", ToolUseID: m.ToolCallID, Content: m.Content}}}
		}
		messages = append(messages, one)
	}
	return messages
}

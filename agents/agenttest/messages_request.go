package agenttest

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
)

// Request is one request that a model server got, as far as tests look at it.
type Request struct {
	Method, Path string
	Header       http.Header
	Model        string
	// Conversation is the agent's own name for its session, if it sends one.
	Conversation string
	// Stream tells whether the answer was to be a stream.
	Stream bool
	// Script and Round tell what answered; Script is empty for none.
	Script string
	Round  int
	// UserText is the text of the last message from the user, without tool
	// results.
	UserText string
	// ToolResults are those that came after the script's marker, in order.
	ToolResults []ToolResult
	// Body is the whole request.
	Body json.RawMessage
}

// ToolResult is what an agent told the model of a tool call.
type ToolResult struct {
	ID    string
	Text  string
	Error bool
}

// messagesBody is what matters of a request body of the Messages API.
type messagesBody struct {
	Model    string            `json:"model"`
	Stream   bool              `json:"stream"`
	Messages []messagesMessage `json:"messages"`
}

type messagesMessage struct {
	Role    string          `json:"role"`
	Content messagesContent `json:"content"`
}

// messagesContent is a list of blocks; a bare string is one text block.
type messagesContent []messagesBlock

type messagesBlock struct {
	Type      string          `json:"type"`
	Text      string          `json:"text"`
	ToolUseID string          `json:"tool_use_id"`
	Content   messagesContent `json:"content"`
	IsError   bool            `json:"is_error"`
}

// UnmarshalJSON reads a string or a list of blocks.
func (c *messagesContent) UnmarshalJSON(b []byte) error {
	var text string
	if json.Unmarshal(b, &text) == nil {
		*c = messagesContent{{Type: "text", Text: text}}
		return nil
	}
	return json.Unmarshal(b, (*[]messagesBlock)(c))
}

// text joins the text blocks.
func (c messagesContent) text() string {
	var texts []string
	for _, b := range c {
		if b.Type == "text" {
			texts = append(texts, b.Text)
		}
	}
	return strings.Join(texts, "\n")
}

// markerPattern finds markers in a prompt.
var markerPattern = regexp.MustCompile(`\[\[script:([^\[\]]+)\]\]`)

// place finds where a conversation stands: the last marker that the user sent
// names the script. The round is the number of times that the model has
// spoken since then and been answered by the user's side, so it does not
// matter how often a request is repeated, nor into how many messages tool
// results are cut. Messages of other roles lie in between and do not count.
func (r *Request) place(messages []messagesMessage) {
	spoken := false
	for _, m := range messages {
		switch m.Role {
		case "assistant":
			spoken = true
		case "user":
			if spoken {
				spoken = false
				r.Round++
			}
			r.takeResults(m.Content)
			r.UserText = m.Content.text()
			// An agent may repeat the prompt of a failed turn: the last
			// marker is the one that is meant.
			if found := markerPattern.FindAllStringSubmatch(r.UserText, -1); found != nil {
				r.Script, r.Round, r.ToolResults = found[len(found)-1][1], 0, nil
			}
		}
	}
}

// takeResults notes a message's tool results.
func (r *Request) takeResults(content messagesContent) {
	for _, b := range content {
		if b.Type == "tool_result" {
			r.ToolResults = append(r.ToolResults, ToolResult{ID: b.ToolUseID, Text: b.Content.text(), Error: b.IsError})
		}
	}
}

package codex

import (
	"encoding/json"

	"github.com/towline-dev/towline/protocol"
)

// nativeDelta is any of the delta notifications.
type nativeDelta struct {
	ThreadID     string `json:"threadId"`
	ItemID       string `json:"itemId"`
	Delta        string `json:"delta"`
	SummaryIndex int    `json:"summaryIndex"`
	ContentIndex int    `json:"contentIndex"`
}

// textDelta adds to a message, a plan or reasoning.
func (t *translator) textDelta(method string, params json.RawMessage, o *output) error {
	var d nativeDelta
	if json.Unmarshal(params, &d) != nil || d.ItemID == "" {
		return errShape
	}
	if d.Delta == "" {
		return nil
	}
	stub, key := nativeItem{Type: "reasoning", ID: d.ItemID}, streamKey{streamText, 0}
	switch method {
	case "item/reasoning/summaryTextDelta":
		key = streamKey{streamSummary, d.SummaryIndex}
	case "item/reasoning/textDelta":
		key = streamKey{streamContent, d.ContentIndex}
	default:
		stub.Type = "agentMessage"
	}
	it := t.streaming(d.ThreadID, d.ItemID, stub, o)
	if it == nil || it.Kind == protocol.KindToolCall {
		return nil
	}
	it.delta(it.stream(key), d.Delta, o)
	return nil
}

// reasoningTexts are the texts of a completed reasoning item.
func reasoningTexts(n nativeItem) []wholeText {
	var content []string
	_ = json.Unmarshal(n.Content, &content) // another shape has no text
	texts := make([]wholeText, 0, len(n.Summary)+len(content))
	for i, s := range n.Summary {
		texts = append(texts, wholeText{streamKey{streamSummary, i}, s})
	}
	for i, s := range content {
		texts = append(texts, wholeText{streamKey{streamContent, i}, s})
	}
	return texts
}

// userMessage takes what goes to the model as the user's: the echo of a
// prompt, which everyone knows, or the task of a subagent. Where it comes, the
// answer that was being written is dropped (PROTOCOL.md section 7).
func (t *translator) userMessage(th *thread, n nativeItem, o *output) {
	t.discard(th, o)
	if th == t.root && t.echo(n.ClientID) {
		return
	}
	it := &item{key: itemKey{th.id, n.ID}, Item: protocol.Item{Kind: protocol.KindMessage, Role: "user"}}
	t.open(it, th, o)
	t.complete(it, protocol.ItemDone, userParts(n.Content), o)
}

// userParts maps the inputs of a message back to parts.
func userParts(raw json.RawMessage) []protocol.Part {
	var inputs []struct {
		Type string `json:"type"`
		Text string `json:"text"`
		URL  string `json:"url"`
		Path string `json:"path"`
	}
	if json.Unmarshal(raw, &inputs) != nil {
		return nil
	}
	parts := make([]protocol.Part, 0, len(inputs))
	for _, in := range inputs {
		switch in.Type {
		case "text":
			parts = append(parts, protocol.TextPart(in.Text))
		case "image":
			parts = append(parts, imagePart(in.URL))
		case "localImage":
			parts = append(parts, protocol.Part{Type: protocol.PartImage, Path: in.Path})
		default:
			parts = append(parts, protocol.Part{Type: protocol.PartJSON, JSON: encode(in)})
		}
	}
	return parts
}

// serverStatus tells of an MCP server that did not start. It is told again
// whenever the server is tried, which says nothing new.
func (t *translator) serverStatus(params json.RawMessage, o *output) error {
	var p struct {
		Name   string `json:"name"`
		Status string `json:"status"`
		Error  string `json:"error"`
	}
	if json.Unmarshal(params, &p) != nil {
		return errShape
	}
	if p.Status != "failed" {
		delete(t.broken, p.Name)
		return nil
	}
	if t.broken[p.Name] != p.Error {
		t.broken[p.Name] = p.Error
		o.notice("warning", "mcp_failed", cleanLine("the MCP server "+p.Name+" did not start: "+p.Error), map[string]string{"server": p.Name})
	}
	return nil
}

// progress tells how far an MCP tool is.
func (t *translator) progress(params json.RawMessage, o *output) error {
	var p struct {
		ThreadID string `json:"threadId"`
		ItemID   string `json:"itemId"`
		Message  string `json:"message"`
	}
	if json.Unmarshal(params, &p) != nil {
		return errShape
	}
	if it := t.items[itemKey{p.ThreadID, p.ItemID}]; it != nil && !it.done && p.Message != "" {
		o.notice("info", "tool_progress", cleanLine(p.Message), map[string]string{"item_id": it.ID})
	}
	return nil
}

package codex

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/towline-dev/towline/protocol"
)

// mcpResult is what an MCP tool returned.
type mcpResult struct {
	Content    []json.RawMessage `json:"content"`
	Structured json.RawMessage   `json:"structuredContent"`
}

type mcpError struct {
	Message string `json:"message"`
}

// contentItem is a part of a dynamic tool's result.
type contentItem struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	ImageURL string `json:"imageUrl"`
}

// otherTool describes the calls that are neither commands nor patches.
func otherTool(n nativeItem, raw json.RawMessage) *protocol.Tool {
	switch n.Type {
	case "mcpToolCall":
		return &protocol.Tool{Name: n.Tool, Server: n.Server, Kind: protocol.ToolMCP, Title: cleanLine(n.Server + ": " + n.Tool), Input: orObject(n.Arguments)}
	case "collabAgentToolCall":
		return agentTool(n)
	case "webSearch":
		return &protocol.Tool{Name: "web_search", Kind: protocol.ToolFetch, Title: cleanLine("Search the web: " + n.Query), Input: encode(map[string]string{"query": n.Query})}
	case "imageView":
		return &protocol.Tool{Name: "view_image", Kind: protocol.ToolRead, Title: cleanLine("View " + n.Path), Input: encode(map[string]string{"path": n.Path})}
	default:
		return &protocol.Tool{Name: n.Tool, Kind: protocol.ToolOther, Title: cleanLine(n.Tool), Input: orObject(n.Arguments, raw)}
	}
}

// orObject returns the first value that is JSON, or an empty object.
func orObject(values ...json.RawMessage) json.RawMessage {
	for _, v := range values {
		if json.Valid(v) {
			return v
		}
	}
	return json.RawMessage("{}")
}

// mcpParts makes the parts of an MCP tool's result.
func mcpParts(n nativeItem) []protocol.Part {
	parts := []protocol.Part{}
	if n.Result != nil {
		for _, raw := range n.Result.Content {
			parts = append(parts, mcpPart(raw))
		}
		if s := n.Result.Structured; len(s) > 0 && string(s) != "null" {
			parts = append(parts, protocol.Part{Type: protocol.PartJSON, JSON: s})
		}
	}
	if n.Error != nil {
		parts = append(parts, protocol.TextPart(n.Error.Message))
	}
	return parts
}

// mcpPart maps one block of MCP content.
func mcpPart(raw json.RawMessage) protocol.Part {
	var b struct {
		Type string `json:"type"`
		Text string `json:"text"`
		Data []byte `json:"data"`
		Mime string `json:"mimeType"`
		URI  string `json:"uri"`
		Name string `json:"name"`
	}
	if json.Unmarshal(raw, &b) == nil {
		switch b.Type {
		case "text":
			return protocol.TextPart(b.Text)
		case "image":
			return protocol.Part{Type: protocol.PartImage, Mime: b.Mime, Data: b.Data}
		case "resource_link":
			return protocol.Part{Type: protocol.PartResourceLink, URL: b.URI, Name: b.Name}
		}
	}
	return protocol.Part{Type: protocol.PartJSON, JSON: raw}
}

// dynamicParts makes the parts of a dynamic tool's result.
func dynamicParts(n nativeItem) []protocol.Part {
	parts := make([]protocol.Part, 0, len(n.ContentItems))
	for _, c := range n.ContentItems {
		if c.ImageURL != "" {
			parts = append(parts, imagePart(c.ImageURL))
			continue
		}
		parts = append(parts, protocol.TextPart(c.Text))
	}
	return parts
}

// imagePart makes the part of an image that is in a data URL, or elsewhere.
func imagePart(url string) protocol.Part {
	mime, encoded, ok := strings.Cut(strings.TrimPrefix(url, "data:"), ";base64,")
	if data, err := base64.StdEncoding.DecodeString(encoded); ok && err == nil {
		return protocol.Part{Type: protocol.PartImage, Mime: mime, Data: data}
	}
	return protocol.Part{Type: protocol.PartImage, URL: url}
}

package protocol

import "encoding/json"

// ItemKind is what an item is.
type ItemKind string

// The kinds of items.
const (
	KindMessage   ItemKind = "message"
	KindReasoning ItemKind = "reasoning"
	KindToolCall  ItemKind = "tool_call"
	KindStatus    ItemKind = "status"
	KindUnknown   ItemKind = "unknown"
)

// ItemStatus is how far an item is. Every started item reaches one of the last
// four.
type ItemStatus string

// The states of an item.
const (
	ItemInProgress  ItemStatus = "in_progress"
	ItemDone        ItemStatus = "completed"
	ItemFailed      ItemStatus = "failed"
	ItemDeclined    ItemStatus = "declined"
	ItemInterrupted ItemStatus = "interrupted"
)

// Item is one thing in the conversation: a message, a piece of reasoning, or
// a tool call from its start to its result.
type Item struct {
	ID       string `json:"id"`
	NativeID string `json:"native_id,omitempty"`
	// ParentID is the tool call that this item happened inside (subagents).
	ParentID string     `json:"parent_id,omitempty"`
	Kind     ItemKind   `json:"kind"`
	Role     string     `json:"role,omitempty"`
	Status   ItemStatus `json:"status"`
	Content  []Part     `json:"content"`
	Tool     *Tool      `json:"tool,omitempty"`
}

// ToolKind is what a tool does to the world.
type ToolKind string

// The kinds of tools.
const (
	ToolRead    ToolKind = "read"
	ToolEdit    ToolKind = "edit"
	ToolDelete  ToolKind = "delete"
	ToolMove    ToolKind = "move"
	ToolSearch  ToolKind = "search"
	ToolExecute ToolKind = "execute"
	ToolFetch   ToolKind = "fetch"
	ToolThink   ToolKind = "think"
	ToolMCP     ToolKind = "mcp"
	ToolTask    ToolKind = "task"
	ToolOther   ToolKind = "other"
)

// Tool describes a tool call.
type Tool struct {
	// Name is the agent's own name of the tool.
	Name   string   `json:"name"`
	Kind   ToolKind `json:"kind"`
	Title  string   `json:"title"`
	CallID string   `json:"call_id,omitempty"`
	// Server is the MCP server, for tools that one provides.
	Server string `json:"server,omitempty"`
	// Input is the call's whole input; absent while it still streams, and
	// when InputBlob holds it.
	Input json.RawMessage `json:"input,omitempty"`
	// InputBlob holds an input of more than 64 KiB.
	InputBlob *Blob `json:"input_blob,omitempty"`
}

// PartType is what a content part is.
type PartType string

// The types of content parts.
const (
	PartText         PartType = "text"
	PartReasoning    PartType = "reasoning"
	PartJSON         PartType = "json"
	PartImage        PartType = "image"
	PartFile         PartType = "file"
	PartResourceLink PartType = "resource_link"
	PartDiff         PartType = "diff"
	PartCommand      PartType = "command"
	PartStatus       PartType = "status"
)

// Part is one piece of content. Type tells which fields are used; see
// docs/PROTOCOL.md for the table.
type Part struct {
	Type PartType `json:"type"`

	// Text is for text and reasoning.
	Text string `json:"text,omitempty"`
	// Visibility is for reasoning: public (meant to be shown) or private.
	Visibility string `json:"visibility,omitempty"`
	// Truncated tells that Text, Output or Unified holds only the first 8 KiB
	// of Blob, or that the agent itself cut it (then there is no Blob).
	Truncated bool `json:"truncated,omitempty"`

	// JSON is for json.
	JSON json.RawMessage `json:"json,omitempty"`

	// Mime is for image and file.
	Mime string `json:"mime,omitempty"`
	// Blob is the content's place on the server: GET .../blobs/{id}.
	Blob *Blob `json:"blob,omitempty"`
	// Path is for image, file and diff.
	Path string `json:"path,omitempty"`
	// URL is for image and resource_link.
	URL string `json:"url,omitempty"`
	// Name is for resource_link and file.
	Name string `json:"name,omitempty"`
	// Data is content that a client sends inline in a prompt (base64 in
	// JSON). The server replaces it by Blob; events never carry it.
	Data []byte `json:"data,omitempty"`

	// OldPath is for a diff that moves a file.
	OldPath string `json:"old_path,omitempty"`
	// Action is for diff: read, create, update, delete, move.
	Action string `json:"action,omitempty"`
	// Unified is the diff in unified format.
	Unified string `json:"unified,omitempty"`
	// Added and Removed count the lines of a diff.
	Added   int `json:"added,omitempty"`
	Removed int `json:"removed,omitempty"`

	// Command is the command line, for command.
	Command  string `json:"command,omitempty"`
	Cwd      string `json:"cwd,omitempty"`
	ExitCode *int   `json:"exit_code,omitempty"`
	Output   string `json:"output,omitempty"`

	// Label and Detail are for status.
	Label  string `json:"label,omitempty"`
	Detail string `json:"detail,omitempty"`
}

// Blob is a reference to content kept outside the events.
type Blob struct {
	ID     string `json:"id"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	Mime   string `json:"mime,omitempty"`
}

// TextPart returns a text part.
func TextPart(text string) Part { return Part{Type: PartText, Text: text} }

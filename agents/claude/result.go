package claude

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/towline-dev/towline/protocol"
)

// resultDetail is the structured result of a tool. On failure the CLI sends a
// plain string instead, and for subagents' tools nothing (section 7, edits).
type resultDetail struct {
	present bool

	// Of Bash.
	Stdout      *string `json:"stdout"`
	Stderr      string  `json:"stderr"`
	Interrupted bool    `json:"interrupted"`
	IsImage     bool    `json:"isImage"`
	Persisted   string  `json:"persistedOutputPath"`

	// Of Write, Edit and NotebookEdit.
	Type         string        `json:"type"`
	FilePath     string        `json:"filePath"`
	Content      jsonText      `json:"content"`
	OriginalFile *string       `json:"originalFile"`
	OldString    *string       `json:"oldString"`
	NewString    string        `json:"newString"`
	ReplaceAll   bool          `json:"replaceAll"`
	Edits        []replacement `json:"edits"`
	NotebookPath string        `json:"notebook_path"`
	OldSource    *string       `json:"old_source"`
	NewSource    *string       `json:"new_source"`

	// Of Read.
	File struct {
		FilePath string   `json:"filePath"`
		Content  jsonText `json:"content"`
	} `json:"file"`

	// Of Agent.
	AgentID string `json:"agentId"`

	// Of the to-do tools.
	Task         *nativeTask  `json:"task"`
	Tasks        []nativeTask `json:"tasks"`
	TaskID       string       `json:"taskId"`
	StatusChange struct {
		To string `json:"to"`
	} `json:"statusChange"`
	NewTodos []nativeTodo `json:"newTodos"`
}

// jsonText is a string, where another kind of value may stand as well.
type jsonText struct {
	text  string
	isSet bool
	raw   json.RawMessage
}

// UnmarshalJSON takes any value.
func (j *jsonText) UnmarshalJSON(b []byte) error {
	j.isSet = json.Unmarshal(b, &j.text) == nil && len(b) > 0 && b[0] == '"'
	j.raw = append(json.RawMessage{}, b...)
	return nil
}

// readDetail reads the structured result; one of another shape counts as none.
func readDetail(raw json.RawMessage) resultDetail {
	var d resultDetail
	if len(raw) == 0 || raw[0] != '{' || json.Unmarshal(raw, &d) != nil {
		return resultDetail{}
	}
	d.present = true
	return d
}

// content makes the parts of a completed call.
func (c *toolCall) content(r nativeResult, status protocol.ItemStatus, d resultDetail) []protocol.Part {
	parts := resultParts(r.Content)
	if status == protocol.ItemDone {
		if diff, ok := editDiff(d); ok {
			return []protocol.Part{diff}
		}
	}
	switch {
	case c.item.Tool.Kind == protocol.ToolExecute && status != protocol.ItemDeclined && !hasImage(parts):
		return []protocol.Part{c.commandPart(r, status, d, parts)}
	case d.File.FilePath != "" && d.File.Content.isSet:
		return []protocol.Part{{Type: protocol.PartFile, Path: d.File.FilePath}, protocol.TextPart(d.File.Content.text)}
	case d.AgentID != "":
		return reportParts(d.Content.raw, parts)
	default:
		return parts
	}
}

// noOutput is what the model reads of a command that printed nothing.
const noOutput = "(Bash completed with no output)"

// commandPart shows a command with its output. Of one that was interrupted the
// CLI may tell only a note to the model, which is no output.
func (c *toolCall) commandPart(r nativeResult, status protocol.ItemStatus, d resultDetail, parts []protocol.Part) protocol.Part {
	p := protocol.Part{Type: protocol.PartCommand, Command: readInput(c.input()).Command, Truncated: d.Persisted != ""}
	switch {
	case d.Stdout != nil:
		p.Output = joinOutput(*d.Stdout, d.Stderr)
	case status != protocol.ItemInterrupted:
		p.Output = strings.TrimPrefix(joinTexts(parts), noOutput)
	}
	if r.IsError {
		p.ExitCode, p.Output = exitCode(p.Output)
	}
	return p
}

// exitCode reads the code that the CLI puts before the output of a command
// that failed. Of one that succeeded the CLI tells none.
func exitCode(output string) (*int, string) {
	rest, ok := strings.CutPrefix(output, "Exit code ")
	if !ok {
		return nil, output
	}
	number, rest, _ := strings.Cut(rest, "\n")
	code, err := strconv.Atoi(strings.TrimSpace(number))
	if err != nil {
		return nil, output
	}
	return &code, rest
}

// joinOutput puts standard error behind standard output.
func joinOutput(stdout, stderr string) string {
	if stdout != "" && stderr != "" && !strings.HasSuffix(stdout, "\n") {
		stdout += "\n"
	}
	return stdout + stderr
}

// resultParts reads the content of a tool_result: a text or a list of blocks.
func resultParts(content json.RawMessage) []protocol.Part {
	var text string
	if json.Unmarshal(content, &text) == nil {
		return textParts("text", stripErrorTag(text))
	}
	var blocks []json.RawMessage
	if json.Unmarshal(content, &blocks) != nil {
		if len(content) == 0 {
			return nil
		}
		return []protocol.Part{{Type: protocol.PartJSON, JSON: content}}
	}
	parts := make([]protocol.Part, 0, len(blocks))
	for _, raw := range blocks {
		parts = append(parts, resultBlock(raw))
	}
	return parts
}

// resultBlock reads one block of a result.
func resultBlock(raw json.RawMessage) protocol.Part {
	var b struct {
		Type   string `json:"type"`
		Text   string `json:"text"`
		URI    string `json:"uri"`
		Name   string `json:"name"`
		Source struct {
			Type      string `json:"type"`
			MediaType string `json:"media_type"`
			Data      string `json:"data"`
			URL       string `json:"url"`
		} `json:"source"`
	}
	if json.Unmarshal(raw, &b) == nil {
		switch b.Type {
		case "text":
			return protocol.TextPart(stripErrorTag(b.Text))
		case "resource_link":
			return protocol.Part{Type: protocol.PartResourceLink, URL: b.URI, Name: b.Name}
		case "image":
			if b.Source.Type == "url" {
				return protocol.Part{Type: protocol.PartImage, URL: b.Source.URL}
			}
			if data, err := base64.StdEncoding.DecodeString(b.Source.Data); err == nil && len(data) > 0 {
				return protocol.Part{Type: protocol.PartImage, Mime: b.Source.MediaType, Data: data}
			}
		}
	}
	return protocol.Part{Type: protocol.PartJSON, JSON: raw}
}

// stripErrorTag takes off the tag that marks the CLI's own refusals.
func stripErrorTag(text string) string {
	inner, ok := strings.CutPrefix(text, "<tool_use_error>")
	if !ok {
		return text
	}
	return strings.TrimSuffix(inner, "</tool_use_error>")
}

// reportParts is a subagent's report without the notes that the CLI adds for
// the model.
func reportParts(raw json.RawMessage, otherwise []protocol.Part) []protocol.Part {
	var kept []protocol.Part
	for _, p := range resultParts(raw) {
		if p.Type != protocol.PartText || !strings.HasPrefix(p.Text, "<tools-used-before-summary>") {
			kept = append(kept, p)
		}
	}
	if len(kept) == 0 {
		return otherwise
	}
	return kept
}

func hasImage(parts []protocol.Part) bool {
	for _, p := range parts {
		if p.Type == protocol.PartImage {
			return true
		}
	}
	return false
}

func joinTexts(parts []protocol.Part) string {
	texts := make([]string, 0, len(parts))
	for _, p := range parts {
		if p.Type == protocol.PartText {
			texts = append(texts, p.Text)
		}
	}
	return strings.Join(texts, "\n")
}

package acp

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// parts makes the content of a completed call.
func (c *toolCall) parts(status protocol.ItemStatus, q *Quirks) []protocol.Part {
	if c.exact != nil && status == protocol.ItemDone {
		return []protocol.Part{*c.exact}
	}
	parts := []protocol.Part{}
	plain := true // no more than text
	for _, raw := range c.shown(status) {
		p, ok := c.contentPart(raw, q)
		if ok {
			plain = plain && p.Type == protocol.PartText
			parts = append(parts, p)
		}
	}
	switch {
	case c.kind == "execute" && plain && status != protocol.ItemDeclined:
		return []protocol.Part{c.commandPart(q)}
	case len(parts) == 0 && status != protocol.ItemDeclined:
		return c.rawParts()
	default:
		return parts
	}
}

// shown is the content that counts: the result, and for a call that was done
// the diff that was shown before it, if its result has none.
func (c *toolCall) shown(status protocol.ItemStatus) []json.RawMessage {
	isDiff := func(raw json.RawMessage) bool { return textAt(raw, "type") == "diff" }
	if status != protocol.ItemDone || slices.ContainsFunc(c.content, isDiff) {
		return c.content
	}
	shown := slices.Clone(c.content)
	for _, raw := range c.preview {
		if isDiff(raw) {
			shown = append(shown, raw)
		}
	}
	return shown
}

// rawParts shows the raw output of a call without content.
func (c *toolCall) rawParts() []protocol.Part {
	var text string
	switch {
	case absent(c.output):
		return []protocol.Part{}
	case json.Unmarshal(c.output, &text) != nil:
		return []protocol.Part{{Type: protocol.PartJSON, JSON: c.output}}
	case text == "":
		return []protocol.Part{}
	default:
		return []protocol.Part{protocol.TextPart(text)}
	}
}

// contentPart maps one element of a call's content; false for an empty one.
func (c *toolCall) contentPart(raw json.RawMessage, q *Quirks) (protocol.Part, bool) {
	var n toolContent
	if json.Unmarshal(raw, &n) != nil {
		return protocol.Part{Type: protocol.PartJSON, JSON: raw}, true
	}
	switch n.Type {
	case "diff":
		return c.diffPart(n), true
	case "content":
		var b contentBlock
		if json.Unmarshal(n.Content, &b) != nil {
			return protocol.Part{Type: protocol.PartJSON, JSON: n.Content}, true
		}
		if b.Type == "text" {
			b.Text = q.cleanText(b.Text)
			return part(b, n.Content), b.Text != ""
		}
		return part(b, n.Content), true
	default:
		return protocol.Part{Type: protocol.PartJSON, JSON: raw}, true
	}
}

// diffPart maps a diff. Agents write an empty old text for a new file, where
// the schema wants none, so both count as new. Some results carry a shorter
// path than the question before them, which knew the whole one.
func (c *toolCall) diffPart(n toolContent) protocol.Part {
	path := n.Path
	for _, whole := range c.paths {
		if !filepath.IsAbs(path) && strings.HasSuffix(whole, "/"+path) {
			path = whole
		}
	}
	before := ""
	if n.OldText != nil {
		before = *n.OldText
	}
	action := "update"
	switch {
	case n.Meta.Kind == "delete":
		action = "delete"
	case before == "":
		action = "create"
	}
	return agents.DiffPart(path, action, before, n.NewText)
}

// commandPart shows a command with its output.
func (c *toolCall) commandPart(q *Quirks) protocol.Part {
	p := protocol.Part{Type: protocol.PartCommand, Command: textAt(c.input, "command"), Cwd: textAt(c.input, "cwd")}
	if p.Command == "" {
		p.Command = c.title
	}
	p.ExitCode = c.exitCode(q)
	p.Output = c.resultText(q)
	var text string
	switch {
	case json.Unmarshal(c.output, &text) == nil:
		p.Output = q.cleanText(text)
	case len(q.Output) > 0 && textAt(c.output, q.Output...) != "":
		p.Output = textAt(c.output, q.Output...)
	case textAt(c.output, "output") != "":
		p.Output = textAt(c.output, "output")
	}
	if rest, ok := strings.CutPrefix(p.Output, q.ExitCodeAfter); ok && q.ExitCodeAfter != "" {
		_, p.Output, _ = strings.Cut(rest, "\n")
	}
	return p
}

// resultText is the text of the call's content.
func (c *toolCall) resultText(q *Quirks) string {
	var texts []string
	for _, raw := range c.content {
		if textAt(raw, "content", "type") == "text" {
			texts = append(texts, q.cleanText(textAt(raw, "content", "text")))
		}
	}
	return strings.Join(texts, "\n")
}

// exitCode is the command's exit code; nil if nothing tells it.
func (c *toolCall) exitCode(q *Quirks) *int {
	if c.kind != "execute" {
		return nil
	}
	var code int
	if len(q.ExitCode) > 0 {
		if raw := at(c.output, q.ExitCode...); !absent(raw) && json.Unmarshal(raw, &code) == nil {
			return &code
		}
	}
	if q.ExitCodeAfter == "" {
		return nil
	}
	_, after, ok := strings.Cut(c.resultText(q), q.ExitCodeAfter)
	if !ok {
		return nil
	}
	digits, _, _ := strings.Cut(after, "\n")
	code, err := strconv.Atoi(strings.TrimSpace(digits))
	if err != nil {
		return nil
	}
	return &code
}

// cleanText takes off what the agent puts around a result.
func (q *Quirks) cleanText(text string) string {
	if q.Unfence {
		text = unfence(text)
	}
	if q.NoOutput != "" && text == q.NoOutput {
		return ""
	}
	return text
}

// unfence takes a Markdown fence off a text that is nothing but one.
func unfence(text string) string {
	inner, ok := strings.CutPrefix(text, "```")
	if !ok {
		return text
	}
	_, inner, ok = strings.Cut(inner, "\n")
	if !ok || !strings.HasSuffix(inner, "```") {
		return text
	}
	return strings.TrimSuffix(strings.TrimSuffix(inner, "```"), "\n")
}

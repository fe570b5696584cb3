package amp

import (
	"encoding/json"
	"strings"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// toolOutput is what most tools return: JSON inside a text (section 3).
type toolOutput struct {
	Output   *string `json:"output"`
	ExitCode *int    `json:"exitCode"`
	Content  *string `json:"content"`
	Diff     string  `json:"diff"`
}

// toolResult completes one call, and withdraws what was asked about it: a
// prompt in the middle of the turn cancels the call, and the delegate's answer
// would be ignored (section 5).
func (t *translator) toolResult(b nativeBlock, o *output) {
	c := t.tools[b.ToolUseID]
	if c == nil {
		return // completed before, or of a turn that has ended
	}
	t.withdrawAsks(b.ToolUseID, o)
	text := resultText(b.Content)
	var out toolOutput
	_ = json.Unmarshal([]byte(text), &out) // a plain text has no fields
	status := c.status(b.IsError, text, out)
	t.completeTool(b.ToolUseID, status, c.content(text, out, status), o)
}

// resultText is the result's text; a newer CLI might send blocks.
func resultText(content json.RawMessage) string {
	var text string
	if json.Unmarshal(content, &text) == nil {
		return text
	}
	var blocks []nativeBlock
	_ = json.Unmarshal(content, &blocks) // what is neither has no text
	for _, b := range blocks {
		text += b.Text
	}
	return text
}

// status tells how a call ended. A command that fails is no error of its tool
// (section 3).
func (c *toolCall) status(isError bool, text string, out toolOutput) protocol.ItemStatus {
	switch {
	case c.declined && isError, strings.HasPrefix(text, "Tool execution rejected by user"):
		return protocol.ItemDeclined
	case strings.HasPrefix(text, "Tool execution cancelled"):
		return protocol.ItemInterrupted
	case isError, out.ExitCode != nil && *out.ExitCode != 0:
		return protocol.ItemFailed
	default:
		return protocol.ItemDone
	}
}

// content is what a call's result shows.
func (c *toolCall) content(text string, out toolOutput, status protocol.ItemStatus) []protocol.Part {
	in := readInput(c.item.Tool.Input)
	worked := status == protocol.ItemDone
	switch name := c.item.Tool.Name; {
	case c.item.Tool.Kind == protocol.ToolExecute && out.Output != nil:
		return []protocol.Part{{Type: protocol.PartCommand, Command: in.Command, Cwd: in.Cwd, ExitCode: out.ExitCode, Output: *out.Output}}
	case name == "edit_file" && worked && out.Diff != "":
		return []protocol.Part{agents.UnifiedPart(in.Path, "update", hunks(out.Diff))}
	case name == "create_file" && worked:
		return []protocol.Part{agents.DiffPart(in.Path, "create", "", in.Content), protocol.TextPart(text)}
	case out.Content != nil:
		return []protocol.Part{protocol.TextPart(*out.Content)}
	case text != "":
		return []protocol.Part{protocol.TextPart(text)}
	default:
		return nil
	}
}

// hunks takes the hunks out of a diff in a fence, with its header.
func hunks(fenced string) string {
	lines := strings.SplitAfter(fenced, "\n")
	from, to := len(lines), len(lines)
	for i, line := range lines {
		if from == len(lines) && strings.HasPrefix(line, "@@") {
			from = i
		}
		if i > from && strings.TrimSpace(line) == "```" {
			to = i
			break
		}
	}
	return strings.Join(lines[from:to], "")
}

// preview shows what a call would do to a file, for its permission: of an edit
// the piece alone, because the file is not at hand.
func preview(tool *protocol.Tool) *protocol.Part {
	in := readInput(tool.Input)
	var p protocol.Part
	switch tool.Name {
	case "create_file":
		p = agents.DiffPart(in.Path, "update", "", in.Content)
	case "edit_file":
		p = agents.DiffPart(in.Path, "update", in.Old, in.New)
	default:
		return nil
	}
	return &p
}

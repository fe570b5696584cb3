package agenttest

import (
	"fmt"
)

// NewQwenChat is NewChat for Qwen Code: tool calls are in its words.
func NewQwenChat(t T) *Chat {
	c := NewChat(t)
	c.tools = qwenTool
	return c
}

// qwenTool puts a tool call into the words of Qwen Code (acp PROTOCOL.md
// section 7).
func qwenTool(d Do) Call {
	switch d.Kind {
	case "execute":
		return Call{"run_shell_command", object{"command": d.Command, "is_background": false, "description": "Run a scripted command"}}
	case "read":
		return Call{"read_file", object{"file_path": d.Path}}
	case "write":
		return Call{"write_file", object{"file_path": d.Path, "content": d.Content}}
	case "edit":
		return Call{"edit", object{"file_path": d.Path, "old_string": d.Old, "new_string": d.New}}
	case "todo":
		todos := make([]object, len(d.Options))
		for i, text := range d.Options {
			status := "pending"
			if i == 0 {
				status = "in_progress"
			}
			todos[i] = object{"id": fmt.Sprint(i), "content": text, "status": status}
		}
		return Call{"todo_write", object{"todos": todos}}
	case "mcp":
		return Call{"mcp__" + d.Server + "__" + d.Tool, d.Input}
	}
	panic(fmt.Sprintf("no tool of Qwen Code does %q", d.Kind))
}

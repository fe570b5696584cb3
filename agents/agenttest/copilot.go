package agenttest

import "fmt"

// NewCopilotChat is NewChat for the GitHub Copilot CLI: tool calls are in its
// words.
func NewCopilotChat(t T) *Chat {
	c := NewChat(t)
	c.tools = copilotTool
	return c
}

// copilotTool puts a tool call into the words of the Copilot CLI 1.0.102.
func copilotTool(d Do) Call {
	switch d.Kind {
	case "execute":
		return Call{"bash", object{"command": d.Command, "description": "Run a scripted command"}}
	case "read":
		return Call{"view", object{"path": d.Path}}
	case "write":
		return Call{"create", object{"path": d.Path, "file_text": d.Content}}
	case "edit":
		return Call{"edit", object{"path": d.Path, "old_str": d.Old, "new_str": d.New}}
	case "mcp":
		return Call{d.Server + "-" + d.Tool, d.Input}
	}
	panic(fmt.Sprintf("no tool of Copilot does %q", d.Kind))
}

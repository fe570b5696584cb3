package agenttest

import "fmt"

// openCodeTool puts a tool call into the words of OpenCode (opencode
// PROTOCOL.md section 6). It has no tool that ends a plan.
func openCodeTool(d Do) Call {
	switch d.Kind {
	case "execute":
		return Call{"bash", object{"command": d.Command, "description": "Run a scripted command"}}
	case "read":
		return Call{"read", object{"filePath": d.Path}}
	case "write":
		return Call{"write", object{"filePath": d.Path, "content": d.Content}}
	case "edit":
		return Call{"edit", object{"filePath": d.Path, "oldString": d.Old, "newString": d.New}}
	case "fetch":
		return Call{"webfetch", object{"url": d.URL, "format": "text"}}
	case "ask":
		options := make([]object, len(d.Options))
		for i, label := range d.Options {
			options[i] = object{"label": label, "description": "Choose " + label}
		}
		return Call{"question", object{"questions": []object{{"question": d.Text, "header": "Choice", "options": options}}}}
	case "plan":
		return Call{"plan_exit", object{}}
	case "todo":
		todos := make([]object, len(d.Options))
		for i, text := range d.Options {
			status := "pending"
			if i == 0 {
				status = "in_progress"
			}
			todos[i] = object{"content": text, "status": status, "priority": "medium"}
		}
		return Call{"todowrite", object{"todos": todos}}
	case "subagent":
		return Call{"task", object{"description": "Scripted task", "prompt": d.Text, "subagent_type": "general"}}
	case "mcp":
		return Call{d.Server + "_" + d.Tool, d.Input}
	}
	panic(fmt.Sprintf("no tool of OpenCode does %q", d.Kind))
}

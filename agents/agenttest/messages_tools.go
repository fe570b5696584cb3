package agenttest

import "fmt"

// claudeTool puts a tool call into the words of the Claude Code CLI. Tools
// that are not in a request's list can be called all the same (PROTOCOL.md
// section 9). todo needs TodoWrite to be on (section 2).
func claudeTool(d Do) Call {
	switch d.Kind {
	case "execute":
		return Call{"Bash", object{"command": d.Command, "description": "Run a scripted command"}}
	case "read":
		return Call{"Read", object{"file_path": d.Path}}
	case "write":
		return Call{"Write", object{"file_path": d.Path, "content": d.Content}}
	case "edit":
		return Call{"Edit", object{"file_path": d.Path, "old_string": d.Old, "new_string": d.New}}
	case "fetch":
		return Call{"WebFetch", object{"url": d.URL, "prompt": "Read it"}}
	case "ask":
		options := make([]object, len(d.Options))
		for i, label := range d.Options {
			options[i] = object{"label": label, "description": "Choose " + label}
		}
		return Call{"AskUserQuestion", object{"questions": []object{{
			"question": d.Text, "header": "Choice", "multiSelect": false, "options": options,
		}}}}
	case "plan":
		return Call{"ExitPlanMode", object{"plan": d.Text}}
	case "todo":
		todos := make([]object, len(d.Options))
		for i, text := range d.Options {
			status := "pending"
			if i == 0 {
				status = "in_progress"
			}
			todos[i] = object{"content": text, "activeForm": text, "status": status}
		}
		return Call{"TodoWrite", object{"todos": todos}}
	case "subagent":
		// Left alone, the CLI would run it in the background and go on.
		return Call{"Agent", object{
			"description": "Scripted task", "prompt": d.Text, "subagent_type": "general-purpose", "run_in_background": false,
		}}
	case "mcp":
		return Call{"mcp__" + d.Server + "__" + d.Tool, d.Input}
	}
	panic(fmt.Sprintf("no tool of the Claude Code CLI does %q", d.Kind))
}

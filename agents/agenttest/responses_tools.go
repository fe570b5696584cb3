package agenttest

import (
	"encoding/json"
	"fmt"
	"strings"
)

// The tools for subagents are in a namespace, which stands before a slash.
const (
	agentsSpace = "multi_agent_v1/"
	spawnTool   = "spawn_agent"
	waitTool    = "wait_agent"
)

// commandTool runs a command.
const commandTool = "exec_command"

// commandWait is how long Codex waits for a command before it leaves it in the
// background, in milliseconds.
const commandWait = 20_000

// codexTool puts a tool call into the words of Codex (codex PROTOCOL.md section
// 9). An input that is a text is one of a freeform tool. It reads by running a
// command, and no tool of it ends a plan or fetches. What an edit replaces
// must be whole lines.
func codexTool(d Do) Call {
	switch d.Kind {
	case "execute":
		return shell(d.Command)
	case "read":
		return shell("cat " + d.Path)
	case "write":
		return patch("*** Add File: "+d.Path, "+", d.Content, "")
	case "edit":
		return patch("*** Update File: "+d.Path+"\n@@", "-", d.Old, d.New)
	case "ask":
		options := make([]object, len(d.Options))
		for i, label := range d.Options {
			options[i] = object{"label": label, "description": "Choose " + label}
		}
		return Call{"request_user_input", object{"questions": []object{{
			"id": "choice", "header": "Choice", "question": d.Text, "options": options,
		}}}}
	case "todo":
		steps := make([]object, len(d.Options))
		for i, text := range d.Options {
			status := "pending"
			if i == 0 {
				status = "in_progress"
			}
			steps[i] = object{"step": text, "status": status}
		}
		return Call{"update_plan", object{"plan": steps}}
	case "subagent":
		return Call{agentsSpace + spawnTool, object{"message": d.Text}}
	case "mcp":
		return Call{"mcp__" + d.Server + "/" + d.Tool, d.Input}
	}
	panic(fmt.Sprintf("no tool of Codex does %q", d.Kind))
}

// shell runs a command. Without login:false each command starts a login shell.
func shell(command string) Call {
	return Call{commandTool, object{"cmd": command, "login": false, "yield_time_ms": commandWait}}
}

// codexACPTool is codexTool for Codex's ACP adapter, whose Codex asks for no
// command but those that want to leave its sandbox.
func codexACPTool(d Do) Call {
	c := codexTool(d)
	if input, is := c.Input.(object); is && c.Name == commandTool {
		input["sandbox_permissions"], input["justification"] = "require_escalated", "scripted"
	}
	return c
}

// patch is a patch of one file: text with a sign before each line, and then
// the lines that are added.
func patch(head, sign, text, added string) Call {
	var b strings.Builder
	b.WriteString("*** Begin Patch\n" + head + "\n")
	for line := range strings.Lines(text) {
		b.WriteString(sign + strings.TrimSuffix(line, "\n") + "\n")
	}
	for line := range strings.Lines(added) {
		b.WriteString("+" + strings.TrimSuffix(line, "\n") + "\n")
	}
	return Call{"apply_patch", b.String() + "*** End Patch\n"}
}

// spawned returns the subagent that began last, if the model has not waited
// for it; else nothing.
func spawned(input []responsesItem) string {
	if len(input) == 0 {
		return ""
	}
	last := input[len(input)-1]
	for _, item := range input {
		if item.Type != "function_call" || item.Name != spawnTool || item.CallID != last.CallID {
			continue
		}
		var made struct {
			ID string `json:"agent_id"`
		}
		if json.Unmarshal([]byte(last.Output), &made) == nil {
			return made.ID
		}
	}
	return ""
}

// waitFor waits for a subagent, which runs beside the one that began it.
func waitFor(agent string) Block {
	return Use(agentsSpace+waitTool, object{"targets": []string{agent}, "timeout_ms": 30_000})
}

package agenttest

import "github.com/towline-dev/towline/protocol"

// act is a tool call.
func act(d Do) Block { return Block{Do: &d} }

// called is a tool call that ended so.
func called(kind protocol.ToolKind, status protocol.ItemStatus) Want {
	return Want{protocol.TypeItemCompleted, map[string]string{
		"item.kind": "tool_call", "item.tool.kind": string(kind), "item.status": string(status),
	}}
}

// toolScenarios are turns in which the agent works.
func toolScenarios() []Scenario {
	done := protocol.OutcomeCompleted
	return []Scenario{
		{
			Name: "tool", Proves: []string{"tool_calls"}, Allow: true,
			Files: map[string]string{"note.txt": "the text of the note\n"},
			Scripts: map[string][]Round{"main": {
				Play(Say("I read."), act(Do{Kind: "read", Path: "note.txt"})),
				Play(Say("I have read.")),
			}},
			Steps: []Step{prompt("main"), awaitEnd(done)},
			Wants: []Want{
				{protocol.TypeItemStarted, map[string]string{"item.kind": "tool_call"}},
				called(protocol.ToolRead, protocol.ItemDone), said("I have read."), ended(done),
			},
			ModelSaw: []string{"the text of the note"},
		},
		{
			Name: "command_output", Proves: []string{"command_output"}, Allow: true,
			Scripts: map[string][]Round{"main": {
				Play(act(Do{Kind: "execute", Command: "touch ran; echo answer-$((40+2))"})),
				Play(Say("It ran.")),
			}},
			Steps: []Step{prompt("main"), awaitEnd(done)},
			Wants: []Want{
				{protocol.TypeItemCompleted, map[string]string{
					"item.tool.kind": "execute", "item.status": "completed",
					"item.content.*.type": "command", "item.content.*.output": "~answer-42",
				}},
				ended(done),
			},
			ModelSaw: []string{"answer-42"},
		},
		{
			Name: "edit", Proves: []string{"diffs"}, Allow: true,
			Files: map[string]string{"list.txt": "one\n\ttwo\nthree\n"},
			Scripts: map[string][]Round{"main": {
				Play(act(Do{Kind: "read", Path: "list.txt"})),
				Play(act(Do{Kind: "edit", Path: "list.txt", Old: "\ttwo", New: "\tzwei"})),
				Play(Say("Edited.")),
			}},
			Steps: []Step{prompt("main"), awaitEnd(done)},
			Wants: []Want{
				{protocol.TypeItemCompleted, map[string]string{
					"item.tool.kind": "edit", "item.content.*.type": "diff", "item.content.*.path": "~list.txt",
					"item.content.*.unified": "~-\ttwo\n+\tzwei\n", "item.content.*.added": "1", "item.content.*.removed": "1",
				}},
				ended(done),
			},
			After: map[string]string{"list.txt": "one\n\tzwei\nthree\n"},
		},
		{
			Name: "create", Proves: []string{"diffs"}, Allow: true,
			Scripts: map[string][]Round{"main": {
				Play(act(Do{Kind: "write", Path: "new.txt", Content: "first line\n"})),
				Play(Say("Written.")),
			}},
			Steps: []Step{prompt("main"), awaitEnd(done)},
			Wants: []Want{
				{protocol.TypeItemCompleted, map[string]string{
					"item.tool.kind": "edit", "item.content.*.action": "create", "item.content.*.unified": "~+first line",
				}},
				ended(done),
			},
			After: map[string]string{"new.txt": "first line\n"},
		},
		{
			Name: "plan", Proves: []string{"plan"},
			Scripts: map[string][]Round{"main": {
				Play(act(Do{Kind: "todo", Options: []string{"Look around", "Act"}})),
				Play(Say("Planned.")),
			}},
			Steps: []Step{prompt("main"), awaitEnd(done)},
			Wants: []Want{
				{protocol.TypePlanUpdated, map[string]string{
					"entries.0.text": "Look around", "entries.0.status": "in_progress", "entries.1.text": "Act", "entries.1.status": "pending",
				}},
				ended(done),
			},
		},
		{
			Name: "subagent", Proves: []string{"subagents"}, Allow: true,
			Scripts: map[string][]Round{
				"main": {
					Play(act(Do{Kind: "subagent", Text: "Run it. " + Marker("sub")})),
					Play(Say("The subagent is done.")),
				},
				"sub": {
					Play(act(Do{Kind: "execute", Command: "touch by-subagent; echo inner"})),
					Play(Say("Reported.")),
				},
			},
			Steps: []Step{prompt("main"), {Kind: StepAwait, Await: said("The subagent is done.")}, awaitEnd(done)},
			Wants: []Want{
				{protocol.TypeItemStarted, map[string]string{"item.tool.kind": "task"}},
				{protocol.TypeItemStarted, map[string]string{"item.tool.kind": "execute", "item.parent_id": "?"}},
				said("The subagent is done."), ended(done),
			},
		},
	}
}

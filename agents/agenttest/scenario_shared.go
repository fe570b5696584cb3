package agenttest

import "github.com/towline-dev/towline/protocol"

// sharedScenarios are about what stands beside a session: servers for tools
// that it brings, and other sessions.
func sharedScenarios() []Scenario {
	done := protocol.OutcomeCompleted
	call := Do{Kind: "mcp", Server: "sums", Tool: "add", Input: object{"a": 40, "b": 2}}
	sum := map[string][]Round{"main": {Play(act(call)), Play(Say("Added."))}}
	asks := Want{protocol.TypePermissionRequested, map[string]string{"permission.kind": "mcp", "permission.tool.server": "sums"}}
	added := Want{protocol.TypeItemCompleted, map[string]string{
		"item.tool.kind": "mcp", "item.tool.server": "sums", "item.status": "completed", "item.content.*.text": "~sum=42",
	}}
	return []Scenario{
		{
			Name: "mcp", Proves: []string{"mcp"}, Sums: true, Allow: true, Scripts: sum,
			Steps:    []Step{prompt("main"), awaitEnd(done)},
			Wants:    []Want{added, said("Added."), ended(done)},
			ModelSaw: []string{"sum=42"},
		},
		{
			Name: "mcp_ask", Proves: []string{"mcp", "permissions"}, Sums: true, Scripts: sum,
			Steps: []Step{prompt("main"), {Kind: StepAwait, Await: asks}, {Kind: StepDecide, Decision: protocol.Allow}, awaitEnd(done)},
			Wants: []Want{asks, added, ended(done)},
			Also:  []Want{decided(protocol.Allow)},
		},
		{
			Name: "one_process", Proves: []string{"shared_process"},
			Scripts: map[string][]Round{"main": {Play(Say("This is the first."))}, "next": {Play(Say("This is the second."))}},
			Steps: []Step{
				prompt("main"),
				{Kind: StepAwait, Await: said("This is the first.")},
				awaitEnd(done),
				{Kind: StepBeside},
				prompt("next"), awaitEnd(done),
				{Kind: StepOneProcess},
			},
			Wants: []Want{said("This is the second."), ended(done)},
			Never: []Want{said("This is the first.")},
		},
	}
}

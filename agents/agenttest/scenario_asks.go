package agenttest

import "github.com/towline-dev/towline/protocol"

// asked is a permission that waits.
func asked(kind protocol.PermissionKind) Want {
	return Want{protocol.TypePermissionRequested, map[string]string{
		"permission.kind": string(kind), "permission.options.*.decision": "allow",
	}}
}

// decided is a permission's end by a client.
func decided(d protocol.Decision) Want {
	return Want{protocol.TypePermissionResolved, map[string]string{
		"outcome": "decided", "decision": string(d), "by.kind": "client", "delivered": "true",
	}}
}

// writes is a command that makes a file and is never allowed without asking.
func writes(name string) Block {
	return act(Do{Kind: "execute", Command: "echo yes >" + name + " && echo wrote-" + name})
}

// oneCommand is a script that runs one command.
func oneCommand(name string) map[string][]Round {
	return map[string][]Round{"main": {Play(writes(name)), Play(Say("That was it."))}}
}

// awaitCommand waits for the permission to run a command.
func awaitCommand() Step { return Step{Kind: StepAwait, Await: asked(protocol.PermitCommand)} }

// askScenarios are turns in which the agent waits for a human.
func askScenarios() []Scenario {
	return append(permissionScenarios(), questionScenarios()...)
}

func permissionScenarios() []Scenario {
	done := protocol.OutcomeCompleted
	allowed := called(protocol.ToolExecute, protocol.ItemDone)
	copies := act(Do{Kind: "execute", Command: "cp seed same"})
	return []Scenario{
		{
			Name: "ask_allow", Proves: []string{"permissions"}, Scripts: oneCommand("allowed"),
			Steps:    []Step{prompt("main"), awaitCommand(), {Kind: StepDecide, Decision: protocol.Allow}, awaitEnd(done)},
			Wants:    []Want{asked(protocol.PermitCommand), allowed, ended(done)},
			Also:     []Want{decided(protocol.Allow)},
			ModelSaw: []string{"wrote-allowed"},
			After:    map[string]string{"allowed": "yes\n"},
		},
		{
			Name: "ask_deny", Proves: []string{"permissions"}, Scripts: oneCommand("denied"),
			Steps: []Step{prompt("main"), awaitCommand(), {Kind: StepDecide, Decision: protocol.Deny}, {Kind: StepAwait, Await: Want{Type: protocol.TypeTurnEnded}}},
			Wants: []Want{
				asked(protocol.PermitCommand),
				called(protocol.ToolExecute, protocol.ItemDeclined),
				{Type: protocol.TypeTurnEnded},
			},
			Also:  []Want{decided(protocol.Deny)},
			After: map[string]string{"denied": ""},
		},
		{
			Name: "ask_deny_message", Proves: []string{"permissions", "deny_message"}, Scripts: oneCommand("denied"),
			Steps: []Step{
				prompt("main"), awaitCommand(),
				{Kind: StepDecide, Decision: protocol.Deny, Message: "rather use the other folder"},
				awaitEnd(done),
			},
			Wants:    []Want{said("That was it."), ended(done)},
			Also:     []Want{decided(protocol.Deny)},
			ModelSaw: []string{"rather use the other folder"},
			After:    map[string]string{"denied": ""},
		},
		{
			Name: "ask_edited_input", Proves: []string{"permissions", "edited_input"}, Scripts: oneCommand("planned"),
			Steps: []Step{
				prompt("main"), awaitCommand(),
				{Kind: StepDecide, Decision: protocol.Allow, Command: "echo edited >other && echo ran-edited"},
				awaitEnd(done),
			},
			Wants: []Want{
				{protocol.TypePermissionRequested, map[string]string{"permission.editable": "true"}},
				{protocol.TypePermissionResolved, map[string]string{"decision": "allow", "input_edited": "true"}},
				ended(done),
			},
			ModelSaw: []string{"ran-edited"},
			After:    map[string]string{"planned": "", "other": "edited\n"},
		},
		{
			Name: "ask_always", Proves: []string{"permissions", "always"},
			Files: map[string]string{"seed": "yes\n"},
			// Not a redirection: for one of those an agent may have no rule
			// that covers it.
			Scripts: map[string][]Round{"main": {Play(copies), Play(copies), Play(Say("Twice."))}},
			Steps: []Step{
				prompt("main"), awaitCommand(),
				{Kind: StepDecide, Decision: protocol.Allow, Scope: protocol.ScopeSession},
				awaitEnd(done),
			},
			// The second call is not asked for: with one decision the turn ends.
			Wants: []Want{allowed, allowed, said("Twice."), ended(done)},
			Also:  []Want{decided(protocol.Allow)},
			After: map[string]string{"same": "yes\n"},
		},
	}
}

func questionScenarios() []Scenario {
	done := protocol.OutcomeCompleted
	question := map[string][]Round{"main": {
		Play(act(Do{Kind: "ask", Text: "Which colour?", Options: []string{"Red", "Blue"}})),
		Play(Say("So be it.")),
	}}
	approval := map[string][]Round{"main": {
		Play(act(Do{Kind: "plan", Text: "1. Look. 2. Act."})), Play(Say("The plan was decided.")),
	}}
	plan := asked(protocol.PermitPlan)
	return []Scenario{
		{
			Name: "question", Proves: []string{"questions"}, Scripts: question,
			Steps: []Step{
				prompt("main"),
				{Kind: StepAwait, Await: Want{Type: protocol.TypeQuestionRequested}},
				{Kind: StepAnswer, Answers: [][]string{{"Blue"}}},
				awaitEnd(done),
			},
			Wants: []Want{
				{protocol.TypeQuestionRequested, map[string]string{
					"question.questions.0.text": "Which colour?", "question.questions.0.options.1.label": "Blue",
				}},
				{protocol.TypeQuestionResolved, map[string]string{"outcome": "answered", "answers.0.0": "Blue"}},
				ended(done),
			},
			ModelSaw: []string{"Blue"},
		},
		{
			Name: "plan_approved", Proves: []string{"plan_mode", "permissions"}, PlanMode: true, Scripts: approval,
			Steps: []Step{prompt("main"), {Kind: StepAwait, Await: plan}, {Kind: StepDecide, Decision: protocol.Allow}, awaitEnd(done)},
			Wants: []Want{plan, said("The plan was decided."), ended(done)},
			Also:  []Want{decided(protocol.Allow)},
		},
		{
			Name: "plan_revised", Proves: []string{"plan_mode", "permissions", "deny_message"}, PlanMode: true, Scripts: approval,
			Steps: []Step{
				prompt("main"),
				{Kind: StepAwait, Await: plan},
				{Kind: StepDecide, Decision: protocol.Deny, Message: "look twice before acting"},
				awaitEnd(done),
			},
			Wants:    []Want{plan, said("The plan was decided."), ended(done)},
			Also:     []Want{decided(protocol.Deny)},
			ModelSaw: []string{"look twice before acting"},
		},
	}
}

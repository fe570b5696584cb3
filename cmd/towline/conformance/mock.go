package conformance

import (
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/mock"
	"github.com/towline-dev/towline/protocol"
)

// mockAgent drives the mock agent. It has no model behind it: the first word of
// a prompt is its script, so it has scenarios of its own.
func mockAgent() Adapter {
	return Adapter{
		Name:  "mock",
		About: "scripted, without a model, for work on clients",
		New:   func() agents.Agent { return mock.New(mock.Options{}) },
		Place: func(t agenttest.T, _ *agents.Locator) *Place {
			return &Place{Agent: mock.New(mock.Options{Pace: time.Millisecond}), Dir: t.TempDir()}
		},
		Scenarios: mockScenarios(),
	}
}

// fields are the values of an event that are wanted.
type fields = map[string]string

// prompts is a prompt to the mock.
func prompts(text string) agenttest.Step {
	return agenttest.Step{Kind: agenttest.StepPrompt, Text: text}
}

// awaits waits for an event.
func awaits(kind protocol.EventType, has fields) agenttest.Step {
	return agenttest.Step{Kind: agenttest.StepAwait, Await: want(kind, has)}
}

// want is an event that is wanted.
func want(kind protocol.EventType, has fields) agenttest.Want {
	return agenttest.Want{Type: kind, Has: has}
}

// said is a whole message that holds the text.
func said(text string) agenttest.Want {
	return want(protocol.TypeItemCompleted, fields{"item.kind": "message", "item.content.*.text": "~" + text})
}

// ends waits for a turn's end.
func ends(outcome protocol.Outcome) agenttest.Step {
	return awaits(protocol.TypeTurnEnded, fields{"outcome": string(outcome)})
}

// one is a scenario of one prompt whose turn completes.
func one(name, proves, text string, wants ...agenttest.Want) agenttest.Scenario {
	return agenttest.Scenario{
		Name: name, Proves: []string{proves}, Allow: true,
		Steps: []agenttest.Step{prompts(text), ends(protocol.OutcomeCompleted)},
		Wants: wants,
	}
}

// mockScenarios are what the mock is tested with.
func mockScenarios() []agenttest.Scenario {
	done := protocol.TypeItemCompleted
	hello := one("text", "streaming", "reply Hello, in pieces.", want(protocol.TypeItemDelta, fields{"kind": "text"}), said("Hello, in pieces."))
	hello.Proves = []string{"streaming", "usage", "cost"}
	hello.Wants = append(hello.Wants, want(protocol.TypeTurnEnded, fields{"usage.output_tokens": "?", "cost_usd": "?"}))
	command := one("command_output", "command_output", "command")
	command.Wants = []agenttest.Want{want(protocol.TypeItemDelta, fields{"kind": "tool_output"}), want(done, fields{"item.content.*.output": "~FAIL"})}
	all := []agenttest.Scenario{
		hello, command,
		one("reasoning", "reasoning", "reasoning", want(done, fields{"item.kind": "reasoning"})),
		one("tool", "tool_calls", "tool", want(done, fields{"item.kind": "tool_call", "item.status": "completed"})),
		one("edit", "diffs", "edit", want(protocol.TypePermissionRequested, fields{"permission.diff.added": "1"}),
			want(done, fields{"item.content.*.unified": "~-world\n+Towline\n"})),
		one("subagent", "subagents", "subagent", want(protocol.TypeItemStarted, fields{"item.kind": "tool_call", "item.parent_id": "?"}),
			want(protocol.TypeItemStarted, fields{"item.kind": "message", "item.parent_id": "?"})),
		one("plan", "plan", "plan", want(protocol.TypePlanUpdated, fields{"entries.0.status": "in_progress"}),
			want(protocol.TypePlanUpdated, fields{"entries.2.status": "completed"})),
	}
	return append(append(all, mockAsks()...), mockTurns()...)
}

// mockAsks are turns in which the mock waits for a human.
func mockAsks() []agenttest.Scenario {
	ask := func(name, text string, decide agenttest.Step, proves []string, wants ...agenttest.Want) agenttest.Scenario {
		return agenttest.Scenario{
			Name: name, Proves: proves, Wants: wants,
			Steps: []agenttest.Step{prompts(text), awaits(protocol.TypePermissionRequested, nil), decide, ends(protocol.OutcomeCompleted)},
		}
	}
	decision := func(d protocol.Decision, message, command string) agenttest.Step {
		return agenttest.Step{Kind: agenttest.StepDecide, Decision: d, Message: message, Command: command}
	}
	return []agenttest.Scenario{
		ask("ask_allow", "permission", decision(protocol.Allow, "", ""), []string{"permissions"}, said("It was allowed (once)")),
		ask("ask_deny_message", "permission", decision(protocol.Deny, "not today", ""), []string{"permissions", "deny_message"},
			want(protocol.TypeItemCompleted, fields{"item.status": "declined"}), said("not today")),
		ask("ask_edited_input", "permission", decision(protocol.Allow, "", "touch other"), []string{"permissions", "edited_input"},
			want(protocol.TypePermissionResolved, fields{"input_edited": "true"}), said("touch other")),
		ask("plan_approved", "plan", decision(protocol.Allow, "", ""), []string{"permissions", "plan_mode"},
			want(protocol.TypePermissionRequested, fields{"permission.kind": "plan"}), said("The plan is done.")),
		ask("plan_revised", "plan", decision(protocol.Deny, "look twice", ""), []string{"permissions", "plan_mode"}, said("look twice")),
		{
			Name: "ask_always", Proves: []string{"permissions", "always"},
			Steps: []agenttest.Step{
				prompts("permission"), awaits(protocol.TypePermissionRequested, nil),
				{Kind: agenttest.StepDecide, Decision: protocol.Allow, Scope: protocol.ScopeSession},
				ends(protocol.OutcomeCompleted),
				prompts("permission"), ends(protocol.OutcomeCompleted),
			},
			Wants: []agenttest.Want{said("It was allowed without asking")},
		},
		{
			Name: "question", Proves: []string{"questions"},
			Steps: []agenttest.Step{
				prompts("question"), awaits(protocol.TypeQuestionRequested, nil),
				{Kind: agenttest.StepAnswer, Answers: [][]string{{"Blue"}, {"Olives", "Onions"}, {"Bluebell"}}},
				ends(protocol.OutcomeCompleted),
			},
			Wants: []agenttest.Want{want(protocol.TypeQuestionResolved, fields{"outcome": "answered", "answers.0.0": "Blue"}), said("Olives, Onions")},
		},
	}
}

// mockTurns are about who speaks when.
func mockTurns() []agenttest.Scenario {
	started := awaits(protocol.TypeItemDelta, nil)
	attached := func(p protocol.Part) agenttest.Step {
		return agenttest.Step{Kind: agenttest.StepPrompt, Text: "Look.", Attach: []protocol.Part{p}}
	}
	completed, interrupted, failed := ends(protocol.OutcomeCompleted), ends(protocol.OutcomeInterrupted), ends(protocol.OutcomeFailed)
	scenario := func(name, proves string, wants []agenttest.Want, steps ...agenttest.Step) agenttest.Scenario {
		return agenttest.Scenario{Name: name, Proves: []string{proves}, Wants: wants, Steps: steps}
	}
	queue := scenario("queue", "", []agenttest.Want{said("word-5"), said("Second."), said("Third.")},
		prompts("slow 5 20"), prompts("reply Second."), prompts("reply Third."), completed, completed, completed)
	queue.Proves = nil
	steer := agenttest.Step{Kind: agenttest.StepPrompt, Text: "Mind the rocks.", Delivery: protocol.DeliverSteer}
	return []agenttest.Scenario{
		queue,
		scenario("interrupt", "interrupt", []agenttest.Want{want(protocol.TypeItemCompleted, fields{"item.status": "interrupted"}), said("Next.")},
			prompts("slow 1000 20"), started, agenttest.Step{Kind: agenttest.StepInterrupt}, interrupted, prompts("reply Next."), completed),
		scenario("steer", "steer", []agenttest.Want{want(protocol.TypePromptAccepted, fields{"delivery": "steer"}), said("Noted in this turn: Mind the rocks.")},
			prompts("slow 40 10"), started, steer, completed),
		scenario("resume", "resume", []agenttest.Want{want(protocol.TypeAgentExited, nil), want(protocol.TypeAgentStarted, nil), said("This is prompt 2 of the session")},
			prompts("hello"), completed, prompts("crash"), failed, prompts("again"), completed),
		scenario("fork", "fork", []agenttest.Want{said("This is prompt 2 of the session")},
			prompts("hello"), completed, agenttest.Step{Kind: agenttest.StepFork}, prompts("again"), completed),
		scenario("model", "models", []agenttest.Want{said("answered by mock-2")}, agenttest.Step{Kind: agenttest.StepModel}, prompts("hello"), completed),
		scenario("mode", "modes", []agenttest.Want{want(protocol.TypeSessionUpdated, fields{"mode": "plan"})},
			agenttest.Step{Kind: agenttest.StepMode}, prompts("hello"), completed),
		scenario("image", "images", []agenttest.Want{said("with an attachment: image, image/png, 3 bytes")},
			attached(protocol.Part{Type: protocol.PartImage, Mime: "image/png", Data: []byte{1, 2, 3}}), completed),
		scenario("file", "files", []agenttest.Want{said("with an attachment: file, text/plain, 6 bytes")},
			attached(protocol.Part{Type: protocol.PartFile, Mime: "text/plain", Name: "a.txt", Data: []byte("a note")}), completed),
	}
}

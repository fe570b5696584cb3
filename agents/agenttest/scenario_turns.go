package agenttest

import "github.com/towline-dev/towline/protocol"

// slowly is a round that waits in its text.
func slowly(text string) Round { return Play(Block{Text: text, Hold: true}) }

// turnScenarios are about who speaks when.
func turnScenarios() []Scenario {
	done, interrupted := protocol.OutcomeCompleted, protocol.OutcomeInterrupted
	next := []Round{Play(Say("The next turn."))}
	return []Scenario{
		{
			Name: "interrupt", Proves: []string{"interrupt"},
			Scripts: map[string][]Round{"main": {slowly("A long story that is cut.")}, "next": next},
			Steps: []Step{
				prompt("main"),
				{Kind: StepAwaitHeld, Script: "main"},
				{Kind: StepInterrupt},
				awaitEnd(interrupted),
				{Kind: StepAwaitAborted, Script: "main"},
				prompt("next"), awaitEnd(done),
			},
			Wants: []Want{ended(interrupted), said("The next turn."), ended(done)},
		},
		{
			Name: "interrupt_asking", Proves: []string{"interrupt", "permissions"},
			Scripts: map[string][]Round{"main": oneCommand("never")["main"], "next": next},
			Steps: []Step{
				prompt("main"), awaitCommand(), {Kind: StepInterrupt}, awaitEnd(interrupted), prompt("next"), awaitEnd(done),
			},
			Wants: []Want{
				asked(protocol.PermitCommand),
				{protocol.TypePermissionResolved, map[string]string{"outcome": "cancelled"}},
				ended(interrupted), said("The next turn."), ended(done),
			},
			After: map[string]string{"never": ""},
		},
		{
			Name: "steer", Proves: []string{"steer", "permissions"},
			Scripts: map[string][]Round{"main": {Play(writes("steered")), Play(Say("On the new course."))}},
			Steps: []Step{
				prompt("main"), awaitCommand(),
				{Kind: StepPrompt, Text: "Mind the starboard side.", Delivery: protocol.DeliverSteer},
				{Kind: StepDecide, Decision: protocol.Allow},
				{Kind: StepAwait, Await: said("On the new course.")},
				awaitEnd(done),
			},
			Wants:    []Want{said("On the new course."), ended(done)},
			ModelSaw: []string{"Mind the starboard side."},
		},
		{
			Name:    "queue",
			Scripts: map[string][]Round{"main": {slowly("The first turn.")}, "next": next},
			Steps: []Step{
				prompt("main"),
				{Kind: StepAwaitHeld, Script: "main"},
				{Kind: StepPrompt, Script: "next", Delivery: protocol.DeliverQueue},
				{Kind: StepRelease, Script: "main"},
				awaitEnd(done), awaitEnd(done),
			},
			Wants: []Want{said("The first turn."), ended(done), {Type: protocol.TypeTurnStarted}, said("The next turn."), ended(done)},
		},
		{
			Name: "resume", Proves: []string{"resume"},
			Scripts: map[string][]Round{"main": {slowly("Lost in the middle.")}, "next": next},
			Steps: []Step{
				prompt("main"),
				{Kind: StepAwaitHeld, Script: "main"},
				{Kind: StepKill},
				awaitEnd(protocol.OutcomeFailed),
				{Kind: StepPrompt, Script: "next", Text: "What did I ask before?"},
				awaitEnd(done),
			},
			Wants: []Want{
				{Type: protocol.TypeAgentExited}, {Type: protocol.TypeAgentStarted}, said("The next turn."), ended(done),
			},
			ModelSaw: []string{"What did I ask before?"},
		},
		{
			Name: "fork", Proves: []string{"fork"},
			Scripts: map[string][]Round{"main": {Play(Say("The common past."))}, "next": next},
			Steps:   []Step{prompt("main"), awaitEnd(done), {Kind: StepFork}, prompt("next"), awaitEnd(done)},
			Wants:   []Want{said("The next turn."), ended(done)},
			// The copy's model hears what was said before it was made.
			ModelSaw: []string{"The common past."},
		},
		{
			Name: "model", Proves: []string{"models"},
			Scripts: map[string][]Round{"main": {Play(Say("With the other model."))}},
			Steps:   []Step{{Kind: StepModel}, prompt("main"), awaitEnd(done)},
			Wants:   []Want{{protocol.TypeSessionUpdated, map[string]string{"model": "?"}}, said("With the other model."), ended(done)},
		},
		{
			Name: "mode", Proves: []string{"modes"},
			Scripts: map[string][]Round{"main": {Play(Say("In the other mode."))}},
			Steps:   []Step{{Kind: StepMode}, prompt("main"), awaitEnd(done)},
			Wants:   []Want{said("In the other mode."), ended(done)},
		},
	}
}

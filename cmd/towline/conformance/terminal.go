package conformance

import (
	"os/exec"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/terminal"
	"github.com/towline-dev/towline/protocol"
)

// onTerminal drives a program on a terminal: bash, to which prompts are
// commands. No model is behind it, and what it does is seen on its screen
// alone, so it has scenarios of its own.
func onTerminal() Adapter {
	return Adapter{
		Name:  "terminal",
		About: "any program on a terminal, as its screen; proven with bash",
		New:   func() agents.Agent { return terminal.New(terminal.Options{}) },
		Place: func(t agenttest.T, _ *agents.Locator) *Place {
			path, err := exec.LookPath("bash")
			ok(t, err)
			environ := []string{"PATH=/usr/bin:/bin", "HOME=" + t.TempDir(), "LANG=C.UTF-8"}
			return &Place{Dir: t.TempDir(), Agent: terminal.New(terminal.Options{
				Command: []string{path, "--norc", "--noprofile", "-i"}, Environ: func() []string { return environ }, StateDir: t.TempDir(),
				Pace: terminal.Pace{Settle: 100 * time.Millisecond, Longest: time.Second, Done: 400 * time.Millisecond, Interrupted: time.Second},
			})}
		},
		Scenarios: terminalScenarios(),
	}
}

// shows is a screen that holds the text, in the words of JSON.
func shows(text string) agenttest.Want {
	return want(protocol.TypeItemCompleted, fields{
		"item.kind": "status", "item.content.0.label": "screen", "item.content.1.json.text": "~" + text, "item.content.1.json.confidence": "?",
	})
}

// terminalScenarios are what a program on a terminal is tested with. A quoted
// pair inside a command keeps what is typed apart from what it writes.
func terminalScenarios() []agenttest.Scenario {
	completed, interrupted, failed := ends(protocol.OutcomeCompleted), ends(protocol.OutcomeInterrupted), ends(protocol.OutcomeFailed)
	ended := func(code string) agenttest.Want { return want(protocol.TypeAgentExited, fields{"exit_code": code}) }
	steer := agenttest.Step{Kind: agenttest.StepPrompt, Text: "a word", Delivery: protocol.DeliverSteer}
	image := agenttest.Step{
		Kind: agenttest.StepPrompt, Text: "Look.",
		Attach: []protocol.Part{{Type: protocol.PartImage, Mime: "image/png", Data: []byte{1, 2, 3}}},
	}
	return []agenttest.Scenario{
		{
			Name: "text", Steps: []agenttest.Step{prompts("echo o''ne; echo t''wo >made; false"), completed},
			Wants: []agenttest.Want{
				want(protocol.TypeTurnStarted, fields{"origin": "client"}), shows("\none\n"), want(protocol.TypeTurnEnded, nil),
			},
			After: map[string]string{"made": "two\n"},
		},
		{
			Name: "several_lines", Steps: []agenttest.Step{prompts("cat >made <<END\none\n\ttwo\nEND"), completed},
			Wants: []agenttest.Want{want(protocol.TypeTurnEnded, nil)}, After: map[string]string{"made": "one\n\ttwo\n"},
		},
		{
			Name: "turn_of_a_command", Steps: []agenttest.Step{prompts("sleep 1; echo l''ate"), completed},
			Wants: []agenttest.Want{shows("\nlate\n"), want(protocol.TypeTurnEnded, fields{"outcome": "completed"})},
		},
		{
			Name: "queue", Steps: []agenttest.Step{
				prompts("sleep 0.5; echo fi''rst"), prompts("echo sec''ond"), prompts("echo th''ird"), completed, completed, completed,
			},
			Wants: []agenttest.Want{
				shows("\nfirst\n"), want(protocol.TypeTurnEnded, nil), shows("\nsecond\n"), want(protocol.TypeTurnEnded, nil), shows("\nthird\n"),
			},
		},
		{
			Name: "interrupt", Proves: []string{"interrupt"}, Steps: []agenttest.Step{
				prompts("echo be''gun; sleep 600; echo n''ot"),
				{Kind: agenttest.StepAwait, Await: shows("\nbegun")},
				{Kind: agenttest.StepInterrupt},
				interrupted, prompts("echo ne''xt"), completed,
			},
			Wants: []agenttest.Want{shows("^C"), want(protocol.TypeTurnEnded, nil), shows("\nnext\n")}, Never: []agenttest.Want{shows("\nnot")},
		},
		{
			Name: "steer", Proves: []string{"steer"}, Steps: []agenttest.Step{
				prompts("echo be''gun; head -n 1 | sed s/^/got:/"), {Kind: agenttest.StepAwait, Await: shows("\nbegun")}, steer, completed,
			},
			Wants: []agenttest.Want{want(protocol.TypePromptAccepted, fields{"delivery": "steer"}), shows("got:a word"), want(protocol.TypeTurnEnded, nil)},
		},
		{
			Name: "exit", Steps: []agenttest.Step{prompts("kept=no; exit 3"), failed, prompts("echo \"again:$kept:\""), completed},
			Wants: []agenttest.Want{ended("3"), want(protocol.TypeAgentStarted, nil), shows("\nagain::\n")},
		},
		{
			Name: "exit_well", Steps: []agenttest.Step{prompts("exit"), completed, awaits(protocol.TypeAgentExited, nil)},
			Wants: []agenttest.Want{want(protocol.TypeTurnEnded, nil), ended("0")},
		},
		{
			// A program that was killed is started anew: nothing of it is left,
			// so no resumption is claimed.
			Name: "killed", Steps: []agenttest.Step{
				prompts("kept=no; kill -KILL $$"), failed, prompts("echo \"again:$kept:\""), completed,
			},
			Wants: []agenttest.Want{
				want(protocol.TypeAgentExited, fields{"signal": "SIGKILL"}), want(protocol.TypeAgentStarted, nil), shows("\nagain::\n"),
			},
		},
		{
			Name: "image_refused", Steps: []agenttest.Step{image, failed, prompts("echo ne''xt"), completed},
			Wants: []agenttest.Want{want(protocol.TypeTurnEnded, fields{"error.code": "capability_missing"}), shows("\nnext\n")},
		},
	}
}

package conformance_test

import (
	"context"
	"errors"
	"testing"

	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/cmd/towline/conformance"
	"github.com/towline-dev/towline/protocol"
)

// boaster is the mock with a scenario that it cannot pass, and one that holds.
func boaster(t *testing.T) conformance.Adapter {
	t.Helper()
	a, _ := conformance.Find("mock")
	prompt := []agenttest.Step{
		{Kind: agenttest.StepPrompt, Text: "reply Hello."},
		{Kind: agenttest.StepAwait, Await: want(protocol.TypeTurnEnded, fields{"outcome": "completed"})},
	}
	a.Scenarios = []agenttest.Scenario{
		{Name: "hello", Proves: []string{"streaming", "usage"}, Steps: prompt, Wants: []agenttest.Want{said("Hello.")}},
		{Name: "juggle", Proves: []string{"tool_calls", "usage"}, Steps: prompt, Wants: []agenttest.Want{said("five\nballs")}},
		{Name: "fault", Steps: prompt, Wants: []agenttest.Want{said("never driven")}},
	}
	return a
}

// A capability is proven if all its scenarios hold; one that has none is not.
func TestProve(t *testing.T) {
	t.Parallel()
	steps := 0
	claims := protocol.Capabilities{Streaming: true, ToolCalls: true, Usage: true, MCP: true}
	verdicts, err := conformance.Prove(t.Context(), boaster(t), nil, claims, func(s conformance.Step) {
		steps++
		if s.Done != steps || s.All != 2 || (s.Fault == "") != (s.Scenario == "hello") {
			t.Errorf("step %d is %+v", steps, s)
		}
	})
	ok(t, err)
	const fault = "juggle: there is no item.completed with map[item.content.*.text:~five balls item.kind:message] in its place"
	want := map[string]conformance.Verdict{
		"streaming":  {Result: conformance.Proven},
		"tool_calls": {Result: conformance.NotProven, Fault: fault},
		"usage":      {Result: conformance.NotProven, Fault: fault},
		"mcp":        {Result: conformance.NotProven, Fault: "no scenario proves it"},
	}
	for _, v := range verdicts {
		w, claimed := want[v.Capability]
		if !claimed {
			w.Result = conformance.NotClaimed
		}
		if v.Result != w.Result || v.Fault != w.Fault {
			t.Errorf("%s is %s: %q, want %s: %q", v.Capability, v.Result, v.Fault, w.Result, w.Fault)
		}
	}
	if len(verdicts) < 20 || steps != 2 {
		t.Errorf("%d verdicts after %d steps", len(verdicts), steps)
	}
}

// When the context ends, what runs is ended, and nothing is judged.
func TestProveIsInterrupted(t *testing.T) {
	t.Parallel()
	a := boaster(t)
	a.Scenarios[0].Steps = []agenttest.Step{
		{Kind: agenttest.StepPrompt, Text: "slow 100000 1000"},
		{Kind: agenttest.StepAwait, Await: want(protocol.TypeTurnEnded, nil)},
	}
	ctx, cancel := context.WithCancel(t.Context())
	verdicts, err := conformance.Prove(ctx, a, nil, protocol.Capabilities{Streaming: true, ToolCalls: true, Usage: true}, func(conformance.Step) { cancel() })
	if !errors.Is(err, context.Canceled) || verdicts != nil {
		t.Errorf("%d verdicts, %v", len(verdicts), err)
	}
}

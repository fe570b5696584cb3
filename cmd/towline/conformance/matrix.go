package conformance

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// mark is a capability in the document.
type mark struct{ name, means string }

// marks are all capabilities, in the order of the document.
var marks = []mark{
	{"streaming", "text arrives in pieces, as the model writes it"},
	{"reasoning", "the model's reasoning is shown"},
	{"tool_calls", "tool calls are items, from start to result"},
	{"diffs", "edits of files come as exact diffs"},
	{"command_output", "commands come with their output"},
	{"subagents", "what a subagent does is told apart from what its parent does"},
	{"permissions", "the agent asks before it acts, and waits for a decision"},
	{"edited_input", "a decision can change the input of what was asked for"},
	{"deny_message", "a denial can tell the model what to do instead"},
	{"always", "a decision can hold for like requests that follow"},
	{"questions", "the agent asks questions with choices"},
	{"plan_mode", "the agent plans, and acts when the plan is approved"},
	{"plan", "the agent's to-do list is shown"},
	{"images", "a prompt can hold images"},
	{"files", "a prompt can hold files"},
	{"interrupt", "the open turn can be stopped"},
	{"steer", "a prompt can join the open turn"},
	{"resume", "the conversation goes on after the agent's process ended"},
	{"fork", "a session can go on from a copy of another"},
	{"models", "the model can be changed"},
	{"modes", "the mode can be changed"},
	{"mcp", "a session can bring MCP servers"},
	{"usage", "turns tell the tokens that they used"},
	{"cost", "turns tell what they cost"},
	{"shared_process", "one process of the agent serves many sessions"},
}

// Matrix writes the document of what the agents do, from their claims and the
// scenarios that prove these. A claim that nothing proves is an error, and so is
// a capability that the document does not know.
func Matrix(adapters ...Adapter) (string, error) {
	var b strings.Builder
	b.WriteString(`# Agents

What each agent does, as ` + "`GET /v1/agents`" + ` tells it. A mark is set only if a scenario of the conformance suite
(` + "`cmd/towline/conformance`" + `) proves it by driving the agent through the WebSocket; the table is written by
` + "`go test ./cmd/towline/conformance -run TestAgentsDocument -update`" + `.
` + "`towline agents doctor`" + ` drives the same scenarios against the versions that are installed on a machine.

`)
	for _, a := range adapters {
		fmt.Fprintf(&b, "- **%s**: %s\n", a.Name, a.About)
	}
	b.WriteString("\nOthers over the Agent Client Protocol have entries that claim the basics: ADD-AN-AGENT.md lists them (auggie, kimi, goose, cursor), with what was driven of each and why not more.\n")
	b.WriteString("\n| capability | means |")
	for _, a := range adapters {
		fmt.Fprintf(&b, " %s |", a.Name)
	}
	b.WriteString(" proven by |\n| --- | --- |" + strings.Repeat(" --- |", len(adapters)) + " --- |\n")
	for _, m := range marks {
		by := map[string]bool{}
		fmt.Fprintf(&b, "| %s | %s |", m.name, m.means)
		for _, a := range adapters {
			proofs := a.proofs(m.name)
			claims := slices.Contains(capabilities(a.New().Capabilities()), m.name)
			if claims && len(proofs) == 0 {
				return "", fmt.Errorf("%s claims %s, and nothing proves it", a.Name, m.name)
			}
			b.WriteString(map[bool]string{true: " yes |", false: " - |"}[claims])
			if claims {
				maps.Copy(by, proofs)
			}
		}
		fmt.Fprintf(&b, " %s |\n", strings.Join(slices.Sorted(maps.Keys(by)), ", "))
	}
	return b.String(), checkMarks(adapters)
}

// proofs are the scenarios that prove a capability of the agent.
func (a Adapter) proofs(capability string) map[string]bool {
	by := map[string]bool{}
	for _, s := range a.Claimed(a.New().Capabilities()) {
		if slices.Contains(s.Proves, capability) {
			by[s.Name] = true
		}
	}
	return by
}

// checkMarks finds capabilities that the document lacks.
func checkMarks(adapters []Adapter) error {
	for _, a := range adapters {
		for _, name := range capabilities(a.New().Capabilities()) {
			if !slices.ContainsFunc(marks, func(m mark) bool { return m.name == name }) {
				return fmt.Errorf("the document lacks the capability %s", name)
			}
		}
	}
	return nil
}

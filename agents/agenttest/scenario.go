package agenttest

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/towline-dev/towline/protocol"
)

// Scenario is one conversation that every agent is driven through, as data: what
// the scripted model does, what the client does, and what must come of it. It
// names no agent and no model protocol, so the same scenario runs on all.
//
// A scenario runs for an agent whose capabilities include all of Proves; then
// every line of it must hold. A capability that is claimed and not proven, or
// proven and not claimed, is a fault.
type Scenario struct {
	Name string
	// Proves are the capabilities, by their JSON names.
	Proves []string
	// Files lie in the work folder before the start, by their names.
	Files map[string]string
	// PlanMode begins the session in the agent's plan mode.
	PlanMode bool
	// Sums gives the session an MCP server named sums, whose tool add tells
	// the sum of a and b, as sum=42.
	Sums bool
	// Allow lets the client allow every permission as soon as it is asked.
	Allow bool
	// Scripts are the model's part, by name. File names in them are relative
	// to the work folder: see InDir.
	Scripts map[string][]Round
	// Steps are the client's part, one after another.
	Steps []Step
	// Wants must fit events of the session, in this order, with any others
	// between them.
	Wants []Want
	// Also must each fit an event, in any place. A decision is told when the
	// agent has it, so what the agent makes of it may come before.
	Also []Want
	// Never must fit no event.
	Never []Want
	// ModelSaw are texts that must be in the body of a request to the model,
	// and ModelNever those that must be in none.
	ModelSaw, ModelNever []string
	// After are the files in the work folder at the end; an empty text stands
	// for a file that must not be there.
	After map[string]string
}

// StepKind is what a client, or the test around it, does.
type StepKind string

// The steps.
const (
	// StepPrompt sends a prompt; it names Script by its marker.
	StepPrompt StepKind = "prompt"
	// StepAwait waits for an event that fits Await, beyond those that earlier
	// steps waited for.
	StepAwait StepKind = "await"
	// StepAwaitHeld waits until Script's stream is at its hold.
	StepAwaitHeld StepKind = "await_held"
	// StepAwaitAborted waits until the agent has cut Script's request.
	StepAwaitAborted StepKind = "await_aborted"
	// StepRelease lets Script go on.
	StepRelease StepKind = "release"
	// StepDecide decides the permission that is pending.
	StepDecide StepKind = "decide"
	// StepAnswer answers the question that is pending with Answers.
	StepAnswer StepKind = "answer"
	// StepInterrupt interrupts the turn.
	StepInterrupt StepKind = "interrupt"
	// StepKill kills the agent's process with SIGKILL.
	StepKill StepKind = "kill"
	// StepFork forks the session; later steps and wants are the copy's.
	StepFork StepKind = "fork"
	// StepBeside makes another session; later steps and wants are that one's.
	StepBeside StepKind = "beside"
	// StepOneProcess checks that the session's agent is in the process of the
	// session that it is beside.
	StepOneProcess StepKind = "one_process"
	// StepModel changes to the agent's second model.
	StepModel StepKind = "model"
	// StepMode changes to the agent's second mode or permission mode.
	StepMode StepKind = "mode"
)

// Step is one step of the client.
type Step struct {
	Kind StepKind
	// Script is the script that the step is about.
	Script string
	// Text goes before the marker of a prompt.
	Text string
	// Delivery is the prompt's; empty is the default.
	Delivery protocol.Delivery
	// Attach is sent with the prompt.
	Attach []protocol.Part
	// Await is what StepAwait waits for.
	Await Want
	// Decision, Scope and Message are those of StepDecide.
	Decision protocol.Decision
	Scope    protocol.Scope
	Message  string
	// Command, if set, replaces the command that was asked for.
	Command string
	// Answers are those of StepAnswer.
	Answers [][]string
}

// Want describes events. The keys of Has are paths into the event's data, with
// dots between names; * stands for any element of a list. A value is the text
// that the path must lead to: as it is, after ~ a part of it, or ? for any.
type Want struct {
	Type protocol.EventType
	Has  map[string]string
}

// Fits tells whether an event is one of those that are wanted. data is the
// event's payload as JSON.
func (w Want) Fits(kind protocol.EventType, data []byte) bool {
	if kind != w.Type {
		return false
	}
	var decoded any
	if err := json.Unmarshal(data, &decoded); err != nil {
		return false
	}
	for path, value := range w.Has {
		if !leads(decoded, strings.Split(path, "."), value) {
			return false
		}
	}
	return true
}

// String is the want as a failed test prints it.
func (w Want) String() string {
	return fmt.Sprintf("%s with %v", w.Type, w.Has)
}

// leads tells whether a path leads from v to a value that is wanted.
func leads(v any, path []string, want string) bool {
	if len(path) == 0 {
		return isWanted(v, want)
	}
	switch v := v.(type) {
	case map[string]any:
		inner, ok := v[path[0]]
		return ok && leads(inner, path[1:], want)
	case []any:
		for i, inner := range v {
			if (path[0] == "*" || path[0] == strconv.Itoa(i)) && leads(inner, path[1:], want) {
				return true
			}
		}
	}
	return false
}

// isWanted compares a value that a path led to.
func isWanted(v any, want string) bool {
	if want == "?" {
		return v != nil
	}
	text := fmt.Sprint(v)
	if part, ok := strings.CutPrefix(want, "~"); ok {
		return strings.Contains(text, part)
	}
	return text == want
}

// Scenarios are all scenarios.
func Scenarios() []Scenario {
	var all []Scenario
	for _, part := range [][]Scenario{answerScenarios(), toolScenarios(), askScenarios(), turnScenarios(), sharedScenarios(), faultScenarios()} {
		all = append(all, part...)
	}
	return all
}

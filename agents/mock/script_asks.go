package mock

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// verdict is how a permission was decided.
type verdict struct {
	allowed bool
	scope   protocol.Scope
	// unasked tells that nobody was asked: the mode or an earlier decision
	// allowed it.
	unasked bool
	message string
	// input is the edited input; nil if it was left as it was.
	input json.RawMessage
}

// String tells people what was decided.
func (v verdict) String() string {
	word := "denied"
	if v.allowed {
		word = "allowed"
	}
	s := fmt.Sprintf("It was %s (%s).", word, v.scope)
	if v.unasked {
		s = "It was allowed without asking, by the permission mode or an earlier decision."
	}
	if v.message != "" {
		s += " The message was: " + v.message
	}
	if v.input != nil {
		s += " The input was edited to: " + string(v.input)
	}
	return s
}

// permit asks for a permission with the mock's three options, unless the
// session allows this kind already.
func (t *turn) permit(p *protocol.Permission) (verdict, error) {
	m := t.c.snapshot()
	if p.Kind != protocol.PermitPlan && (m.permissionMode == permitAuto || m.allowed[p.Kind]) {
		return verdict{allowed: true, scope: protocol.ScopeSession, unasked: true}, nil
	}
	p.PermissionID = t.newID("permission")
	if p.Options == nil {
		p.Options = []protocol.PermissionOption{
			{ID: "allow_once", Decision: protocol.Allow, Scope: protocol.ScopeOnce, Label: "Allow once"},
			{ID: "allow_session", Decision: protocol.Allow, Scope: protocol.ScopeSession, Label: "Allow for this session"},
			{ID: "deny", Decision: protocol.Deny, Scope: protocol.ScopeOnce, Label: "Deny"},
		}
	}
	answer, err := t.ask(p.PermissionID, &protocol.PermissionRequested{Permission: *p})
	if err != nil {
		return verdict{}, err
	}
	d, ok := answer.(*agents.Decide)
	if !ok { // an answer to a question is no consent
		return verdict{scope: protocol.ScopeOnce}, nil
	}
	v := verdict{allowed: d.Option.Decision == protocol.Allow, scope: d.Option.Scope, message: d.Message}
	if p.Editable && d.Input != nil && !bytes.Equal(d.Input, p.Tool.Input) {
		v.input = d.Input
	}
	if v.allowed && v.scope == protocol.ScopeSession {
		t.c.allow(p.Kind)
	}
	return v, nil
}

func playPermission(t *turn, _ string) error {
	const line = "touch marker.txt"
	item := t.call(protocol.ToolExecute, "Bash", line, map[string]any{"command": line})
	if err := t.begin(item); err != nil {
		return err
	}
	v, err := t.permit(&protocol.Permission{
		Kind: protocol.PermitCommand, Title: "Run " + line, Description: "Makes an empty file", ItemID: item.ID, Tool: item.Tool, Editable: true,
	})
	if err != nil {
		return err
	}
	if !v.allowed {
		return t.declined(item, v)
	}
	if v.input != nil {
		tool := *item.Tool
		tool.Input = v.input
		item.Tool = &tool
	}
	if err := t.result(item, protocol.TextPart(v.String())); err != nil {
		return err
	}
	return t.say(v.String())
}

func playPlan(t *turn, _ string) error {
	steps := []string{"Read the greeting", "Change the greeting", "Test the greeting"}
	item := t.call(protocol.ToolOther, "ExitPlanMode", "Plan: a new greeting", map[string]any{"plan": "1. " + strings.Join(steps, "\n1. ")})
	if err := t.begin(item); err != nil {
		return err
	}
	v, err := t.permit(&protocol.Permission{
		Kind: protocol.PermitPlan, Title: "Approve the plan", ItemID: item.ID, Tool: item.Tool,
		Options: []protocol.PermissionOption{
			{ID: "approve", Decision: protocol.Allow, Scope: protocol.ScopeOnce, Label: "Approve"},
			{ID: "revise", Decision: protocol.Deny, Scope: protocol.ScopeOnce, Label: "Revise"},
		},
	})
	if err != nil {
		return err
	}
	if !v.allowed {
		return t.declined(item, v)
	}
	if err := t.result(item, protocol.TextPart(v.String())); err != nil {
		return err
	}
	for done := range len(steps) + 1 {
		if err := t.emit(&protocol.PlanUpdated{Entries: planAt(steps, done)}); err != nil {
			return err
		}
		if err := t.pause(10 * t.c.agent.o.Pace); err != nil {
			return err
		}
	}
	return t.say("The plan is done.")
}

// planAt is the plan when the first steps of it are done.
func planAt(steps []string, done int) []protocol.PlanEntry {
	entries := make([]protocol.PlanEntry, len(steps))
	for i, s := range steps {
		entries[i] = protocol.PlanEntry{Text: s, Status: "pending"}
		switch {
		case i < done:
			entries[i].Status = "completed"
		case i == done:
			entries[i].Status = "in_progress"
		}
	}
	return entries
}

func playQuestion(t *turn, _ string) error {
	q := protocol.Question{QuestionID: t.newID("question"), Questions: []protocol.QuestionItem{
		{Header: "Colour", Text: "Which colour shall it be?", Options: []protocol.QuestionOption{{Label: "Red", Description: "warm"}, {Label: "Blue", Description: "cold"}}},
		{Header: "Toppings", Text: "What shall be on it?", Options: []protocol.QuestionOption{{Label: "Cheese"}, {Label: "Olives"}, {Label: "Onions"}}, MultiSelect: true},
		{Header: "Name", Text: "What shall it be called?", Options: []protocol.QuestionOption{}, FreeText: true},
	}}
	answer, err := t.ask(q.QuestionID, &protocol.QuestionRequested{Question: q})
	if err != nil {
		return err
	}
	a, ok := answer.(*agents.Answer)
	if !ok {
		return t.say("You did not answer, so I leave it open.")
	}
	var b strings.Builder
	b.WriteString("You answered:\n")
	for i, labels := range a.Answers {
		if i < len(q.Questions) {
			fmt.Fprintf(&b, "- %s: %s\n", q.Questions[i].Header, strings.Join(labels, ", "))
		}
	}
	return t.say(b.String())
}

package main

import (
	"github.com/towline-dev/towline/protocol"
)

// permission writes what the agent wants to do.
func (r *renderer) permission(p *protocol.Permission) {
	r.linef(yellow, "? %s: %s", p.PermissionID, p.Title)
	if p.Description != "" {
		r.linef(plain, "%s", p.Description)
	}
	if p.Diff != nil {
		r.diff(p.Diff)
	} else if p.Tool != nil && len(p.Tool.Input) > 0 && p.Kind != protocol.PermitPlan {
		r.linef(dim, "  %s", p.Tool.Input)
	}
}

func (r *renderer) permissionResolved(d *protocol.PermissionResolved) {
	text := string(d.Outcome)
	c := dim
	switch {
	case d.Outcome == protocol.PermissionDecided && d.Decision == protocol.Allow:
		text, c = "allowed, "+string(d.Scope), green
	case d.Outcome == protocol.PermissionDecided:
		text, c = "denied", red
	case d.Reason != "":
		text += ", " + d.Reason
	}
	if d.InputEdited {
		text += ", with another input"
	}
	r.linef(c, "  %s: %s (by %s)", d.PermissionID, text, d.By.Kind)
}

// question writes what the agent asks, with numbers to answer by.
func (r *renderer) question(q *protocol.Question) {
	for i, item := range q.Questions {
		r.linef(yellow, "? %s.%d %s", q.QuestionID, i+1, item.Text)
		for n, o := range item.Options {
			r.linef(plain, "  %d) %s  %s", n+1, o.Label, o.Description)
		}
	}
}

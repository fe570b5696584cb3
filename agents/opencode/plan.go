package opencode

import (
	"encoding/json"

	"github.com/towline-dev/towline/protocol"
)

// nativeTodo is an entry of the agent's to-do list.
type nativeTodo struct {
	Content  string `json:"content"`
	Status   string `json:"status"`
	Priority string `json:"priority"`
}

// todoUpdated reports the agent's to-do list, always whole. A subagent's list
// is its own affair. Entries that were cancelled are left out: the plan does
// not hold them any more.
func (t *translator) todoUpdated(raw json.RawMessage, o *output) error {
	var e struct {
		SessionID string       `json:"sessionID"`
		Todos     []nativeTodo `json:"todos"`
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		return errShape
	}
	if e.SessionID != t.session {
		return nil
	}
	t.todos = e.Todos
	entries := make([]protocol.PlanEntry, 0, len(e.Todos))
	for _, todo := range e.Todos {
		switch todo.Status {
		case "cancelled":
			continue
		case "in_progress", "completed":
		default:
			todo.Status = "pending"
		}
		entries = append(entries, protocol.PlanEntry{Text: todo.Content, Status: todo.Status, Priority: todo.Priority})
	}
	o.emit(&protocol.PlanUpdated{Entries: entries})
	return nil
}

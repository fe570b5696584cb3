package claude

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/towline-dev/towline/protocol"
)

// askPlan reports ExitPlanMode as a permission of kind plan. The plan is in
// the ask only if the agent wrote its plan file first; otherwise what the
// model passed is shown (section 7, ExitPlanMode). A denial's message asks for
// another plan.
func (t *translator) askPlan(id string, a toolAsk, o *output) {
	plan := readInput(a.Input).Plan
	if call := t.tools[a.ToolUseID]; plan == "" && call != nil {
		plan = readInput(call.model).Plan
	}
	options := []protocol.PermissionOption{
		{ID: "approve", Decision: protocol.Allow, Scope: protocol.ScopeOnce, Label: "Approve the plan, and ask before each edit"},
		{ID: "approve-accept-edits", Decision: protocol.Allow, Scope: protocol.ScopeSession, Label: "Approve the plan, and accept edits for this session"},
		{ID: optionDeny, Decision: protocol.Deny, Scope: protocol.ScopeOnce, Label: "Keep planning"},
		{ID: optionDenyStop, Decision: protocol.Deny, Scope: protocol.ScopeOnce, Label: "Keep planning and stop the turn"},
	}
	t.asks[id] = &ask{requestID: id, toolUseID: a.ToolUseID, input: a.Input, plan: true, options: options, grants: map[string]json.RawMessage{
		"approve":              setModeGrant(modeDefault),
		"approve-accept-edits": setModeGrant(modeAcceptEdits),
	}}
	o.emit(&protocol.PermissionRequested{Permission: protocol.Permission{
		PermissionID: id,
		ItemID:       t.itemOf(a.ToolUseID),
		Kind:         protocol.PermitPlan,
		Title:        "Leave plan mode and start to work",
		Description:  plan,
		Tool:         describeTool(a.ToolName, a.ToolUseID, a.Input),
		Options:      options,
	}})
}

// setModeGrant is the permission update that leaves plan mode.
func setModeGrant(mode string) json.RawMessage {
	return encode(map[string]string{"type": "setMode", "mode": mode, "destination": "session"})
}

// todoList is the agent's to-do list. TodoWrite writes it whole; the Task
// tools change one entry at a time.
type todoList struct{ tasks []nativeTask }

// maxTodos bounds the list.
const maxTodos = 1000

// nativeTask is an entry of the Task tools.
type nativeTask struct {
	ID      string `json:"id"`
	Subject string `json:"subject"`
	Status  string `json:"status"`
}

// nativeTodo is an entry of TodoWrite.
type nativeTodo struct {
	Content  string `json:"content"`
	Status   string `json:"status"`
	Priority string `json:"priority"`
}

// todoResult reports the list after a tool has changed it. The result tells,
// not the input: a refused change must not show.
func (t *translator) todoResult(c *toolCall, d resultDetail, o *output) {
	if !d.present {
		return
	}
	switch c.item.Tool.Name {
	case "TodoWrite":
		var in struct {
			Todos []nativeTodo `json:"todos"`
		}
		todos := d.NewTodos
		if todos == nil && json.Unmarshal(c.input(), &in) == nil {
			todos = in.Todos
		}
		t.todo.replace(todos)
	case "TaskCreate":
		if d.Task == nil {
			return
		}
		t.todo.set(*d.Task)
	case "TaskUpdate":
		var in struct {
			Subject string `json:"subject"`
		}
		_ = json.Unmarshal(c.input(), &in) // the subject is optional
		t.todo.change(d.TaskID, in.Subject, d.StatusChange.To)
	case "TaskList":
		if slices.Equal(t.todo.tasks, d.Tasks) {
			return
		}
		t.todo.tasks = d.Tasks
	default:
		return
	}
	o.emit(&protocol.PlanUpdated{Entries: t.todo.entries()})
}

// replace takes over a whole list.
func (l *todoList) replace(todos []nativeTodo) {
	l.tasks = nil
	for i, todo := range todos {
		l.set(nativeTask{ID: strconv.Itoa(i + 1), Subject: todo.Content, Status: todo.Status})
	}
}

// set adds or replaces one entry.
func (l *todoList) set(task nativeTask) {
	task.Status = cmp.Or(task.Status, "pending")
	at := slices.IndexFunc(l.tasks, func(t nativeTask) bool { return t.ID == task.ID })
	switch {
	case at >= 0:
		l.tasks[at] = task
	case len(l.tasks) < maxTodos:
		l.tasks = append(l.tasks, task)
	}
}

// change changes what is not empty of one entry; status deleted removes it.
func (l *todoList) change(id, subject, status string) {
	if status == "deleted" {
		l.tasks = slices.DeleteFunc(l.tasks, func(t nativeTask) bool { return t.ID == id })
		return
	}
	for i := range l.tasks {
		if l.tasks[i].ID == id {
			l.tasks[i].Subject = cmp.Or(subject, l.tasks[i].Subject)
			l.tasks[i].Status = cmp.Or(status, l.tasks[i].Status)
		}
	}
}

// entries returns the list as it is reported.
func (l *todoList) entries() []protocol.PlanEntry {
	entries := make([]protocol.PlanEntry, 0, len(l.tasks))
	for _, t := range l.tasks {
		status := t.Status
		if status != "in_progress" && status != "completed" {
			status = "pending"
		}
		entries = append(entries, protocol.PlanEntry{Text: t.Subject, Status: status})
	}
	return entries
}

package claude

import (
	"encoding/json"

	"github.com/towline-dev/towline/agents"
)

// task is a subagent (local_agent) or a shell (local_bash) that the CLI
// follows by a task id.
type task struct {
	TaskID      string `json:"task_id"`
	ToolUseID   string `json:"tool_use_id"`
	TaskType    string `json:"task_type"`
	Description string `json:"description"`
	Status      string `json:"status"`
	Summary     string `json:"summary"`
	Background  bool   `json:"is_backgrounded"`
}

// maxTasks bounds the tasks whose end is awaited.
const maxTasks = 4096

// taskStarted tells that a subagent or a background command began.
func (t *translator) taskStarted(frame []byte, o *output) error {
	var k task
	if err := json.Unmarshal(frame, &k); err != nil {
		return errShape
	}
	if len(t.tasks) < maxTasks {
		t.tasks[k.TaskID] = k.TaskType
	}
	if k.TaskType == "local_agent" {
		o.notice("info", "subagent_started", agents.OneLine("a subagent started: "+k.Description), k.details())
		return nil
	}
	o.notice("info", "task_started", agents.OneLine("a background task started: "+k.Description), k.details())
	return nil
}

// taskEnded tells that it ended. The frame does not name the task's type, so
// it is remembered from the start.
func (t *translator) taskEnded(frame []byte, o *output) error {
	var k task
	if err := json.Unmarshal(frame, &k); err != nil {
		return errShape
	}
	k.TaskType = t.tasks[k.TaskID]
	delete(t.tasks, k.TaskID)
	level := "info"
	if k.Status == "failed" {
		level = "warning"
	}
	if k.TaskType == "local_agent" {
		t.forgetSubagent(k.ToolUseID)
		o.notice(level, "subagent_ended", agents.OneLine("a subagent ended ("+k.Status+"): "+k.Summary), k.details())
		return nil
	}
	o.notice(level, "task_ended", agents.OneLine("a background task ended ("+k.Status+"): "+k.Summary), k.details())
	return nil
}

// forgetSubagent drops the state of a subagent's messages.
func (t *translator) forgetSubagent(toolUseID string) {
	for key := range t.messages {
		if key.parent != "" && key.parent == toolUseID {
			delete(t.messages, key)
		}
	}
	delete(t.streams, toolUseID)
}

// details are the task's facts for programs.
func (k task) details() json.RawMessage {
	facts := map[string]any{"task_id": k.TaskID, "item_id": k.ToolUseID, "task_type": k.TaskType}
	if k.Status != "" {
		facts["status"] = k.Status
	}
	if k.Background {
		facts["background"] = true
	}
	return encode(facts)
}

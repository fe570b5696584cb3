package acp

import (
	"cmp"
	"encoding/json"

	"github.com/towline-dev/towline/protocol"
)

// planEntry is an entry of a plan, or of the to-do tools of agents without one.
type planEntry struct {
	Content  string `json:"content"`
	Status   string `json:"status"`
	Priority string `json:"priority"`
}

// planUpdate takes the whole plan, which comes anew each time.
func (t *translator) planUpdate(raw json.RawMessage, o *output) error {
	var f struct {
		Entries []planEntry `json:"entries"`
	}
	if json.Unmarshal(raw, &f) != nil {
		return errShape
	}
	t.closeSpeech(protocol.ItemDone, o)
	o.plan(f.Entries)
	return nil
}

// plan reports a to-do list.
func (o *output) plan(list []planEntry) {
	entries := make([]protocol.PlanEntry, 0, len(list))
	for _, e := range list {
		switch e.Status {
		case "in_progress", "completed":
		case "cancelled":
			continue
		default:
			e.Status = "pending"
		}
		entries = append(entries, protocol.PlanEntry{Text: e.Content, Status: e.Status, Priority: e.Priority})
	}
	o.emit(&protocol.PlanUpdated{Entries: entries})
}

// commandsUpdate takes the whole list of commands, unless nothing changed.
func (t *translator) commandsUpdate(raw json.RawMessage, o *output) error {
	var f struct {
		Commands []struct {
			Name        string `json:"name"`
			Description string `json:"description"`
			Input       struct {
				Hint string `json:"hint"`
			} `json:"input"`
		} `json:"availableCommands"`
	}
	if json.Unmarshal(raw, &f) != nil {
		return errShape
	}
	commands := make([]protocol.SlashCommand, 0, len(f.Commands))
	for _, c := range f.Commands {
		commands = append(commands, protocol.SlashCommand{Name: c.Name, Description: c.Description, Hint: c.Input.Hint})
	}
	list := string(encode(commands))
	if list != t.commands {
		t.commands = list
		o.emit(&protocol.CommandsUpdated{Commands: commands})
	}
	return nil
}

// infoUpdate takes the session's title.
func (t *translator) infoUpdate(raw json.RawMessage, o *output) error {
	var f struct {
		Title *string `json:"title"`
	}
	if json.Unmarshal(raw, &f) != nil {
		return errShape
	}
	if f.Title != nil && *f.Title != "" && *f.Title != t.title {
		t.title = *f.Title
		o.emit(&protocol.SessionUpdated{Title: f.Title})
	}
	return nil
}

// noticeUpdate passes a notice of the agent on.
func noticeUpdate(raw json.RawMessage, o *output) error {
	var f struct {
		Severity    string `json:"severity"`
		Title       string `json:"title"`
		Description string `json:"description"`
	}
	if json.Unmarshal(raw, &f) != nil || f.Title == "" {
		return errShape
	}
	level := "info"
	if f.Severity == "warning" || f.Severity == "error" {
		level = "warning"
	}
	message := f.Title
	if f.Description != "" {
		message += ": " + f.Description
	}
	o.notice(level, "agent", message, nil)
	return nil
}

// compactionUpdate tells when older conversation was replaced by a summary.
func compactionUpdate(raw json.RawMessage, o *output) error {
	var f struct {
		ID     string `json:"compactionId"`
		Status string `json:"status"`
		Error  string `json:"error"`
	}
	if json.Unmarshal(raw, &f) != nil {
		return errShape
	}
	switch f.Status {
	case "completed":
		o.notice("info", "compacted", "older conversation was replaced by a summary", map[string]string{"compaction_id": f.ID})
	case "failed":
		o.notice("warning", "compact_failed", "the conversation could not be compacted: "+cmp.Or(f.Error, "the agent does not say why"), nil)
	}
	return nil
}

package opencode

import (
	"cmp"
	"encoding/json"
	"errors"
	"strings"
)

// event is a frame of the event stream (section 5).
type event struct {
	Type       string          `json:"type"`
	Properties json.RawMessage `json:"properties"`
}

// envelope is a frame of /global/event; those of /event have no payload.
type envelope struct {
	Payload *event `json:"payload"`
	event
}

var (
	errUnknown = errors.New("the event's type is not known")
	errShape   = errors.New("the event does not have the shape of its type")
	errJSON    = errors.New("the event is not JSON")
)

// readEvent unwraps a frame of either stream.
func readEvent(frame []byte) (event, error) {
	var w envelope
	if err := json.Unmarshal(frame, &w); err != nil {
		return event{}, errJSON
	}
	if w.Payload != nil {
		return *w.Payload, nil
	}
	return w.event, nil
}

// sessionOf returns the session that an event is about and, for a new session,
// its parent; empty for events about no session.
func sessionOf(e event) (session, parent string) {
	type named struct {
		ID        string `json:"id"`
		SessionID string `json:"sessionID"`
		ParentID  string `json:"parentID"`
	}
	var p struct {
		SessionID string          `json:"sessionID"`
		Info      json.RawMessage `json:"info"`
		Part      json.RawMessage `json:"part"`
	}
	if json.Unmarshal(e.Properties, &p) != nil {
		return "", ""
	}
	var info, part named
	_ = json.Unmarshal(p.Info, &info) // what has another shape names no session
	_ = json.Unmarshal(p.Part, &part)
	if strings.HasPrefix(e.Type, "session.") && info.ID != "" {
		return info.ID, info.ParentID
	}
	return cmp.Or(p.SessionID, part.SessionID, info.SessionID), ""
}

// ignored tells of events that hold nothing for a session: the stream's own
// control, the catalogue's noise, duplicates, and what other events tell
// better (section 6).
func ignored(kind string) bool {
	switch kind {
	case "server.connected", "server.heartbeat", "global.disposed", "sync",
		"file.edited", "file.watcher.updated", "session.diff", "command.executed", "message.part.removed",
		"lsp.updated", "lsp.client.diagnostics", "mcp.tools.changed", "vcs.branch.updated", "project.updated", "installation.updated",
		"installation.update-available", "message.removed":
		return true
	}
	for _, prefix := range []string{
		"plugin.", "catalog.", "reference.", "integration.", "pty.", "workspace.", "worktree.", "tui.",
		"permission.v2.", "question.v2.", "session.next.",
	} {
		if strings.HasPrefix(kind, prefix) {
			return true
		}
	}
	return false
}

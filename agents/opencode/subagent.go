package opencode

import (
	"encoding/json"

	"github.com/towline-dev/towline/protocol"
)

// child is a subagent's session.
type child struct {
	// item is the tool call that it works for; empty until that is known.
	item string
}

// sessionCreated notes a subagent's session, whose parent is this session or
// one of its subagents'.
func (t *translator) sessionCreated(raw json.RawMessage, _ *output) error {
	var e struct {
		Info struct {
			ID       string `json:"id"`
			ParentID string `json:"parentID"`
		} `json:"info"`
	}
	if err := json.Unmarshal(raw, &e); err != nil || e.Info.ID == "" {
		return errShape
	}
	if t.mine(e.Info.ParentID) {
		t.linkChild(e.Info.ID, "", e.Info.ParentID)
	}
	return nil
}

// linkChild notes a subagent's session and the call that it works for. A
// session that is created is told before the call names it: until then the one
// call of its parent that has no subagent yet is taken.
func (t *translator) linkChild(session, item, parent string) {
	c := t.children[session]
	if c == nil {
		c = &child{}
		t.children[session] = c
	}
	if item == "" && c.item == "" {
		item = t.waitingTask(parent)
	}
	if item != "" {
		c.item = item
	}
}

// waitingTask returns the only open task call of a session that has no
// subagent yet; empty if there is none or more than one.
func (t *translator) waitingTask(session string) string {
	found := ""
	for id, p := range t.parts {
		if p.session == session && !p.closed && p.call != nil && p.call.child == "" && p.item.Tool.Kind == protocol.ToolTask {
			if found != "" {
				return ""
			}
			found = id
		}
	}
	return found
}

// parentItem is the call that a session works for; empty for the root's.
func (t *translator) parentItem(session string) string {
	c := t.children[session]
	if c == nil {
		return ""
	}
	if p := t.parts[c.item]; p == nil || !p.started || p.closed {
		return ""
	}
	return c.item
}

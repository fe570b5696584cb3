package claude

import (
	"encoding/json"

	"github.com/towline-dev/towline/protocol"
)

// facts is what was reported of the session; only changes are reported again.
type facts struct {
	nativeID, model, permissionMode, version, title string
	// chosen is the model of the last init. It is a choice, not what runs:
	// in plan mode the CLI may run another one (section 7, model).
	chosen string
	// beforePlan is the permission mode to go back to from plan.
	beforePlan string
}

// init handles the frame that begins every turn (once per turn, not per
// process: section 5).
func (t *translator) init(frame []byte, o *output) error {
	var f struct {
		SessionID string   `json:"session_id"`
		Model     string   `json:"model"`
		Mode      string   `json:"permissionMode"`
		Version   string   `json:"claude_code_version"`
		UUIDs     []string `json:"user_message_uuids"`
	}
	if err := json.Unmarshal(frame, &f); err != nil {
		return errShape
	}
	t.echoes = t.echoes || len(f.UUIDs) > 0
	var u protocol.SessionUpdated
	// After /clear the id is another one, and only init tells it (section 7).
	changed := setFact(&t.facts.nativeID, f.SessionID, &u.NativeSessionID)
	changed = setFact(&t.facts.version, f.Version, &u.AgentVersion) || changed
	if f.Model != t.facts.chosen {
		t.facts.chosen = f.Model
		changed = setFact(&t.facts.model, f.Model, &u.Model) || changed
	}
	changed = t.setMode(f.Mode, &u) || changed
	if changed {
		o.emit(&u)
	}
	t.beginTurn(f.UUIDs, o)
	return nil
}

// setFact notes a value and fills the field that reports it, if it is new.
func setFact(have *string, value string, field **string) bool {
	if value == "" || value == *have {
		return false
	}
	*have = value
	*field = &value
	return true
}

// setMode notes the permission mode. plan is a mode of its own for clients.
func (t *translator) setMode(native string, u *protocol.SessionUpdated) bool {
	before := t.facts.permissionMode
	if !setFact(&t.facts.permissionMode, native, &u.PermissionMode) {
		return false
	}
	if before != modePlan && before != "" {
		t.facts.beforePlan = before
	}
	if before == "" || (native == modePlan) != (before == modePlan) {
		mode := modeDefault
		if native == modePlan {
			mode = modePlan
		}
		u.Mode = &mode
	}
	return true
}

// status handles system/status: the permission mode, and how compacting went.
func (t *translator) status(frame []byte, o *output) error {
	var f struct {
		Mode          string `json:"permissionMode"`
		CompactResult string `json:"compact_result"`
		CompactError  string `json:"compact_error"`
	}
	if err := json.Unmarshal(frame, &f); err != nil {
		return errShape
	}
	var u protocol.SessionUpdated
	if t.setMode(f.Mode, &u) {
		o.emit(&u)
	}
	if f.CompactResult == "failed" {
		o.notice("warning", "compact_failed", "the conversation could not be compacted: "+f.CompactError, nil)
	}
	return nil
}

// compacted tells that older conversation was replaced by a summary.
func (t *translator) compacted(frame []byte, o *output) error {
	var f struct {
		Metadata struct {
			Trigger    string `json:"trigger"`
			PreTokens  int64  `json:"pre_tokens"`
			PostTokens int64  `json:"post_tokens"`
		} `json:"compact_metadata"`
	}
	if err := json.Unmarshal(frame, &f); err != nil {
		return errShape
	}
	t.total.context.Used = f.Metadata.PostTokens
	o.notice("info", "compacted", "older conversation was replaced by a summary", encode(f.Metadata))
	return nil
}

// titleChanged reports the session's new title.
func (t *translator) titleChanged(frame []byte, o *output) error {
	var f struct {
		Title string `json:"title"`
	}
	if err := json.Unmarshal(frame, &f); err != nil {
		return errShape
	}
	var u protocol.SessionUpdated
	if setFact(&t.facts.title, f.Title, &u.Title) {
		o.emit(&u)
	}
	return nil
}

package opencode

import (
	"encoding/json"
	"strings"

	"github.com/towline-dev/towline/protocol"
)

// toldSettings is what the server told of the session, so that only changes
// are reported.
type toldSettings struct{ title, model, effort, mode string }

// nativeModel names a model in a session's info.
type nativeModel struct {
	ID       string `json:"id"`
	Provider string `json:"providerID"`
	Variant  string `json:"variant"`
}

// id is the model as clients name it.
func (m nativeModel) id() string {
	if m.ID == "" {
		return ""
	}
	return m.Provider + "/" + m.ID
}

// sessionUpdated reports a changed title, model or agent. It may come in the
// middle of a turn (section 8.12).
func (t *translator) sessionUpdated(raw json.RawMessage, o *output) error {
	var e struct {
		Info struct {
			ID    string       `json:"id"`
			Title string       `json:"title"`
			Agent string       `json:"agent"`
			Model *nativeModel `json:"model"`
		} `json:"info"`
	}
	if err := json.Unmarshal(raw, &e); err != nil || e.Info.ID == "" {
		return errShape
	}
	if e.Info.ID != t.session {
		return nil
	}
	now := t.told
	if !strings.HasPrefix(e.Info.Title, "New session - ") { // a placeholder
		now.title = e.Info.Title
	}
	if e.Info.Agent != "" {
		now.mode = e.Info.Agent
	}
	if m := e.Info.Model; m != nil {
		now.model = m.id()
		if m.Variant != "" && m.Variant != "default" {
			now.effort = m.Variant
		}
	}
	t.tell(now, o)
	return nil
}

// tell reports what changed.
func (t *translator) tell(now toldSettings, o *output) {
	u := &protocol.SessionUpdated{}
	for _, f := range []struct {
		to       **string
		was, now string
	}{
		{&u.Title, t.told.title, now.title},
		{&u.Model, t.told.model, now.model},
		{&u.Effort, t.told.effort, now.effort},
		{&u.Mode, t.told.mode, now.mode},
	} {
		if f.was != f.now && f.now != "" {
			*f.to = &f.now
		}
	}
	t.told = now
	if *u != (protocol.SessionUpdated{}) {
		o.emit(u)
	}
}

// sessionDeleted ends the turn and the connection: somebody deleted the native
// session.
func (t *translator) sessionDeleted(raw json.RawMessage, o *output) error {
	var e struct {
		SessionID string `json:"sessionID"`
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		return errShape
	}
	if e.SessionID != t.session {
		delete(t.children, e.SessionID)
		return nil
	}
	if t.turn.open {
		t.turn.failure = &protocol.Failure{Code: "session_deleted", Message: "OpenCode's session was deleted; start a new one"}
		t.turn.aborted = false
		t.endTurn(o)
	}
	o.Gone = true
	return nil
}

// compacting tells that the conversation is being summed up.
func (t *translator) compacting(n nativePart, o *output) {
	why := "as asked"
	switch {
	case n.Overflow:
		why = "because it had become too long for the model"
	case n.Auto:
		why = "because it fills the model's context"
	}
	o.notice("info", "compacting", "the conversation is summed up "+why, nil)
}

// sessionCompacted tells that the summary has taken the conversation's place.
func (t *translator) sessionCompacted(raw json.RawMessage, o *output) error {
	var e struct {
		SessionID string `json:"sessionID"`
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		return errShape
	}
	if e.SessionID == t.session {
		o.notice("info", "compacted", "a summary has taken the place of the conversation so far", nil)
	}
	return nil
}

package opencode

import (
	"encoding/json"

	"github.com/towline-dev/towline/protocol"
)

// message is a message of the root session or of a subagent's.
type message struct {
	session   string
	assistant bool
	// history tells that it was complete when it was first seen: a copy that
	// a fork made, or a turn from before.
	history bool
	// summary tells that it is a compaction's.
	summary bool
	// answered tells of a user's message that an assistant's message names it
	// as its parent, done of an assistant's that it is complete.
	answered, done bool
	// old tells that its turn has ended.
	old bool
}

// nativeMessage is the info of a message.updated.
type nativeMessage struct {
	ID        string `json:"id"`
	SessionID string `json:"sessionID"`
	Role      string `json:"role"`
	ParentID  string `json:"parentID"`
	// Summary is true for a compaction, and an object in a user's message.
	Summary json.RawMessage `json:"summary"`
	Time    struct {
		Completed int64 `json:"completed"`
	} `json:"time"`
	Finish string       `json:"finish"`
	Error  *nativeFault `json:"error"`
}

// messageUpdated follows messages; their content comes in parts.
func (t *translator) messageUpdated(raw json.RawMessage, o *output) error {
	var e struct {
		Info nativeMessage `json:"info"`
	}
	if err := json.Unmarshal(raw, &e); err != nil || e.Info.ID == "" {
		return errShape
	}
	m := e.Info
	switch {
	case !t.mine(m.SessionID):
	case m.Role == "user":
		t.userMessage(m, o)
	case m.Role == "assistant":
		t.assistantMessage(m, o)
	default:
		return errShape
	}
	return nil
}

// userMessage notes a prompt's message. Its first telling means that the
// server has taken the prompt.
func (t *translator) userMessage(m nativeMessage, o *output) {
	if t.messages[m.ID] == nil {
		t.messages[m.ID] = &message{session: m.SessionID}
		if m.SessionID == t.session {
			t.lastUser = m.ID
			t.turn.accepted = t.turn.open
		}
	}
	t.turnChanges(m, o)
}

// assistantMessage notes a step of the model.
func (t *translator) assistantMessage(m nativeMessage, o *output) {
	known := t.messages[m.ID]
	if known == nil {
		known = &message{session: m.SessionID, assistant: true, history: m.Time.Completed != 0 && !t.catching, summary: string(m.Summary) == "true"}
		t.messages[m.ID] = known
		if parent := t.messages[m.ParentID]; parent != nil {
			parent.answered = true
		}
		if m.SessionID == t.session && !known.history {
			t.recovered(o)
		}
	}
	if known.history || known.done {
		return
	}
	known.done = m.Time.Completed != 0
	if m.SessionID != t.session || !t.turn.open || known.old {
		return
	}
	if m.Finish != "" {
		t.turn.finish = m.Finish
	}
	if m.Error != nil {
		t.fault(*m.Error)
	}
}

// working tells whether a message of the root session is not complete.
func (t *translator) working() bool {
	for _, m := range t.messages {
		if m.assistant && m.session == t.session && !m.done && !m.history && !m.old {
			return true
		}
	}
	return false
}

// recovered takes a new step of the model for the end of an error that came
// before: OpenCode goes on by itself after it has compacted a conversation
// that had become too long.
func (t *translator) recovered(o *output) {
	if f := t.turn.failure; f != nil && !t.turn.ending {
		o.emit(&protocol.ErrorEvent{Code: f.Code, Message: f.Message, Retryable: f.Retryable, Details: f.Details})
		t.turn.failure = nil
	}
}

package opencode

import (
	"encoding/json"
	"maps"
	"slices"
)

// snapshot is how a session is, as the server's listings tell it after its
// stream was cut.
type snapshot struct {
	// Since is the time, in Unix milliseconds, from which messages that are
	// not known are new; older ones are history.
	Since int64
	// Gone tells that the session was deleted.
	Gone    bool
	Session json.RawMessage
	// Messages are those of the session and of its subagents', by session.
	Messages map[string][]storedMessage
	// Children are the subagents' sessions that did something since.
	Children               []childSession
	Permissions, Questions []json.RawMessage
	Todos                  []nativeTodo
	// Busy tells that the session works.
	Busy bool
}

// storedMessage is an entry of GET /session/{id}/message.
type storedMessage struct {
	Info  json.RawMessage   `json:"info"`
	Parts []json.RawMessage `json:"parts"`
}

// childSession is a subagent's session.
type childSession struct{ id, parent string }

// catchUp tells what was missed, each thing as the event that told of it would
// have. What is known already says nothing new, also when its event comes
// after all. Texts that are open may lack something in their middle, so they
// are told from where they stood when they are whole.
func (t *translator) catchUp(s snapshot) output {
	var o output
	if s.Gone {
		t.again("session.deleted", map[string]any{"sessionID": t.session}, &o)
		return o
	}
	t.catching = true
	t.markGaps()
	t.again("session.updated", map[string]any{"info": s.Session}, &o)
	t.catchUpMessages(t.session, s, &o)
	for _, c := range s.Children {
		t.linkChild(c.id, "", c.parent)
		t.catchUpMessages(c.id, s, &o) // none is left if its call was found
	}
	t.catching = false
	t.markGaps()
	t.catchUpAsks(s, &o)
	if !slices.Equal(s.Todos, t.todos) {
		t.again("todo.updated", map[string]any{"sessionID": t.session, "todos": s.Todos}, &o)
	}
	switch {
	case s.Busy:
		t.sessionBusy(&o)
	case t.turn.open && t.turn.accepted:
		o.Look = true // its end was missed, or is still to come
	}
	return o
}

// markGaps marks the texts that are open.
func (t *translator) markGaps() {
	for _, p := range t.openParts("") {
		p.gap = p.call == nil
	}
}

// again handles an event that was missed.
func (t *translator) again(kind string, properties any, o *output) {
	raw := encode(properties)
	if err := t.dispatch(event{Type: kind, Properties: raw}, o); err != nil {
		o.emit(unparsed(raw, err))
	}
}

// catchUpMessages tells what is new in a session's messages, once.
func (t *translator) catchUpMessages(session string, s snapshot, o *output) {
	messages := s.Messages[session]
	delete(s.Messages, session)
	for _, m := range messages {
		var info struct {
			ID   string `json:"id"`
			Time struct {
				Created int64 `json:"created"`
			} `json:"time"`
		}
		_ = json.Unmarshal(m.Info, &info) // another shape is told by again
		known := t.messages[info.ID]
		if known == nil && info.Time.Created < s.Since || known != nil && known.history {
			continue
		}
		t.again("message.updated", map[string]any{"info": m.Info}, o)
		if known != nil && known.old {
			continue
		}
		for _, part := range m.Parts {
			t.catchUpPart(part, s, o)
		}
	}
}

// catchUpPart tells a part. What a subagent did comes before the end of the
// call that it works for.
func (t *translator) catchUpPart(part json.RawMessage, s snapshot, o *output) {
	var n struct {
		State map[string]json.RawMessage `json:"state"`
	}
	_ = json.Unmarshal(part, &n) // parts without a state are told as they are
	if child := readMetadata(n.State["metadata"]).SessionID; s.Messages[child] != nil {
		var running map[string]json.RawMessage
		_ = json.Unmarshal(part, &running) // it was read above
		n.State["status"] = encode("running")
		running["state"] = encode(n.State)
		t.again("message.part.updated", map[string]any{"part": running}, o)
		t.catchUpMessages(child, s, o)
	}
	t.again("message.part.updated", map[string]any{"part": part}, o)
}

// catchUpAsks tells the asks that wait, and of those that do not any more.
func (t *translator) catchUpAsks(s snapshot, o *output) {
	waiting := map[string]bool{}
	for kind, asks := range map[string][]json.RawMessage{"permission": s.Permissions, "question": s.Questions} {
		for _, raw := range asks {
			var a nativeAsk
			_ = json.Unmarshal(raw, &a) // another shape is told by again
			waiting[a.ID] = true
			if !t.answeredAsks[a.ID] {
				t.again(kind+".asked", raw, o)
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(t.asks)) {
		if waiting[id] {
			continue
		}
		kind := "permission.replied"
		if t.asks[id].question {
			kind = "question.replied"
		}
		t.again(kind, map[string]any{"requestID": id}, o)
	}
}

// looked takes whether the session works. If it does not, the end of its turn
// was missed.
func (t *translator) looked(a answer, o *output) {
	var busy map[string]json.RawMessage
	switch {
	case !t.turn.open:
	case !a.ok() || json.Unmarshal(a.Body, &busy) != nil:
		o.Look = true
	case busy[t.session] == nil:
		t.endTurn(o)
	}
}

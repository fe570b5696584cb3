package codex

import (
	"encoding/json"
	"slices"

	"github.com/towline-dev/towline/agents/jsonrpc"
)

// maxHeld bounds the messages that wait for their thread to be known.
const maxHeld = 256

// message is a received message with its frame and its thread.
type message struct {
	jsonrpc.Incoming
	frame  []byte
	thread string
}

// router finds the translator that a message is for. Messages of a thread may
// come before the answer that names it, and a subagent's before anything does
// (PROTOCOL.md sections 3 and 7); they are held until the thread is claimed.
type router struct {
	threads map[string]*translator
	held    []message
}

// newMessage reads which thread the message is about; empty for none.
func newMessage(in jsonrpc.Incoming, frame []byte) message {
	var p struct {
		ThreadID string `json:"threadId"`
	}
	if in.Kind == jsonrpc.Notification || in.Kind == jsonrpc.Request {
		_ = json.Unmarshal(in.Params, &p) // then it is about none
	}
	return message{in, frame, p.ThreadID}
}

// hold keeps a message of an unknown thread. It returns the one that was
// dropped for it, if any.
func (r *router) hold(m message) (dropped *message) {
	m.frame = slices.Clone(m.frame)
	m.Params = slices.Clone(m.Params)
	if len(r.held) >= maxHeld {
		oldest := r.held[0]
		r.held, dropped = slices.Delete(r.held, 0, 1), &oldest
	}
	r.held = append(r.held, m)
	return dropped
}

// claim gives threads to a translator and returns what was held for them.
func (r *router) claim(t *translator, ids []string) []message {
	if len(ids) == 0 {
		return nil
	}
	if r.threads == nil {
		r.threads = map[string]*translator{}
	}
	for _, id := range ids {
		r.threads[id] = t
	}
	var mine []message
	r.held = slices.DeleteFunc(r.held, func(m message) bool {
		if slices.Contains(ids, m.thread) {
			mine = append(mine, m)
			return true
		}
		return false
	})
	return mine
}

// release forgets the threads of a translator.
func (r *router) release(t *translator) {
	for id, owner := range r.threads {
		if owner == t {
			delete(r.threads, id)
		}
	}
}

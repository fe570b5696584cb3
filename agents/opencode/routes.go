package opencode

import (
	"encoding/hex"
	"fmt"
	"sync"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// routes finds the conn that an event is for: that of its session, or of the
// session that the subagent works for. Safe for concurrent use.
type routes struct {
	mu    sync.RWMutex
	conns map[string]*conn
}

// add makes a session's events go to a conn.
func (r *routes) add(session string, c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conns == nil {
		r.conns = map[string]*conn{}
	}
	r.conns[session] = c
}

// remove forgets a conn and its subagents.
func (r *routes) remove(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for session, have := range r.conns {
		if have == c {
			delete(r.conns, session)
		}
	}
}

// find returns the conn of a session, nil for none.
func (r *routes) find(session string) *conn {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.conns[session]
}

// all returns every conn once.
func (r *routes) all() []*conn {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var all []*conn
	for session, c := range r.conns {
		if session == c.session {
			all = append(all, c)
		}
	}
	return all
}

// dispatch hands a frame of the stream to the conn that it is for. A frame that
// cannot be read may have been for any of them, so all are told.
func (r *routes) dispatch(frame []byte, long *agents.LongLine) {
	if long != nil {
		r.broadcast(&protocol.AgentUnparsed{
			Error: fmt.Sprintf("an event of %d bytes is longer than the limit and was skipped", long.Bytes), Location: "sse",
			Sample: long.Head, RawHash: hex.EncodeToString(long.SHA256[:]), Bytes: long.Bytes,
		})
		return
	}
	e, err := readEvent(frame)
	if err != nil {
		r.broadcast(unparsed(frame, err))
		return
	}
	if ignored(e.Type) {
		return
	}
	session, parent := sessionOf(e)
	if c := r.find(parent); parent != "" && c != nil {
		r.add(session, c)
	}
	switch c := r.find(session); {
	case c != nil:
		c.deliver(e, frame)
	case e.Type == "server.instance.disposed":
		for _, c := range r.all() {
			c.deliver(e, frame)
		}
	}
}

// broadcast tells every conn.
func (r *routes) broadcast(d protocol.Data) {
	for _, c := range r.all() {
		c.report(agents.Report{Events: []protocol.Data{d}})
	}
}

package session

import (
	"context"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/session/store"
)

// info is a session as REST shows it, from what the store has.
func (r *record) info(row store.Session) protocol.Session {
	return protocol.Session{
		ID: row.ID, Agent: r.Request.Agent, AgentVersion: r.Known.AgentVersion, NativeSessionID: r.Known.Native,
		Directory: r.Request.Directory, Title: r.Known.Title, Model: r.Known.Model, Mode: r.Known.Mode,
		Effort: r.Known.Effort, PermissionMode: r.Known.PermissionMode, Status: protocol.Status(row.Status),
		Epoch: row.Epoch, Head: row.Head, Raw: r.Request.Raw, ForkedOf: r.ForkedOf,
		CreatedAt: protocol.At(r.CreatedAt), UpdatedAt: protocol.At(row.UpdatedAt),
	}
}

// info is the same for a session that was just born.
func (s *Session) info() protocol.Session {
	s.rec.Known = s.ledger.known
	return s.rec.info(store.Session{
		ID: s.id, Status: string(protocol.StatusIdle), Epoch: s.log.epoch, UpdatedAt: s.rec.CreatedAt,
	})
}

// describe sets what session answers; publish keeps it up to date.
func (l *eventLog) describe(info protocol.Session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.info = info
}

// noteInfoLocked follows the events that change what REST shows and that the
// fold does not keep.
func (l *eventLog) noteInfoLocked(e *protocol.Event) {
	l.info.UpdatedAt = e.Time
	switch d := e.Data.(type) {
	case *protocol.SessionUpdated:
		changedPtr(&l.info.NativeSessionID, d.NativeSessionID)
		changedPtr(&l.info.AgentVersion, d.AgentVersion)
	case *protocol.SessionStarted:
		changed(&l.info.NativeSessionID, d.NativeSessionID)
		changed(&l.info.AgentVersion, d.AgentVersion)
	case *protocol.AgentStarted:
		changed(&l.info.AgentVersion, d.Version)
	}
}

// session returns the session as REST shows it.
func (l *eventLog) session() protocol.Session {
	l.mu.Lock()
	defer l.mu.Unlock()
	st := l.fold.State()
	info := l.info
	info.Head, info.Epoch = l.head, l.epoch
	info.Status = st.Status
	info.PendingAsks = len(st.Permissions) + len(st.Questions)
	for to, v := range map[*string]string{
		&info.Title: st.Title, &info.Model: st.Model, &info.Mode: st.Mode,
		&info.Effort: st.Effort, &info.PermissionMode: st.PermissionMode,
	} {
		if v != "" {
			*to = v
		}
	}
	return info
}

// missing stands for the agent of a stored session that this server does not
// offer: the transcript can be read, but nothing started.
type missing struct {
	name string
	err  error
}

// Name returns the agent's name.
func (a missing) Name() string { return a.name }

// Capabilities are none.
func (a missing) Capabilities() protocol.Capabilities { return protocol.Capabilities{} }

// Info says that the agent is missing.
func (a missing) Info(context.Context) protocol.AgentInfo {
	return protocol.AgentInfo{Name: a.name, Status: "missing"}
}

// Open refuses.
func (a missing) Open(context.Context, agents.Start) (agents.Conn, error) { return nil, a.err }

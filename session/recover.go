package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/session/store"
)

// loadBytes is how much of a log is read at once when a session is loaded.
const loadBytes = 1 << 20

// readRecord reads a row's record.
func readRecord(row store.Session) (record, error) {
	var rec record
	if err := json.Unmarshal(row.Record, &rec); err != nil {
		return rec, fmt.Errorf("cannot read the record of session %s: %w", row.ID, err)
	}
	rec.foldSeq = row.RecordSeq
	return rec, nil
}

// load brings a session into memory: its fold as last saved, the events since,
// and, if a crash left it open, the events that close what was open.
func (m *Manager) load(ctx context.Context, id string) (*Session, error) {
	row, err := m.o.Store.Session(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, notFound()
	}
	if err != nil {
		return nil, fmt.Errorf("cannot load session %s: %w", id, err)
	}
	rec, err := readRecord(row)
	if err != nil {
		return nil, err
	}
	agent, err := m.o.Agents.Get(rec.Request.Agent)
	if err != nil {
		agent = missing{name: rec.Request.Agent, err: err}
	}
	fold := protocol.NewFold()
	if len(rec.Fold) > 0 {
		if err := fold.UnmarshalJSON(rec.Fold); err != nil {
			return nil, fmt.Errorf("cannot read the saved state of session %s: %w", id, err)
		}
	}
	l := newLedger(id, rec.Request.Agent, rec.Request.Directory, m.now)
	l.started, l.seq, l.known, l.counters = true, row.Head, rec.Known, rec.Counters
	s := newSession(m, agent, rec, l, nil)
	if err := s.replayTail(ctx, fold); err != nil {
		return nil, err
	}
	s.log = newEventLog(row.Head, row.Epoch, fold)
	s.log.describe(rec.info(row))
	s.rowOpen = row.Open
	st := fold.State()
	l.restore(st)
	if row.Open {
		if err := s.mend(ctx, st); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// replayTail applies the events after the saved fold, and learns from them
// what the ledger must know.
func (s *Session) replayTail(ctx context.Context, fold *protocol.Fold) error {
	for after := s.rec.foldSeq; after < s.ledger.seq; {
		chunks, err := s.m.o.Store.Chunks(ctx, s.id, after, loadBytes, false)
		if err != nil {
			return fmt.Errorf("cannot load the events of session %s: %w", s.id, err)
		}
		if len(chunks) == 0 {
			return nil // trimmed
		}
		for _, c := range chunks {
			var events []protocol.Event
			if err := json.Unmarshal(c.Events, &events); err != nil {
				return fmt.Errorf("cannot read events %d to %d of session %s: %w", c.First, c.Last, s.id, err)
			}
			for i := range events {
				if events[i].Seq <= after {
					continue
				}
				fold.Apply(&events[i])
				s.remember(&events[i])
			}
			after = c.Last
		}
	}
	return nil
}

// remember learns from a stored event.
func (s *Session) remember(e *protocol.Event) {
	l := s.ledger
	switch d := e.Data.(type) {
	case *protocol.PromptAccepted:
		number(&l.counters.Prompts, d.PromptID)
		s.queue = append(s.queue, queuedPrompt{ID: d.PromptID, Content: d.Content})
		if d.Delivery == protocol.DeliverSteer {
			s.unqueue(d.PromptID) // given to the open turn at once
		}
	case *protocol.PromptWithdrawn:
		s.unqueue(d.PromptID)
	case *protocol.TurnStarted:
		number(&l.counters.Turns, e.TurnID)
		for _, id := range d.PromptIDs {
			s.unqueue(id)
		}
	case *protocol.ItemStarted:
		number(&l.counters.Items, d.Item.ID)
	case *protocol.PermissionRequested:
		number(&l.counters.Permissions, d.Permission.PermissionID)
	case *protocol.QuestionRequested:
		number(&l.counters.Questions, d.Question.QuestionID)
	case *protocol.SessionEnded:
		l.ended = true
	case *protocol.SessionUpdated:
		l.known.apply(d)
	case *protocol.SessionStarted:
		changed(&l.known.Native, d.NativeSessionID)
		changed(&l.known.Model, d.Model)
		changed(&l.known.Mode, d.Mode)
	}
}

// apply notes an update that was told.
func (k *known) apply(d *protocol.SessionUpdated) {
	changedPtr(&k.Title, d.Title)
	changedPtr(&k.Model, d.Model)
	changedPtr(&k.Mode, d.Mode)
	changedPtr(&k.Effort, d.Effort)
	changedPtr(&k.PermissionMode, d.PermissionMode)
	changedPtr(&k.Native, d.NativeSessionID)
	changedPtr(&k.AgentVersion, d.AgentVersion)
}

// unqueue removes a prompt from the restored queue.
func (s *Session) unqueue(id string) {
	s.queue = slices.DeleteFunc(s.queue, func(q queuedPrompt) bool { return q.ID == id })
}

// number raises a counter to the number in an id such as t12.
func number(counter *int, id string) {
	if len(id) < 2 {
		return
	}
	if n, err := strconv.Atoi(id[1:]); err == nil {
		*counter = max(*counter, n)
	}
}

// restore takes over what the fold says is open.
func (l *ledger) restore(st protocol.State) {
	l.agentRunning = st.AgentRunning
	l.usage = st.Usage
	l.ended = l.ended || st.Status == protocol.StatusEnded || st.Status == protocol.StatusFailed
	if st.Turn != nil {
		l.turn = &turn{id: st.Turn.TurnID, started: st.Turn.StartedAt.Time}
	}
	for i, it := range st.Items {
		l.items[it.NativeID] = &item{Item: it, order: i}
	}
	for _, p := range st.Permissions {
		l.asks[p.PermissionID] = &ask{kind: askPermission, id: p.PermissionID, permission: p}
	}
	for _, q := range st.Questions {
		l.asks[q.QuestionID] = &ask{kind: askQuestion, id: q.QuestionID, question: q}
	}
}

// mend closes what a crash of the server left open: asks first (those that had
// been decided are told as such, their delivery unknown, and never sent
// again), then items, the turn, and the agent.
func (s *Session) mend(ctx context.Context, st protocol.State) error {
	l := s.ledger
	decisions, err := s.m.o.Store.Decisions(ctx, s.id)
	if err != nil {
		return fmt.Errorf("cannot load the decisions of session %s: %w", s.id, err)
	}
	for _, row := range decisions {
		var d decision
		if err := json.Unmarshal(row.Record, &d); err != nil {
			return fmt.Errorf("cannot read a decision of session %s: %w", s.id, err)
		}
		if a, ok := l.asks[d.AskID]; ok {
			a.decided = &d
			l.resolveDecided(a, protocol.DeliveredUnknown, reasonServerRestart)
		}
	}
	l.cancelAsks(protocol.Actor{Kind: "server"}, reasonServerRestart)
	if l.turn != nil {
		l.endTurn(protocol.SourceServer, &protocol.TurnEnded{
			Outcome: protocol.OutcomeFailed,
			Error:   &protocol.Failure{Code: reasonServerRestart, Message: "the server restarted while the turn was open; the next prompt resumes the agent", Retryable: true},
		}, reasonServerRestart)
	}
	l.closeItems(protocol.ItemInterrupted)
	if st.AgentRunning {
		l.agentExited(protocol.SourceServer, &protocol.AgentExited{Message: "the server restarted"})
	}
	if st.Status == protocol.StatusStarting && !l.ended {
		idle := protocol.StatusIdle
		l.update(protocol.SourceServer, &protocol.SessionUpdated{Status: &idle})
	}
	if len(l.out.events) == 0 {
		s.inbox.put(s.rest)
	}
	return nil
}

package session

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/session/store"
)

// record is what a session remembers beyond its events: the store's row. Env
// and MCP settings in Request may hold secrets, so records never leave the
// server.
type record struct {
	Request   protocol.SessionCreate `json:"request"`
	CreatedAt time.Time              `json:"created_at"`
	ForkedOf  string                 `json:"forked_from,omitempty"`
	Known     known                  `json:"known"`
	Counters  counters               `json:"counters"`
	// Fold is the fold of the events up to the row's RecordSeq.
	Fold json.RawMessage `json:"fold,omitempty"`

	foldSeq uint64
}

// row makes the store's row. open tells that the session is not at rest.
func (s *Session) row(open bool, status protocol.Status) *store.Session {
	s.rec.Known = s.ledger.known
	s.rec.Counters = s.ledger.counters
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // it would change bytes inside the fold that hashes tell of
	if err := e.Encode(&s.rec); err != nil {
		panic("cannot encode a session's record: " + err.Error()) // plain data: cannot happen
	}
	return &store.Session{
		ID: s.id, CreatedAt: s.rec.CreatedAt, UpdatedAt: s.m.now(), Agent: s.rec.Request.Agent,
		Status: string(status), Title: s.ledger.known.Title, Epoch: s.log.epoch, Open: open,
		Record: b.Bytes(), RecordSeq: s.rec.foldSeq,
	}
}

// saveRow keeps the row true as events are committed: with the first event
// after a rest the row is opened, so that a crash from then on is mended at
// the next start; when the session rests, the fold is saved with it.
func (s *Session) saveRow(p *pending) {
	if !s.rowOpen {
		s.rowOpen = true
		p.update = s.row(true, protocol.StatusRunning)
	}
	if s.resting() {
		p.after = append(p.after, func(err error) {
			if err == nil {
				s.inbox.put(s.rest)
			}
		})
	}
}

// resting tells whether nothing is open that a crash would cut.
func (s *Session) resting() bool {
	return s.ledger.turn == nil && len(s.ledger.asks) == 0 && len(s.queue) == 0 && len(s.ledger.items) == 0
}

// rest saves the fold of a session that has come to rest. The row stays open
// while an agent runs, since its exit would have to be told.
func (s *Session) rest() {
	if !s.resting() || !s.rowOpen {
		return
	}
	fold, seq, status, err := s.log.savedFold()
	if err != nil || seq != s.ledger.seq {
		return // more is on its way; the next rest saves it
	}
	s.rec.Fold, s.rec.foldSeq = fold, seq
	open := s.ledger.agentRunning
	s.rowOpen = open
	s.stage(func(p *pending) { p.update = s.row(open, status) })
	s.m.committer.addCompaction(s.id)
}

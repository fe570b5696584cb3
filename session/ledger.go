package session

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/session/store"
)

// ledger turns what agents, clients and the server say into the session's
// events. It gives seqs and ids, and it enforces the invariants for every
// agent: each started item completes once, deltas join to the completed text,
// each ask is resolved once, each turn ends, nothing arrives twice.
//
// It is pure but for the time it is handed: no I/O, no goroutine. The
// session's owner (or a Replay) is its only user. Events gather in out, with
// the blobs that they name, until take.
type ledger struct {
	sessionID string
	agent     string
	directory string
	now       func() time.Time

	seq      uint64
	counters counters
	known    known

	turn  *turn
	items map[string]*item  // open items by native id
	done  map[string]string // ids of the turn's completed items by native id
	asks  map[string]*ask   // pending asks by universal id

	closed     map[string]protocol.Winner // how asks were closed, the newest few
	closedRing []string

	usage *protocol.UsageUpdated // the newest, whole session

	agentRunning bool
	started      bool // session.started was written
	ended        bool

	out outbox
	raw json.RawMessage // raw frame of the report at hand
}

// outbox is what a ledger has made and nobody has taken yet.
type outbox struct {
	events []protocol.Event
	raws   []json.RawMessage // the native frame of each event, or nil
	blobs  []store.Blob      // content that the events name
	told   []string          // asks whose decision is told by these events
}

// counters number the things of a session; they never go back.
type counters struct {
	Turns       int `json:"turns"`
	Items       int `json:"items"`
	Prompts     int `json:"prompts"`
	Permissions int `json:"permissions"`
	Questions   int `json:"questions"`
}

// known is what the session knows of itself, so that an update that changes
// nothing is not told.
type known struct {
	Title          string `json:"title,omitempty"`
	Model          string `json:"model,omitempty"`
	Mode           string `json:"mode,omitempty"`
	Effort         string `json:"effort,omitempty"`
	PermissionMode string `json:"permission_mode,omitempty"`
	Native         string `json:"native,omitempty"`
	AgentVersion   string `json:"agent_version,omitempty"`
}

// turn is the open turn.
type turn struct {
	id          string
	started     time.Time
	interrupted bool // a client asked to stop it
	held        bool // its prompt has not reached an agent yet
}

// newLedger returns the ledger of a session without events.
func newLedger(sessionID, agent, directory string, now func() time.Time) *ledger {
	return &ledger{
		sessionID: sessionID, agent: agent, directory: directory, now: now,
		items: map[string]*item{}, done: map[string]string{}, asks: map[string]*ask{},
		closed: map[string]protocol.Winner{},
	}
}

// take hands over what has gathered.
func (l *ledger) take() outbox {
	out := l.out
	l.out = outbox{}
	return out
}

// add writes an event.
func (l *ledger) add(source protocol.Source, data protocol.Data) uint64 {
	l.seq++
	ev := protocol.Event{
		Seq: l.seq, SessionID: l.sessionID, Time: protocol.At(l.now()), Source: source, Data: data,
	}
	if l.turn != nil {
		ev.TurnID = l.turn.id
	}
	l.out.events = append(l.out.events, ev)
	l.out.raws = append(l.out.raws, l.raw)
	return l.seq
}

// start writes session.started, the first event.
func (l *ledger) start() {
	l.started = true
	l.add(protocol.SourceServer, &protocol.SessionStarted{
		Agent: l.agent, AgentVersion: l.known.AgentVersion, NativeSessionID: l.known.Native,
		Directory: l.directory, Model: l.known.Model, Mode: l.known.Mode,
	})
}

// tellSettings writes the settings that session.started does not carry.
func (l *ledger) tellSettings() {
	k := l.known
	u := &protocol.SessionUpdated{}
	for to, v := range map[**string]*string{&u.Title: &k.Title, &u.Effort: &k.Effort, &u.PermissionMode: &k.PermissionMode} {
		if *v != "" {
			*to = v
		}
	}
	l.add(protocol.SourceServer, u)
}

// report takes what an agent reported.
func (l *ledger) report(r agents.Report) {
	l.raw = r.Raw
	for _, d := range r.Events {
		l.agentEvent(d)
	}
	l.raw = nil
}

// agentEvent takes one event of an agent, which carries native ids.
func (l *ledger) agentEvent(data protocol.Data) {
	switch d := data.(type) {
	case *protocol.ItemDelta:
		l.delta(d)
	case *protocol.ItemStarted:
		l.startItem(d.Item)
	case *protocol.ItemCompleted:
		l.completeItem(d.Item)
	case *protocol.TurnStarted:
		l.agentTurn(d)
	case *protocol.TurnEnded:
		l.endTurn(protocol.SourceAgent, d, reasonForTurn(d.Outcome))
	case *protocol.PermissionRequested:
		l.requestPermission(d.Permission)
	case *protocol.QuestionRequested:
		l.requestQuestion(d.Question)
	case *protocol.PermissionResolved:
		l.agentResolved(askPermission, d.PermissionID, d.Reason)
	case *protocol.QuestionResolved:
		l.agentResolved(askQuestion, d.QuestionID, d.Reason)
	case *protocol.SessionStarted:
		l.nativeStarted(d)
	case *protocol.SessionUpdated:
		l.update(protocol.SourceAgent, d)
	case *protocol.AgentStarted:
		l.agentStarted(d)
	case *protocol.AgentExited:
		l.agentExited(protocol.SourceAgent, d)
	case *protocol.UsageUpdated:
		l.usage = d
		l.add(protocol.SourceAgent, d)
	case *protocol.SessionEnded, *protocol.PromptAccepted, *protocol.PromptWithdrawn:
		// Lifecycle and prompts are the server's to tell (RELIABILITY S15).
	default:
		l.add(protocol.SourceAgent, data)
	}
}

// nativeStarted takes the agent's own description of the native session.
func (l *ledger) nativeStarted(d *protocol.SessionStarted) {
	fresh := !d.Resumed || l.known.Native == ""
	u := &protocol.SessionUpdated{
		Model: changed(&l.known.Model, d.Model), Mode: changed(&l.known.Mode, d.Mode),
		NativeSessionID: changed(&l.known.Native, d.NativeSessionID),
		AgentVersion:    changed(&l.known.AgentVersion, d.AgentVersion),
	}
	if !l.started {
		l.start()
		return
	}
	if fresh {
		if *u != (protocol.SessionUpdated{}) {
			l.add(protocol.SourceAgent, u)
		}
		return
	}
	l.add(protocol.SourceAgent, &protocol.SessionStarted{
		Agent: l.agent, AgentVersion: l.known.AgentVersion, NativeSessionID: l.known.Native,
		Directory: l.directory, Model: l.known.Model, Mode: l.known.Mode, Resumed: true,
	})
}

// update writes session.updated with what really changed.
func (l *ledger) update(source protocol.Source, d *protocol.SessionUpdated) {
	u := &protocol.SessionUpdated{
		Title: changedPtr(&l.known.Title, d.Title), Model: changedPtr(&l.known.Model, d.Model),
		Mode: changedPtr(&l.known.Mode, d.Mode), Effort: changedPtr(&l.known.Effort, d.Effort),
		PermissionMode:  changedPtr(&l.known.PermissionMode, d.PermissionMode),
		NativeSessionID: changedPtr(&l.known.Native, d.NativeSessionID),
		AgentVersion:    changedPtr(&l.known.AgentVersion, d.AgentVersion),
	}
	if source == protocol.SourceServer {
		u.Status = d.Status
	}
	if *u != (protocol.SessionUpdated{}) {
		l.add(source, u)
	}
}

// agentStarted notes a new agent process.
func (l *ledger) agentStarted(d *protocol.AgentStarted) {
	l.agentRunning = true
	changed(&l.known.AgentVersion, d.Version)
	l.add(protocol.SourceAgent, d)
}

// agentExited closes whatever the agent left open, then tells that it is gone
// (RELIABILITY 2.1: asks, then the turn, then agent.exited).
func (l *ledger) agentExited(source protocol.Source, d *protocol.AgentExited) {
	l.cancelAsks(protocol.Actor{Kind: "server"}, reasonAgentExited)
	if l.turn != nil && !l.turn.held {
		l.endTurn(protocol.SourceServer, &protocol.TurnEnded{
			Outcome: protocol.OutcomeFailed,
			Error:   &protocol.Failure{Code: reasonAgentExited, Message: exitSentence(d), Retryable: true},
		}, reasonAgentExited)
	}
	l.closeItems(protocol.ItemInterrupted)
	if l.agentRunning {
		l.agentRunning = false
		l.add(source, d)
	}
}

// exitSentence says how an agent ended.
func exitSentence(d *protocol.AgentExited) string {
	const next = "; the next prompt starts it again"
	switch {
	case d.Message != "":
		return d.Message + next
	case d.Signal != "":
		return "the agent was ended by signal " + d.Signal + next
	case d.ExitCode != nil:
		return "the agent ended with exit code " + strconv.Itoa(*d.ExitCode) + next
	default:
		return "the agent ended" + next
	}
}

// end writes session.ended; nothing comes after it.
func (l *ledger) end(d *protocol.SessionEnded) {
	if l.ended {
		return
	}
	l.ended = true
	l.add(d.By, d)
}

// changed sets *have to v and returns v, or returns nil if v is empty or the
// same.
func changed(have *string, v string) *string {
	if v == "" || *have == v {
		return nil
	}
	*have = v
	return &v
}

// changedPtr is changed for a value where nil, not empty, means unchanged.
func changedPtr(have, v *string) *string {
	if v == nil || *have == *v {
		return nil
	}
	*have = *v
	s := *v
	return &s
}

// hexSHA256 returns the SHA-256 of b in hex.
func hexSHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

package session

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/towline-dev/towline/protocol"
)

// maxTitle bounds a permission's title, in characters.
const maxTitle = 300

// rememberedAsks is how many closed asks keep the name of their winner.
const rememberedAsks = 256

// askKind tells permissions from questions.
type askKind string

const (
	askPermission askKind = "permission"
	askQuestion   askKind = "question"
)

// ask is a pending permission or question.
type ask struct {
	kind       askKind
	id         string // universal
	native     string
	seq        uint64
	permission protocol.Permission
	question   protocol.Question
	input      json.RawMessage // the whole input, also where the event names a blob
	decided    *decision       // durable (or about to be), not yet told
}

// decision is how a client closed an ask: what the store keeps until the event
// is written.
type decision struct {
	AskID   string                    `json:"ask_id"`
	Kind    askKind                   `json:"kind"`
	Option  protocol.PermissionOption `json:"option,omitzero"`
	Message string                    `json:"message,omitempty"`
	Input   json.RawMessage           `json:"input,omitempty"`
	Answers [][]string                `json:"answers,omitempty"`
	Reject  bool                      `json:"reject,omitempty"`
	By      protocol.Actor            `json:"by"`
}

// winner is what losers are told.
func (d *decision) winner() protocol.Winner {
	w := protocol.Winner{Outcome: "decided", By: d.By}
	switch {
	case d.Kind == askPermission:
		w.Decision, w.Scope, w.OptionID = d.Option.Decision, d.Option.Scope, d.Option.ID
	case d.Reject:
		w.Outcome = string(protocol.QuestionRejected)
	default:
		w.Outcome = string(protocol.QuestionAnswered)
	}
	return w
}

// requestPermission tells a permission that the agent asks for.
func (l *ledger) requestPermission(p protocol.Permission) {
	if l.pendingNative(askPermission, p.PermissionID) != nil {
		return
	}
	l.counters.Permissions++
	a := &ask{kind: askPermission, native: p.PermissionID, id: "p" + strconv.Itoa(l.counters.Permissions)}
	p.PermissionID = a.id
	p.ItemID = l.itemID(p.ItemID)
	p.Title = protocol.EscapeTitle(p.Title, maxTitle)
	input := json.RawMessage("{}")
	if p.Tool != nil {
		if in := compact(p.Tool.Input); in != nil {
			input = in
		}
	}
	a.input = input
	p.InputSHA256 = hexSHA256(input)
	p.Tool = l.storeTool(p.Tool)
	if p.Diff != nil {
		d := l.storePart(*p.Diff)
		p.Diff = &d
	}
	if p.Options == nil {
		p.Options = []protocol.PermissionOption{}
	}
	a.permission = p
	l.asks[a.id] = a
	a.seq = l.add(protocol.SourceAgent, &protocol.PermissionRequested{Permission: p})
}

// requestQuestion tells a question that the agent asks.
func (l *ledger) requestQuestion(q protocol.Question) {
	if l.pendingNative(askQuestion, q.QuestionID) != nil {
		return
	}
	l.counters.Questions++
	a := &ask{kind: askQuestion, native: q.QuestionID, id: "q" + strconv.Itoa(l.counters.Questions)}
	q.QuestionID = a.id
	q.ItemID = l.itemID(q.ItemID)
	if q.Questions == nil {
		q.Questions = []protocol.QuestionItem{}
	}
	for i := range q.Questions {
		if q.Questions[i].Options == nil {
			q.Questions[i].Options = []protocol.QuestionOption{}
		}
	}
	a.question = q
	l.asks[a.id] = a
	a.seq = l.add(protocol.SourceAgent, &protocol.QuestionRequested{Question: q})
}

// pendingNative finds a pending ask by its native id.
func (l *ledger) pendingNative(kind askKind, native string) *ask {
	for _, a := range l.asks {
		if a.kind == kind && a.native == native {
			return a
		}
	}
	return nil
}

// pending returns the pending asks in the order in which they came.
func (l *ledger) pending() []*ask {
	all := make([]*ask, 0, len(l.asks))
	for _, a := range l.asks {
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b *ask) int { return int(a.seq) - int(b.seq) })
	return all
}

// agentResolved takes an agent's word that it no longer asks. If a client
// decided first, the decision stands and is told by its own way.
func (l *ledger) agentResolved(kind askKind, native, reason string) {
	a := l.pendingNative(kind, native)
	if a == nil || a.decided != nil {
		return
	}
	if reason == "" {
		reason = reasonAgentWithdrew
	}
	l.cancelAsk(protocol.SourceAgent, a, protocol.Actor{Kind: "agent"}, reason)
}

// resolveDecided tells a client's decision, once its delivery is known.
func (l *ledger) resolveDecided(a *ask, delivered protocol.Delivered, reason string) {
	d := a.decided
	l.out.told = append(l.out.told, a.id)
	if a.kind == askPermission {
		l.add(protocol.SourceClient, &protocol.PermissionResolved{
			PermissionID: a.id, Outcome: protocol.PermissionDecided,
			Decision: d.Option.Decision, Scope: d.Option.Scope, OptionID: d.Option.ID,
			By: d.By, Message: d.Message, InputEdited: d.Input != nil, Delivered: delivered, Reason: reason,
		})
	} else {
		out := protocol.QuestionAnswered
		if d.Reject {
			out = protocol.QuestionRejected
		}
		l.add(protocol.SourceClient, &protocol.QuestionResolved{
			QuestionID: a.id, Outcome: out, Answers: d.Answers, Message: d.Message, By: d.By,
			Delivered: delivered, Reason: reason,
		})
	}
	l.forget(a, d.winner())
}

// cancelAsk tells that an ask is over without a decision.
func (l *ledger) cancelAsk(source protocol.Source, a *ask, by protocol.Actor, reason string) {
	if a.kind == askPermission {
		l.add(source, &protocol.PermissionResolved{
			PermissionID: a.id, Outcome: protocol.PermissionCancelled, By: by,
			Delivered: protocol.DeliveredFalse, Reason: reason,
		})
	} else {
		l.add(source, &protocol.QuestionResolved{
			QuestionID: a.id, Outcome: protocol.QuestionCancelled, By: by,
			Delivered: protocol.DeliveredFalse, Reason: reason,
		})
	}
	l.forget(a, protocol.Winner{Outcome: string(protocol.PermissionCancelled), By: by})
}

// cancelAsks closes every pending ask. Those that a client has decided are
// told as decided: delivered unknown, since the answer may be on its way.
func (l *ledger) cancelAsks(by protocol.Actor, reason string) {
	source := protocol.SourceServer
	if by.Kind == "client" {
		source = protocol.SourceClient
	}
	for _, a := range l.pending() {
		if a.decided != nil {
			l.resolveDecided(a, protocol.DeliveredUnknown, reason)
			continue
		}
		l.cancelAsk(source, a, by, reason)
	}
}

// forget removes a closed ask and remembers who closed it.
func (l *ledger) forget(a *ask, w protocol.Winner) {
	delete(l.asks, a.id)
	if len(l.closedRing) == rememberedAsks {
		delete(l.closed, l.closedRing[0])
		l.closedRing = l.closedRing[1:]
	}
	l.closedRing = append(l.closedRing, a.id)
	l.closed[a.id] = w
}

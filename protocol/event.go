package protocol

import (
	"encoding/json"
	"fmt"
	"time"
)

// EventType names one of the universal events of schema v1.
type EventType string

// The closed set of event types. A client meets no other while Version is 1
// unless the server is newer; it then ignores what it does not know.
const (
	TypeSessionStarted      EventType = "session.started"
	TypeSessionUpdated      EventType = "session.updated"
	TypeSessionEnded        EventType = "session.ended"
	TypeAgentStarted        EventType = "agent.started"
	TypeAgentExited         EventType = "agent.exited"
	TypeAgentUnparsed       EventType = "agent.unparsed"
	TypePromptAccepted      EventType = "prompt.accepted"
	TypePromptWithdrawn     EventType = "prompt.withdrawn"
	TypeTurnStarted         EventType = "turn.started"
	TypeTurnEnded           EventType = "turn.ended"
	TypeItemStarted         EventType = "item.started"
	TypeItemDelta           EventType = "item.delta"
	TypeItemCompleted       EventType = "item.completed"
	TypePermissionRequested EventType = "permission.requested"
	TypePermissionResolved  EventType = "permission.resolved"
	TypeQuestionRequested   EventType = "question.requested"
	TypeQuestionResolved    EventType = "question.resolved"
	TypePlanUpdated         EventType = "plan.updated"
	TypeUsageUpdated        EventType = "usage.updated"
	TypeCommandsUpdated     EventType = "commands.updated"
	TypeNotice              EventType = "notice"
	TypeError               EventType = "error"
)

// Source tells who caused an event. Events made from an agent's output always
// carry SourceAgent, so that an agent cannot forge a decision or a lifecycle
// event.
type Source string

// The sources of events.
const (
	SourceAgent  Source = "agent"
	SourceServer Source = "server"
	SourceClient Source = "client"
)

// Event is one universal event: the envelope that is the same for all types,
// and Data, whose Go type follows from Type.
type Event struct {
	// Seq is the place in the session's log, from 1, without holes.
	Seq uint64
	// SessionID is the session that the event belongs to.
	SessionID string
	// Time is when the server took the event, UTC, in milliseconds.
	Time Time
	// TurnID is the turn that was open when the event came; empty outside turns.
	TurnID string
	// Source tells who caused the event.
	Source Source
	// Data is the payload. It is one of the types of this package that
	// implement Data, or UnknownData for a type that this version lacks.
	Data Data
	// Raw is the native frame, sent only to subscribers that asked for it, of
	// sessions created with raw.
	Raw json.RawMessage
}

// Data is the payload of one event type.
type Data interface {
	// EventType is the type that the payload travels under.
	EventType() EventType
}

// UnknownData is the payload of an event type that this version does not
// know. It keeps the bytes, so that relays lose nothing.
type UnknownData struct {
	Type EventType
	JSON json.RawMessage
}

// EventType returns the type as it came.
func (d *UnknownData) EventType() EventType { return d.Type }

// MarshalJSON returns the payload's bytes as they came; null if there were none.
func (d *UnknownData) MarshalJSON() ([]byte, error) {
	if len(d.JSON) == 0 {
		return []byte("null"), nil
	}
	return d.JSON, nil
}

// Time is an instant as it travels: RFC 3339, UTC, milliseconds.
type Time struct{ time.Time }

const timeLayout = "2006-01-02T15:04:05.000Z"

// At returns t in UTC, cut to milliseconds.
func At(t time.Time) Time { return Time{t.UTC().Truncate(time.Millisecond)} }

// AppendText appends the time in its wire form.
func (t Time) AppendText(b []byte) ([]byte, error) {
	return t.appendUTC(b), nil
}

// appendUTC appends the wire form, always len(timeLayout) bytes for the years
// 0 to 9999. It is written out because AppendFormat takes three times as long.
func (t Time) appendUTC(b []byte) []byte {
	u := t.UTC()
	year, month, day := u.Date()
	if year < 0 || year > 9999 {
		return u.AppendFormat(b, timeLayout)
	}
	hour, minute, second := u.Clock()
	b = appendDigits(b, year, 4)
	b = appendDigits(append(b, '-'), int(month), 2)
	b = appendDigits(append(b, '-'), day, 2)
	b = appendDigits(append(b, 'T'), hour, 2)
	b = appendDigits(append(b, ':'), minute, 2)
	b = appendDigits(append(b, ':'), second, 2)
	b = appendDigits(append(b, '.'), u.Nanosecond()/int(time.Millisecond), 3)
	return append(b, 'Z')
}

// appendDigits appends the last width decimal digits of n.
func appendDigits(b []byte, n, width int) []byte {
	for scale := []int{1, 10, 100, 1000}[width-1]; scale > 0; scale /= 10 {
		b = append(b, byte('0'+n/scale%10))
	}
	return b
}

// MarshalJSON writes the wire form.
func (t Time) MarshalJSON() ([]byte, error) {
	b := make([]byte, 0, len(timeLayout)+2)
	b = append(b, '"')
	b, _ = t.AppendText(b)
	return append(b, '"'), nil
}

// UnmarshalJSON reads any RFC 3339 time.
func (t *Time) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("cannot read time: %w", err)
	}
	v, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return fmt.Errorf("cannot read time %q: want RFC 3339", s)
	}
	t.Time = v.UTC()
	return nil
}

// newData makes an empty payload for each known type, for decoding.
var newData = map[EventType]func() Data{
	TypeSessionStarted:      func() Data { return new(SessionStarted) },
	TypeSessionUpdated:      func() Data { return new(SessionUpdated) },
	TypeSessionEnded:        func() Data { return new(SessionEnded) },
	TypeAgentStarted:        func() Data { return new(AgentStarted) },
	TypeAgentExited:         func() Data { return new(AgentExited) },
	TypeAgentUnparsed:       func() Data { return new(AgentUnparsed) },
	TypePromptAccepted:      func() Data { return new(PromptAccepted) },
	TypePromptWithdrawn:     func() Data { return new(PromptWithdrawn) },
	TypeTurnStarted:         func() Data { return new(TurnStarted) },
	TypeTurnEnded:           func() Data { return new(TurnEnded) },
	TypeItemStarted:         func() Data { return new(ItemStarted) },
	TypeItemDelta:           func() Data { return new(ItemDelta) },
	TypeItemCompleted:       func() Data { return new(ItemCompleted) },
	TypePermissionRequested: func() Data { return new(PermissionRequested) },
	TypePermissionResolved:  func() Data { return new(PermissionResolved) },
	TypeQuestionRequested:   func() Data { return new(QuestionRequested) },
	TypeQuestionResolved:    func() Data { return new(QuestionResolved) },
	TypePlanUpdated:         func() Data { return new(PlanUpdated) },
	TypeUsageUpdated:        func() Data { return new(UsageUpdated) },
	TypeCommandsUpdated:     func() Data { return new(CommandsUpdated) },
	TypeNotice:              func() Data { return new(Notice) },
	TypeError:               func() Data { return new(ErrorEvent) },
}

// EventTypes returns the known types, in no particular order.
func EventTypes() []EventType {
	types := make([]EventType, 0, len(newData))
	for t := range newData {
		types = append(types, t)
	}
	return types
}

package protocol

import "encoding/json"

// Version is the protocol's version, as in the subprotocols' names.
const Version = 1

// The WebSocket subprotocols.
const (
	SubprotocolJSON    = "towline.v1.json"
	SubprotocolMsgpack = "towline.v1.msgpack"
)

// FrameType names a frame, in either direction.
type FrameType string

// Frames that the server sends.
const (
	FrameHello   FrameType = "hello"
	FrameEvents  FrameType = "events"
	FrameLive    FrameType = "live"
	FrameGap     FrameType = "gap"
	FrameAsk     FrameType = "ask"
	FrameResult  FrameType = "result"
	FrameGoodbye FrameType = "goodbye"
)

// Frames that a client sends; each carries an id, the idempotency key.
const (
	FramePrompt           FrameType = "prompt"
	FramePromptWithdraw   FrameType = "prompt.withdraw"
	FramePermissionDecide FrameType = "permission.decide"
	FrameQuestionAnswer   FrameType = "question.answer"
	FrameQuestionReject   FrameType = "question.reject"
	FrameTurnInterrupt    FrameType = "turn.interrupt"
	FrameSessionConfigure FrameType = "session.configure"
	FrameSessionEnd       FrameType = "session.end"
	FrameSessionCreate    FrameType = "session.create"
	FrameSessionAttach    FrameType = "session.attach"
	FrameEventsRead       FrameType = "events.read"
	FramePing             FrameType = "ping"
)

// Hello is the first frame of a socket that has a session.
type Hello struct {
	Protocol int        `json:"protocol"`
	Server   ServerInfo `json:"server"`
	Session  Session    `json:"session"`
	ClientID string     `json:"client_id"`
	Scopes   []string   `json:"scopes"`
	Epoch    string     `json:"epoch"`
	// Head is the last seq that was committed when the frame was made.
	Head   uint64 `json:"head"`
	State  State  `json:"state"`
	Limits Limits `json:"limits"`
}

// ServerInfo names the server.
type ServerInfo struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Limits are the limits that a client must keep, and the heartbeat it can
// expect.
type Limits struct {
	FrameBytes       int `json:"frame_bytes"`
	QueuedPrompts    int `json:"queued_prompts"`
	PingIntervalMS   int `json:"ping_interval_ms"`
	CommandsPerSec   int `json:"commands_per_second"`
	CommandIDBytes   int `json:"command_id_bytes"`
	TextInEventBytes int `json:"text_in_event_bytes"`
}

// Events carries one or more events. Last is the cursor after them.
type Events struct {
	Last   uint64  `json:"last"`
	Events []Event `json:"events"`
}

// Live tells, once, that replay has reached the head.
type Live struct {
	Seq uint64 `json:"seq"`
}

// Gap tells that the server cannot continue from the client's cursor: events
// From to To are not coming.
type Gap struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
	// Reason is retention, epoch or cursor_ahead.
	Reason string `json:"reason"`
	Epoch  string `json:"epoch,omitempty"`
}

// The reasons of a gap.
const (
	GapRetention   = "retention"
	GapEpoch       = "epoch"
	GapCursorAhead = "cursor_ahead"
)

// Ask is a pending ask that overtakes a backlog; its event follows in order.
type Ask struct {
	Permission *Permission `json:"permission,omitempty"`
	Question   *Question   `json:"question,omitempty"`
	Seq        uint64      `json:"seq"`
}

// Result answers one command.
type Result struct {
	ID    string          `json:"id"`
	OK    bool            `json:"ok"`
	Data  json.RawMessage `json:"data,omitempty"`
	Error *Error          `json:"error,omitempty"`
	// Duplicate tells that the command had been done before, and that this
	// is the answer it got then.
	Duplicate bool `json:"duplicate,omitempty"`
}

// Goodbye announces that the server closes the socket.
type Goodbye struct {
	Code   Code   `json:"code"`
	Reason string `json:"reason"`
	// After is the cursor to resume from.
	After uint64 `json:"after"`
	// RetryMS is how long to wait before coming back; 0 means do not wait.
	RetryMS int `json:"retry_ms,omitempty"`
}

// View is what a subscriber wants to see.
type View string

// The views. The empty one is ViewFull.
const (
	// ViewFull sends every event.
	ViewFull View = "full"
	// ViewItems leaves out deltas.
	ViewItems View = "items"
	// ViewAsks sends only asks, turns and session events.
	ViewAsks View = "asks"
)

// Shows tells whether the view contains events of type t.
func (v View) Shows(t EventType) bool {
	switch v {
	case ViewItems:
		return t != TypeItemDelta
	case ViewAsks:
		switch t {
		case TypePermissionRequested, TypePermissionResolved, TypeQuestionRequested, TypeQuestionResolved,
			TypeTurnStarted, TypeTurnEnded, TypeSessionStarted, TypeSessionUpdated, TypeSessionEnded,
			TypeError, TypeAgentExited:
			return true
		default:
			return false
		}
	default:
		return true
	}
}

// Valid tells whether v is one of the views.
func (v View) Valid() bool {
	return v == "" || v == ViewFull || v == ViewItems || v == ViewAsks
}

// FrameTypes returns the types of all frames, in no particular order.
func FrameTypes() []FrameType {
	types := make([]FrameType, 0, len(newServerFrame)+len(newCommand))
	for t := range newServerFrame {
		types = append(types, t)
	}
	for t := range newCommand {
		types = append(types, t)
	}
	return types
}

package opencode

import (
	"encoding/json"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/opencode/project"
	"github.com/towline-dev/towline/protocol"
)

// setup is what a translator must know of the session that it serves.
type setup struct {
	// Session is the native session's id, Directory its folder.
	Session, Directory string
	// Settings are what is sent with each prompt.
	Settings settings
	// Facts are what the server told of itself when the session was opened.
	Facts facts
	// Gate holds edits back that must be asked for; nil for none, as in a
	// replay, which reads no files.
	Gate *project.Gate
}

// translator is the pure half of a session: its state, as far as its events
// told. Events of its subagents' sessions are its own. It is not safe for
// concurrent use.
type translator struct {
	session   string
	directory string
	settings  settings
	facts     facts
	gate      *project.Gate

	turn turn
	// turns counts the turns that began.
	turns int
	// catching tells that what comes was missed, not told by an event.
	catching bool
	// held are prompts that came while a failed turn was ending (section 8.1).
	held []*agents.Prompt
	// failed tells that the last turn failed and nothing has begun since, so
	// that a second telling of its error is known as one.
	failed bool

	messages map[string]*message
	parts    map[string]*part
	calls    map[callKey]string
	children map[string]*child
	asks     map[string]*ask
	// answeredAsks are those of the turn that have an answer.
	answeredAsks map[string]bool
	// todos is the list that was told last.
	todos  []nativeTodo
	grants map[grant]bool
	total  totals
	told   toldSettings
	// lastUser is the newest message of a user, which revert goes back to.
	lastUser string
	diffs    turnDiffs
}

// newTranslator returns the translator of a session that was just opened.
func newTranslator(s setup) *translator {
	return &translator{
		session: s.Session, directory: s.Directory, settings: s.Settings, facts: s.Facts, gate: s.Gate,
		messages: map[string]*message{}, parts: map[string]*part{}, calls: map[callKey]string{},
		children: map[string]*child{}, asks: map[string]*ask{}, grants: map[grant]bool{},
		answeredAsks: map[string]bool{},
	}
}

// output is what an event, a command or an answer leads to.
type output struct {
	agents.Report
	// Requests are to be performed, in order.
	Requests []request
	// Look asks for a look at the session's status in 1.5 s.
	Look bool
	// Settle asks for a call of settled in 1.5 s.
	Settle bool
	// Gone tells that the native session does not exist any more.
	Gone bool
}

func (o *output) emit(d protocol.Data) { o.Events = append(o.Events, d) }

func (o *output) ask(r request) { o.Requests = append(o.Requests, r) }

func (o *output) notice(level, code, message string, details any) {
	n := &protocol.Notice{Level: level, Code: code, Message: message}
	if details != nil {
		n.Details = encode(details)
	}
	o.emit(n)
}

// native takes one event, as event.go unwrapped it; frame is what it came in.
func (t *translator) native(e event, frame []byte) output {
	var o output
	if ignored(e.Type) {
		return o
	}
	if err := t.dispatch(e, &o); err != nil {
		o = output{}
		o.emit(unparsed(frame, err))
	}
	return o
}

// unparsed keeps a frame that could not be read.
func unparsed(frame []byte, why error) *protocol.AgentUnparsed {
	u := agents.Unparsed(frame, why.Error())
	u.Location = "sse"
	return u
}

// dispatch finds the event's noun.
func (t *translator) dispatch(e event, o *output) error {
	handle, ok := map[string]func(*translator, json.RawMessage, *output) error{
		"session.created":          (*translator).sessionCreated,
		"session.updated":          (*translator).sessionUpdated,
		"session.deleted":          (*translator).sessionDeleted,
		"session.status":           (*translator).sessionStatus,
		"session.idle":             (*translator).sessionIdle,
		"session.error":            (*translator).sessionError,
		"session.compacted":        (*translator).sessionCompacted,
		"message.updated":          (*translator).messageUpdated,
		"message.part.updated":     (*translator).partUpdated,
		"message.part.delta":       (*translator).partDelta,
		"permission.asked":         (*translator).permissionAsked,
		"permission.replied":       (*translator).permissionReplied,
		"question.asked":           (*translator).questionAsked,
		"question.replied":         (*translator).questionClosed,
		"question.rejected":        (*translator).questionClosed,
		"todo.updated":             (*translator).todoUpdated,
		"server.instance.disposed": (*translator).instanceDisposed,
	}[e.Type]
	if !ok {
		return errUnknown
	}
	return handle(t, e.Properties, o)
}

// mine tells whether a session is this one or one of its subagents'.
func (t *translator) mine(session string) bool {
	return session == t.session || t.children[session] != nil
}

// encode makes JSON of plain data.
func encode(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic("cannot encode plain data: " + err.Error())
	}
	return b
}

package claude

import (
	"encoding/json"
	"strconv"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// setup is what the translator must know of the session that it serves.
type setup struct {
	// SessionID is the universal session's id; prompt ids derive from it.
	SessionID string
	// Effort is asked for once the session is open; empty asks for nothing.
	Effort string
	// SystemPrompt is added to the CLI's own. It travels in a frame, so that
	// it can begin with a dash and is in no list of processes.
	SystemPrompt string
	// BeforePlan is the permission mode to go back to, if the CLI was started
	// in plan mode.
	BeforePlan string
	// Spent is what the session used before this process.
	Spent *protocol.UsageUpdated
}

// translator is the pure half of the agent: the state of one CLI process, as
// far as its frames told. It is not safe for concurrent use.
type translator struct {
	setup setup

	// requestID names our next control request; a replay takes the recorded
	// names instead, so that the recorded answers find their requests.
	requestID func() string
	requests  map[string]request
	ready     bool
	models    []protocol.Model

	turn    turn
	prompts []sentPrompt
	// echoes tells that this CLI names our prompts by their uuid; 2.1.197
	// does not.
	echoes bool

	messages map[messageKey]*message
	streams  map[string]*message
	seen     recent
	tools    map[string]*toolCall
	asks     map[string]*ask
	todo     todoList
	tasks    map[string]string
	total    totals
	facts    facts
}

// newTranslator returns a translator of a CLI process that was just started.
func newTranslator(s setup) *translator {
	n := 0
	return &translator{
		setup: s,
		requestID: func() string {
			n++
			return "towline-" + strconv.Itoa(n)
		},
		requests: map[string]request{},
		messages: map[messageKey]*message{},
		streams:  map[string]*message{},
		tools:    map[string]*toolCall{},
		asks:     map[string]*ask{},
		tasks:    map[string]string{},
		facts:    facts{beforePlan: s.BeforePlan},
		total:    totalsFrom(s.Spent),
	}
}

// Open returns the initialize request. Its answer makes the session ready.
func (t *translator) Open() [][]byte {
	body := map[string]any{"subtype": "initialize"}
	if t.setup.SystemPrompt != "" {
		body["appendSystemPrompt"] = t.setup.SystemPrompt
	}
	frames := [][]byte{t.request(request{kind: askInitialize}, body)}
	if t.setup.Effort != "" {
		frames = append(frames, t.setEffort(t.setup.Effort))
	}
	return frames
}

// Native takes one frame.
func (t *translator) Native(frame []byte) agents.Output {
	var o output
	if d, ok := scanDelta(frame); ok {
		t.delta(d, &o)
		return o.Output
	}
	if !json.Valid(frame) {
		o.unparsed(frame, "the line is not JSON")
		return o.Output
	}
	if err := t.dispatch(frame, &o); err != nil {
		o.Events = nil
		o.unparsed(frame, err.Error())
	}
	return o.Output
}

// dispatch finds the frame's noun. Key order is not stable (section 3), so
// the type is read from the decoded object and never from a prefix.
func (t *translator) dispatch(frame []byte, o *output) error {
	var head struct {
		Type    string `json:"type"`
		Subtype string `json:"subtype"`
	}
	if err := json.Unmarshal(frame, &head); err != nil {
		return errShape
	}
	switch head.Type {
	case "system":
		return t.system(head.Subtype, frame, o)
	case "stream_event":
		return t.streamEvent(frame, o)
	case "assistant":
		return t.assistant(frame, o)
	case "user":
		return t.user(frame, o)
	case "result":
		return t.result(frame, o)
	case "control_request":
		return t.controlRequest(frame, o)
	case "control_cancel_request":
		return t.controlCancel(frame, o)
	case "control_response":
		return t.controlResponse(frame, o)
	case "command_lifecycle":
		return t.lifecycle(frame, o)
	case "conversation_reset":
		o.notice("info", "conversation_reset", "the conversation was cleared", nil)
		return nil
	case "rate_limit_event":
		return rateLimit(frame, o)
	case "keep_alive", "tool_progress", "auth_status", "prompt_suggestion", "tool_use_summary", "streamlined_text":
		return nil // nothing that the other frames lack
	default:
		return errUnknown
	}
}

// system handles the frames of type system.
func (t *translator) system(subtype string, frame []byte, o *output) error {
	switch subtype {
	case "init":
		return t.init(frame, o)
	case "status":
		return t.status(frame, o)
	case "permission_denied":
		return t.permissionDenied(frame, o)
	case "api_retry":
		return apiRetry(frame, o)
	case "compact_boundary":
		return t.compacted(frame, o)
	case "task_started":
		return t.taskStarted(frame, o)
	case "task_notification":
		return t.taskEnded(frame, o)
	case "session_title_changed":
		return t.titleChanged(frame, o)
	case "thinking_tokens", "session_state_changed", "background_tasks_changed", "task_progress", "task_updated":
		return nil // known, and told better by other frames
	default:
		return errUnknown
	}
}

// output collects what a frame or command leads to.
type output struct{ agents.Output }

func (o *output) emit(d protocol.Data) { o.Events = append(o.Events, d) }

func (o *output) notice(level, code, message string, details json.RawMessage) {
	o.emit(&protocol.Notice{Level: level, Code: code, Message: message, Details: details})
}

// send writes v to the CLI. One malformed line kills the process (section 3),
// so every frame is made by the encoder.
func (o *output) send(v any) { o.Frames = append(o.Frames, encode(v)) }

// encode makes one line of v, without its end. All values are our own types
// and checked JSON, so it cannot fail.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("claude: cannot encode a frame: " + err.Error())
	}
	return b
}

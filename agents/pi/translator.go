package pi

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

var (
	errUnknown = errors.New("the frame's type is not known")
	errShape   = errors.New("the frame does not have the shape of its type")
)

// setup is what the translator must know of the session that it serves.
type setup struct {
	// PermissionMode is the mode to begin in; empty means default.
	PermissionMode string
	// Resumed tells that the native session existed before.
	Resumed bool
	// LeftOut tells that the work folder has extensions, which are not loaded.
	LeftOut bool
	// Config is the folder of the user's configuration, without links.
	Config string
}

// translator is the pure half of the agent: the state of one Pi process, as
// far as its frames told. It is not safe for concurrent use.
type translator struct {
	setup setup

	// requestID names our next request; a replay takes the recorded names
	// instead, so that the recorded answers find their requests.
	requestID func() string
	requests  map[string]request
	// opening are the requests that must be answered before prompts.
	opening int
	// gated tells that our extension is loaded.
	gated    bool
	facts    facts
	models   []model
	commands map[string]bool

	turn    turn
	prompts []sentPrompt
	// message is the assistant message that streams; nil for none. number is
	// that of the last one.
	message *message
	number  int
	tools   map[string]*toolCall
	asks    map[string]*ask
	grants  agents.Grants
	total   totals
	// queue are the texts of the prompts that wait inside Pi.
	queue []string
	// gone tells that Pi was told as gone: nothing of it matters any more.
	gone bool
}

var _ agents.Skipper = (*translator)(nil)

// newTranslator returns a translator of a process that was just started.
func newTranslator(s setup) *translator {
	n := 0
	return &translator{
		setup: s,
		requestID: func() string {
			n++
			return "towline-" + strconv.Itoa(n)
		},
		requests: map[string]request{},
		commands: map[string]bool{},
		tools:    map[string]*toolCall{},
		asks:     map[string]*ask{},
		grants:   agents.Grants{Mode: s.PermissionMode},
	}
}

// Open asks for what a session needs to know. There is no ready event: the
// answers tell that Pi is up (section 4).
func (t *translator) Open() [][]byte {
	var o output
	for _, what := range []string{"get_state", "get_available_models", "get_commands"} {
		t.ask(request{command: what, opening: true}, map[string]any{"type": what}, &o)
		t.opening++
	}
	return o.Frames
}

// Native takes one frame.
func (t *translator) Native(frame []byte) agents.Output {
	var o output
	var err error
	switch {
	case t.gone:
	case bytes.HasPrefix(frame, updatePrefix):
		err = t.update(frame, &o)
	case !json.Valid(frame):
		err = errors.New("the line is not JSON")
	default:
		err = t.dispatch(frame, &o)
	}
	if err != nil {
		o.emit(agents.Unparsed(frame, err.Error()))
	}
	return o.Output
}

// dispatch finds the frame's noun.
func (t *translator) dispatch(frame []byte, o *output) error {
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(frame, &head); err != nil {
		return errShape
	}
	switch head.Type {
	case "message_update":
		return t.update(frame, o)
	case "message_start":
		return t.messageStart(frame, o)
	case "message_end":
		return t.messageEnd(frame, o)
	case "tool_execution_start":
		return t.toolStart(frame, o)
	case "tool_execution_update":
		return t.toolUpdate(frame, o)
	case "tool_execution_end":
		return t.toolEnd(frame, o)
	case "agent_start":
		t.agentStart(o)
		return nil
	case "agent_end":
		t.agentEnd(o)
		return nil
	case "response":
		return t.response(frame, o)
	case "extension_ui_request":
		return t.dialog(frame, o)
	default:
		return t.remark(head.Type, frame, o)
	}
}

// remark handles the frames that are about the session and no content.
func (t *translator) remark(kind string, frame []byte, o *output) error {
	switch kind {
	case "turn_start", "turn_end":
		return nil // one model call with its tools: a step, not our turn (section 7)
	case "queue_update":
		return t.queueUpdate(frame, o)
	case "auto_retry_start":
		return t.retryStart(frame, o)
	case "auto_retry_end":
		t.turn.retrying = false
		return nil
	case "compaction_start":
		t.turn.compacting = true
		return nil
	case "compaction_end":
		return t.compactionEnd(frame, o)
	case "thinking_level_changed":
		return t.levelChanged(frame, o)
	case "session_info_changed":
		return titleChanged(frame, o)
	case "extension_error":
		return extensionError(frame, o)
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

// send writes v to Pi.
func (o *output) send(v any) { o.Frames = append(o.Frames, encode(v)) }

// start reports that an item began.
func (o *output) start(item protocol.Item) {
	item.NativeID, item.Status, item.Content = item.ID, protocol.ItemInProgress, []protocol.Part{}
	o.emit(&protocol.ItemStarted{Item: item})
}

// complete reports that an item is done, whole.
func (o *output) complete(item protocol.Item, status protocol.ItemStatus, content []protocol.Part) {
	item.NativeID, item.Status, item.Content = item.ID, status, content
	if item.Content == nil {
		item.Content = []protocol.Part{}
	}
	o.emit(&protocol.ItemCompleted{Item: item})
}

// encode makes one line of v, without its end. All values are our own types
// and checked JSON, so it cannot fail.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("pi: cannot encode a frame: " + err.Error())
	}
	return b
}

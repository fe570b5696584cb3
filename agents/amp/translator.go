package amp

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

var (
	errUnknown = errors.New("the frame's type is not known")
	errLate    = errors.New("the frame came after the last word of its process")
	errShape   = errors.New("the frame does not have the shape of its type")
)

// setup is what the translator must know of the session that it serves.
type setup struct {
	// PermissionMode is the mode to begin in; empty means default.
	PermissionMode string
	// Thread is the thread to go on with; empty for a new one.
	Thread string
	// TextOnly tells of a CLI that takes no images.
	TextOnly bool
}

// translator is the pure half of the agent: the state of one thread over all
// of its processes, as far as their frames told. It is not safe for concurrent
// use; see wire.
type translator struct {
	setup setup

	// thread is the native session; saved tells that it has a message, so
	// that another process can go on with it.
	thread         string
	started, saved bool
	// over tells that the process at hand has said its last word.
	over bool

	turn turn
	// prompts are those that no process has read, oldest first; accepted is the
	// one that was written last.
	prompts  []sentPrompt
	accepted string
	// number counts the messages, which have no ids.
	number int
	tools  map[string]*toolCall
	asks   map[string]*ask
	// answers are what waiting delegates are to be told.
	answers []answer
	grants  agents.Grants
	all     protocol.Usage
}

// newTranslator returns a translator of a thread.
func newTranslator(s setup) *translator {
	return &translator{
		setup: s, thread: s.Thread, saved: s.Thread != "",
		tools: map[string]*toolCall{}, asks: map[string]*ask{},
		grants: agents.Grants{Mode: s.PermissionMode},
	}
}

// Open returns nothing: Amp speaks first (section 3).
func (t *translator) Open() [][]byte { return nil }

// Native takes one frame.
func (t *translator) Native(frame []byte) agents.Output {
	var o output
	err := errors.New("the line is not JSON")
	if json.Valid(frame) {
		err = t.dispatch(frame, &o)
	}
	if err != nil {
		o.Events = []protocol.Data{agents.Unparsed(frame, err.Error())}
	}
	return o.Output
}

// dispatch finds the frame's noun.
func (t *translator) dispatch(frame []byte, o *output) error {
	var head struct {
		Type    string `json:"type"`
		Subtype string `json:"subtype"`
	}
	if err := json.Unmarshal(frame, &head); err != nil {
		return errShape
	}
	switch {
	case head.Type == "system" && head.Subtype == "init":
		return t.init(frame, o)
	case t.over:
		return errLate
	case head.Type == "user":
		return t.user(frame, o)
	case head.Type == "assistant":
		return t.assistant(frame, o)
	case head.Type == "result":
		return t.result(frame, o)
	default:
		return errUnknown
	}
}

// init begins a process.
func (t *translator) init(frame []byte, o *output) error {
	var f struct {
		SessionID string `json:"session_id"`
		Servers   []struct {
			Name   string `json:"name"`
			Status string `json:"status"`
		} `json:"mcp_servers"`
	}
	if err := json.Unmarshal(frame, &f); err != nil || f.SessionID == "" {
		return errShape
	}
	o.Ready = true
	t.over = false
	if f.SessionID != t.thread {
		if t.thread != "" {
			o.emit(&protocol.Notice{Level: "warning", Code: "thread_restarted", Message: "Amp keeps no thread before its first answer, so a new one was begun; what was asked before is not known to it"})
		}
		t.thread, t.saved = f.SessionID, false
	}
	if !t.started {
		t.started = true
		s := &protocol.SessionStarted{Resumed: t.setup.Thread != ""}
		if s.Resumed {
			s.NativeSessionID = t.thread
		}
		o.emit(s)
	}
	for _, s := range f.Servers {
		switch s.Status {
		case "awaiting-approval", "denied", "failed", "blocked-by-registry":
			o.emit(&protocol.Notice{
				Level: "warning", Code: "mcp",
				Message: agents.OneLine(fmt.Sprintf("the MCP server %s is not used: %s", s.Name, s.Status)),
			})
		}
	}
	return nil
}

// output collects what a frame or command leads to.
type output struct{ agents.Output }

func (o *output) emit(d protocol.Data) { o.Events = append(o.Events, d) }

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
		panic("amp: cannot encode a frame: " + err.Error())
	}
	return b
}

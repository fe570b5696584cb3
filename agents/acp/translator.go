package acp

import (
	"encoding/json"
	"strings"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/jsonrpc"
	"github.com/towline-dev/towline/protocol"
)

// setup is what the translator must know of the session that it serves.
type setup struct {
	Quirks *Quirks
	// Title names the agent in sentences for people.
	Title     string
	Directory string
	// Model, Mode and Effort are asked for once the session is open; what is
	// empty stays as the agent has it.
	Model, Mode, Effort string
	SystemPrompt        string
	MCP                 map[string]protocol.MCPServer
	// Resume is the native session to go on from; empty for a new one.
	Resume string
	// Auth is the method to log in with if the agent wants a login; empty for
	// none.
	Auth string
	// Spent is what the session used before; nil for nothing.
	Spent *protocol.UsageUpdated
	// List asks for the agent's sessions, and begins none.
	List bool
	// Recorded tells that the frames come from a recording: what comes next in
	// the opening is told by it.
	Recorded bool
}

// translator is the pure half of the agent: the state of one process, as far as
// its frames told. It is not safe for concurrent use.
type translator struct {
	setup  setup
	quirks *Quirks
	peer   jsonrpc.Peer

	agent   initialized
	opening opening
	listing listing
	session string
	ready   bool
	// failure is why the session did not open; empty while it may.
	failure string

	settings settings
	prompts  []*sentPrompt
	turn     turn
	speech   *speech
	spoken   map[string]bool
	tools    map[string]*toolCall
	order    []*toolCall
	// ended are the tool calls of the turn before, for what comes late.
	ended map[string]*toolCall
	asks  map[jsonrpc.ID]*ask
	// granted is what was allowed for the session by optionSession.
	granted  map[string]bool
	usage    usage
	commands string
	// others are the settings that were told as such that cannot be chosen.
	others string
	title  string
	// items numbers the messages that have no id of their own.
	items int
}

// newTranslator returns a translator of a process that was just started.
func newTranslator(s setup) *translator {
	if s.Quirks == nil {
		s.Quirks = &Quirks{}
	}
	return &translator{
		setup: s, quirks: s.Quirks, peer: jsonrpc.Peer{Version: true},
		spoken: map[string]bool{}, tools: map[string]*toolCall{}, asks: map[jsonrpc.ID]*ask{}, granted: map[string]bool{},
		usage: usageFrom(s.Spent),
	}
}

// answer takes the answer to one of our requests; err is nil if it went well.
type answer func(result json.RawMessage, err *jsonrpc.Error, o *output)

// call sends a request.
func (t *translator) call(method string, params any, then answer, o *output) {
	o.Frames = append(o.Frames, t.peer.Call(method, params, then))
}

// Native takes one frame.
func (t *translator) Native(frame []byte) agents.Output {
	o := output{frame: frame}
	in, err := t.peer.Receive(frame)
	if err != nil {
		o.unparsed(err.Error())
		t.notACP(&o)
		return o.Output
	}
	switch in.Kind {
	case jsonrpc.Response:
		in.Tag.(answer)(in.Result, in.Error, &o) //nolint:forcetypeassert // call makes no other
	case jsonrpc.Notification:
		err = t.notification(in, &o)
	case jsonrpc.Request:
		err = t.request(in, &o)
	case jsonrpc.Stray:
		err = errStray
	}
	if err != nil {
		o.unparsed(err.Error())
	}
	return o.Output
}

// notACP gives up an opening when what came is no message at all.
func (t *translator) notACP(o *output) {
	if t.agent.Version == 0 {
		t.fail(o, "it does not speak the Agent Client Protocol: its first line is no JSON-RPC message; check the command line")
	}
}

// notification takes a message that wants no answer.
func (t *translator) notification(in jsonrpc.Incoming, o *output) error {
	switch in.Method {
	case "session/update":
		return t.update(in.Params, o)
	case "$/cancel_request":
		return t.withdraw(in.Params, o)
	case "elicitation/complete":
		return nil // the answer was given before
	default:
		return errUnknown
	}
}

// request takes a request of the agent. What nobody here can answer is refused
// at once, because the agent would wait for it.
func (t *translator) request(in jsonrpc.Incoming, o *output) error {
	switch in.Method {
	case "session/request_permission":
		return t.requestPermission(in, o)
	case "elicitation/create":
		return t.elicit(in, o)
	case "initialize":
		o.refuse(t, in.ID, "this is the client")
		t.fail(o, "it does not speak the Agent Client Protocol: it answers with what it was sent; check the command line")
		return nil
	}
	o.refuse(t, in.ID, "method not found: "+agents.OneLine(in.Method))
	if strings.HasPrefix(in.Method, "fs/") || strings.HasPrefix(in.Method, "terminal/") {
		return nil // known, and not offered; the agent does it by itself
	}
	return errNotOffered
}

// updateFrame is a session/update.
type updateFrame struct {
	SessionID string          `json:"sessionId"`
	Update    json.RawMessage `json:"update"`
}

// update finds the noun of a session/update.
func (t *translator) update(params json.RawMessage, o *output) error {
	var f updateFrame
	var head struct {
		Kind string `json:"sessionUpdate"`
	}
	if json.Unmarshal(params, &f) != nil || json.Unmarshal(f.Update, &head) != nil {
		return errShape
	}
	if t.foreign(f.SessionID) {
		return errOtherSession
	}
	switch head.Kind {
	case "available_commands_update":
		return t.commandsUpdate(f.Update, o)
	case "current_mode_update":
		return t.modeUpdate(f.Update, o)
	case "config_option_update":
		return t.optionsUpdate(f.Update, o)
	case "session_info_update":
		return t.infoUpdate(f.Update, o)
	case "notice":
		return noticeUpdate(f.Update, o)
	case "user_message_chunk", "compaction_summary_chunk":
		return nil // prompts are the session's own; summaries come whole
	}
	if t.opening.loading {
		return nil // history: the session's log has it
	}
	return t.content(head.Kind, f.Update, o)
}

// content takes the updates that are history when a session is loaded.
func (t *translator) content(kind string, raw json.RawMessage, o *output) error {
	switch kind {
	case "agent_message_chunk":
		return t.chunk(protocol.KindMessage, raw, o)
	case "agent_thought_chunk":
		return t.chunk(protocol.KindReasoning, raw, o)
	case "tool_call", "tool_call_update":
		return t.toolUpdate(raw, kind == "tool_call", o)
	case "plan":
		return t.planUpdate(raw, o)
	case "usage_update":
		return t.usageUpdate(raw, o)
	case "compaction_update":
		return compactionUpdate(raw, o)
	default:
		return errUnknown
	}
}

// Command turns a command into frames. It returns invalid_request,
// permission_closed or mode_not_supported; then nothing is to be written.
func (t *translator) Command(c agents.Command) (agents.Output, error) {
	var o output
	var err error
	switch c := c.(type) {
	case *agents.Prompt:
		err = t.prompt(c, &o)
	case *agents.Decide:
		err = t.decide(c, &o)
	case *agents.Answer:
		err = t.answerQuestion(c, &o)
	case *agents.RejectQuestion:
		err = t.rejectQuestion(c, &o)
	case *agents.Interrupt:
		t.interrupt(&o)
	case *agents.Configure:
		err = t.configure(c, &o)
	default:
		err = protocol.Errorf(protocol.CodeInvalidRequest, "this agent does not take this kind of command")
	}
	if err != nil {
		return agents.Output{}, err
	}
	return o.Output, nil
}

// output collects what a frame or command leads to. frame is the one at hand.
type output struct {
	agents.Output
	frame []byte
}

func (o *output) emit(d protocol.Data) { o.Events = append(o.Events, d) }

func (o *output) notice(level, code, message string, details any) {
	n := &protocol.Notice{Level: level, Code: code, Message: message}
	if details != nil {
		n.Details = encode(details)
	}
	o.emit(n)
}

// unparsed reports the frame at hand. The set of frames is open, so this is
// never an error of the session.
func (o *output) unparsed(why string) { o.emit(agents.Unparsed(o.frame, why)) }

func (o *output) answer(t *translator, id jsonrpc.ID, result any) {
	o.Frames = append(o.Frames, t.peer.Answer(id, result))
}

func (o *output) refuse(t *translator, id jsonrpc.ID, why string) {
	o.Frames = append(o.Frames, t.peer.Refuse(id, jsonrpc.CodeMethodNotFound, why))
}

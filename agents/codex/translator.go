package codex

import (
	"encoding/json"
	"slices"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/jsonrpc"
	"github.com/towline-dev/towline/protocol"
)

// setup is what a translator must know of the session that it serves.
type setup struct {
	start    agents.Start
	settings settings
	// facts are what the process told of itself; none in a replay.
	facts facts
}

// translator is the pure half of one session: its thread, the threads of its
// subagents, and the turn that is open. Many share a peer, which the hub
// feeds. It is not safe for concurrent use.
type translator struct {
	setup setup
	peer  *jsonrpc.Peer

	// root is the session's thread; nil until the opening was answered.
	root    *thread
	threads map[string]*thread
	// failure says why the thread could not be opened.
	failure *protocol.Error
	// told tells that the native id was reported.
	told bool

	settings settings
	// sent are the settings that the thread has.
	sent native

	turn    turn
	prompts []*sentPrompt
	items   map[itemKey]*item
	order   int
	used    map[string]int
	asks    map[string]*ask
	// writable is how wide the sandbox of the workspace is.
	writable writable
	// context is how full the model's context window is.
	context protocol.Context
	// broken are the MCP servers that did not start, with the reason.
	broken map[string]string
}

// newTranslator returns the translator of a session that is not open yet.
func newTranslator(s setup, peer *jsonrpc.Peer) *translator {
	return &translator{
		setup: s, settings: s.settings, peer: peer,
		threads: map[string]*thread{}, items: map[itemKey]*item{}, used: map[string]int{}, asks: map[string]*ask{},
		broken: map[string]string{},
	}
}

// output collects what a frame or command leads to.
type output struct {
	agents.Output
	// frame is the native frame at hand.
	frame []byte
	// claimed are threads that belong to the translator from now on.
	claimed []string
}

func (o *output) emit(d protocol.Data) { o.Events = append(o.Events, d) }

func (o *output) notice(level, code, message string, details any) {
	n := &protocol.Notice{Level: level, Code: code, Message: message}
	if details != nil {
		n.Details = encode(details)
	}
	o.emit(n)
}

func (o *output) send(frames ...[]byte) { o.Frames = append(o.Frames, frames...) }

// encode makes JSON of our own types, which cannot fail.
func encode(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic("codex: cannot encode: " + err.Error())
	}
	return b
}

// call is what we asked of the server, the tag of its response.
type call struct {
	t      *translator
	kind   callKind
	prompt *sentPrompt
}

type callKind int

const (
	callOpen callKind = iota + 1
	callConfig
	callParent
	callTurn
	callSteer
	callInterrupt
	callClean
	callName
	callCompact
)

// codeOverdue is the code of the error that stands for an answer that never
// came.
const codeOverdue = -1

// call makes a request.
func (t *translator) call(kind callKind, method string, params any, prompt *sentPrompt) []byte {
	return t.peer.Call(method, params, &call{t: t, kind: kind, prompt: prompt})
}

// receive takes a message for one of the translator's threads.
func (t *translator) receive(in jsonrpc.Incoming, o *output) {
	var err error
	switch in.Kind {
	case jsonrpc.Response:
		if c, ok := in.Tag.(*call); ok {
			err = t.answered(c, in, o)
		}
	case jsonrpc.Notification:
		if in.Skipped {
			t.turnSkipped(in.Params, o)
		} else {
			err = t.notification(in.Method, in.Params, o)
		}
	case jsonrpc.Request:
		if err = t.request(in, o); err != nil {
			o.send(t.peer.Refuse(in.ID, jsonrpc.CodeMethodNotFound, "not supported by this client"))
		}
	case jsonrpc.Stray:
	}
	if err != nil {
		o.Events = nil
		o.unparsed(err.Error())
	}
}

// answered takes the response to a call of ours.
func (t *translator) answered(c *call, in jsonrpc.Incoming, o *output) error {
	switch c.kind {
	case callOpen:
		return t.opened(in, o)
	case callConfig:
		t.configRead(in, o)
	case callParent:
		t.parentRead(in, o)
	case callTurn:
		return t.turnAccepted(c.prompt, in, o)
	case callSteer:
		t.steered(c.prompt, in, o)
	case callCompact:
		t.compactAccepted(c.prompt, in, o)
	case callInterrupt, callClean, callName:
		// The notifications that follow tell; an error means that there was
		// nothing to stop any more.
	}
	return nil
}

// notification takes what the server tells of a thread.
func (t *translator) notification(method string, params json.RawMessage, o *output) error {
	switch method {
	case "turn/started":
		return t.turnStarted(params, o)
	case "turn/completed":
		return t.turnCompleted(params, o)
	case "item/started":
		return t.itemStarted(params, o)
	case "item/completed":
		return t.itemCompleted(params, o)
	case "item/agentMessage/delta", "item/plan/delta", "item/reasoning/summaryTextDelta", "item/reasoning/textDelta":
		return t.textDelta(method, params, o)
	case "item/commandExecution/outputDelta":
		return t.outputDelta(params, o)
	case "item/commandExecution/terminalInteraction":
		return t.terminalInput(params, o)
	case "item/mcpToolCall/progress":
		return t.progress(params, o)
	case "turn/plan/updated":
		return t.planUpdated(params, o)
	case "thread/tokenUsage/updated":
		return t.usageUpdated(params, o)
	case "serverRequest/resolved":
		return t.requestResolved(params, o)
	case "error":
		return t.modelError(params, o)
	case "warning", "guardianWarning":
		return warning(params, o)
	case "thread/settings/updated":
		return t.settingsUpdated(params, o)
	case "thread/name/updated":
		return t.nameUpdated(params, o)
	case "model/rerouted":
		return t.rerouted(params, o)
	case "mcpServer/startupStatus/updated":
		return t.serverStatus(params, o)
	default:
		if slices.Contains(quiet, method) {
			return nil
		}
		return errUnknown
	}
}

// quiet are notifications that hold nothing which others do not tell
// (PROTOCOL.md section 5), or that tell of things that no session has.
var quiet = []string{
	"thread/started", "thread/status/changed", "thread/readState/changed", "thread/archived", "thread/unarchived", "thread/deleted",
	"thread/closed", "thread/reverted", "thread/compacted", "thread/section/changed", "thread/attachment/updated",
	"thread/goal/updated", "thread/goal/cleared", "thread/prediction/updated", "thread/queue/changed", "thread/project/updated",
	"thread/environment/connected", "thread/environment/disconnected", "project/changed",
	"turn/diff/updated", "turn/moderationMetadata", "item/reasoning/summaryPartAdded",
	"item/fileChange/outputDelta", "item/fileChange/patchUpdated", "hook/started", "hook/completed",
	"item/autoApprovalReview/started", "item/autoApprovalReview/completed", "autoApprovalReview/strictReviewRequired",
	"mcpServer/oauthLogin/completed", "mcpServer/event/stream/notification",
	"account/updated", "account/gatewayOAuth/changed", "account/rateLimits/updated", "account/login/completed",
	"app/list/updated", "skills/changed", "remoteControl/status/changed", "fs/changed",
	"model/verification", "model/safetyBuffering/updated", "modelProvider/authRecoveryStarted", "modelProvider/authRecoveryCompleted",
	"command/exec/outputDelta", "process/outputDelta", "process/exited",
	"configWarning", "deprecationNotice", // about the machine and about us
}

// forAll are notifications that concern every session if they name no thread.
var forAll = []string{"warning", "guardianWarning", "mcpServer/startupStatus/updated"}

package protocol

import "encoding/json"

// Command is what a client asks for: the body of one client frame.
type Command interface {
	// FrameType is the frame that the command travels in.
	FrameType() FrameType
}

// ClientFrame is a command with the client's id for it. ID is unique within
// the session and is the idempotency key: sent twice, a command runs once.
type ClientFrame struct {
	ID      string
	Command Command
}

// Prompt asks the agent to do something. Text is short for one text part.
type Prompt struct {
	Content  []Part   `json:"content,omitempty"`
	Text     string   `json:"text,omitempty"`
	Delivery Delivery `json:"delivery,omitempty"`
}

// PromptWithdraw takes a prompt out of the queue.
type PromptWithdraw struct {
	PromptID string `json:"prompt_id"`
}

// PermissionDecide decides a permission: by OptionID, or by Decision and
// Scope (the first option that fits is taken; an empty scope means once).
type PermissionDecide struct {
	PermissionID string          `json:"permission_id"`
	OptionID     string          `json:"option_id,omitempty"`
	Decision     Decision        `json:"decision,omitempty"`
	Scope        Scope           `json:"scope,omitempty"`
	Message      string          `json:"message,omitempty"`
	Input        json.RawMessage `json:"input,omitempty"`
	InputSHA256  string          `json:"input_sha256,omitempty"`
}

// QuestionAnswer answers a question: one list of labels or free texts for
// each of its questions.
type QuestionAnswer struct {
	QuestionID string     `json:"question_id"`
	Answers    [][]string `json:"answers"`
}

// QuestionReject declines to answer.
type QuestionReject struct {
	QuestionID string `json:"question_id"`
	Message    string `json:"message,omitempty"`
}

// TurnInterrupt stops the open turn. Without one it is a success that changes
// nothing.
type TurnInterrupt struct{}

// SessionConfigure changes what is not nil, from the next turn on at the
// latest.
type SessionConfigure struct {
	Title          *string `json:"title,omitempty"`
	Model          *string `json:"model,omitempty"`
	Mode           *string `json:"mode,omitempty"`
	Effort         *string `json:"effort,omitempty"`
	PermissionMode *string `json:"permission_mode,omitempty"`
}

// SessionEnd ends the session; its transcript stays.
type SessionEnd struct{}

// SessionCreate makes a session: the body of POST /v1/sessions, and the first
// frame of a socket that has none yet.
type SessionCreate struct {
	SessionID      string               `json:"session_id,omitempty"`
	Agent          string               `json:"agent"`
	Directory      string               `json:"directory,omitempty"`
	Model          string               `json:"model,omitempty"`
	Mode           string               `json:"mode,omitempty"`
	Effort         string               `json:"effort,omitempty"`
	PermissionMode string               `json:"permission_mode,omitempty"`
	Title          string               `json:"title,omitempty"`
	Env            map[string]string    `json:"env,omitempty"`
	MCP            map[string]MCPServer `json:"mcp,omitempty"`
	Skills         json.RawMessage      `json:"skills,omitempty"`
	Policy         json.RawMessage      `json:"policy,omitempty"`
	Raw            bool                 `json:"raw,omitempty"`
	// Resume is a native session id to go on from.
	Resume string `json:"resume,omitempty"`
	// SystemPrompt is added to the agent's own, where the agent can.
	SystemPrompt string `json:"system_prompt,omitempty"`
}

// SessionAttach subscribes a socket without a session to one.
type SessionAttach struct {
	SessionID string `json:"session_id"`
	After     Cursor `json:"after"`
	Epoch     string `json:"epoch,omitempty"`
	View      View   `json:"view,omitempty"`
	Raw       bool   `json:"raw,omitempty"`
}

// EventsRead reads history: up to Limit events after After, or the last Limit
// before Before.
type EventsRead struct {
	After  *uint64 `json:"after,omitempty"`
	Before *uint64 `json:"before,omitempty"`
	Limit  int     `json:"limit,omitempty"`
}

// Ping asks for a result and nothing else.
type Ping struct{}

// FrameType returns prompt.
func (*Prompt) FrameType() FrameType { return FramePrompt }

// FrameType returns prompt.withdraw.
func (*PromptWithdraw) FrameType() FrameType { return FramePromptWithdraw }

// FrameType returns permission.decide.
func (*PermissionDecide) FrameType() FrameType { return FramePermissionDecide }

// FrameType returns question.answer.
func (*QuestionAnswer) FrameType() FrameType { return FrameQuestionAnswer }

// FrameType returns question.reject.
func (*QuestionReject) FrameType() FrameType { return FrameQuestionReject }

// FrameType returns turn.interrupt.
func (*TurnInterrupt) FrameType() FrameType { return FrameTurnInterrupt }

// FrameType returns session.configure.
func (*SessionConfigure) FrameType() FrameType { return FrameSessionConfigure }

// FrameType returns session.end.
func (*SessionEnd) FrameType() FrameType { return FrameSessionEnd }

// FrameType returns session.create.
func (*SessionCreate) FrameType() FrameType { return FrameSessionCreate }

// FrameType returns session.attach.
func (*SessionAttach) FrameType() FrameType { return FrameSessionAttach }

// FrameType returns events.read.
func (*EventsRead) FrameType() FrameType { return FrameEventsRead }

// FrameType returns ping.
func (*Ping) FrameType() FrameType { return FramePing }

// newCommand makes an empty command for each client frame, for decoding.
var newCommand = map[FrameType]func() Command{
	FramePrompt:           func() Command { return new(Prompt) },
	FramePromptWithdraw:   func() Command { return new(PromptWithdraw) },
	FramePermissionDecide: func() Command { return new(PermissionDecide) },
	FrameQuestionAnswer:   func() Command { return new(QuestionAnswer) },
	FrameQuestionReject:   func() Command { return new(QuestionReject) },
	FrameTurnInterrupt:    func() Command { return new(TurnInterrupt) },
	FrameSessionConfigure: func() Command { return new(SessionConfigure) },
	FrameSessionEnd:       func() Command { return new(SessionEnd) },
	FrameSessionCreate:    func() Command { return new(SessionCreate) },
	FrameSessionAttach:    func() Command { return new(SessionAttach) },
	FrameEventsRead:       func() Command { return new(EventsRead) },
	FramePing:             func() Command { return new(Ping) },
}

// Results that commands answer with, in result.data.

// PromptResult answers a prompt.
type PromptResult struct {
	PromptID string   `json:"prompt_id"`
	Delivery Delivery `json:"delivery"`
	Position int      `json:"position"`
	// Seq is the event that recorded the prompt.
	Seq uint64 `json:"seq"`
}

// DecideResult answers a decision.
type DecideResult struct {
	PermissionID string   `json:"permission_id"`
	Decision     Decision `json:"decision"`
	Scope        Scope    `json:"scope"`
	OptionID     string   `json:"option_id,omitempty"`
}

// Winner is in the details of already_decided and permission_closed.
type Winner struct {
	Outcome  string   `json:"outcome"`
	Decision Decision `json:"decision,omitempty"`
	Scope    Scope    `json:"scope,omitempty"`
	OptionID string   `json:"option_id,omitempty"`
	By       Actor    `json:"by"`
}

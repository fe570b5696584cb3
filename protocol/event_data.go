package protocol

import "encoding/json"

// SessionStarted is the first event of every session, and of every native
// session that later takes its place (Resumed is then true).
type SessionStarted struct {
	Agent           string `json:"agent"`
	AgentVersion    string `json:"agent_version,omitempty"`
	NativeSessionID string `json:"native_session_id,omitempty"`
	Directory       string `json:"directory"`
	Model           string `json:"model,omitempty"`
	Mode            string `json:"mode,omitempty"`
	Resumed         bool   `json:"resumed"`
}

// SessionUpdated carries only what changed; nil means unchanged.
type SessionUpdated struct {
	Title           *string `json:"title,omitempty"`
	Model           *string `json:"model,omitempty"`
	Mode            *string `json:"mode,omitempty"`
	Effort          *string `json:"effort,omitempty"`
	PermissionMode  *string `json:"permission_mode,omitempty"`
	Status          *Status `json:"status,omitempty"`
	NativeSessionID *string `json:"native_session_id,omitempty"`
	AgentVersion    *string `json:"agent_version,omitempty"`
	Directory       *string `json:"directory,omitempty"`
}

// Status is what a session is doing.
type Status string

// The states of a session.
const (
	// StatusStarting: an agent process is being started.
	StatusStarting Status = "starting"
	// StatusIdle: no turn is open; a prompt starts one.
	StatusIdle Status = "idle"
	// StatusRunning: a turn is open and the agent works.
	StatusRunning Status = "running"
	// StatusWaiting: a turn is open and waits for a human.
	StatusWaiting Status = "waiting"
	// StatusEnded: the session was ended; it takes no prompt.
	StatusEnded Status = "ended"
	// StatusFailed: the session ended by an error; it takes no prompt.
	StatusFailed Status = "failed"
)

// SessionEnded is the last event of a session.
type SessionEnded struct {
	// Reason is completed, error or terminated.
	Reason string `json:"reason"`
	// By is agent, server or client.
	By       Source  `json:"by"`
	Message  string  `json:"message,omitempty"`
	ExitCode *int    `json:"exit_code,omitempty"`
	Stderr   *Stderr `json:"stderr,omitempty"`
}

// Stderr is what an agent process wrote to its standard error: the first 20
// and the last 50 lines, each line cut at 2 KiB.
type Stderr struct {
	Head       []string `json:"head,omitempty"`
	Tail       []string `json:"tail,omitempty"`
	TotalLines int      `json:"total_lines"`
	Truncated  bool     `json:"truncated"`
}

// AgentStarted tells that a process (or connection) of the agent runs for this
// session. A session outlives its agent processes.
type AgentStarted struct {
	PID     int    `json:"pid,omitempty"`
	Version string `json:"version,omitempty"`
}

// AgentExited tells that the agent's process is gone. ExitCode or Signal is
// set.
type AgentExited struct {
	ExitCode *int    `json:"exit_code,omitempty"`
	Signal   string  `json:"signal,omitempty"`
	Stderr   *Stderr `json:"stderr,omitempty"`
	// Message says in one sentence why, where that is known.
	Message string `json:"message,omitempty"`
}

// AgentUnparsed keeps a native frame that no translator understood.
type AgentUnparsed struct {
	Error string `json:"error"`
	// Location names the stream: stdout, stderr, sse.
	Location string `json:"location"`
	// Sample is the frame's first 256 bytes at most.
	Sample []byte `json:"sample"`
	// RawHash is the SHA-256 of the whole frame, in hex.
	RawHash string `json:"raw_hash"`
	// Bytes is the length of the whole frame.
	Bytes int `json:"bytes"`
}

// Delivery says what to do with a prompt that arrives while a turn is open.
type Delivery string

// The deliveries. The empty one counts as DeliverQueue.
const (
	// DeliverQueue waits for the open turn to end.
	DeliverQueue Delivery = "queue"
	// DeliverSteer puts the prompt into the open turn.
	DeliverSteer Delivery = "steer"
	// DeliverInterrupt interrupts the open turn, then runs next.
	DeliverInterrupt Delivery = "interrupt"
	// DeliverReject refuses the prompt with code busy.
	DeliverReject Delivery = "reject"
)

// PromptAccepted tells that a prompt is durable and will run, unless it is
// withdrawn.
type PromptAccepted struct {
	PromptID  string   `json:"prompt_id"`
	CommandID string   `json:"command_id"`
	Delivery  Delivery `json:"delivery"`
	// Position is the number of prompts before it in the queue.
	Position int    `json:"position"`
	By       *Actor `json:"by,omitempty"`
	// Content is what was asked, with data replaced by blobs.
	Content []Part `json:"content"`
}

// PromptWithdrawn tells that a prompt left the queue without running.
type PromptWithdrawn struct {
	PromptID string `json:"prompt_id"`
	By       *Actor `json:"by,omitempty"`
	Reason   string `json:"reason,omitempty"`
}

// TurnStarted opens a turn. At most one turn is open in a session.
type TurnStarted struct {
	PromptIDs []string `json:"prompt_ids"`
	// Origin is client, or agent for a turn that the agent began by itself.
	Origin Source `json:"origin"`
}

// Outcome is how a turn ended.
type Outcome string

// The outcomes of a turn.
const (
	OutcomeCompleted   Outcome = "completed"
	OutcomeInterrupted Outcome = "interrupted"
	OutcomeFailed      Outcome = "failed"
	OutcomeRefused     Outcome = "refused"
	OutcomeLimit       Outcome = "limit"
)

// TurnEnded closes the open turn. Before it, every item that was started in
// the turn has completed and every ask is resolved.
type TurnEnded struct {
	Outcome    Outcome  `json:"outcome"`
	Error      *Failure `json:"error,omitempty"`
	Usage      *Usage   `json:"usage,omitempty"`
	CostUSD    *float64 `json:"cost_usd,omitempty"`
	DurationMS int64    `json:"duration_ms"`
}

// Failure says why a turn failed. Code is one of the error codes, or an
// agent's own word (server_restart, agent_exited, rate_limit, ...).
type Failure struct {
	Code      string          `json:"code"`
	Message   string          `json:"message"`
	Retryable bool            `json:"retryable,omitempty"`
	Details   json.RawMessage `json:"details,omitempty"`
}

// ItemStarted opens an item. Its content may still be empty.
type ItemStarted struct {
	Item Item `json:"item"`
}

// DeltaKind says what an item.delta adds to.
type DeltaKind string

// The kinds of deltas.
const (
	DeltaText       DeltaKind = "text"
	DeltaReasoning  DeltaKind = "reasoning"
	DeltaToolInput  DeltaKind = "tool_input"
	DeltaToolOutput DeltaKind = "tool_output"
)

// ItemDelta adds Text to an open item. The concatenated deltas of one item,
// kind and index equal the completed text; nothing arrives twice.
type ItemDelta struct {
	ItemID string    `json:"item_id"`
	Index  int       `json:"index,omitempty"`
	Kind   DeltaKind `json:"kind"`
	Text   string    `json:"text"`
}

// ItemCompleted closes an item and carries it whole.
type ItemCompleted struct {
	Item Item `json:"item"`
}

// PermissionRequested tells that the agent waits for a decision.
type PermissionRequested struct {
	Permission Permission `json:"permission"`
}

// PermissionOutcome is how a permission was closed.
type PermissionOutcome string

// The outcomes of a permission.
const (
	PermissionDecided   PermissionOutcome = "decided"
	PermissionExpired   PermissionOutcome = "expired"
	PermissionCancelled PermissionOutcome = "cancelled"
)

// PermissionResolved closes a permission, exactly once.
type PermissionResolved struct {
	PermissionID string            `json:"permission_id"`
	Outcome      PermissionOutcome `json:"outcome"`
	Decision     Decision          `json:"decision,omitempty"`
	Scope        Scope             `json:"scope,omitempty"`
	OptionID     string            `json:"option_id,omitempty"`
	By           Actor             `json:"by"`
	// Message is what a client told the agent with its decision.
	Message     string `json:"message,omitempty"`
	InputEdited bool   `json:"input_edited,omitempty"`
	// Delivered says whether the agent got the decision: DeliveredTrue once
	// its bytes were written, DeliveredFalse when nothing was written,
	// DeliveredUnknown when the server died in between.
	Delivered Delivered `json:"delivered"`
	// Reason says why a permission was cancelled: turn_interrupted,
	// turn_ended, agent_exited, server_restart, session_closed, shutdown,
	// agent_withdrew.
	Reason string `json:"reason,omitempty"`
}

// QuestionRequested tells that the agent waits for answers.
type QuestionRequested struct {
	Question Question `json:"question"`
}

// QuestionOutcome is how a question was closed.
type QuestionOutcome string

// The outcomes of a question.
const (
	QuestionAnswered  QuestionOutcome = "answered"
	QuestionRejected  QuestionOutcome = "rejected"
	QuestionCancelled QuestionOutcome = "cancelled"
)

// QuestionResolved closes a question, exactly once.
type QuestionResolved struct {
	QuestionID string          `json:"question_id"`
	Outcome    QuestionOutcome `json:"outcome"`
	Answers    [][]string      `json:"answers,omitempty"`
	Message    string          `json:"message,omitempty"`
	By         Actor           `json:"by"`
	Delivered  Delivered       `json:"delivered"`
	Reason     string          `json:"reason,omitempty"`
}

// PlanUpdated carries the agent's whole to-do list.
type PlanUpdated struct {
	Entries []PlanEntry `json:"entries"`
}

// PlanEntry is one line of a plan.
type PlanEntry struct {
	Text string `json:"text"`
	// Status is pending, in_progress or completed.
	Status   string `json:"status"`
	Priority string `json:"priority,omitempty"`
}

// UsageUpdated carries the session's usage so far.
type UsageUpdated struct {
	Usage
	CostUSD *float64 `json:"cost_usd,omitempty"`
	Context *Context `json:"context,omitempty"`
}

// Usage counts tokens.
type Usage struct {
	InputTokens       int64 `json:"input_tokens"`
	OutputTokens      int64 `json:"output_tokens"`
	CachedReadTokens  int64 `json:"cached_read_tokens,omitempty"`
	CachedWriteTokens int64 `json:"cached_write_tokens,omitempty"`
	ReasoningTokens   int64 `json:"reasoning_tokens,omitempty"`
}

// Context is how full the model's context window is, in tokens.
type Context struct {
	Used int64 `json:"used"`
	Size int64 `json:"size,omitempty"`
}

// CommandsUpdated carries the agent's slash commands, the whole list.
type CommandsUpdated struct {
	Commands []SlashCommand `json:"commands"`
}

// SlashCommand is a command that a prompt may start with.
type SlashCommand struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Hint        string `json:"hint,omitempty"`
}

// Notice is something worth showing that is neither content nor a failure.
type Notice struct {
	// Level is info or warning.
	Level string `json:"level"`
	// Code is a stable word: retrying, rate_limited, compacted,
	// auth_required, subagent_started, subagent_ended, task_started,
	// task_ended, permission_denied, hook, store_degraded, ...
	Code    string          `json:"code"`
	Message string          `json:"message"`
	Details json.RawMessage `json:"details,omitempty"`
}

// ErrorEvent tells of an error that ended nothing by itself.
type ErrorEvent struct {
	Code      string          `json:"code"`
	Message   string          `json:"message"`
	Retryable bool            `json:"retryable"`
	Details   json.RawMessage `json:"details,omitempty"`
}

// EventType returns session.started.
func (*SessionStarted) EventType() EventType { return TypeSessionStarted }

// EventType returns session.updated.
func (*SessionUpdated) EventType() EventType { return TypeSessionUpdated }

// EventType returns session.ended.
func (*SessionEnded) EventType() EventType { return TypeSessionEnded }

// EventType returns agent.started.
func (*AgentStarted) EventType() EventType { return TypeAgentStarted }

// EventType returns agent.exited.
func (*AgentExited) EventType() EventType { return TypeAgentExited }

// EventType returns agent.unparsed.
func (*AgentUnparsed) EventType() EventType { return TypeAgentUnparsed }

// EventType returns prompt.accepted.
func (*PromptAccepted) EventType() EventType { return TypePromptAccepted }

// EventType returns prompt.withdrawn.
func (*PromptWithdrawn) EventType() EventType { return TypePromptWithdrawn }

// EventType returns turn.started.
func (*TurnStarted) EventType() EventType { return TypeTurnStarted }

// EventType returns turn.ended.
func (*TurnEnded) EventType() EventType { return TypeTurnEnded }

// EventType returns item.started.
func (*ItemStarted) EventType() EventType { return TypeItemStarted }

// EventType returns item.delta.
func (*ItemDelta) EventType() EventType { return TypeItemDelta }

// EventType returns item.completed.
func (*ItemCompleted) EventType() EventType { return TypeItemCompleted }

// EventType returns permission.requested.
func (*PermissionRequested) EventType() EventType { return TypePermissionRequested }

// EventType returns permission.resolved.
func (*PermissionResolved) EventType() EventType { return TypePermissionResolved }

// EventType returns question.requested.
func (*QuestionRequested) EventType() EventType { return TypeQuestionRequested }

// EventType returns question.resolved.
func (*QuestionResolved) EventType() EventType { return TypeQuestionResolved }

// EventType returns plan.updated.
func (*PlanUpdated) EventType() EventType { return TypePlanUpdated }

// EventType returns usage.updated.
func (*UsageUpdated) EventType() EventType { return TypeUsageUpdated }

// EventType returns commands.updated.
func (*CommandsUpdated) EventType() EventType { return TypeCommandsUpdated }

// EventType returns notice.
func (*Notice) EventType() EventType { return TypeNotice }

// EventType returns error.
func (*ErrorEvent) EventType() EventType { return TypeError }

package agents

import (
	"context"
	"encoding/json"

	"github.com/towline-dev/towline/protocol"
)

// Agent is one kind of coding agent.
type Agent interface {
	// Name is the word that clients use: claude, codex, mock.
	Name() string
	// Capabilities says what the agent does, without asking it.
	Capabilities() protocol.Capabilities
	// Info tells what is known of the agent on this machine. It starts no
	// turn and installs nothing; it may run the executable with --version
	// once and remember the answer.
	Info(ctx context.Context) protocol.AgentInfo
	// Open starts or resumes a native session. When it returns without an
	// error the agent takes commands. Errors are *protocol.Error with
	// agent_not_installed, install_failed, agent_start_failed,
	// invalid_request or mode_not_supported. ctx bounds the opening only.
	Open(ctx context.Context, start Start) (Conn, error)
}

// An Agent that keeps something beyond its sessions, such as a process that
// serves many, is an io.Closer: Registry.Close ends it after the last session.

// Checker is an Agent that can refuse session options before a session is
// made: unknown modes, models or efforts, options that it cannot honour.
type Checker interface {
	Check(start Start) error
}

// Installer is an Agent that can be installed on demand.
type Installer interface {
	// Install brings the pinned version into the agents folder. It reports
	// its steps and returns when the executable can be found, or with
	// install_failed. Concurrent calls share one installation.
	Install(ctx context.Context, progress func(protocol.InstallProgress)) error
}

// Lister is an Agent that can tell which native sessions there are.
type Lister interface {
	// Sessions lists those that belong to a folder, an absolute path to an
	// existing one. An agent whose version here cannot do it returns
	// capability_missing.
	Sessions(ctx context.Context, directory string) (protocol.NativeSessions, error)
}

// Replayer is an Agent whose recorded native traffic can be replayed.
type Replayer interface {
	// Replay returns a fresh replay.
	Replay() Replay
}

// Replay feeds one recording to a translator. It is pure.
type Replay interface {
	// In maps a recorded line that went to the agent to the commands that
	// the server would have sent for it; none for plumbing.
	In(line json.RawMessage) []Command
	// Out maps a recorded line that came from the agent.
	Out(line json.RawMessage) []Report
}

// Start says which native session to open, and how.
type Start struct {
	// SessionID is the universal session's id.
	SessionID string
	// Directory is an absolute path to an existing folder.
	Directory string

	Model          string
	Mode           string
	Effort         string
	PermissionMode string
	SystemPrompt   string
	// Env is added to the built-up environment; names were checked.
	Env map[string]string
	MCP map[string]protocol.MCPServer
	// Resume is the native session to go on from; empty for a new one.
	Resume string
	// Fork makes a new native session that begins as a copy of Resume.
	Fork bool
	// KeepRaw asks for the native frames in Report.Raw.
	KeepRaw bool
	// Spent is what the session had used before, nil for nothing. An agent
	// whose native counts begin anew with each process adds it to them, so
	// that UsageUpdated tells the whole session's usage.
	Spent *protocol.UsageUpdated
}

// Conn is one native session, open. It ends when the agent's process (or its
// connection) ends; the universal session lives on.
type Conn interface {
	// Send hands a command to the agent and returns when the agent's side of
	// the pipe has it. An error means that nothing was delivered if it is a
	// *protocol.Error, and that delivery is unknown otherwise. Send must
	// return soon after ctx is done.
	Send(ctx context.Context, c Command) error
	// Recv blocks for the next reports, in order. It returns io.EOF after
	// the last one, which holds an AgentExited if a process ended.
	Recv() ([]Report, error)
	// Close ends the native session by the stop sequence: protocol, SIGTERM,
	// SIGKILL to the process group, sweep. It returns when nothing of it is
	// left, at most a little after 5 s. Recv then drains and ends. Close is
	// idempotent.
	Close() error
}

// Report is what one native frame meant.
type Report struct {
	// Events are universal events with native ids, in order; may be empty.
	Events []protocol.Data
	// Raw is the native frame as JSON, kept if the session keeps raw frames.
	Raw json.RawMessage
}

// Command is what a session asks of an agent: *Prompt, *Decide, *Answer,
// *RejectQuestion, *Interrupt or *Configure.
type Command interface{ command() }

// Prompt asks for a turn, or, with Steer, for a place in the open one. The
// session sends a prompt without Steer only while no turn is open.
type Prompt struct {
	// PromptID is the universal id; TurnStarted.PromptIDs repeats it.
	PromptID string
	// NativeID is the id to give the prompt in the native protocol; empty
	// lets the translator derive one from session and prompt id.
	NativeID string
	Content  []Content
	Steer    bool
}

// Content is a content part with the bytes of its image or file.
type Content struct {
	protocol.Part
	// Bytes is the content of a blob or local image that the session read.
	Bytes []byte
}

// Decide answers a permission.
type Decide struct {
	// PermissionID is the native id, as reported.
	PermissionID string
	// Option is the option that was chosen, as reported.
	Option protocol.PermissionOption
	// Message is for the agent; empty for none.
	Message string
	// Input replaces the tool's input; nil leaves it as it is.
	Input json.RawMessage
}

// Answer answers a question: one list of answers for each of its questions.
type Answer struct {
	QuestionID string
	Answers    [][]string
}

// RejectQuestion declines to answer a question.
type RejectQuestion struct {
	QuestionID string
	Message    string
}

// Interrupt stops the open turn.
type Interrupt struct{}

// Configure changes what is not nil.
type Configure struct {
	Title          *string
	Model          *string
	Mode           *string
	Effort         *string
	PermissionMode *string
}

func (*Prompt) command()         {}
func (*Decide) command()         {}
func (*Answer) command()         {}
func (*RejectQuestion) command() {}
func (*Interrupt) command()      {}
func (*Configure) command()      {}

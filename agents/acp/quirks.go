package acp

import (
	"time"

	"github.com/towline-dev/towline/protocol"
)

// Quirks are what an agent does in its own way, as recordings of it show. The
// zero value is an agent that does nothing unusual. They are data: no code asks
// for an agent's name.
type Quirks struct {
	// ToolName is the path in _meta to the tool's own name, which the protocol
	// has no field for in older schemas.
	ToolName []string
	// ToolNameInID is what ends the tool's name at the begin of a tool call's
	// id; empty if ids hold none.
	ToolNameInID string
	// ToolNameIsTitle tells that the first title of a call is the tool's name.
	ToolNameIsTitle bool
	// ServerTool names the fields of rawInput that hold an MCP server and its
	// tool, where the title alone tells them; none if there are no such.
	ServerTool []string
	// LateInput tells that a pending call comes before its input is known, so
	// its item starts with the frame after it.
	LateInput bool
	// StreamsOutput tells that the content of a running call is the output so
	// far, and grows.
	StreamsOutput bool
	// Unfence takes the Markdown fence off results.
	Unfence bool
	// NoOutput is the text that stands for no output.
	NoOutput string
	// ExitCodeAfter is the text before the exit code in a command's result.
	ExitCodeAfter string
	// ExitCode and Output are the paths in rawOutput to a command's exit code
	// and to what it printed.
	ExitCode, Output []string
	// CallFields are fields of rawInput that tell one call from another; they
	// count for nothing where calls are compared.
	CallFields []string
	// ExactEdit is the path in _meta to what an edit replaced, where the diff
	// itself is not exact: it shows a leading tab as spaces.
	ExactEdit []string
	// CancelledText begins or ends the result of a call that a cancel cut short, where
	// the agent calls it completed: the protocol has no status for it.
	CancelledText []string
	// FailedText begins the last piece of text of a turn whose model failed,
	// where the agent calls the turn ended; its answer then tells no usage.
	FailedText string
	// AfterFailure is how long the next prompt waits after a turn that failed,
	// for an agent that tells the failure before it is done with the turn: a
	// prompt in between joins what has ended, and is never answered.
	AfterFailure time.Duration
	// Scopes is how far an option reaches, by its id; an allow_always option
	// that is not here counts as kept by the agent.
	Scopes map[string]protocol.Scope
	// LoadsAnything tells that session/load of an unknown id answers with a
	// fresh session, so the list is asked first.
	LoadsAnything bool
	// PlanTool names the tool whose input holds the to-do list, for agents
	// that send no plan.
	PlanTool string
	// TaskTools name the tools that run subagents.
	TaskTools []string
	// ChunkUsage is the path in a chunk's _meta to the usage of a model call.
	ChunkUsage []string
	// TurnUsage is the path in a prompt's answer to the turn's usage.
	TurnUsage []string
	// CustomAnswer ends the name of a form's field that takes an own answer
	// to the field before it.
	CustomAnswer string
	// SystemPrompt tells that session/new takes _meta.systemPrompt.append.
	SystemPrompt bool
	// Banner tells that the agent writes lines that are no frames to its
	// standard output before it answers; others may not.
	Banner bool
}

// turnUsage is where an answer holds the turn's usage as the schema has it.
var turnUsage = []string{"usage"}

// quirks of the agents that were recorded (section 4); OpenCode's are in the
// notes on its own protocol, section 12, and those of the Codex adapter and of
// Copilot are what their versions 0.16.0 and 1.0.102 do in the tests.
var (
	qwenQuirks = Quirks{
		ToolName:      []string{"toolName"},
		ExitCodeAfter: "\nExit Code: ",
		CancelledText: []string{"Command was cancelled by user", "Command cancelled by user"},
		Scopes:        map[string]protocol.Scope{"proceed_always": protocol.ScopeSession},
		LoadsAnything: true,
		ChunkUsage:    []string{"usage"},
	}
	geminiQuirks = Quirks{
		ToolNameInID:  "__",
		CancelledText: []string{"Command cancelled by user"},
		Scopes:        map[string]protocol.Scope{"proceed_always": protocol.ScopeSession},
		TurnUsage:     []string{"_meta", "quota", "token_count"},
	}
	claudeQuirks = Quirks{
		ToolName:      []string{"claudeCode", "toolName"},
		LateInput:     true,
		Unfence:       true,
		NoOutput:      "(Bash completed with no output)",
		ExitCodeAfter: "Exit code ",
		ExactEdit:     []string{"claudeCode", "toolResponse"},
		TaskTools:     []string{"Task", "Agent"},
		CustomAnswer:  "_custom",
		SystemPrompt:  true,
	}
	openCodeQuirks = Quirks{
		ToolNameIsTitle: true,
		LateInput:       true,
		StreamsOutput:   true,
		ExitCode:        []string{"metadata", "exit"},
		Scopes:          map[string]protocol.Scope{"always": protocol.ScopeSession},
		CancelledText:   []string{"User aborted the command\n</shell_metadata>"},
		PlanTool:        "todowrite",
		TaskTools:       []string{"task"},
	}
	codexQuirks = Quirks{
		AfterFailure: 250 * time.Millisecond,
		ExitCode:     []string{"exit_code"},
		Output:       []string{"aggregated_output"},
		CallFields:   []string{"call_id", "turn_id", "process_id", "started_at_ms"},
		ServerTool:   []string{"server", "tool"},
	}
	copilotQuirks = Quirks{FailedText: "Error: "}
)

package claude

import (
	"context"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/rs/zerolog"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/install"
	"github.com/towline-dev/towline/protocol"
)

const (
	name = "claude"
	// file is the executable's place inside its package.
	file = "claude"
)

// Options configures the agent. With the zero value it finds nothing but what
// is on the server's PATH, and cannot be installed.
type Options struct {
	// Locator finds the executable; nil searches the server's PATH alone.
	Locator *agents.Locator
	// Installation installs the pinned version; nil means that it cannot be.
	Installation *install.Program
	// Environ returns the server's environment; nil means os.Environ.
	Environ func() []string
	// User is whom the CLI runs as; nil means the server's own user. Its home
	// and config folder take the place of those in Environ.
	User *agents.User
	// StateDir is the server's state folder, for sweeping leftovers.
	StateDir string
	// Log gets what an operator should know; the zero value is silent.
	Log zerolog.Logger
}

// Agent is Claude Code. All methods may be called from any goroutine.
type Agent struct {
	o Options

	mu sync.Mutex
	// models is the list that the last session brought; nil before.
	models []protocol.Model
}

var (
	_ agents.Agent     = (*Agent)(nil)
	_ agents.Checker   = (*Agent)(nil)
	_ agents.Installer = (*Agent)(nil)
	_ agents.Replayer  = (*Agent)(nil)
)

// New returns the agent. It starts nothing.
func New(o Options) *Agent {
	if o.Environ == nil {
		o.Environ = os.Environ
	}
	server := o.Environ
	o.Environ = func() []string { return o.User.Environ(server()) }
	return &Agent{o: o}
}

// Name returns claude.
func (a *Agent) Name() string { return name }

// Capabilities tells what the recordings show of CLI 2.1.330. The output of a
// running command is not streamed, but comes whole.
func (a *Agent) Capabilities() protocol.Capabilities {
	return protocol.Capabilities{
		Streaming: true, Reasoning: true, ToolCalls: true, Diffs: true, CommandOutput: true,
		Permissions: true, EditedInput: true, DenyMessage: true, Always: true, Questions: true, PlanMode: true, Plan: true,
		Images: true, Files: true, Interrupt: true, Steer: true, Resume: true, Fork: true,
		Models: true, Modes: true, MCP: true, Usage: true, Cost: true, Subagents: true,
	}
}

// Info tells whether Claude Code is here, and which. It may run the executable
// with --version.
func (a *Agent) Info(ctx context.Context) protocol.AgentInfo {
	info := protocol.AgentInfo{
		Name: name, Title: "Claude Code", Status: "missing", Pinned: install.ClaudeVersion,
		Credentials: credentials(a.o.Environ()), Capabilities: a.Capabilities(),
		Models: a.knownModels(), Modes: modes(), Permission: permissionModes(), Efforts: slices.Clone(efforts),
	}
	e, err := a.find()
	if err != nil {
		info.Message = protocol.AsError(err).Message
		if a.installable() {
			info.Status = "installable"
		}
		return info
	}
	info.Path, info.Origin = e.Path, e.Origin
	if info.Version, err = a.version(ctx, e); err != nil {
		info.Message = protocol.AsError(err).Message
		return info
	}
	info.Status = "ready"
	if info.Credentials == "missing" {
		info.Message = "no key or login was found; set ANTHROPIC_API_KEY for the server, or log in once with: claude"
	}
	return info
}

func (a *Agent) installable() bool {
	if a.o.Installation == nil {
		return false
	}
	path, _ := a.o.Installation.Installed()
	return path != "" // empty where nothing is published for the platform
}

// find finds the executable.
func (a *Agent) find() (agents.Executable, error) {
	return agents.FindExecutable(a.o.Locator, a.o.Environ(), name, file)
}

// version asks the executable for its version; empty if it tells none that can
// be read.
func (a *Agent) version(ctx context.Context, e agents.Executable) (string, error) {
	line, err := a.o.User.Version(ctx, e.Path)
	if err != nil {
		a.o.Log.Warn().Err(err).Str("path", e.Path).Msg("Cannot ask Claude Code for its version")
		return "", err
	}
	return readVersion(line), nil
}

func (a *Agent) knownModels() []protocol.Model {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.models == nil {
		return knownModels()
	}
	return slices.Clone(a.models)
}

// learn keeps the models that a session listed.
func (a *Agent) learn(models []protocol.Model) {
	if len(models) == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.models = models
}

// Install installs the pinned version (install.Program).
func (a *Agent) Install(ctx context.Context, progress func(protocol.InstallProgress)) error {
	if a.o.Installation == nil {
		return protocol.Errorf(protocol.CodeInstallFailed, "this server does not install agents; install Claude Code by hand, or name it with --agent claude=/path")
	}
	return a.o.Installation.Install(ctx, progress)
}

// Check refuses options that Claude Code does not have.
func (a *Agent) Check(s agents.Start) error {
	l, err := newLaunch(s)
	if err != nil {
		return err
	}
	if err := a.o.User.CheckDirectory(s.Directory); err != nil {
		return err
	}
	return checkBypass(l.permissionMode, a.o.User.IsRoot(), a.o.Environ())
}

// Replay returns a fresh replay.
func (a *Agent) Replay() agents.Replay { return newReplay() }

// Open starts the CLI. A new session gets a native id that derives from the
// universal one, so that an open that died half way can be done again: if the
// CLI then knows the id, it is resumed (section 7, resume).
func (a *Agent) Open(ctx context.Context, s agents.Start) (agents.Conn, error) {
	if err := a.Check(s); err != nil {
		return nil, err
	}
	l, err := newLaunch(s)
	if err != nil {
		return nil, err
	}
	e, err := a.find()
	if err != nil {
		return nil, err
	}
	version, err := a.version(ctx, e)
	if err != nil {
		return nil, err
	}
	conn, err := a.open(ctx, l, e, version)
	switch {
	case err == nil:
		return conn, nil
	case s.Resume == "" && strings.Contains(err.Error(), "already in use"):
		l.start.Resume = l.sessionID
	case s.Resume == l.sessionID && !s.Fork && strings.Contains(err.Error(), noConversation):
		l.start.Resume = ""
	default:
		return nil, err
	}
	return a.open(ctx, l, e, version)
}

// noConversation is how the CLI begins to say that it does not know an id.
const noConversation = "No conversation found"

// open makes one attempt.
func (a *Agent) open(ctx context.Context, l launch, e agents.Executable, version string) (agents.Conn, error) {
	t := &opening{agent: a, translator: newTranslator(setup{
		SessionID: l.start.SessionID, Effort: l.start.Effort, SystemPrompt: l.start.SystemPrompt,
		BeforePlan: l.beforePlan, Spent: l.start.Spent,
	})}
	conn, err := agents.OpenStdio(ctx, agents.StdioOptions{
		Process: agents.ProcessOptions{
			Path: e.Path, Args: l.args(version), Dir: l.start.Directory, Env: environment(a.o.Environ(), l.start.Env),
			SessionID: l.start.SessionID, StateDir: a.o.StateDir, Credential: a.o.User.Credential(),
		},
		Translator: t,
		Version:    version,
		KeepRaw:    l.start.KeepRaw,
		Ending:     [][]byte{endingFrame},
	})
	if err != nil {
		return nil, t.explain(err)
	}
	return conn, nil
}

// endingFrame stops the open turn before stdin is closed: at the end of its
// input the CLI would finish the turn first (section 7, ending).
var endingFrame = encode(map[string]any{
	"type": "control_request", "request_id": "towline-end",
	"request": map[string]any{"subtype": "interrupt", "cancel_queued": true},
})

// opening watches a translator while its session opens: for the models that
// the answer lists, and for the reason if it does not open.
type opening struct {
	*translator
	agent  *Agent
	reason string
}

// Native passes the frame on.
func (o *opening) Native(frame []byte) agents.Output {
	opened := o.ready
	out := o.translator.Native(frame)
	if out.Ready {
		o.agent.learn(o.models)
	}
	if !opened {
		for _, d := range out.Events {
			if e, ok := d.(*protocol.ErrorEvent); ok {
				o.reason = e.Message
			}
		}
	}
	return out
}

// explain puts what the CLI said on its output into the error: of an unknown
// native session it tells there, and nothing on standard error.
func (o *opening) explain(err error) error {
	e := protocol.AsError(err)
	if o.reason == "" {
		return err
	}
	message := "Claude Code did not start: " + agents.OneLine(o.reason)
	if strings.Contains(o.reason, noConversation) {
		message = "Claude Code does not know the native session to resume (" + agents.OneLine(o.reason) + "); start a new session, or check the id and the user that the server runs as"
	}
	return &protocol.Error{Code: e.Code, Message: message, Details: e.Details}
}

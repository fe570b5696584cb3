package pi

import (
	"context"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/install"
	"github.com/towline-dev/towline/protocol"
)

const name = "pi"

// maxLine is the longest frame that is read: the end of a turn repeats all of
// its messages (section 7).
const maxLine = 64 << 20

// Options configures the agent. With the zero value it finds nothing but what
// is on the server's PATH, and cannot be installed.
type Options struct {
	// Locator finds the executable; nil searches the server's PATH alone.
	Locator *agents.Locator
	// Installation installs the pinned version; nil means that it cannot be.
	Installation *install.Program
	// Environ returns the server's environment; nil means os.Environ.
	Environ func() []string
	// User is whom Pi runs as; nil means the server's own user. Its home takes
	// the place of the one in Environ.
	User *agents.User
	// StateDir is the server's state folder, for sweeping leftovers.
	StateDir string
	// Log gets what an operator should know; the zero value is silent.
	Log zerolog.Logger
}

// Agent is Pi. All methods may be called from any goroutine.
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

// Name returns pi.
func (a *Agent) Name() string { return name }

// Capabilities tells what the tests with the real Pi 0.74.2 show. It has no
// plans, modes, subagents or MCP servers.
func (a *Agent) Capabilities() protocol.Capabilities {
	return protocol.Capabilities{
		Streaming: true, Reasoning: true, ToolCalls: true, Diffs: true, CommandOutput: true,
		Permissions: true, EditedInput: true, DenyMessage: true, Always: true,
		Images: true, Files: true, Interrupt: true, Steer: true, Resume: true, Fork: true,
		Models: true, Usage: true, Cost: true,
	}
}

// Info tells whether Pi is here, and which. It runs nothing.
func (a *Agent) Info(context.Context) protocol.AgentInfo {
	info := protocol.AgentInfo{
		Name: name, Title: title, Status: "missing", Pinned: install.PiVersion,
		Credentials: credentials(a.o.Environ()), Capabilities: a.Capabilities(),
		Models: a.knownModels(), Permission: agents.GrantModes(), Efforts: slices.Clone(efforts),
	}
	e, err := a.find()
	if err != nil {
		info.Message = protocol.AsError(err).Message
		if a.o.Installation != nil {
			info.Status = "installable"
		}
		return info
	}
	info.Path, info.Origin, info.Version = e.Path, e.Origin, agents.PackageVersion(e.Path)
	info.Status = "ready"
	if info.Credentials == "missing" {
		info.Message = "no key or login was found; set a provider's key for the server, such as ANTHROPIC_API_KEY, or log in once with: pi"
	}
	return info
}

// find finds the executable.
func (a *Agent) find() (agents.Executable, error) {
	return agents.FindExecutable(a.o.Locator, a.o.Environ(), name, install.PiFile)
}

// knownModels are those that the last session listed; before, those of the
// user's own configuration.
func (a *Agent) knownModels() []protocol.Model {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.models == nil {
		return readModels(configuredModels(a.o.Environ(), a.o.User))
	}
	return slices.Clone(a.models)
}

// learn keeps the models that a session listed.
func (a *Agent) learn(native []model) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.models = readModels(native)
}

// readModels maps Pi's list.
func readModels(native []model) []protocol.Model {
	models := make([]protocol.Model, 0, len(native))
	for _, n := range native {
		m := protocol.Model{ID: n.word(), Name: n.Name}
		if n.Reasoning {
			m.Efforts = slices.Clone(efforts)
		}
		models = append(models, m)
	}
	return models
}

// Install installs the pinned version (install.Program).
func (a *Agent) Install(ctx context.Context, progress func(protocol.InstallProgress)) error {
	if a.o.Installation == nil {
		return protocol.Errorf(protocol.CodeInstallFailed, "this server does not install agents; install Pi by hand, or name it with --agent pi=/path")
	}
	return a.o.Installation.Install(ctx, progress)
}

// Check refuses options that Pi does not have.
func (a *Agent) Check(s agents.Start) error {
	if err := checkStart(s); err != nil {
		return err
	}
	return a.o.User.CheckDirectory(s.Directory)
}

// Replay returns a fresh replay.
func (a *Agent) Replay() agents.Replay { return newReplay() }

// Open starts Pi with the gate. A process that answers but has no gate would
// run every call unasked, so it is ended before it takes a prompt.
func (a *Agent) Open(ctx context.Context, s agents.Start) (agents.Conn, error) {
	if err := a.Check(s); err != nil {
		return nil, err
	}
	e, err := a.find()
	if err != nil {
		return nil, err
	}
	if err := a.o.User.CheckExecutable(e.Path); err != nil {
		return nil, err
	}
	extensions, err := checkWorkspace(s.Directory)
	if err != nil {
		return nil, err
	}
	files, err := writeFiles(s.SystemPrompt, a.o.User)
	if err != nil {
		if protocol.CodeOf(err) != protocol.CodeInternal {
			return nil, err
		}
		a.o.Log.Error().Err(err).Msg("Cannot prepare Pi")
		return nil, protocol.Errorf(protocol.CodeAgentStartFailed, "the files that Pi needs could not be written to the temporary folder; look whether it is full or read-only")
	}
	env := environment(a.o.Environ(), s.Env)
	own, err := a.ownExtensions(ctx, e.Path, files, env)
	if err != nil {
		files.Remove()
		return nil, err
	}
	t := newTranslator(setup{
		PermissionMode: s.PermissionMode, Resumed: s.Resume != "" && !s.Fork, LeftOut: extensions, Config: realPath(configDir(env)),
	})
	stdio, err := agents.OpenStdio(ctx, agents.StdioOptions{
		Process: agents.ProcessOptions{
			Path: e.Path, Args: args(s, files, own), Dir: s.Directory, Env: env,
			SessionID: s.SessionID, StateDir: a.o.StateDir, Credential: a.o.User.Credential(),
		},
		Translator: t, Version: agents.PackageVersion(e.Path), KeepRaw: s.KeepRaw, MaxLine: maxLine,
		Ending: [][]byte{[]byte(`{"type":"abort"}`)},
	})
	if err != nil {
		files.Remove()
		return nil, err
	}
	c := &conn{Stdio: stdio, files: files, translator: t, timers: map[string]*time.Timer{}}
	if !t.gated {
		_ = c.Close()
		return nil, protocol.Errorf(protocol.CodeAgentStartFailed, "Pi did not load Towline's permission gate, so it was not used; update Pi, or see details.stderr").
			WithDetails(map[string]any{"stderr": stdio.Stderr()})
	}
	a.learn(t.models)
	return c, nil
}

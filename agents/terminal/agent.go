package terminal

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// The defaults of Options.
const (
	defaultName    = "terminal"
	defaultShell   = "/bin/sh"
	defaultRows    = 24
	defaultCols    = 80
	defaultHistory = 1 << 20
	defaultLease   = 5 * time.Second
)

// Options configures an agent. The zero value runs the user's shell.
type Options struct {
	// Name is what clients call the agent; empty means terminal.
	Name string
	// Command is the program, as a path or a name on PATH, with its
	// arguments. It never passes a shell. Empty means $SHELL.
	Command []string
	// Environ returns the server's environment; nil means os.Environ.
	Environ func() []string
	// StateDir is the server's state folder, for sweeping leftovers.
	StateDir string
	// Rows and Cols are the size before a client sets one; 0 means 24 by 80.
	Rows, Cols int
	// History is how much output is kept for replay, in bytes; 0 means 1 MiB.
	History int
	// User is whom the program runs as; nil means the server's own user.
	User *agents.User
	// Lease is how long a typist keeps the line after the last key; 0 means 5 s.
	Lease time.Duration
	Pace  Pace
	// Start starts the program; nil means agents.StartTerminal.
	Start func(o agents.ProcessOptions, rows, cols int) (Program, error)
	Log   zerolog.Logger

	// find finds the program of an Entry; nil looks for Command. needs says
	// what to do if it is missing.
	find  func() (agents.Executable, error)
	needs string
}

// Program is what a Conn needs of a process on a terminal, as
// agents.TerminalProcess has it.
type Program interface {
	PID() int
	// Read returns output, and io.EOF after the end.
	Read(p []byte) (int, error)
	// Write types keys: all, or as many as are taken until ctx is done.
	Write(ctx context.Context, keys []byte) (int, error)
	// Input tells what the terminal does with what is typed now.
	Input() agents.TerminalInput
	// Discard stops whoever types now, and drops what the program has not read.
	Discard()
	// Interrupt sends SIGINT to what has the terminal.
	Interrupt() error
	Resize(rows, cols int) error
	// Foreground tells whether no command that it has started has the terminal.
	Foreground() bool
	// Wait waits for the end.
	Wait() agents.Exit
	Stop(o agents.StopOptions) error
}

// Agent is one program that runs on a terminal. All methods may be called from
// any goroutine.
type Agent struct{ o Options }

var (
	_ agents.TerminalAgent = (*Agent)(nil)
	_ agents.Checker       = (*Agent)(nil)
	_ agents.TerminalConn  = (*Conn)(nil)
)

// New returns the agent. It starts nothing.
func New(o Options) *Agent {
	if o.Name == "" {
		o.Name = defaultName
	}
	if o.Environ == nil {
		o.Environ = os.Environ
	}
	server := o.Environ
	o.Environ = func() []string { return o.User.Environ(server()) }
	if o.Rows == 0 || o.Cols == 0 {
		o.Rows, o.Cols = defaultRows, defaultCols
	}
	if o.History == 0 {
		o.History = defaultHistory
	}
	if o.Lease == 0 {
		o.Lease = defaultLease
	}
	if o.Start == nil {
		o.Start = start
	}
	o.Pace = o.Pace.withDefaults()
	return &Agent{o: o}
}

// Name returns the configured name.
func (a *Agent) Name() string { return a.o.Name }

// RunsOnTerminal marks the agent.
func (a *Agent) RunsOnTerminal() {}

// Capabilities tells what can be done to any program: type, also while it
// works, and interrupt. What its screen means nobody knows.
func (a *Agent) Capabilities() protocol.Capabilities {
	return protocol.Capabilities{Interrupt: true, Steer: true}
}

// Info tells whether the program is here. It does not run it.
func (a *Agent) Info(context.Context) protocol.AgentInfo {
	info := protocol.AgentInfo{
		Name: a.o.Name, Title: "Terminal: " + strings.Join(a.command(), " "), Status: "missing",
		Credentials: "unknown", Capabilities: a.Capabilities(),
	}
	e, err := a.find()
	if err != nil {
		info.Message = protocol.AsError(err).Message
		return info
	}
	info.Status, info.Path, info.Origin = "ready", e.Path, e.Origin
	return info
}

// command is the program with its arguments.
func (a *Agent) command() []string {
	if len(a.o.Command) > 0 {
		return a.o.Command
	}
	if shell := agents.Variable(a.o.Environ(), "SHELL"); filepath.IsAbs(shell) {
		return []string{shell}
	}
	return []string{defaultShell}
}

// find finds the program.
func (a *Agent) find() (agents.Executable, error) {
	program := a.command()[0]
	find := a.o.find
	if find == nil {
		l := agents.Locator{Path: agents.Variable(a.o.Environ(), "PATH")}
		if strings.ContainsRune(program, filepath.Separator) {
			l = agents.Locator{Flags: map[string]string{a.o.Name: program}}
		}
		find = func() (agents.Executable, error) { return l.Find(a.o.Name, program) }
	}
	e, err := find()
	if err != nil {
		needs := a.o.needs
		if needs == "" {
			needs = "install it"
		}
		return e, protocol.Errorf(protocol.CodeAgentNotInstalled,
			"the program %s was not found; %s, or correct the command of --agent %s=terminal:...", filepath.Base(program), needs, a.o.Name)
	}
	return e, nil
}

// Check refuses options that mean nothing to a program on a terminal.
func (a *Agent) Check(s agents.Start) error {
	for _, o := range []struct {
		name  string
		given bool
	}{
		{"model", s.Model != ""},
		{"mode", s.Mode != ""},
		{"effort", s.Effort != ""},
		{"permission_mode", s.PermissionMode != ""},
		{"system_prompt", s.SystemPrompt != ""},
		{"mcp", len(s.MCP) > 0},
		{"resume", s.Resume != ""},
		{"fork", s.Fork},
	} {
		if o.given {
			return protocol.Errorf(protocol.CodeCapabilityMissing,
				"a program on a terminal has no %s; leave it out, or configure an agent with those arguments (--agent name=terminal:program args)", o.name)
		}
	}
	if err := a.o.User.CheckDirectory(s.Directory); err != nil {
		return err
	}
	return agents.CheckEnv(s.Env)
}

// Open starts the program. It does not wait for it to be ready: the first
// prompt does.
func (a *Agent) Open(ctx context.Context, s agents.Start) (agents.Conn, error) {
	if err := a.Check(s); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, protocol.Errorf(protocol.CodeAgentStartFailed, "the program was not started in time; try again")
	}
	e, err := a.find()
	if err != nil {
		return nil, err
	}
	o := a.o
	o.Command = a.command()
	program, err := o.Start(agents.ProcessOptions{
		Path: e.Path, Args: o.Command[1:], Dir: s.Directory, Env: environment(o.Command[0], o.Environ(), s.Env),
		SessionID: s.SessionID, StateDir: a.o.StateDir, Credential: a.o.User.Credential(),
	}, o.Rows, o.Cols)
	if err != nil {
		a.o.Log.Error().Err(err).Str("agent", a.o.Name).Msg("Cannot start a program on a terminal")
		return nil, protocol.Errorf(protocol.CodeAgentStartFailed,
			"the program %s cannot be started; check it, and the session's directory", filepath.Base(e.Path))
	}
	c := newConn(o, program)
	c.reading.Go(c.read)
	return c, nil
}

// start starts a process on a terminal of its own.
func start(o agents.ProcessOptions, rows, cols int) (Program, error) {
	p, err := agents.StartTerminal(o, rows, cols)
	if err != nil {
		return nil, err // no pointer that is nil in an interface that is not
	}
	return p, nil
}

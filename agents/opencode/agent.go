package opencode

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/install"
	"github.com/towline-dev/towline/agents/opencode/project"
	"github.com/towline-dev/towline/protocol"
)

const (
	name = "opencode"
	// file is the executable's place inside its package.
	file = "bin/opencode"
	// checkTime bounds what Check asks the server.
	checkTime = 30 * time.Second
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
	// StateDir is the server's state folder. OpenCode's sessions are kept
	// below it. Without one they are kept in a temporary folder, and lost
	// when the agent is closed.
	StateDir string
	// Log gets what an operator should know; the zero value is silent.
	Log zerolog.Logger
}

// Agent is OpenCode. All methods may be called from any goroutine. Close ends
// the process that its sessions share.
type Agent struct {
	o      Options
	server *server
	// via and quiet are the launch's, for tests.
	via   func(base string) string
	quiet time.Duration

	mu sync.Mutex
	// temporary is the folder that stands in for a state folder.
	temporary string
	// known are the facts that the server told last.
	known facts
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
	a := &Agent{o: o, quiet: silence}
	a.server = newServer(a.begin, o.Log)
	return a
}

// Name returns opencode.
func (a *Agent) Name() string { return name }

// Capabilities tells what OpenCode does through its server. A tool's input
// cannot be edited, and there is no plan to approve: plan is an agent that
// edits nothing.
func (a *Agent) Capabilities() protocol.Capabilities {
	return protocol.Capabilities{
		Streaming: true, Reasoning: true, ToolCalls: true, Diffs: true, CommandOutput: true,
		Permissions: true, DenyMessage: true, Always: true, Questions: true, Plan: true,
		Images: true, Files: true, Interrupt: true, Steer: true, Resume: true, Fork: true,
		Models: true, Modes: true, MCP: true, Usage: true, Cost: true, Subagents: true, SharedProcess: true,
	}
}

// Info tells whether OpenCode is here, and how its shared process is. It may
// run the executable with --version. It starts no server, which would take
// seconds and 360 MB (section 11), so models are known from its first start on.
func (a *Agent) Info(ctx context.Context) protocol.AgentInfo {
	known := a.facts()
	info := protocol.AgentInfo{
		Name: name, Title: "OpenCode", Status: "missing", Pinned: install.OpenCodeVersion,
		Credentials: credentials(a.o.Environ()), Capabilities: a.Capabilities(),
		Models: known.models(), Modes: known.modes(), Permission: permissionModes(), Process: a.server.info(),
	}
	if len(info.Modes) == 0 {
		info.Modes = []protocol.Mode{
			{ID: modeBuild, Name: modeBuild, Description: "Works, and asks as the permission mode says"},
			{ID: modePlan, Name: modePlan, Description: "Reads and plans; edits nothing"},
		}
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
		info.Message = "no key or login was found; set a provider's key for the server, or log in once with: opencode auth login"
	}
	return info
}

// facts are what the server told last.
func (a *Agent) facts() facts {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.known
}

// installable tells whether a package is published for this machine.
func (a *Agent) installable() bool {
	if a.o.Installation == nil {
		return false
	}
	path, _ := a.o.Installation.Installed()
	return path != ""
}

// find finds the executable.
func (a *Agent) find() (agents.Executable, error) {
	return agents.FindExecutable(a.o.Locator, a.o.Environ(), name, file)
}

// version asks the executable for its version, unless the agents folder tells
// it: a start of the executable takes a second, and much more on a busy
// machine.
func (a *Agent) version(ctx context.Context, e agents.Executable) (string, error) {
	if e.Version != "" {
		return e.Version, nil
	}
	line, err := agents.Version(ctx, e.Path)
	if err != nil {
		a.o.Log.Warn().Err(err).Str("path", e.Path).Msg("Cannot ask OpenCode for its version")
		return "", err
	}
	return strings.TrimPrefix(strings.TrimSpace(line), "v"), nil
}

// Install installs the pinned version (install.Program).
func (a *Agent) Install(ctx context.Context, progress func(protocol.InstallProgress)) error {
	if a.o.Installation == nil {
		return protocol.Errorf(protocol.CodeInstallFailed, "this server does not install agents; install OpenCode by hand, or name it with --agent opencode=/path")
	}
	return a.o.Installation.Install(ctx, progress)
}

// Check refuses options that OpenCode does not have. To know its models it may
// have to start the shared server; where that fails, Open tells why.
func (a *Agent) Check(s agents.Start) error {
	set, err := newSettings(s)
	if err != nil {
		return err
	}
	if len(s.Env) > 0 {
		return protocol.Errorf(protocol.CodeCapabilityMissing,
			"OpenCode's sessions share one process, so none has an environment of its own; leave env out, or set it for the server")
	}
	if err := a.checkFolder(s.Directory); err != nil {
		return err
	}
	if set.Model == "" && set.Effort == "" && (set.Mode == "" || set.Mode == modeBuild || set.Mode == modePlan) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), checkTime)
	defer cancel()
	l, err := a.server.acquire(ctx)
	if err != nil {
		return nil // Open fails alike, and tells why
	}
	f := l.learn(ctx, s.Directory)
	a.know(f)
	return f.check(set)
}

// checkFolder refuses a folder that is not there, which OpenCode would take
// silently (section 4), and one that brings plugins.
func (a *Agent) checkFolder(directory string) error {
	if info, err := os.Stat(directory); err != nil || !info.IsDir() {
		return protocol.Errorf(protocol.CodeInvalidRequest, "there is no folder %q on the server's machine; make it first, or send another directory", directory)
	}
	return project.Check(directory, a.o.Environ())
}

// Replay returns a fresh replay.
func (a *Agent) Replay() agents.Replay { return newReplay() }

// Open makes, resumes or forks a session of the shared server, which it starts
// if need be.
func (a *Agent) Open(ctx context.Context, s agents.Start) (agents.Conn, error) {
	set, err := newSettings(s)
	if err != nil {
		return nil, err
	}
	if err := a.checkFolder(s.Directory); err != nil {
		return nil, err
	}
	l, err := a.server.acquire(ctx)
	if err != nil {
		return nil, err
	}
	o := &opening{life: l, start: s, settings: set, own: a.own()}
	c, err := o.open(ctx)
	if err != nil {
		return nil, err
	}
	a.know(o.facts)
	return c, nil
}

// own are the folders of the user's configuration, and the server's own.
func (a *Agent) own() []string {
	own := project.Own(a.o.Environ())
	if root, err := a.root(); err == nil {
		own = append(own, root)
	}
	return own
}

// know remembers facts for Info. A server that did not list its models told
// nothing new.
func (a *Agent) know(f facts) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(f.Models) > 0 || len(a.known.Models) == 0 {
		a.known = f
	}
}

// begin starts the shared server.
func (a *Agent) begin(ctx context.Context, ended func(*life, agents.Exit)) (*life, error) {
	e, err := a.find()
	if err != nil {
		return nil, err
	}
	version, err := a.version(ctx, e)
	if err != nil {
		return nil, err
	}
	root, err := a.root()
	if err != nil {
		return nil, err
	}
	places := newFolders(root)
	l, err := begin(ctx, launch{
		executable: e, version: version, folders: places, environ: a.o.Environ(), stateDir: a.o.StateDir, via: a.via, quiet: a.quiet,
	}, ended)
	if err != nil {
		return nil, err
	}
	// No folder has a configuration of its own, so what one lists all do.
	l.background(func() { a.know(l.learn(context.WithoutCancel(ctx), places.run)) })
	return l, nil
}

// root is where the server's folders are.
func (a *Agent) root() (string, error) {
	if a.o.StateDir != "" {
		return filepath.Abs(filepath.Join(a.o.StateDir, name))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.temporary == "" {
		dir, err := os.MkdirTemp("", "towline-opencode-")
		if err != nil {
			return "", err
		}
		a.temporary = dir
	}
	return a.temporary, nil
}

// Close ends the shared process and waits until nothing of it is left. It
// takes no sessions afterwards.
func (a *Agent) Close() error {
	err := a.server.close()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.temporary != "" {
		err = errors.Join(err, os.RemoveAll(a.temporary))
	}
	return err
}

package amp

import (
	"context"
	"os"
	"path/filepath"

	"github.com/rs/zerolog"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/install"
	"github.com/towline-dev/towline/protocol"
)

const name = "amp"

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
	// takes the place of the one in Environ.
	User *agents.User
	// StateDir is the server's state folder, for sweeping leftovers.
	StateDir string
	// Delegate is the program that Amp runs to ask, called by DelegateName:
	// it must do what the function Delegate does. Empty means the program
	// that is running.
	Delegate string
	// Log gets what an operator should know; the zero value is silent.
	Log zerolog.Logger
}

// Agent is Amp. All methods may be called from any goroutine.
type Agent struct{ o Options }

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

// Name returns amp.
func (a *Agent) Name() string { return name }

// Capabilities tells what the tests with the pinned CLI show. Info tells those
// of the CLI that is here, which may be older or of the other generation.
func (a *Agent) Capabilities() protocol.Capabilities { return local.capabilities() }

// Info tells whether Amp is here, and which. It may run the executable with
// --version.
func (a *Agent) Info(ctx context.Context) protocol.AgentInfo {
	info := protocol.AgentInfo{
		Name: name, Title: title, Status: "missing", Pinned: install.AmpVersion,
		Credentials: credentials(a.o.Environ()), Capabilities: a.Capabilities(), Permission: agents.GrantModes(),
	}
	e, err := a.find()
	if err != nil {
		info.Message = protocol.AsError(err).Message
		if a.o.Installation != nil {
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
	info.Capabilities = capabilitiesOf(info.Version)
	if generationOf(info.Version) == remote {
		info.Message = unproven
	} else if info.Credentials != "found" {
		info.Message = "no key was found; set AMP_API_KEY for the server, or log in once with: amp login"
	}
	return info
}

// find finds the executable.
func (a *Agent) find() (agents.Executable, error) {
	return agents.FindExecutable(a.o.Locator, a.o.Environ(), name, install.AmpFile)
}

// version finds out the executable's version: the first generation's stands in
// its package, the second's must be asked. It is empty if it cannot be read.
func (a *Agent) version(ctx context.Context, e agents.Executable) (string, error) {
	if v := agents.PackageVersion(e.Path); v != "" {
		return v, nil
	}
	line, err := a.o.User.Version(ctx, e.Path)
	if err != nil {
		a.o.Log.Warn().Err(err).Str("path", e.Path).Msg("Cannot ask Amp for its version")
		return "", err
	}
	return readVersion(line), nil
}

// Install installs the pinned version (install.Program).
func (a *Agent) Install(ctx context.Context, progress func(protocol.InstallProgress)) error {
	if a.o.Installation == nil {
		return protocol.Errorf(protocol.CodeInstallFailed, "this server does not install agents; install Amp by hand, or name it with --agent amp=/path")
	}
	return a.o.Installation.Install(ctx, progress)
}

// Check refuses options that Amp does not have.
func (a *Agent) Check(s agents.Start) error {
	for name, value := range map[string]string{"mode": s.Mode, "resume": s.Resume} {
		if err := agents.CheckValue(name, value); err != nil {
			return err
		}
	}
	if s.Fork {
		return protocol.Errorf(protocol.CodeCapabilityMissing, "Amp cannot fork a thread; start a new session")
	}
	if s.SystemPrompt != "" {
		return protocol.Errorf(protocol.CodeInvalidRequest, "Amp takes no system prompt; write what it shall know into AGENTS.md")
	}
	if err := checkWords(s.Model, s.Effort, s.PermissionMode); err != nil {
		return err
	}
	return a.o.User.CheckDirectory(s.Directory)
}

// Replay returns a fresh replay.
func (a *Agent) Replay() agents.Replay { return newReplay() }

// Open starts the first process and waits for its first frame.
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
	version, err := a.version(ctx, e)
	if err != nil {
		return nil, err
	}
	c, err := a.prepare(s, version)
	if err != nil {
		return nil, a.cannotPrepare(err)
	}
	c.spawn = func(ctx context.Context, c *conn, thread string, first bool) (*agents.Stdio, error) {
		if err := checkWorkspace(s.Directory); err != nil {
			return nil, err
		}
		return agents.OpenStdio(ctx, agents.StdioOptions{
			Process: agents.ProcessOptions{
				Path: e.Path, Args: args(s, thread, c.files), Dir: s.Directory,
				Env: environment(a.o.Environ(), s.Env, c.bridge, c.files), SessionID: s.SessionID, StateDir: a.o.StateDir,
				Credential: a.o.User.Credential(),
			},
			// A later process takes its prompt before its first frame.
			Translator: c.wire, AwaitReady: first, Version: version, KeepRaw: s.KeepRaw,
		})
	}
	c.bridge.start()
	p, err := c.start(ctx, true)
	remotely := generationOf(version) == remote
	if err != nil {
		_ = c.Close()
		if remotely {
			err = remoteFailure(err, version)
		}
		return nil, err
	}
	if remotely {
		p.Tell(func() agents.Report {
			return agents.Report{Events: []protocol.Data{&protocol.Notice{Level: "warning", Code: "unproven_version", Message: unproven}}}
		})
	}
	return c, nil
}

// prepare makes the connection with its files and its socket.
func (a *Agent) prepare(s agents.Start, version string) (_ *conn, err error) {
	delegate := a.o.Delegate
	if delegate == "" {
		if delegate, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	files, err := newFiles(delegate, a.o.User)
	if err != nil {
		return nil, err
	}
	user := userSettings(a.o.Environ())
	c := &conn{files: files, changed: make(chan struct{}), gate: gate{
		dir: s.Directory, home: agents.Variable(a.o.Environ(), "HOME"), own: []string{files.Dir, filepath.Dir(user)},
	}}
	if err := files.writeSettings(user, s.MCP); err != nil {
		files.Remove()
		return nil, err
	}
	if c.bridge, err = newBridge(files, c); err != nil {
		files.Remove()
		return nil, err
	}
	c.wire = &wire{t: newTranslator(setup{PermissionMode: s.PermissionMode, Thread: s.Resume, TextOnly: textOnly(version)}), deliver: c.bridge.answer}
	return c, nil
}

// cannotPrepare says why no process could be started.
func (a *Agent) cannotPrepare(err error) error {
	if protocol.CodeOf(err) != protocol.CodeInternal {
		return err
	}
	a.o.Log.Error().Err(err).Msg("Cannot prepare Amp")
	return protocol.Errorf(protocol.CodeAgentStartFailed, "the files that Amp needs could not be written to the temporary folder; look whether it is full or read-only")
}

// args is the command line of a process (section 2). Every value was checked,
// so none can be taken for a flag.
func args(s agents.Start, thread string, f *sideFiles) []string {
	var args []string
	if thread != "" {
		args = append(args, "threads", "continue", thread)
	}
	args = append(args, "-x", "--stream-json", "--stream-json-input", "--stream-json-thinking", "--no-ide", "--settings-file", f.settings)
	if s.Mode != "" {
		args = append(args, "--mode", s.Mode)
	}
	return args
}

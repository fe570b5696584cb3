package codex

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/mod/semver"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/install"
	"github.com/towline-dev/towline/protocol"
)

const name = "codex"

// Options configures the agent. With the zero value it finds nothing but what
// is on the server's PATH, and cannot be installed.
type Options struct {
	// Locator finds the executable; nil searches the server's PATH alone.
	Locator *agents.Locator
	// Installation installs the pinned version; nil means that it cannot be.
	Installation *install.Program
	// Environ returns the server's environment; nil means os.Environ.
	Environ func() []string
	// StateDir is the server's state folder: the process's CODEX_HOME is in
	// it. Empty means a folder of the user's cache.
	StateDir string
	// Grace is how long the process stays after the last session closed; 0
	// means a minute.
	Grace time.Duration
	// Silence is how long the process may leave a request without an answer;
	// 0 means 30 s.
	Silence time.Duration
	// Recheck is how often it is looked whether the user's login and
	// configuration have changed; 0 means 5 s.
	Recheck time.Duration
	// Log gets what an operator should know; the zero value is silent.
	Log zerolog.Logger
}

// Agent is Codex: one process for all sessions. All methods may be called from
// any goroutine.
type Agent struct {
	o          Options
	supervisor *supervisor

	mu sync.Mutex
	// facts are those of the newest process; nil before the first.
	facts *facts
}

var (
	_ agents.Agent     = (*Agent)(nil)
	_ agents.Checker   = (*Agent)(nil)
	_ agents.Installer = (*Agent)(nil)
	_ agents.Replayer  = (*Agent)(nil)
)

// New returns the agent. It starts nothing; Close ends what it started later.
func New(o Options) *Agent {
	if o.Environ == nil {
		o.Environ = os.Environ
	}
	if o.Grace == 0 {
		o.Grace = defaultGrace
	}
	if o.Silence == 0 {
		o.Silence = answerTime
	}
	if o.Recheck == 0 {
		o.Recheck = recheckTime
	}
	a := &Agent{o: o}
	a.supervisor = &supervisor{start: a.start, grace: o.Grace, log: o.Log}
	return a
}

// Name returns codex.
func (a *Agent) Name() string { return name }

// Capabilities tells what the recordings show of version 0.169.0. A denial
// carries no message, and an approval no edited input; no cost is told. Plan
// is a mode, which ends when a client changes it: nothing asks for approval.
func (a *Agent) Capabilities() protocol.Capabilities {
	return protocol.Capabilities{
		Streaming: true, Reasoning: true, ToolCalls: true, Diffs: true, CommandOutput: true,
		Permissions: true, Always: true, Questions: true, Plan: true,
		Images: true, Files: true, Interrupt: true, Steer: true, Resume: true, Fork: true,
		Models: true, Modes: true, MCP: true, Usage: true, Subagents: true, SharedProcess: true,
	}
}

// Info tells whether Codex is here, which, and how its process is. It may run
// the executable with --version.
func (a *Agent) Info(ctx context.Context) protocol.AgentInfo {
	info := protocol.AgentInfo{
		Name: name, Title: "Codex", Status: "missing", Pinned: install.CodexVersion,
		Credentials: credentials(a.o.Environ()), Capabilities: a.Capabilities(), Models: a.models(),
		Modes: modes(), Permission: permissionModes(), Efforts: slices.Clone(efforts), Process: a.supervisor.status(),
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
		info.Message = loginAdvice
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
	return agents.FindExecutable(a.o.Locator, a.o.Environ(), name, install.CodexFile())
}

// version asks the executable for its version; empty if it tells none that can
// be read.
func (a *Agent) version(ctx context.Context, e agents.Executable) (string, error) {
	line, err := agents.Version(ctx, e.Path)
	if err != nil {
		a.o.Log.Warn().Err(err).Str("path", e.Path).Msg("Cannot ask Codex for its version")
		return "", err
	}
	number := line[strings.LastIndexByte(line, ' ')+1:]
	if !semver.IsValid("v" + number) {
		return "", nil
	}
	return number, nil
}

func (a *Agent) models() []protocol.Model {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.facts == nil || len(a.facts.models) == 0 {
		return knownModels()
	}
	return a.facts.shown()
}

// Install installs the pinned version (install.Program).
func (a *Agent) Install(ctx context.Context, progress func(protocol.InstallProgress)) error {
	if a.o.Installation == nil {
		return protocol.Errorf(protocol.CodeInstallFailed, "this server does not install agents; install Codex by hand, or name it with --agent codex=/path")
	}
	return a.o.Installation.Install(ctx, progress)
}

// Replay returns a fresh replay.
func (a *Agent) Replay() agents.Replay { return newReplay() }

// Close stops the shared process. Sessions that are open end with it.
func (a *Agent) Close() error { return a.supervisor.close() }

// checkTime bounds the start of a process that is started to check a model.
const checkTime = 10 * time.Second

// Check refuses options that Codex does not have. Only the process knows the
// models, so it is started for that; if it cannot be, Open will say why.
func (a *Agent) Check(s agents.Start) error {
	set, err := checkStart(s)
	if err != nil || (s.Model == "" && s.Effort == "") {
		return err
	}
	f, ok := a.learned()
	if !ok {
		ctx, cancel := context.WithTimeout(context.Background(), checkTime)
		defer cancel()
		srv, err := a.supervisor.acquire(ctx)
		if err != nil {
			return nil // Open will fail the same way, and tell
		}
		f = srv.facts
		a.supervisor.release(srv, false)
	}
	return f.check(set)
}

func (a *Agent) learned() (facts, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.facts == nil {
		return facts{}, false
	}
	return *a.facts, true
}

// checkStart checks what can be checked without a process.
func checkStart(s agents.Start) (settings, error) {
	for what, value := range map[string]string{"model": s.Model, "effort": s.Effort, "resume": s.Resume} {
		if err := agents.CheckValue(what, value); err != nil {
			return settings{}, err
		}
	}
	set, err := newSettings(s)
	if err != nil {
		return settings{}, err
	}
	if s.Fork && s.Resume == "" {
		return settings{}, protocol.Errorf(protocol.CodeInvalidRequest, "a fork needs the native session to begin from")
	}
	if err := checkEffort(s.Effort, nil); err != nil {
		return settings{}, err
	}
	// The CLI takes any folder (PROTOCOL.md section 4).
	if info, err := os.Stat(s.Directory); s.Directory != "" && (err != nil || !info.IsDir()) {
		return settings{}, protocol.Errorf(protocol.CodeInvalidRequest, "the session's directory is no folder that exists; make it, or name another")
	}
	if err := checkEnv(s.Env); err != nil {
		return settings{}, err
	}
	return set, checkServers(s.MCP)
}

// Open opens a thread in the shared process, starting the process if need be.
func (a *Agent) Open(ctx context.Context, s agents.Start) (agents.Conn, error) {
	set, err := checkStart(s)
	if err != nil {
		return nil, err
	}
	srv, err := a.supervisor.acquire(ctx)
	if err != nil {
		return nil, err
	}
	if srv.facts.loggedOut {
		a.supervisor.release(srv, true) // so that the next one sees a new login
		return newLoginConn(), nil
	}
	if err := srv.facts.check(set); err != nil {
		a.supervisor.release(srv, false)
		return nil, err
	}
	c, err := srv.open(ctx, setup{start: s, settings: set, facts: srv.facts}, func() { a.supervisor.release(srv, false) })
	if err != nil {
		a.supervisor.release(srv, false)
		return nil, err
	}
	return c, nil
}

// start starts the process (supervisor).
func (a *Agent) start(ctx context.Context, ended func(*server)) (*server, error) {
	e, err := a.find()
	if err != nil {
		return nil, err
	}
	version, err := a.version(ctx, e)
	if err != nil {
		return nil, err
	}
	home, err := a.home()
	if err != nil {
		return nil, err
	}
	user := userHome(a.o.Environ())
	taken := fingerprint(user)
	config, err := prepareHome(home, user)
	if err != nil {
		return nil, err
	}
	s, err := startServer(context.WithoutCancel(ctx), agents.StdioOptions{
		Process: agents.ProcessOptions{
			Path: e.Path, Args: arguments(), Dir: home, Env: environment(a.o.Environ(), home, config), StateDir: a.o.StateDir,
		},
		Version: version,
	}, watching{
		silence: a.o.Silence, recheck: a.o.Recheck,
		changed: func() bool { return fingerprint(user) != taken }, renew: a.supervisor.renew,
	}, ended)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.facts = &s.facts
	return s, nil
}

// home is the CODEX_HOME of the process.
func (a *Agent) home() (string, error) {
	if a.o.StateDir != "" {
		return filepath.Abs(filepath.Join(a.o.StateDir, name))
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", protocol.Errorf(protocol.CodeAgentStartFailed, "there is no folder for Codex's own files; set HOME for the server")
	}
	return filepath.Join(cache, "towline", name), nil
}

// arguments are the process's. What a server needs is set here, so that the
// user's configuration can stay as it is: nothing is fetched in the
// background, and the tools that plans and questions come from are on
// (PROTOCOL.md section 2).
func arguments() []string {
	args := []string{"app-server"}
	for _, set := range []string{
		"features.plugins=false", "features.apps=false", "check_for_update_on_startup=false",
		"tools.update_plan.enabled=true", "features.default_mode_request_user_input=true", "suppress_unstable_features_warning=true",
	} {
		args = append(args, "-c", set)
	}
	return args
}

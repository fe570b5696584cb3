package acp

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/rs/zerolog"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/install"
	"github.com/towline-dev/towline/protocol"
)

// Options configures an agent. Entry is needed; with the zero value of the
// rest nothing is found but what is on the server's PATH.
type Options struct {
	Entry Entry
	// Locator finds the executable; nil searches the server's PATH alone.
	Locator *agents.Locator
	// Installation installs the pinned version; nil means that it cannot be.
	Installation *install.Program
	// Environ returns the server's environment; nil means os.Environ.
	Environ func() []string
	// User is whom the agent runs as; nil means the server's own user. Its home
	// takes the place of the one in Environ.
	User *agents.User
	// StateDir is the server's state folder, for sweeping leftovers.
	StateDir string
	// Log gets what an operator should know; the zero value is silent.
	Log zerolog.Logger
}

// Agent is one agent that speaks ACP. All methods may be called from any
// goroutine.
type Agent struct {
	o Options

	mu sync.Mutex
	// known is what the last session told of the agent.
	known facts
}

// facts are what a session tells of its agent.
type facts struct {
	version  string
	settings settings
}

var (
	_ agents.Agent     = (*Agent)(nil)
	_ agents.Checker   = (*Agent)(nil)
	_ agents.Installer = (*Agent)(nil)
	_ agents.Lister    = (*Agent)(nil)
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

// Name returns the entry's name.
func (a *Agent) Name() string { return a.o.Entry.Name }

// Capabilities tells what the entry says.
func (a *Agent) Capabilities() protocol.Capabilities { return a.o.Entry.Capabilities }

// Info tells whether the agent is here. Its version, models and modes are
// those that the last session told; nothing is run to ask for them.
func (a *Agent) Info(context.Context) protocol.AgentInfo {
	known := a.learned()
	info := protocol.AgentInfo{
		Name: a.Name(), Title: a.o.Entry.title(), Status: "missing", Credentials: a.credentials(), Capabilities: a.Capabilities(),
		Version: known.version, Efforts: known.settings.effort.ids(),
	}
	if known.settings.mode.name == "" {
		info.Models, info.Modes = slices.Clone(a.o.Entry.Models), slices.Clone(a.o.Entry.Modes)
	}
	for _, c := range known.settings.model.choices {
		info.Models = append(info.Models, protocol.Model{ID: c.ID, Name: c.Name, Description: c.Description})
	}
	for _, c := range known.settings.mode.choices {
		info.Modes = append(info.Modes, protocol.Mode{ID: c.ID, Name: c.Name, Description: c.Description})
	}
	if a.o.Installation != nil {
		info.Pinned = a.o.Installation.Version
	}
	e, err := a.find()
	if err != nil {
		info.Message = protocol.AsError(err).Message
		if a.installable() {
			info.Status = "installable"
		}
		return info
	}
	info.Status, info.Path, info.Origin = "ready", e.Path, e.Origin
	if info.Version == "" {
		info.Version = e.Version
	}
	if info.Credentials == "missing" {
		info.Message = "no key or login was found; set " + a.o.Entry.Keys[0] + " for the server, or log in once with: " + cmp.Or(a.o.Entry.Login, a.o.Entry.Command[0])
	}
	return info
}

func (a *Agent) installable() bool {
	if a.o.Installation == nil {
		return false
	}
	path, _ := a.o.Installation.Installed()
	return path != ""
}

func (a *Agent) learned() facts {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.known
}

// file is the executable's place in an installed package.
func (a *Agent) file() string { return "node_modules/.bin/" + filepath.Base(a.o.Entry.Command[0]) }

// find finds the executable: the file that the entry names by its path, else
// as agents.Locator does.
func (a *Agent) find() (agents.Executable, error) {
	if len(a.o.Entry.Command) == 0 {
		return agents.Executable{}, protocol.Errorf(protocol.CodeAgentNotInstalled, "no command is known for %s; give it with --agent %s=COMMAND", a.Name(), a.Name())
	}
	command := a.o.Entry.Command[0]
	if strings.ContainsRune(command, filepath.Separator) {
		return agents.Locator{Flags: map[string]string{a.Name(): command}}.Find(a.Name(), command)
	}
	e, err := agents.FindExecutable(a.o.Locator, a.o.Environ(), a.Name(), a.file())
	if err != nil && a.o.Installation == nil {
		err = a.byHand(protocol.CodeAgentNotInstalled, a.Name()+" is not installed, and this server does not install it")
	}
	return e, err
}

// byHand is an error of an agent that the server does not install.
func (a *Agent) byHand(code protocol.Code, what string) error {
	how := "install it by hand"
	if hint := a.o.Entry.ByHand; hint != "" {
		how += " (" + hint + ")"
	}
	return protocol.Errorf(code, "%s; %s, or name its command with --agent %s=COMMAND", what, how, a.Name())
}

// credentials tells whether the agent will find a key or a login. It looks for
// names alone.
func (a *Agent) credentials() string {
	e := a.o.Entry
	if len(e.Keys) == 0 {
		return "unknown"
	}
	environ := a.o.Environ()
	for _, name := range e.Keys {
		if agents.Variable(environ, name) != "" {
			return "found"
		}
	}
	for _, file := range e.Logins {
		if info, err := os.Stat(filepath.Join(agents.Variable(environ, "HOME"), file)); err == nil && info.Mode().IsRegular() {
			return "found"
		}
	}
	return "missing"
}

// Install installs the pinned version (install.Program).
func (a *Agent) Install(ctx context.Context, progress func(protocol.InstallProgress)) error {
	if a.o.Installation == nil {
		return a.byHand(protocol.CodeInstallFailed, "this server does not install "+a.Name())
	}
	return a.o.Installation.Install(ctx, progress)
}

// Check refuses what the agent cannot honour. Models and modes are known after
// the first session; before it, the agent refuses them when it opens.
func (a *Agent) Check(s agents.Start) error {
	for name, value := range map[string]string{"model": s.Model, "mode": s.Mode, "effort": s.Effort, "resume": s.Resume} {
		if err := agents.CheckValue(name, value); err != nil {
			return err
		}
	}
	switch {
	case s.PermissionMode != "":
		return noPermissionMode()
	case s.Fork:
		return protocol.Errorf(protocol.CodeCapabilityMissing, "%s cannot fork a session here; begin a new one", a.o.Entry.title())
	case s.SystemPrompt != "" && !a.o.Entry.Quirks.SystemPrompt:
		return protocol.Errorf(protocol.CodeCapabilityMissing, "%s takes no system prompt over ACP; put it into the first prompt", a.o.Entry.title())
	}
	if err := checkServers(s.MCP); err != nil {
		return err
	}
	if err := a.checkFolder(s.Directory); err != nil {
		return err
	}
	known := a.learned().settings
	if s.Resume != "" || known.mode.name == "" {
		return nil // a session that goes on is told what is lost; or nothing is known yet
	}
	for _, want := range []struct {
		s     setting
		value string
	}{{known.model, s.Model}, {known.mode, s.Mode}, {known.effort, s.Effort}} {
		if _, err := want.s.find(want.value); err != nil {
			return err
		}
	}
	return nil
}

// checkFolder refuses a folder that the agent's user may not enter, or that
// the entry refuses.
func (a *Agent) checkFolder(directory string) error {
	if err := a.o.User.CheckDirectory(directory); err != nil || a.o.Entry.CheckFolder == nil {
		return err
	}
	return a.o.Entry.CheckFolder(directory, a.o.Environ())
}

// Replay returns a fresh replay.
func (a *Agent) Replay() agents.Replay { return newReplay(a.o.Entry) }

// Open starts the agent and opens its session.
func (a *Agent) Open(ctx context.Context, s agents.Start) (agents.Conn, error) {
	if err := a.Check(s); err != nil {
		return nil, err
	}
	w, conn, err := a.open(ctx, s, false)
	if err != nil {
		return nil, err
	}
	return pausing{conn, &w.pause}, nil
}

// open starts the agent and opens its session, or lists those that it has. The
// watch is nil if the agent was not started.
func (a *Agent) open(ctx context.Context, s agents.Start, list bool) (*watch, *agents.Stdio, error) {
	e, err := a.find()
	if err != nil {
		return nil, nil, err
	}
	if err := a.o.User.CheckExecutable(e.Path); err != nil {
		return nil, nil, err
	}
	ctx, giveUp := context.WithCancel(ctx)
	defer giveUp()
	w := &watch{agent: a, giveUp: giveUp, translator: newTranslator(setup{
		Quirks: &a.o.Entry.Quirks, Title: a.o.Entry.title(), Directory: s.Directory,
		Model: s.Model, Mode: s.Mode, Effort: s.Effort, SystemPrompt: s.SystemPrompt, MCP: s.MCP,
		Resume: s.Resume, Auth: a.auth(s.Env), Spent: s.Spent,
		List: list,
	})}
	w.pause.after = a.o.Entry.Quirks.AfterFailure
	conn, err := agents.OpenStdio(ctx, agents.StdioOptions{
		Process: agents.ProcessOptions{
			Path: e.Path, Args: a.o.Entry.Command[1:], Dir: s.Directory, Env: a.environment(s.Env),
			SessionID: s.SessionID, StateDir: a.o.StateDir, Credential: a.o.User.Credential(),
		},
		Translator: w, Version: e.Version, KeepRaw: s.KeepRaw, FramesOnly: !a.o.Entry.Quirks.Banner,
	})
	if err != nil {
		return w, nil, w.explain(err)
	}
	return w, conn, nil
}

// environment is what the agent finds in its environment.
func (a *Agent) environment(session map[string]string) []string {
	return agents.Environment{Pass: a.o.Entry.Pass, Session: session, Set: a.o.Entry.Env}.Build(a.o.Environ())
}

// auth is the method to log in with: one whose variable is set.
func (a *Agent) auth(session map[string]string) string {
	environ := a.o.Environ()
	for _, name := range slices.Sorted(maps.Keys(a.o.Entry.Auth)) {
		if session[name] != "" || agents.Variable(environ, name) != "" {
			return a.o.Entry.Auth[name]
		}
	}
	return ""
}

// watch follows a translator while its session opens: it gives the opening up
// as soon as the agent failed it, because such an agent would just go on, and
// keeps what the session told of the agent.
type watch struct {
	*translator
	agent  *Agent
	giveUp context.CancelFunc
	pause  pause
}

// Native passes the frame on.
func (w *watch) Native(frame []byte) agents.Output {
	opening := !w.ready
	return w.look(opening, w.translator.Native(frame))
}

// Skipped passes the ends of a frame on.
func (w *watch) Skipped(head, tail []byte) agents.Output {
	opening := !w.ready
	return w.look(opening, w.translator.Skipped(head, tail))
}

// Command passes a command on. The folder is checked with each prompt again,
// because an agent may load what is in it then.
func (w *watch) Command(c agents.Command) (agents.Output, error) {
	check := w.agent.o.Entry.CheckFolder
	if _, ok := c.(*agents.Prompt); ok && check != nil {
		if err := check(w.setup.Directory, w.agent.o.Environ()); err != nil {
			return agents.Output{}, err
		}
	}
	return w.translator.Command(c)
}

// look looks at what a frame has changed.
func (w *watch) look(opening bool, out agents.Output) agents.Output {
	w.pause.look(out)
	switch {
	case w.failure != "":
		w.giveUp()
	case opening && w.ready && !w.setup.List:
		w.agent.mu.Lock()
		w.agent.known = facts{version: w.translator.agent.Info.Version, settings: w.settings}
		w.agent.mu.Unlock()
	}
	return out
}

// explain says in the error why the agent failed the opening.
func (w *watch) explain(err error) error {
	e, ok := errors.AsType[*protocol.Error](err)
	if w.failure == "" || !ok {
		return err
	}
	return &protocol.Error{Code: e.Code, Message: w.failure, Details: e.Details}
}

package mock

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// Version is what the mock tells as its own version.
const Version = "1.0.0"

const (
	name        = "mock"
	idPrefix    = "mock-"
	defaultPace = 25 * time.Millisecond

	permitAsk  = "ask"
	permitAuto = "auto"
)

var (
	_ agents.Agent   = (*Agent)(nil)
	_ agents.Checker = (*Agent)(nil)
)

var models = []protocol.Model{
	{ID: "mock-1", Name: "Mock 1", Description: "answers in a friendly way", Default: true},
	{ID: "mock-2", Name: "Mock 2", Description: "answers in the same way, under another name"},
}

var modes = []protocol.Mode{
	{ID: "build", Name: "Build", Description: "does what it is told"},
	{ID: "plan", Name: "Plan", Description: "the same: a mode to switch to"},
}

var permissionModes = []protocol.Mode{
	{ID: permitAsk, Name: "Ask", Description: "asks before commands and edits"},
	{ID: permitAuto, Name: "Auto", Description: "does not ask for permissions"},
}

// Options configures the agent. The zero value works.
type Options struct {
	// Pace is the time between two deltas; 0 means 25 ms, negative none.
	Pace time.Duration
	// After is the clock of all pauses; nil means time.After.
	After func(time.Duration) <-chan time.Time
	// Now is the clock of durations; nil means time.Now.
	Now func() time.Time
}

// Agent is the mock. All methods may be called from any goroutine.
type Agent struct {
	o Options

	mu sync.Mutex
	// natives are the native sessions that this process knows, by id.
	natives map[string]memory
}

// memory is what a native session remembers between connections.
type memory struct {
	prompts        int
	model          string
	mode           string
	permissionMode string
	// allowed holds the kinds of permissions that were allowed for the session.
	allowed map[protocol.PermissionKind]bool
	usage   protocol.Usage
	cost    float64
}

func (m memory) clone() memory {
	m.allowed = maps.Clone(m.allowed)
	if m.allowed == nil {
		m.allowed = make(map[protocol.PermissionKind]bool)
	}
	return m
}

// New returns the agent. It starts nothing.
func New(o Options) *Agent {
	if o.Pace == 0 {
		o.Pace = defaultPace
	}
	if o.After == nil {
		o.After = time.After
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Agent{o: o, natives: make(map[string]memory)}
}

// Name returns mock.
func (a *Agent) Name() string { return name }

// Capabilities tells what the scripts show; each mark has one.
func (a *Agent) Capabilities() protocol.Capabilities {
	return protocol.Capabilities{
		Streaming: true, Reasoning: true, ToolCalls: true, Diffs: true, CommandOutput: true,
		Permissions: true, EditedInput: true, DenyMessage: true, Always: true, Questions: true, PlanMode: true, Plan: true,
		Images: true, Files: true, Interrupt: true, Steer: true, Resume: true, Fork: true,
		Models: true, Modes: true, Usage: true, Cost: true, Subagents: true,
	}
}

// Info tells that the mock is always ready.
func (a *Agent) Info(context.Context) protocol.AgentInfo {
	return protocol.AgentInfo{
		Name: name, Title: "Mock", Status: "ready", Version: Version, Origin: "builtin", Credentials: "found",
		Capabilities: a.Capabilities(),
		Models:       slices.Clone(models), Modes: slices.Clone(modes), Permission: slices.Clone(permissionModes),
	}
}

// Check refuses models and modes that the mock does not have, and options that
// it cannot honour.
func (a *Agent) Check(s agents.Start) error {
	switch {
	case s.Effort != "":
		return noEffort()
	case len(s.MCP) > 0:
		return protocol.Errorf(protocol.CodeCapabilityMissing, "the mock agent has no MCP servers; leave mcp out or choose another agent")
	}
	return firstError(checkModel(s.Model), checkMode("mode", s.Mode, modes), checkMode("permission_mode", s.PermissionMode, permissionModes))
}

// Open starts, resumes or forks a native session. A native id of an earlier
// process is taken as well; what was said then is forgotten.
func (a *Agent) Open(ctx context.Context, s agents.Start) (agents.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, protocol.Errorf(protocol.CodeAgentStartFailed, "the mock agent was not started in time; try again")
	}
	if err := a.Check(s); err != nil {
		return nil, err
	}
	if s.Resume != "" && !strings.HasPrefix(s.Resume, idPrefix) {
		return nil, protocol.Errorf(protocol.CodeAgentStartFailed,
			"the mock agent has no session %q to resume; its ids begin with %s", s.Resume, idPrefix)
	}
	id, m := a.native(s)
	c := newConn(a, s, id, m)
	go c.run()
	return c, nil
}

// native finds or makes the native session that s asks for.
func (a *Agent) native(s agents.Start) (string, memory) {
	a.mu.Lock()
	defer a.mu.Unlock()
	m := a.natives[s.Resume].clone()
	m.model = cmp.Or(s.Model, m.model, models[0].ID)
	m.mode = cmp.Or(s.Mode, m.mode, modes[0].ID)
	m.permissionMode = cmp.Or(s.PermissionMode, m.permissionMode, permitAsk)
	id := s.Resume
	if id == "" || s.Fork {
		id = idPrefix + s.SessionID
		for n := 2; a.knownLocked(id); n++ {
			id = idPrefix + s.SessionID + "-" + strconv.Itoa(n)
		}
	}
	a.natives[id] = m
	return id, m.clone()
}

func (a *Agent) knownLocked(id string) bool {
	_, ok := a.natives[id]
	return ok
}

// remember keeps what a connection learned for the next one.
func (a *Agent) remember(id string, m memory) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.natives[id] = m.clone()
}

// checkModel refuses models that the mock does not have; empty is fine.
func checkModel(id string) error {
	if id == "" || slices.ContainsFunc(models, func(m protocol.Model) bool { return m.ID == id }) {
		return nil
	}
	return protocol.Errorf(protocol.CodeInvalidRequest, "the mock agent has no model %q; it has mock-1 and mock-2", id)
}

// checkMode refuses a mode that is not in the list; empty is fine.
func checkMode(field, id string, list []protocol.Mode) error {
	if id == "" {
		return nil
	}
	names := make([]string, len(list))
	for i, m := range list {
		if names[i] = m.ID; m.ID == id {
			return nil
		}
	}
	return protocol.Errorf(protocol.CodeModeNotSupported, "the mock agent has no %s %q; it has %s", field, id, strings.Join(names, ", "))
}

func noEffort() error {
	return protocol.Errorf(protocol.CodeCapabilityMissing, "the mock agent has no effort to set; leave effort out")
}

// firstError returns the first error.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

package codex

import (
	"encoding/json"
	"strings"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/jsonrpc"
	"github.com/towline-dev/towline/protocol"
)

// thread is a native thread: the session's own, or one of a subagent.
type thread struct {
	id string
	// parent is the item that a subagent's thread runs inside.
	parent string
	// spawn is the call that started a subagent; result its last answer.
	spawn  *item
	result string
	// turn is the open native turn; empty for none.
	turn string
	// usage is what the thread used, as the server last told.
	usage nativeUsage
}

// threadParams are what start, resume and fork take. Sandbox, policy, model
// and folder go with every one: a resumed thread comes back read-only, a fork
// with the configuration's model (PROTOCOL.md sections 4 and 8).
type threadParams struct {
	ThreadID       string         `json:"threadId,omitempty"`
	Cwd            string         `json:"cwd"`
	Model          string         `json:"model,omitempty"`
	ApprovalPolicy string         `json:"approvalPolicy"`
	Sandbox        string         `json:"sandbox"`
	Config         map[string]any `json:"config,omitempty"`
	Instructions   string         `json:"developerInstructions,omitempty"`
	// ExcludeTurns keeps the history out of the answer, which may be large.
	ExcludeTurns bool `json:"excludeTurns,omitempty"`
}

// Open returns the first request of those that open the thread; the response
// to the last makes the session ready. First the configuration that holds in
// the folder is read.
func (t *translator) Open() [][]byte {
	return [][]byte{t.call(callConfig, "config/read", configParams{t.setup.start.Directory}, nil)}
}

type configParams struct {
	Cwd string `json:"cwd,omitempty"`
}

// configRead takes the configuration: how wide the sandbox of the workspace
// is. If it cannot be read, the sandbox is the narrowest.
func (t *translator) configRead(in jsonrpc.Incoming, o *output) {
	var r struct {
		Config struct {
			Sandbox writable `json:"sandbox_workspace_write"`
		} `json:"config"`
	}
	if in.Error == nil && json.Unmarshal(in.Result, &r) == nil {
		t.writable = r.Config.Sandbox
	}
	o.send(t.begin())
}

// begin makes the request that opens the thread.
func (t *translator) begin() []byte {
	s := t.setup.start
	switch {
	case s.Resume == "":
		return t.begun()
	case !s.Fork:
		return t.call(callOpen, "thread/resume", t.threadParams(s.Resume), nil)
	case t.settings.model == "":
		return t.call(callParent, "thread/read", map[string]any{"threadId": s.Resume}, nil)
	default:
		return t.fork()
	}
}

// begun makes the request for a new thread. Whoever begins one that may write
// is taken to trust the folder: Codex notes that for ever, starts what the
// folder's configuration names and allows what its rules allow. So the thread
// begins as one that reads, and its first turn brings the sandbox; then it is
// for the user's own configuration to say what is trusted. To call the folder
// untrusted would keep its AGENTS.md from the model as well. A thread that is
// resumed or forked is not taken for trust.
func (t *translator) begun() []byte {
	params := t.threadParams("")
	params.Sandbox = sandboxRead
	return t.call(callOpen, "thread/start", params, nil)
}

func (t *translator) fork() []byte {
	return t.call(callOpen, "thread/fork", t.threadParams(t.setup.start.Resume), nil)
}

func (t *translator) threadParams(id string) threadParams {
	s := t.setup.start
	return threadParams{
		ThreadID: id, Cwd: s.Directory, Model: t.settings.model, ApprovalPolicy: t.settings.approvalPolicy(),
		Sandbox: t.settings.sandbox(), Config: threadConfig(s), Instructions: s.SystemPrompt, ExcludeTurns: id != "",
	}
}

// threadConfig are the settings that only the configuration has: MCP servers,
// and the environment of commands. Both join what the user configured.
func threadConfig(s agents.Start) map[string]any {
	config := map[string]any{}
	for name, value := range s.Env {
		config["shell_environment_policy.set."+name] = value
	}
	for name, server := range s.MCP {
		config["mcp_servers."+name] = mcpServer(server)
	}
	return config
}

// mcpServer writes an MCP server as the configuration has it.
func mcpServer(s protocol.MCPServer) map[string]any {
	if s.Command == "" {
		remote := map[string]any{"url": s.URL}
		if len(s.Headers) > 0 {
			remote["http_headers"] = s.Headers
		}
		return remote
	}
	local := map[string]any{"command": s.Command}
	if len(s.Args) > 0 {
		local["args"] = s.Args
	}
	if len(s.Env) > 0 {
		local["env"] = s.Env
	}
	return local
}

// parentRead takes the parent of a fork, whose model the fork shall have. If
// it cannot be read, the fork itself will tell why.
func (t *translator) parentRead(in jsonrpc.Incoming, o *output) {
	var r struct {
		Thread struct {
			Model string `json:"model"`
		} `json:"thread"`
	}
	if in.Error == nil && json.Unmarshal(in.Result, &r) == nil {
		t.settings.model = r.Thread.Model
	}
	o.send(t.fork())
}

// opened takes the answer to start, resume or fork.
func (t *translator) opened(in jsonrpc.Incoming, o *output) error {
	if in.Error != nil {
		t.failure = openError(in.Error)
		return nil //nolint:nilerr // told by Open
	}
	var r struct {
		Thread struct {
			ID   string `json:"id"`
			Name string `json:"name"`
		} `json:"thread"`
		Model  string `json:"model"`
		Effort string `json:"reasoningEffort"`
		Cwd    string `json:"cwd"`
		// Policy is a word, or an object that is none of ours.
		Policy  json.RawMessage `json:"approvalPolicy"`
		Sandbox struct {
			Type string `json:"type"`
		} `json:"sandbox"`
	}
	if json.Unmarshal(in.Result, &r) != nil || r.Thread.ID == "" {
		t.failure = protocol.Errorf(protocol.CodeAgentStartFailed, "Codex answered the opening of a thread with something else; install the version that this server is made for")
		return errShape
	}
	resumed := t.setup.start.Resume != "" && !t.setup.start.Fork
	t.root = &thread{id: r.Thread.ID}
	t.threads[t.root.id] = t.root
	o.claimed = append(o.claimed, t.root.id)
	t.settings.model = r.Model
	// What the thread really has: one that was still loaded keeps its own
	// (PROTOCOL.md section 4). The first turn brings what is missing.
	t.sent = native{model: r.Model, effort: r.Effort, sandbox: sandboxNames[r.Sandbox.Type]}
	_ = json.Unmarshal(r.Policy, &t.sent.approval) // another shape is another policy
	if t.settings.effort == "" {
		t.settings.effort = r.Effort
	}
	started := &protocol.SessionStarted{Directory: r.Cwd, Model: r.Model, Mode: t.settings.mode(), Resumed: resumed}
	if resumed {
		t.told, started.NativeSessionID = true, t.root.id
	}
	o.emit(started)
	o.emit(&protocol.SessionUpdated{PermissionMode: new(t.settings.permissionMode())})
	if t.settings.effort != "" {
		o.emit(&protocol.SessionUpdated{Effort: new(t.settings.effort)})
	}
	o.emit(&protocol.CommandsUpdated{Commands: []protocol.SlashCommand{{Name: compactCommand, Description: "Summarize the conversation so far, to make room"}}})
	o.Ready = true
	return nil
}

// openError says why a thread could not be opened.
func openError(e *jsonrpc.Error) *protocol.Error {
	switch {
	case strings.Contains(e.Message, "no rollout found"):
		return protocol.Errorf(protocol.CodeAgentStartFailed,
			"Codex does not know the native session to resume (%s); start a new session, or check the id and the server's state folder", cleanLine(e.Message))
	case strings.Contains(e.Message, "invalid thread id"), strings.Contains(e.Message, "invalid session id"):
		return protocol.Errorf(protocol.CodeInvalidRequest, "resume must be the UUID of a Codex thread")
	case strings.Contains(e.Message, "active writer"):
		return protocol.Errorf(protocol.CodeAgentStartFailed, "another Codex process has this thread open; end it and try again")
	default:
		return protocol.Errorf(protocol.CodeAgentStartFailed, "Codex did not open the thread: %s", cleanLine(e.Message))
	}
}

// threadOf returns the thread that a notification names; nil if it is none of
// this session.
func (t *translator) threadOf(id string) *thread { return t.threads[id] }

// settingsUpdated takes the settings that hold from the next turn on.
func (t *translator) settingsUpdated(params json.RawMessage, o *output) error {
	var p struct {
		ThreadID string `json:"threadId"`
		Settings struct {
			Model  string `json:"model"`
			Effort string `json:"effort"`
		} `json:"threadSettings"`
	}
	if json.Unmarshal(params, &p) != nil {
		return errShape
	}
	if t.root == nil || p.ThreadID != t.root.id {
		return nil
	}
	u := &protocol.SessionUpdated{}
	if m := p.Settings.Model; m != "" && m != t.settings.model {
		t.settings.model, t.sent.model, u.Model = m, m, &m
	}
	if e := p.Settings.Effort; e != "" && e != t.settings.effort {
		t.settings.effort, t.sent.effort, u.Effort = e, e, &e
	}
	if *u != (protocol.SessionUpdated{}) {
		o.emit(u)
	}
	return nil
}

// nameUpdated takes the thread's name.
func (t *translator) nameUpdated(params json.RawMessage, o *output) error {
	var p struct {
		ThreadID string `json:"threadId"`
		Name     string `json:"threadName"`
	}
	if json.Unmarshal(params, &p) != nil {
		return errShape
	}
	if t.root != nil && p.ThreadID == t.root.id && p.Name != "" {
		o.emit(&protocol.SessionUpdated{Title: &p.Name})
	}
	return nil
}

package opencode

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/opencode/project"
	"github.com/towline-dev/towline/protocol"
)

// nativeSession is a session as the server tells it.
type nativeSession struct {
	ID        string `json:"id"`
	Directory string `json:"directory"`
	Time      struct {
		Updated int64 `json:"updated"`
	} `json:"time"`
}

// opening opens one session on a life.
type opening struct {
	life     *life
	start    agents.Start
	settings settings
	// own are the folders of configuration that edits must not reach unasked.
	own   []string
	facts facts
}

// open makes, resumes or forks the native session and returns its conn.
func (o *opening) open(ctx context.Context) (*conn, error) {
	if err := o.addServers(ctx); err != nil {
		return nil, err
	}
	o.facts = o.life.learn(ctx, o.start.Directory)
	if err := o.facts.check(o.settings); err != nil {
		return nil, err
	}
	s, err := o.session(ctx)
	if err != nil {
		return nil, err
	}
	o.settings.System = strings.TrimSpace(o.settings.System + "\n\n" + instructions(o.start.Directory))
	gate := &project.Gate{Dir: o.start.Directory, Own: o.own}
	t := newTranslator(setup{Session: s.ID, Directory: o.start.Directory, Settings: o.settings, Facts: o.facts, Gate: gate})
	c := newConn(o.life, t, o.start.KeepRaw)
	c.report(agents.Report{Events: o.firstEvents(s)})
	o.life.routes.add(s.ID, c)
	select {
	case <-o.life.process.Exited(): // maybe before there was a route
		c.exited(&protocol.AgentExited{Message: "OpenCode's server ended while the session was opened"})
	default:
	}
	if o.start.Resume != "" && !o.start.Fork {
		o.adopt(ctx, c)
	}
	return c, nil
}

// firstEvents tell of the process and the session.
func (o *opening) firstEvents(s nativeSession) []protocol.Data {
	events := []protocol.Data{
		&protocol.AgentStarted{PID: o.life.process.PID(), Version: o.life.version},
		&protocol.SessionStarted{
			Agent: name, AgentVersion: o.life.version, NativeSessionID: s.ID, Directory: o.start.Directory,
			Model: o.settings.Model, Mode: o.settings.Mode, Resumed: o.start.Resume != "",
		},
	}
	commands := ownCommands()
	for _, c := range o.facts.Commands {
		commands = append(commands, protocol.SlashCommand{Name: c.Name, Description: agents.OneLine(c.Description), Hint: strings.Join(c.Hints, " ")})
	}
	return append(events, &protocol.CommandsUpdated{Commands: commands})
}

// session makes or finds the native session.
func (o *opening) session(ctx context.Context) (nativeSession, error) {
	rules := o.settings.rules(o.facts)
	switch {
	case o.start.Resume == "":
		body := map[string]any{"permission": rules}
		return o.ask(ctx, request{Method: http.MethodPost, Path: "/session", Body: body})
	case o.start.Fork:
		s, err := o.ask(ctx, request{Method: http.MethodPost, Path: sessionPath(o.start.Resume, "/fork"), Body: struct{}{}})
		if err != nil {
			return s, err
		}
		return o.ask(ctx, o.setRules(s.ID, rules))
	default:
		s, err := o.ask(ctx, request{Method: http.MethodGet, Path: sessionPath(o.start.Resume, "")})
		if err != nil {
			return s, err
		}
		if !sameFolder(s.Directory, o.start.Directory) {
			return s, protocol.Errorf(protocol.CodeInvalidRequest, "OpenCode's session to resume is of another folder; resume it in its own")
		}
		return o.ask(ctx, o.setRules(s.ID, rules))
	}
}

// setRules makes the rules a session's.
func (o *opening) setRules(id string, rules []rule) request {
	return request{Method: http.MethodPatch, Path: sessionPath(id, ""), Body: map[string]any{"permission": rules}}
}

// sameFolder compares two folders, through links.
func sameFolder(a, b string) bool {
	if a == b {
		return true
	}
	x, errX := filepath.EvalSymlinks(a)
	y, errY := filepath.EvalSymlinks(b)
	return errX == nil && errY == nil && x == y
}

// ask performs a request that answers with a session.
func (o *opening) ask(ctx context.Context, r request) (nativeSession, error) {
	a, err := o.life.do(ctx, r, o.start.Directory)
	if err != nil {
		return nativeSession{}, plain(err)
	}
	var s nativeSession
	switch {
	case o.start.Resume != "" && !a.ok() && strings.Contains(r.Path, o.start.Resume):
		return s, protocol.Errorf(protocol.CodeAgentStartFailed,
			"OpenCode does not know the native session to resume; start a new session, or check the id and the user that the server runs as")
	case !a.ok():
		return s, protocol.Errorf(protocol.CodeAgentStartFailed, "OpenCode did not open a session: %s", refusal(a).Message)
	case json.Unmarshal(a.Body, &s) != nil || s.ID == "":
		return s, protocol.Errorf(protocol.CodeAgentStartFailed, "OpenCode answered with no session; install the pinned version")
	}
	return s, nil
}

// plain returns the *protocol.Error inside an error.
func plain(err error) error {
	if e, ok := errors.AsType[*protocol.Error](err); ok {
		return e
	}
	return err
}

// adopt finds what a resumed session has left from before: its subagents'
// sessions, a turn that nobody follows any more, and asks that nobody may
// answer any more (section 8.2). All of it is best effort.
func (o *opening) adopt(ctx context.Context, c *conn) {
	var children []nativeSession
	_ = json.Unmarshal(o.life.client.get(ctx, sessionPath(c.session, "/children"), c.directory), &children)
	mine := map[string]bool{c.session: true}
	for _, s := range children {
		mine[s.ID] = true
		o.life.routes.add(s.ID, c)
		c.adoptChild(s.ID)
	}
	for _, kind := range []string{"permission", "question"} {
		var asks []nativeAsk
		_ = json.Unmarshal(o.life.client.get(ctx, "/"+kind, c.directory), &asks)
		for _, a := range asks {
			if mine[a.SessionID] {
				r := refuseAsk(&ask{id: a.ID, question: kind == "question"})
				_, _ = o.life.client.do(ctx, r, c.directory)
			}
		}
	}
	var busy map[string]json.RawMessage
	_ = json.Unmarshal(o.life.client.get(ctx, "/session/status", c.directory), &busy)
	if busy[c.session] != nil {
		_, _ = o.life.client.do(ctx, request{Method: http.MethodPost, Path: sessionPath(c.session, "/abort")}, c.directory)
	}
}

// adoptChild makes a session known as a subagent's.
func (c *conn) adoptChild(session string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.translator.children[session] = &child{}
}

// addServers makes the session's MCP servers known. The server keeps them by
// folder, so all sessions of the folder see them.
func (o *opening) addServers(ctx context.Context) error {
	for name, server := range o.start.MCP {
		r := request{Method: http.MethodPost, Path: "/mcp", Body: map[string]any{"name": name, "config": mcpConfig(server)}}
		a, err := o.life.do(ctx, r, o.start.Directory)
		if err != nil {
			return plain(err)
		}
		if !a.ok() {
			return protocol.Errorf(protocol.CodeInvalidRequest, "OpenCode did not take the MCP server %q: %s", name, refusal(a).Message)
		}
		o.life.forget(o.start.Directory)
	}
	return nil
}

// mcpConfig puts a server into OpenCode's words.
func mcpConfig(s protocol.MCPServer) map[string]any {
	if s.Command != "" {
		config := map[string]any{"type": "local", "command": append([]string{s.Command}, s.Args...), "enabled": true}
		if len(s.Env) > 0 {
			config["environment"] = s.Env
		}
		return config
	}
	config := map[string]any{"type": "remote", "url": s.URL, "enabled": true}
	if len(s.Headers) > 0 {
		config["headers"] = s.Headers
	}
	return config
}

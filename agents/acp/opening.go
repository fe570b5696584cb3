package acp

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/jsonrpc"
	"github.com/towline-dev/towline/protocol"
)

// Codes of errors that the protocol adds to those of JSON-RPC (section 3).
const (
	codeAuthRequired = -32000
	codeCancelled    = -32800
)

// opening is how far the opening is: initialize, then the first of the ways
// that the agent takes, then the settings.
type opening struct {
	// ways are what is still to be tried to go on from a session.
	ways []func(o *output)
	// loading tells that session/load waits for its answer: what comes
	// meanwhile is history.
	loading bool
	// loggedIn tells that authenticate was tried.
	loggedIn bool
	// settling counts the settings whose answer is awaited.
	settling int
}

// Open returns the initialize request.
func (t *translator) Open() [][]byte {
	var o output
	t.call("initialize", map[string]any{
		"protocolVersion": protocolVersion,
		"clientInfo":      map[string]string{"name": "towline", "version": "1"},
		// What is not offered is false (see the package's comment).
		"clientCapabilities": map[string]any{
			"fs":          map[string]bool{"readTextFile": false, "writeTextFile": false},
			"terminal":    false,
			"elicitation": map[string]any{"form": struct{}{}},
			"session":     map[string]any{"configOptions": struct{}{}, "notices": struct{}{}, "compaction": struct{}{}},
		},
	}, t.initialized, &o)
	return o.Frames
}

// initialized takes the answer to initialize and begins the session.
func (t *translator) initialized(result json.RawMessage, err *jsonrpc.Error, o *output) {
	switch {
	case err != nil:
		t.fail(o, "it refused to initialize: "+errorText(err))
		return
	case json.Unmarshal(result, &t.agent) != nil || t.agent.Version == 0:
		t.fail(o, "it does not speak the Agent Client Protocol: its answer to initialize names no version; check the command line")
		return
	case t.agent.Version != protocolVersion:
		t.fail(o, fmt.Sprintf("it speaks version %d of the Agent Client Protocol, and this server version %d; install another version of the agent", t.agent.Version, protocolVersion))
		return
	}
	if t.setup.Recorded {
		return
	}
	if t.setup.List {
		t.list("", o)
		return
	}
	if missing := t.missingTransport(); missing != "" {
		t.fail(o, "it takes no MCP servers of type "+missing+"; start the session without them")
		return
	}
	if t.setup.Resume == "" {
		t.newSession(o)
		return
	}
	t.opening.ways = t.resumeWays()
	t.nextWay(o)
}

// resumeWays are the ways to go on from a session, the best first: resume
// replays nothing, load replays the history. Advertised is not implemented
// (section 5.8), so each is tried and the next taken if it fails.
func (t *translator) resumeWays() []func(o *output) {
	var ways []func(o *output)
	if t.agent.Capabilities.has("resume") {
		ways = append(ways, t.resumeSession)
	}
	if t.agent.Capabilities.LoadSession {
		if t.quirks.LoadsAnything && t.agent.Capabilities.has("list") {
			ways = append(ways, t.findSession)
		} else {
			ways = append(ways, t.loadSession)
		}
	}
	return ways
}

// nextWay tries the next way; after the last one the conversation goes on in
// a new session, and a notice tells that the agent has forgotten it.
func (t *translator) nextWay(o *output) {
	if t.setup.Recorded {
		return
	}
	if len(t.opening.ways) > 0 {
		way := t.opening.ways[0]
		t.opening.ways = t.opening.ways[1:]
		way(o)
		return
	}
	o.notice("warning", "history_lost", "the agent cannot go on from its earlier session, so it begins anew and does not know the conversation so far", nil)
	t.newSession(o)
}

// sessionParams are those of session/new, load and resume.
func (t *translator) sessionParams(id string) map[string]any {
	params := map[string]any{"cwd": t.setup.Directory, "mcpServers": nativeServers(t.setup.MCP)}
	if id != "" {
		params["sessionId"] = id
	}
	if t.setup.SystemPrompt != "" {
		params["_meta"] = map[string]any{"systemPrompt": map[string]string{"append": t.setup.SystemPrompt}}
	}
	return params
}

func (t *translator) newSession(o *output) {
	t.call("session/new", t.sessionParams(""), func(result json.RawMessage, err *jsonrpc.Error, o *output) {
		if err != nil && !t.login(err, t.newSession, o) {
			t.fail(o, "it cannot begin a session: "+errorText(err))
		}
		if err == nil {
			t.sessionOpened("", result, o)
		}
	}, o)
}

func (t *translator) resumeSession(o *output) {
	t.call("session/resume", t.sessionParams(t.setup.Resume), t.continued(t.resumeSession), o)
}

func (t *translator) loadSession(o *output) {
	t.opening.loading = true
	done := t.continued(t.loadSession)
	t.call("session/load", t.sessionParams(t.setup.Resume), func(result json.RawMessage, err *jsonrpc.Error, o *output) {
		t.opening.loading = false
		done(result, err, o)
	}, o)
}

// continued takes the answer to a way of going on.
func (t *translator) continued(again func(*output)) answer {
	return func(result json.RawMessage, err *jsonrpc.Error, o *output) {
		switch {
		case err == nil:
			t.sessionOpened(t.setup.Resume, result, o)
		case !t.login(err, again, o):
			o.notice("info", "resume_failed", agents.OneLine("the agent refused a way to resume its session: "+errorText(err)), nil)
			t.nextWay(o)
		}
	}
}

// findSession looks whether the agent knows the session before it is loaded.
func (t *translator) findSession(o *output) {
	t.call("session/list", map[string]string{"cwd": t.setup.Directory}, func(result json.RawMessage, err *jsonrpc.Error, o *output) {
		var list struct {
			Sessions []struct {
				ID string `json:"sessionId"`
			} `json:"sessions"`
			Next string `json:"nextCursor"`
		}
		known := err == nil && json.Unmarshal(result, &list) == nil && list.Next == ""
		if known && !slices.ContainsFunc(list.Sessions, func(s struct {
			ID string `json:"sessionId"`
		},
		) bool {
			return s.ID == t.setup.Resume
		}) {
			t.nextWay(o)
			return
		}
		t.loadSession(o)
	}, o)
}

// login authenticates if the error asks for it and a key for a method is
// there, and does the step again. It returns whether it took the error.
func (t *translator) login(err *jsonrpc.Error, again func(*output), o *output) bool {
	if err.Code != codeAuthRequired {
		return false
	}
	if t.setup.Auth == "" || t.opening.loggedIn {
		t.fail(o, "it wants a login: "+t.loginHelp(err))
		return true
	}
	t.opening.loggedIn = true
	t.call("authenticate", map[string]string{"methodId": t.setup.Auth}, func(_ json.RawMessage, err *jsonrpc.Error, o *output) {
		if err != nil {
			t.fail(o, "it refused the login by "+t.setup.Auth+" ("+errorText(err)+"): "+t.loginHelp(nil))
			return
		}
		again(o)
	}, o)
	return true
}

// loginHelp says how to log in, in the agent's own words: those of its error
// (nil: none) and of the methods that it offers.
func (t *translator) loginHelp(err *jsonrpc.Error) string {
	help := "run it once by hand to log in, or set its key for the server"
	methods := make([]string, 0, len(t.agent.AuthMethods))
	for _, m := range t.agent.AuthMethods {
		methods = append(methods, agents.OneLine(cmp.Or(m.Description, m.Name, m.ID)))
	}
	if len(methods) > 0 {
		help += "; it offers: " + strings.Join(methods, "; ")
	}
	if err == nil {
		return help
	}
	said := strings.TrimSpace(strings.TrimPrefix(agents.OneLine(errorText(err)), authRequired))
	if said = strings.TrimLeft(said, ".: "); said != "" {
		help += "; it says: " + said
	}
	return help
}

// authRequired is what the error says that says nothing more.
const authRequired = "Authentication required"

// sessionOpened takes the answer that opens the session. id is the session
// that was asked for; empty for a new one.
func (t *translator) sessionOpened(id string, result json.RawMessage, o *output) {
	var f opened
	if json.Unmarshal(result, &f) != nil || cmp.Or(f.SessionID, id) == "" {
		t.fail(o, "its answer names no session")
		return
	}
	t.session = cmp.Or(f.SessionID, id)
	t.settings.read(f.settingsFrame)
	o.emit(&protocol.SessionStarted{
		AgentVersion: t.agent.Info.Version, NativeSessionID: t.session, Directory: t.setup.Directory,
		Model: t.settings.model.current, Mode: t.settings.mode.current, Resumed: id != "",
	})
	if effort := t.settings.effort.current; effort != "" {
		o.emit(&protocol.SessionUpdated{Effort: &effort})
	}
	t.tellOthers(o)
	if t.setup.Recorded {
		o.Ready, t.ready = true, true
		return
	}
	t.settle(o)
}

// settle asks for the settings that the session was created with, and makes
// the session ready when all are answered.
func (t *translator) settle(o *output) {
	for _, want := range []struct {
		s     *setting
		value string
	}{{&t.settings.model, t.setup.Model}, {&t.settings.mode, t.setup.Mode}, {&t.settings.effort, t.setup.Effort}} {
		value, err := want.s.find(want.value)
		if err != nil {
			t.unsettled(protocol.AsError(err).Message, o)
			continue
		}
		if value == "" || value == want.s.current {
			continue
		}
		t.opening.settling++
		t.set(want.s, value, func(err *jsonrpc.Error, o *output) {
			t.opening.settling--
			if err != nil {
				t.unsettled("it refused "+want.s.name+" "+agents.OneLine(value)+": "+errorText(err), o)
			}
			t.settled(o)
		}, o)
	}
	t.settled(o)
}

// unsettled takes a setting that the agent does not have. A new session fails
// for it. One that goes on has the agent's own word for the setting, which may
// differ from one process to the next, so only a notice tells.
func (t *translator) unsettled(why string, o *output) {
	if t.setup.Resume == "" {
		t.fail(o, why)
		return
	}
	o.notice("warning", "setting_lost", "a setting of the session could not be kept: "+why, nil)
}

func (t *translator) settled(o *output) {
	if t.opening.settling == 0 && t.failure == "" {
		o.Ready, t.ready = true, true
	}
}

// fail gives the opening up; the reason is a clause about the agent.
func (t *translator) fail(o *output, reason string) {
	if t.ready || t.failure != "" {
		return
	}
	t.failure = t.setup.Title + " did not start: " + reason
	o.emit(&protocol.ErrorEvent{Code: string(protocol.CodeAgentStartFailed), Message: t.failure})
}

// Ending cancels the open turn and closes the session, if the agent can.
func (t *translator) Ending() [][]byte {
	var o output
	if t.session == "" {
		return nil
	}
	if len(t.prompts) > 0 {
		o.Frames = append(o.Frames, t.peer.Notify("session/cancel", t.sessionID()))
	}
	if t.agent.Capabilities.has("close") {
		t.call("session/close", t.sessionID(), func(json.RawMessage, *jsonrpc.Error, *output) {}, &o)
	}
	return o.Frames
}

func (t *translator) sessionID() map[string]string { return map[string]string{"sessionId": t.session} }

package opencode

import (
	"encoding/json"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// replay feeds a recording to translators. A line is a request with its
// answer, {"dir":"in","method":...,"path":...,"body":...,"status":...,
// "reply":...}, or an event, {"dir":"out","frame":{...}} (section 13). A
// recording may hold many native sessions; the replay follows one at a time,
// the one that was prompted last while no turn was open.
type replay struct {
	roots   map[string]*translator
	current *translator
	facts   facts
	prompts int
	// started tells that an AgentStarted was reported for the process.
	started bool
	// signal is what ended the process, until its stream has ended too.
	signal string
	// foreign are streams of the other API version; global tells that the
	// stream of all folders is recorded, which holds what the others hold.
	foreign map[string]bool
	global  bool
	// pending are events that a recorded request caused.
	pending []protocol.Data
}

func newReplay() *replay {
	return &replay{roots: map[string]*translator{}, foreign: map[string]bool{}}
}

// recordedCall is a recorded request with its answer.
type recordedCall struct {
	Method string          `json:"method"`
	Path   string          `json:"path"`
	Body   json.RawMessage `json:"body"`
	Status int             `json:"status"`
	Reply  json.RawMessage `json:"reply"`
}

// In returns the commands that the server would have sent for a recorded
// request. The translator has then seen them.
func (r *replay) In(line json.RawMessage) []agents.Command {
	var c recordedCall
	if json.Unmarshal(line, &c) != nil {
		return nil
	}
	route, _, _ := strings.Cut(c.Path, "?")
	switch {
	case c.Method == "SIGNAL":
		r.signal = c.Path
	case strings.HasSuffix(route, "/event"):
		r.opened(c, route)
	case c.Method == http.MethodGet:
		r.learn(route, c.Reply)
	case c.Status < http.StatusBadRequest || c.Status == http.StatusInternalServerError:
		return r.see(r.commands(c, route))
	}
	return nil
}

// opened notes a stream.
func (r *replay) opened(c recordedCall, route string) {
	var reply string
	_ = json.Unmarshal(c.Reply, &reply) // the name of the stream stands after the text, if it has one
	_, stream, _ := strings.Cut(reply, ") ")
	r.foreign[stream] = strings.HasPrefix(route, "/api/")
	r.global = r.global || route == "/global/event"
	if !r.started {
		r.started = true
		r.pending = append(r.pending, &protocol.AgentStarted{})
	}
}

// learn takes what a listing says.
func (r *replay) learn(route string, reply json.RawMessage) {
	switch route {
	case "/mcp":
		r.facts.Servers = readServers(reply)
	case "/agent":
		r.facts.Agents = readAgents(reply)
	case "/command":
		r.facts.Commands = readCommands(reply)
	case "/config/providers":
		r.facts.Models = readModels(reply, "")
	}
	for _, t := range r.roots {
		t.facts = r.facts
	}
}

// see shows the commands to the translator and returns those that it took.
func (r *replay) see(commands []agents.Command) []agents.Command {
	var taken []agents.Command
	for _, c := range commands {
		if _, err := r.current.command(c); err == nil {
			taken = append(taken, c)
		}
	}
	return taken
}

// commands maps one request; none for plumbing.
func (r *replay) commands(c recordedCall, route string) []agents.Command {
	var noun, id, verb, last string
	for i, to := range []*string{&noun, &id, &verb, &last} {
		if names := strings.Split(strings.Trim(route, "/"), "/"); i < len(names) {
			*to = names[i]
		}
	}
	switch {
	case noun == "mcp" && id == "":
		r.learn("/mcp", c.Reply)
	case noun == "session" && (id == "" || verb == "fork"):
		r.created(c)
	case noun == "session" && verb == "permissions":
		return r.decided(last, c.Body)
	case noun == "permission" && verb == "reply":
		return r.decided(id, c.Body)
	case noun == "question":
		return r.answeredQuestion(id, verb, c.Body)
	case noun == "session" && r.roots[id] != nil:
		return r.sessionCall(r.roots[id], verb, c)
	}
	return nil
}

// created notes a session that was made.
func (r *replay) created(c recordedCall) {
	var s struct {
		ID        string `json:"id"`
		Directory string `json:"directory"`
	}
	if json.Unmarshal(c.Reply, &s) == nil && s.ID != "" {
		r.roots[s.ID] = newTranslator(setup{Session: s.ID, Directory: s.Directory, Facts: r.facts})
	}
}

// promptBody is the body of a recorded prompt, command or change.
type promptBody struct {
	Parts     []recordedPart `json:"parts"`
	NoReply   bool           `json:"noReply"`
	Command   string         `json:"command"`
	Arguments string         `json:"arguments"`
	Title     *string        `json:"title"`
}

// recordedPart is a part of a recorded prompt.
type recordedPart struct {
	Type, Text, Mime, Filename, URL, Name, Prompt string
}

// sessionCall maps a request about a session.
func (r *replay) sessionCall(t *translator, verb string, c recordedCall) []agents.Command {
	var body promptBody
	_ = json.Unmarshal(c.Body, &body) // without one all fields are empty
	switch {
	case verb == "" && c.Method == http.MethodPatch && t == r.current && body.Title != nil:
		return []agents.Command{&agents.Configure{Title: body.Title}}
	case verb == "abort" && t == r.current:
		return []agents.Command{&agents.Interrupt{}}
	case (verb == "prompt_async" || verb == "message") && !body.NoReply:
		return r.prompted(t, recordedContent(body.Parts))
	case verb == "command":
		return r.prompted(t, textContentOf("/"+strings.TrimSpace(body.Command+" "+body.Arguments)))
	case verb == "summarize":
		return r.prompted(t, textContentOf("/compact"))
	case verb == "revert" && t == r.current:
		r.pending = append(r.pending, historyNotice(askRevert)) // no turn: its answer was all
	case verb == "unrevert" && t == r.current:
		r.pending = append(r.pending, historyNotice(askUnrevert))
	}
	return nil
}

// prompted maps a prompt, unless another session's turn is open. A prompt of
// nothing the server would refuse.
func (r *replay) prompted(t *translator, content []agents.Content) []agents.Command {
	if len(content) == 0 {
		return nil
	}
	if t != r.current {
		if r.current != nil && r.current.turn.open {
			return nil
		}
		r.current = t
		r.pending = append(r.pending, &protocol.SessionStarted{NativeSessionID: t.session, Directory: t.directory})
	}
	r.prompts++
	return []agents.Command{&agents.Prompt{PromptID: "m" + strconv.Itoa(r.prompts), Content: content}}
}

// decided maps the answer to a permission.
func (r *replay) decided(id string, body json.RawMessage) []agents.Command {
	var reply struct{ Reply, Response, Message string }
	if json.Unmarshal(body, &reply) != nil || r.current == nil {
		return nil
	}
	d := &agents.Decide{PermissionID: id, Message: reply.Message, Option: protocol.PermissionOption{
		ID: reply.Reply + reply.Response, Decision: protocol.Allow, Scope: protocol.ScopeOnce, Label: "Allow once",
	}}
	switch d.Option.ID {
	case optionAlways:
		d.Option.Scope, d.Option.Label = protocol.ScopeAlways, "Allow always"
	case optionReject:
		d.Option.Decision, d.Option.Label = protocol.Deny, "Deny"
	}
	return []agents.Command{d}
}

// answeredQuestion maps the answer to a question.
func (r *replay) answeredQuestion(id, verb string, body json.RawMessage) []agents.Command {
	var reply struct{ Answers [][]string }
	if r.current == nil || json.Unmarshal(body, &reply) != nil {
		return nil
	}
	if verb == "reject" {
		return []agents.Command{&agents.RejectQuestion{QuestionID: id}}
	}
	return []agents.Command{&agents.Answer{QuestionID: id, Answers: reply.Answers}}
}

// textContentOf is a prompt of one text.
func textContentOf(text string) []agents.Content {
	return []agents.Content{{Part: protocol.TextPart(text)}}
}

// recordedContent maps the parts of a recorded prompt.
func recordedContent(parts []recordedPart) []agents.Content {
	content := make([]agents.Content, 0, len(parts))
	for _, p := range parts {
		switch p.Type {
		case "file":
			content = append(content, recordedFile(p))
		case "agent":
			content = append(content, agents.Content{Part: protocol.TextPart("@" + p.Name)})
		default:
			content = append(content, agents.Content{Part: protocol.TextPart(p.Text + p.Prompt)})
		}
	}
	return content
}

// recordedFile maps an attachment.
func recordedFile(p recordedPart) agents.Content {
	c := agents.Content{Part: protocol.Part{Type: protocol.PartFile, Mime: p.Mime, Name: p.Filename}}
	if strings.HasPrefix(p.Mime, "image/") {
		c.Type = protocol.PartImage
	}
	if u, err := url.Parse(p.URL); err == nil && u.Scheme == "file" {
		c.Path = path.Clean(u.Path)
	}
	return c
}

// Out returns what a recorded event meant.
func (r *replay) Out(line json.RawMessage) []agents.Report {
	var l struct {
		Stream string          `json:"stream"`
		Frame  json.RawMessage `json:"frame"`
	}
	if json.Unmarshal(line, &l) != nil || len(l.Frame) == 0 {
		l.Frame = line
	}
	if r.foreign[l.Stream] || r.global && l.Stream != "global" {
		return nil
	}
	reports := r.takePending()
	var note struct {
		Note string `json:"_note"`
	}
	if json.Unmarshal(l.Frame, &note) == nil && note.Note != "" {
		return append(reports, r.streamEnded()...)
	}
	e, err := readEvent(l.Frame)
	t := r.owner(e)
	if err != nil {
		return append(reports, agents.Report{Events: []protocol.Data{unparsed(l.Frame, err)}, Raw: l.Frame})
	}
	if t == nil {
		return reports
	}
	o := t.native(e, l.Frame)
	if t != r.current {
		return reports
	}
	report := o.Report
	report.Raw = l.Frame
	return append(reports, report)
}

// takePending returns what requests have caused.
func (r *replay) takePending() []agents.Report {
	if len(r.pending) == 0 {
		return nil
	}
	events := r.pending
	r.pending = nil
	return []agents.Report{{Events: events}}
}

// owner finds the session that an event is about; nil if it was not made in
// this recording. Events about no session are the current one's.
func (r *replay) owner(e event) *translator {
	session, parent := sessionOf(e)
	if session == "" {
		return r.current
	}
	for _, t := range r.roots {
		if t.mine(session) || parent != "" && t.mine(parent) {
			return t
		}
	}
	return nil
}

// streamEnded tells the end of the process, if a signal was recorded for it;
// otherwise only the recording ended. The sessions go on with another process.
func (r *replay) streamEnded() []agents.Report {
	if r.signal == "" {
		return nil
	}
	exited := &protocol.AgentExited{Signal: r.signal}
	r.signal, r.started = "", false
	for id, t := range r.roots {
		fresh := newTranslator(setup{Session: id, Directory: t.directory, Facts: r.facts})
		if t == r.current {
			r.current = fresh
		}
		r.roots[id] = fresh
	}
	return []agents.Report{{Events: []protocol.Data{exited}}}
}

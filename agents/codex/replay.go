package codex

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/jsonrpc"
	"github.com/towline-dev/towline/protocol"
)

// replay feeds a recording to translators. A line is
// {"dir":"in"|"out","t_ms":N,"frame":{...}}, with "conn" where the recording
// has several connections.
//
// A recording may hold several threads, and a session has one turn at a time:
// what comes of another thread during a turn waits for the turn's end.
type replay struct {
	router
	conns map[string]*replayConn
	// owner is the connection that a thread is followed on: the last that
	// opened it. The others see the same once more.
	owner map[*translator]*replayConn
	// busy has the turn that is open.
	busy    *translator
	waiting []waitingMessage
	prompts int
	began   bool
	reports []agents.Report
}

type waitingMessage struct {
	t *translator
	m message
}

// replayConn is one recorded connection.
type replayConn struct {
	peer *jsonrpc.Peer
	// id is the recorded name of the call at hand; made counts the calls that
	// the recorded client did not make.
	id   jsonrpc.ID
	made int
}

func newReplay() *replay {
	return &replay{conns: map[string]*replayConn{}, owner: map[*translator]*replayConn{}}
}

func (r *replay) conn(name string) *replayConn {
	c := r.conns[name]
	if c == nil {
		c = &replayConn{}
		c.peer = &jsonrpc.Peer{NextID: c.nextID}
		r.conns[name] = c
	}
	return c
}

func (c *replayConn) nextID() jsonrpc.ID {
	if id := c.id; id != "" {
		c.id = ""
		return id
	}
	c.made++
	return jsonrpc.ID(strconv.Quote("replay-" + strconv.Itoa(c.made)))
}

// recordedLine is a line of a recording.
type recordedLine struct {
	Conn  string          `json:"conn"`
	Frame json.RawMessage `json:"frame"`
}

// recordedFrame is what of a recorded frame tells the command behind it.
type recordedFrame struct {
	ID     *jsonrpc.ID      `json:"id"`
	Method string           `json:"method"`
	Params recordedParams   `json:"params"`
	Result json.RawMessage  `json:"result"`
	Error  *json.RawMessage `json:"error"`
}

type recordedParams struct {
	ThreadID string          `json:"threadId"`
	TurnID   string          `json:"turnId"`
	Expected string          `json:"expectedTurnId"`
	ClientID string          `json:"clientUserMessageId"`
	Input    json.RawMessage `json:"input"`
	Name     *string         `json:"name"`

	Cwd      string  `json:"cwd"`
	Model    *string `json:"model"`
	Effort   *string `json:"effort"`
	Approval string  `json:"approvalPolicy"`
	Mode     *struct {
		Mode string `json:"mode"`
	} `json:"collaborationMode"`
}

// In returns the commands that the server would have sent for a line that went
// to the agent. The translator has then seen them.
func (r *replay) In(line json.RawMessage) []agents.Command {
	var l recordedLine
	var f recordedFrame
	if json.Unmarshal(line, &l) != nil || json.Unmarshal(l.Frame, &f) != nil {
		return nil
	}
	c := r.conn(l.Conn)
	if f.Method == "" {
		return r.answered(f)
	}
	if f.ID == nil {
		return nil
	}
	c.id = *f.ID
	commands := r.commands(c, f)
	if c.id != "" { // no command of ours made the call
		c.peer.Call(f.Method, nil, nil)
	}
	return commands
}

// commands maps a recorded request.
func (r *replay) commands(c *replayConn, f recordedFrame) []agents.Command {
	t := r.threads[f.Params.ThreadID]
	switch {
	case f.Method == "thread/start", f.Method == "thread/fork", f.Method == "thread/resume" && t == nil:
		r.openThread(c, f)
	case t == nil:
	case f.Method == "thread/resume":
		c.peer.Call(f.Method, nil, &adoption{t})
	case r.busy != nil && r.busy != t:
		// Its turn will be told as the agent's own, when this one is over.
	default:
		return r.give(t, t.recorded(f, &r.prompts))
	}
	return nil
}

// give hands commands to the translator and returns those that it took.
func (r *replay) give(t *translator, commands []agents.Command) []agents.Command {
	var taken []agents.Command
	for _, c := range commands {
		out, err := t.Command(c)
		if err != nil {
			continue // as the server would: a late answer goes nowhere
		}
		taken = append(taken, c)
		r.report(out.Report)
		if _, ok := c.(*agents.Prompt); ok {
			r.busy = t
		}
	}
	return taken
}

// adoption is the tag of a call by which another connection joins a thread.
type adoption struct{ t *translator }

// openThread begins to follow a thread.
func (r *replay) openThread(c *replayConn, f recordedFrame) {
	s := agents.Start{SessionID: "replay", Directory: f.Params.Cwd, Resume: f.Params.ThreadID, Fork: f.Method == "thread/fork"}
	n := settings{permission: permissionFor(f.Params.Approval)}
	if f.Params.Model != nil {
		n.model = *f.Params.Model
	}
	t := newTranslator(setup{start: s, settings: n}, c.peer)
	r.owner[t] = c
	t.call(callOpen, f.Method, nil, nil)
}

// permissionFor is the permission mode that has the policy.
func permissionFor(policy string) string {
	switch policy {
	case "on-request":
		return modeAcceptEdits
	case "never":
		return modeBypass
	default:
		return modeDefault
	}
}

// recorded maps a recorded request about a thread to the commands behind it.
func (t *translator) recorded(f recordedFrame, prompts *int) []agents.Command {
	p := f.Params
	prompt := func(content []agents.Content) []agents.Command {
		*prompts++
		return []agents.Command{&agents.Prompt{
			PromptID: "m" + strconv.Itoa(*prompts), NativeID: p.ClientID, Content: content, Steer: t.root.turn != "",
		}}
	}
	switch f.Method {
	case "turn/start":
		return append(p.configure(), prompt(p.content())...)
	case "turn/steer":
		if t.root.turn != "" && p.Expected == t.root.turn {
			return prompt(p.content())
		}
	case "thread/compact/start":
		return prompt([]agents.Content{{Part: protocol.TextPart("/" + compactCommand)}})
	case "turn/interrupt":
		if p.TurnID == t.root.turn {
			return []agents.Command{&agents.Interrupt{}}
		}
	case "thread/name/set":
		return []agents.Command{&agents.Configure{Title: p.Name}}
	case "thread/settings/update":
		return p.configure()
	}
	return nil
}

// configure maps the overrides of a turn.
func (p recordedParams) configure() []agents.Command {
	c := &agents.Configure{Model: p.Model, Effort: p.Effort}
	if p.Approval != "" {
		mode := permissionFor(p.Approval)
		c.PermissionMode = &mode
	}
	if p.Mode != nil {
		c.Mode = &p.Mode.Mode
	}
	if *c == (agents.Configure{}) {
		return nil
	}
	return []agents.Command{c}
}

// content maps recorded inputs back to parts.
func (p recordedParams) content() []agents.Content {
	content := []agents.Content{}
	for _, part := range userParts(p.Input) {
		c := agents.Content{Part: part, Bytes: part.Data}
		c.Data = nil
		content = append(content, c)
	}
	if len(content) == 0 {
		content = append(content, agents.Content{Part: protocol.TextPart("")})
	}
	return content
}

// answered maps a recorded answer to the ask that it answers.
func (r *replay) answered(f recordedFrame) []agents.Command {
	if f.ID == nil {
		return nil
	}
	id := string(*f.ID)
	for t := range r.owner {
		if a := t.asks[id]; a != nil {
			return r.give(t, []agents.Command{a.command(id, f.Result)})
		}
	}
	return nil
}

// command is the command that would have given the answer.
func (a *ask) command(id string, result json.RawMessage) agents.Command {
	if !a.isQuestion() {
		d := &agents.Decide{PermissionID: id, Option: a.options[len(a.options)-1]}
		for _, o := range a.options {
			if sameJSON(encode(a.answers[o.ID]), result) {
				d.Option = o
				return d
			}
			if o.ID == optionDeny {
				d.Option = o // what is no answer counts as a refusal
			}
		}
		return d
	}
	var given struct {
		Answers map[string]inputAnswer `json:"answers"`
		Action  string                 `json:"action"`
		Content map[string]any         `json:"content"`
	}
	_ = json.Unmarshal(result, &given) // what is no answer rejects
	if (a.form && given.Action != "accept") || (!a.form && len(given.Answers) == 0) {
		return &agents.RejectQuestion{QuestionID: id}
	}
	answer := &agents.Answer{QuestionID: id}
	for _, q := range a.questions {
		answer.Answers = append(answer.Answers, q.given(given.Answers[q.ID].Answers))
	}
	for _, field := range a.fields {
		answer.Answers = append(answer.Answers, recordedValue(given.Content[field.name]))
	}
	return answer
}

// given takes Codex's words off an answer.
func (q nativeQuestion) given(answers []string) []string {
	words := []string{}
	for _, a := range answers {
		if a == noneOfThese {
			continue
		}
		if len(a) > len(notePrefix) && a[:len(notePrefix)] == notePrefix {
			a = a[len(notePrefix):]
		}
		words = append(words, a)
	}
	return words
}

// recordedValue writes a field's value as an answer.
func recordedValue(v any) []string {
	switch v := v.(type) {
	case nil:
		return []string{}
	case string:
		return []string{v}
	default:
		return []string{string(encode(v))}
	}
}

// sameJSON compares two values by what they say.
func sameJSON(a, b json.RawMessage) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && string(encode(x)) == string(encode(y))
}

// Out returns what a line from the agent meant.
func (r *replay) Out(line json.RawMessage) []agents.Report {
	var l recordedLine
	if json.Unmarshal(line, &l) != nil || len(l.Frame) == 0 {
		l.Frame = line
	}
	if !r.began {
		r.began = true
		r.report(agents.Report{Events: []protocol.Data{&protocol.AgentStarted{}}})
	}
	c := r.conn(l.Conn)
	in, err := c.peer.Receive(l.Frame)
	m := newMessage(in, l.Frame)
	call, ours := in.Tag.(*call)
	if joined, ok := in.Tag.(*adoption); ok && in.Error == nil {
		r.owner[joined.t], joined.t.peer = c, c.peer
	}
	switch {
	case err != nil:
		r.report(agents.Report{Events: []protocol.Data{agents.Unparsed(l.Frame, err.Error())}, Raw: l.Frame})
	case ours:
		r.deliver(call.t, m)
	case in.Kind == jsonrpc.Response, in.Kind == jsonrpc.Stray:
	case m.thread == "":
		if !slices.Contains(quiet, in.Method) && !slices.Contains(forAll, in.Method) {
			r.report(agents.Report{Events: []protocol.Data{agents.Unparsed(l.Frame, errUnknown.Error())}, Raw: l.Frame})
		}
	default:
		r.route(c, m)
	}
	reports := r.reports
	r.reports = nil
	return reports
}

// route finds the translator of a message.
func (r *replay) route(c *replayConn, m message) {
	t := r.threads[m.thread]
	switch {
	case t == nil:
		r.hold(m)
	case r.owner[t] == c:
		r.deliver(t, m)
	}
}

// deliver gives a message to a translator, or lets it wait.
func (r *replay) deliver(t *translator, m message) {
	if r.busy != nil && r.busy != t && m.Kind != jsonrpc.Response {
		r.waiting = append(r.waiting, waitingMessage{t, m})
		return
	}
	o := output{frame: m.frame}
	t.receive(m.Incoming, &o)
	o.Raw = m.frame
	r.report(o.Report)
	for _, held := range r.claim(t, o.claimed) {
		r.deliver(t, held)
	}
	if t.turn.open {
		r.busy = t
		return
	}
	if r.busy == t && !slices.ContainsFunc(t.prompts, func(p *sentPrompt) bool { return !p.started }) {
		r.busy = nil
		waiting := r.waiting
		r.waiting = nil
		for _, w := range waiting {
			r.deliver(w.t, w.m)
		}
	}
}

func (r *replay) report(report agents.Report) {
	if len(report.Events) > 0 || len(report.Raw) > 0 {
		r.reports = append(r.reports, report)
	}
}

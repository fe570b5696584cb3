package codex

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/jsonrpc"
	"github.com/towline-dev/towline/protocol"
)

// hub is the pure half of the shared process: it shakes hands and hands each
// message to the translator of its thread. It is the translator of the
// process's pipe, so one goroutine at a time uses it.
type hub struct {
	router
	peer  *jsonrpc.Peer
	conns map[*translator]*conn

	// closed tells that the process is about to be stopped.
	closed bool

	facts facts
	// shaking counts the answers that the handshake waits for; refused says
	// why it failed.
	shaking int
	refused string
}

func newHub() *hub {
	return &hub{peer: &jsonrpc.Peer{}, conns: map[*translator]*conn{}}
}

// The tags of the hub's own calls.
type (
	handshake string
	// probe asks for a sign of life.
	probeCall struct{}
	// leaving tells that a connection's last request was answered.
	leaving struct{ c *conn }
)

// Open begins the handshake.
func (h *hub) Open() [][]byte {
	return [][]byte{h.peer.Call("initialize", map[string]any{
		"clientInfo": map[string]string{"name": "towline", "title": "Towline", "version": "1"},
		// Plan mode, background terminals and others need it (PROTOCOL.md
		// section 4).
		"capabilities": map[string]bool{"experimentalApi": true},
	}, handshake("initialize"))}
}

// Native takes a line of the process. What it means goes to the connections,
// and not into the report.
func (h *hub) Native(frame []byte) agents.Output {
	var out agents.Output
	in, err := h.peer.Receive(frame)
	if err != nil {
		h.tellAll(agents.Unparsed(frame, err.Error()))
		return out
	}
	h.take(newMessage(in, frame), &out)
	return out
}

// take finds out whom a message is for.
func (h *hub) take(m message, out *agents.Output) {
	switch tag := m.Tag.(type) {
	case handshake:
		h.shake(tag, m.Incoming, out)
	case *call:
		h.deliver(tag.t, m, out)
	case leaving:
		tag.c.left()
	default:
		h.route(m, out)
	}
}

// shake takes an answer of the handshake.
func (h *hub) shake(step handshake, in jsonrpc.Incoming, out *agents.Output) {
	switch step {
	case "initialize":
		if in.Error != nil {
			h.refused, out.Ready = in.Error.Message, true
			return
		}
		h.shaking = 3
		out.Frames = append(
			out.Frames, h.peer.Notify("initialized", nil),
			h.peer.Call("account/read", struct{}{}, handshake("account")),
			h.peer.Call("model/list", map[string]any{"includeHidden": true, "limit": 200}, handshake("models")),
			h.peer.Call("config/read", struct{}{}, handshake("config")),
		)
		return
	case "account":
		var r struct {
			Account json.RawMessage `json:"account"`
			Needed  bool            `json:"requiresOpenaiAuth"`
		}
		known := in.Error == nil && json.Unmarshal(in.Result, &r) == nil
		h.facts.loggedOut = known && r.Needed && (len(r.Account) == 0 || string(r.Account) == "null")
	case "models":
		h.facts.models = readModels(in.Result)
	case "config":
		var r struct {
			Config struct {
				Model string `json:"model"`
			} `json:"config"`
		}
		_ = json.Unmarshal(in.Result, &r) // then there is no default to know
		h.facts.configured = r.Config.Model
	}
	h.shaking--
	out.Ready = h.shaking == 0
}

// route finds the translator that a message is for.
func (h *hub) route(m message, out *agents.Output) {
	switch {
	case m.Kind == jsonrpc.Response, m.Kind == jsonrpc.Stray:
	case m.thread == "" && m.Kind == jsonrpc.Request:
		h.refuse(m, out)
	case m.thread == "" && slices.Contains(forAll, m.Method):
		for t := range h.conns {
			h.deliver(t, m, out)
		}
	case m.thread == "":
		if !slices.Contains(quiet, m.Method) {
			h.tellAll(agents.Unparsed(m.frame, errUnknown.Error()))
		}
	case h.threads[m.thread] != nil:
		h.deliver(h.threads[m.thread], m, out)
	default:
		if dropped := h.hold(m); dropped != nil && dropped.Kind == jsonrpc.Request {
			h.refuse(*dropped, out) // nobody will answer it, and its turn would wait
		}
	}
}

// refuse answers a request that belongs to no session.
func (h *hub) refuse(m message, out *agents.Output) {
	out.Frames = append(out.Frames, h.peer.Refuse(m.ID, jsonrpc.CodeMethodNotFound, "not supported by this client"))
	if !slices.Contains([]string{"account/chatgptAuthTokens/refresh", "attestation/generate", "currentTime/read"}, m.Method) {
		h.tellAll(agents.Unparsed(m.frame, errUnknown.Error()))
	}
}

// deliver gives a message to a translator and its meaning to the connection.
func (h *hub) deliver(t *translator, m message, out *agents.Output) {
	c := h.conns[t]
	if c == nil {
		return // closed meanwhile
	}
	o := output{frame: m.frame}
	t.receive(m.Incoming, &o)
	out.Frames = append(out.Frames, o.Frames...)
	if c.keepRaw {
		o.Raw = slices.Clone(m.frame)
	}
	c.push(o.Report, len(m.frame))
	if o.Ready || t.failure != nil {
		c.opened()
	}
	for _, held := range h.claim(t, o.claimed) {
		h.deliver(t, held, out)
	}
	if c.leaving && t.idle() {
		out.Frames = append(out.Frames, h.farewell(c)...)
	}
}

// tellAll tells what cannot be told to one session alone.
func (h *hub) tellAll(d protocol.Data) {
	for _, c := range h.conns {
		c.push(agents.Report{Events: []protocol.Data{d}}, 0)
	}
}

// The commands that the server gives the hub, beside those of sessions. They
// run where the translators do, so they need no lock.
type (
	// attach opens a connection's thread.
	attach struct {
		agents.Command
		c *conn
	}
	// forward is a session's command.
	forward struct {
		agents.Command
		c *conn
	}
	// detach ends a connection.
	detach struct {
		agents.Command
		c      *conn
		atOnce bool
	}
	// inspect runs a function of the server's.
	inspect struct {
		agents.Command
		do func(*hub) [][]byte
	}
)

// Command takes one of the commands above.
func (h *hub) Command(c agents.Command) (agents.Output, error) {
	switch c := c.(type) {
	case *attach:
		if h.closed {
			return agents.Output{}, notOpen()
		}
		h.conns[c.c.t] = c.c
		c.c.t.peer = h.peer
		return agents.Output{Frames: c.c.t.Open()}, nil
	case *forward:
		if h.closed {
			return agents.Output{}, notOpen()
		}
		out, err := c.c.t.Command(c.Command)
		if err != nil {
			return agents.Output{}, err
		}
		c.c.push(out.Report, 0)
		return agents.Output{Frames: out.Frames}, nil
	case *detach:
		return agents.Output{Frames: h.leave(c.c, c.atOnce)}, nil
	case *inspect:
		return agents.Output{Frames: c.do(h)}, nil
	default:
		return agents.Output{}, protocol.Errorf(protocol.CodeInternal, "a command came to the Codex process past its session")
	}
}

// leave ends a connection's thread: its asks, its turn and its commands. It
// stays until the turn has ended, because a prompt that came before would go
// into that turn; at once does not wait for it.
func (h *hub) leave(c *conn, atOnce bool) [][]byte {
	var o output
	t := c.t
	if !c.leaving {
		c.leaving = true
		for _, a := range t.asks {
			o.send(h.peer.Refuse(a.id, jsonrpc.CodeInvalidRequest, "the session is closed"))
		}
		clear(t.asks)
		t.interrupt(&o)
	}
	if atOnce || t.idle() {
		o.send(h.farewell(c)...)
	}
	return o.Frames
}

// farewell takes a connection off.
func (h *hub) farewell(c *conn) [][]byte {
	t := c.t
	if h.conns[t] == nil {
		return nil
	}
	delete(h.conns, t)
	h.release(t)
	if t.root == nil {
		c.left()
		return nil
	}
	thread := map[string]any{"threadId": t.root.id}
	return [][]byte{
		t.call(callClean, "thread/backgroundTerminals/clean", thread, nil),
		h.peer.Call("thread/unsubscribe", thread, leaving{c}),
	}
}

// working tells whether a turn is open.
func (h *hub) working() bool {
	return slices.ContainsFunc(slices.Collect(maps.Keys(h.conns)), func(t *translator) bool { return !t.idle() })
}

// pulse is how the process is.
type pulse struct {
	// calls wait for an answer.
	calls []jsonrpc.ID
	// busy tells that there is something to wait for: a call, or a turn's end.
	busy bool
	// dead tells that the process did not even give a sign of life.
	dead bool
}

// look fails the calls that still wait for an answer. If there are any, or if
// the process was quiet while a turn was open, it asks for a sign of life; if
// that is what was waited for, the process is dead. Without calls it only
// tells how the process is.
func (h *hub) look(waiting []jsonrpc.ID, quiet bool) (now pulse, frames [][]byte) {
	late := 0
	for _, id := range waiting {
		tag, ok := h.peer.Drop(id)
		if !ok {
			continue
		}
		late++
		switch tag := tag.(type) {
		case probeCall:
			return pulse{dead: true}, nil
		case *call:
			var out agents.Output
			in := jsonrpc.Incoming{Kind: jsonrpc.Response, Tag: tag, Error: &jsonrpc.Error{Code: codeOverdue, Message: "no answer in time"}}
			h.deliver(tag.t, message{Incoming: in}, &out)
			frames = append(frames, out.Frames...)
		}
	}
	working := h.working()
	if late > 0 || (quiet && working) {
		frames = append(frames, h.peer.Call("thread/loaded/list", struct{}{}, probeCall{}))
	}
	calls := h.peer.Open()
	return pulse{calls: calls, busy: working || len(calls) > 0}, frames
}

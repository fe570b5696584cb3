package pi

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// request is a request of ours that waits for its answer.
type request struct {
	command string
	// opening and settle tell why the state was asked for.
	opening, settle bool
	// prompt is the id of the prompt that was sent; steer tells its delivery.
	prompt string
	steer  bool
}

// maxRequests bounds the requests that wait; a Pi that answers none is deaf.
const maxRequests = 1024

// facts is what was reported of the session; only changes are reported again.
type facts struct {
	nativeID, model, effort string
	// told tells that nativeID was reported, started that session.started was.
	told, started bool

	window int64
}

// model is a model as Pi lists it.
type model struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Provider  string `json:"provider"`
	Reasoning bool   `json:"reasoning"`
	Window    int64  `json:"contextWindow"`
}

// word is how clients name the model.
func (m model) word() string { return m.Provider + "/" + m.ID }

// ask sends a request.
func (t *translator) ask(r request, body map[string]any, o *output) {
	id := t.requestID()
	if len(t.requests) < maxRequests {
		t.requests[id] = r
	}
	body["id"] = id
	o.send(body)
}

// nativeResponse is an answer to a request.
type nativeResponse struct {
	ID      string          `json:"id"`
	Command string          `json:"command"`
	Success bool            `json:"success"`
	Error   string          `json:"error"`
	Data    json.RawMessage `json:"data"`
}

// response takes an answer. One to a line that Pi could not read has no id
// (section 2).
func (t *translator) response(frame []byte, o *output) error {
	var r nativeResponse
	if json.Unmarshal(frame, &r) != nil || r.Command == "" {
		return errShape
	}
	q, known := t.requests[r.ID]
	delete(t.requests, r.ID)
	switch {
	case !r.Success:
		t.refused(q, known, r, o)
	case q.prompt != "" && !q.steer:
		if !t.turn.open {
			t.settle(o) // an extension may have taken it for a command
		}
	case r.Command == "get_state":
		t.state(q, r.Data, o)
	case r.Command == "set_model":
		var m model
		if json.Unmarshal(r.Data, &m) == nil {
			t.facts.window = m.Window
			t.modelRuns(m.Provider, m.ID, o)
		}
	case r.Command == "get_available_models":
		var d struct {
			Models []model `json:"models"`
		}
		if json.Unmarshal(r.Data, &d) == nil {
			t.models = d.Models
		}
	case r.Command == "get_commands":
		t.listCommands(r.Data, o)
	}
	if q.opening {
		t.opening--
		o.Ready = t.opening == 0
	}
	return nil
}

// refused reports a request that failed. A prompt that was refused has no
// turn, so its turn ends here.
func (t *translator) refused(q request, known bool, r nativeResponse, o *output) {
	f := failure(r.Error)
	if f.Code == codeModel {
		f.Code = "request_failed"
	}
	f.Message = "Pi refused " + agents.OneLine(r.Command) + ": " + r.Error
	if known && q.prompt != "" && !q.steer && !t.turn.open {
		o.emit(&protocol.TurnStarted{PromptIDs: t.begin(), Origin: protocol.SourceClient})
		if f.Code == codeAuth {
			o.notice("warning", "auth_required", "Pi has no key for the model's provider; set the provider's key for the server, or log in once with: pi", nil)
		}
		o.emit(&protocol.TurnEnded{Outcome: protocol.OutcomeFailed, Error: f})
		t.forgetTurn()
		return
	}
	t.prompts = slices.DeleteFunc(t.prompts, func(p sentPrompt) bool { return q.prompt != "" && p.id == q.prompt })
	o.emit(&protocol.ErrorEvent{Code: f.Code, Message: f.Message})
}

// state takes an answer to get_state.
func (t *translator) state(q request, data json.RawMessage, o *output) {
	var s struct {
		Model     *model `json:"model"`
		Level     string `json:"thinkingLevel"`
		SessionID string `json:"sessionId"`
		Name      string `json:"sessionName"`
		Streaming bool   `json:"isStreaming"`
	}
	if json.Unmarshal(data, &s) != nil {
		return
	}
	if q.settle {
		t.settled(s.Streaming, o)
		return
	}
	if t.facts.started {
		return // asked for by somebody else; its changes have frames of their own
	}
	t.facts.started = true
	t.facts.nativeID = s.SessionID
	if s.Model != nil {
		t.facts.model, t.facts.window = s.Model.word(), s.Model.Window
	}
	started := &protocol.SessionStarted{Model: t.facts.model, Resumed: t.setup.Resumed}
	if t.setup.Resumed {
		// A new one is on disk, and can be resumed, only with its first
		// answer (section 4); tellNative tells of it then.
		started.NativeSessionID, t.facts.told = s.SessionID, true
	}
	o.emit(started)
	u := &protocol.SessionUpdated{}
	if t.facts.effort = s.Level; s.Level != "" {
		u.Effort = &s.Level
	}
	if s.Name != "" {
		u.Title = &s.Name
	}
	if *u != (protocol.SessionUpdated{}) {
		o.emit(u)
	}
	if t.setup.LeftOut {
		o.notice("warning", "project_extensions_left_out",
			"the Pi extensions of the work folder are not loaded, because they could pass over approvals; name those that you trust in your own Pi settings", nil)
	}
}

// tellNative reports the native session once it can be resumed.
func (t *translator) tellNative(o *output) {
	if t.facts.told || t.facts.nativeID == "" {
		return
	}
	t.facts.told = true
	id := t.facts.nativeID
	o.emit(&protocol.SessionUpdated{NativeSessionID: &id})
}

// modelRuns reports another model.
func (t *translator) modelRuns(provider, id string, o *output) {
	word := model{Provider: provider, ID: id}.word()
	if provider == "" || id == "" || word == t.facts.model {
		return
	}
	t.facts.model = word
	o.emit(&protocol.SessionUpdated{Model: &word})
}

// listCommands reports the slash commands, without the gate's.
func (t *translator) listCommands(data json.RawMessage, o *output) {
	var d struct {
		Commands []struct {
			Name        string `json:"name"`
			Description string `json:"description"`
			Source      string `json:"source"`
		} `json:"commands"`
	}
	if json.Unmarshal(data, &d) != nil {
		return
	}
	u := &protocol.CommandsUpdated{Commands: []protocol.SlashCommand{}}
	for _, c := range d.Commands {
		if c.Name == gateCommand && c.Source == "extension" { // a prompt of the folder's may have the name
			t.gated = true
			continue
		}
		u.Commands = append(u.Commands, protocol.SlashCommand{Name: c.Name, Description: c.Description})
	}
	if len(u.Commands) > 0 {
		o.emit(u)
	}
}

// gateCommand is the command that tells that gate.ts is loaded.
const gateCommand = "towline-gate"

func (t *translator) levelChanged(frame []byte, o *output) error {
	var f struct {
		Level string `json:"level"`
	}
	if json.Unmarshal(frame, &f) != nil || f.Level == "" {
		return errShape
	}
	if f.Level != t.facts.effort {
		t.facts.effort = f.Level
		o.emit(&protocol.SessionUpdated{Effort: &f.Level})
	}
	return nil
}

func titleChanged(frame []byte, o *output) error {
	var f struct {
		Name string `json:"name"`
	}
	if json.Unmarshal(frame, &f) != nil {
		return errShape
	}
	if f.Name != "" {
		o.emit(&protocol.SessionUpdated{Title: &f.Name})
	}
	return nil
}

// extensionError reports a fault of an extension. One of the gate's blocks the
// call, so it lets nothing through.
func extensionError(frame []byte, o *output) error {
	var f struct {
		Path  string `json:"extensionPath"`
		Event string `json:"event"`
		Error string `json:"error"`
	}
	if json.Unmarshal(frame, &f) != nil {
		return errShape
	}
	name := f.Path[strings.LastIndexByte(f.Path, '/')+1:]
	o.emit(&protocol.ErrorEvent{Code: "extension_error", Message: agents.OneLine(fmt.Sprintf("the extension %s failed at %s: %s", name, f.Event, f.Error))})
	return nil
}

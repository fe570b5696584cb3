package claude

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// request is a control request of ours that waits for its answer.
type request struct {
	kind  requestKind
	value string
}

type requestKind int

const (
	askInitialize requestKind = iota
	askInterrupt
	askMode
	askModel
	askEffort
	askThinking
	askTitle
)

// The permission modes that have a meaning here.
const (
	modeDefault     = "default"
	modeAcceptEdits = "acceptEdits"
	modePlan        = "plan"
	modeBypass      = "bypassPermissions"
)

// nativeModes are the CLI's permission modes (section 4).
var nativeModes = []string{modeDefault, modeAcceptEdits, modePlan, "dontAsk", "auto", modeBypass}

// nativeMode maps a universal word to the CLI's.
func nativeMode(word string) (string, error) {
	if word == "bypass" {
		word = modeBypass
	}
	if !slices.Contains(nativeModes, word) {
		return "", protocol.Errorf(protocol.CodeInvalidRequest, "Claude Code has no permission mode %q; take default, acceptEdits, plan, dontAsk, auto or bypass", agents.OneLine(word))
	}
	return word, nil
}

// efforts are the efforts that the CLI takes, the smallest first.
var efforts = []string{"low", "medium", "high", "xhigh", "max"}

// thinkingTokens maps efforts to budgets of thinking, in tokens, for versions
// that do not know efforts.
var thinkingTokens = map[string]int{"low": 4_000, "medium": 10_000, "high": 31_999, "xhigh": 31_999, "max": 31_999}

// request makes a control request and remembers what its answer is about.
func (t *translator) request(r request, body map[string]any) []byte {
	id := t.requestID()
	t.requests[id] = r
	return encode(map[string]any{"type": "control_request", "request_id": id, "request": body})
}

// setEffort makes the request for an effort. It was checked by hand with
// 2.1.330: get_settings then tells the effort as applied.
func (t *translator) setEffort(effort string) []byte {
	return t.request(request{askEffort, effort}, map[string]any{"subtype": "apply_flag_settings", "settings": map[string]string{"effortLevel": effort}})
}

// setThinking is the older way (section 4).
func (t *translator) setThinking(effort string) []byte {
	return t.request(request{askThinking, effort}, map[string]any{"subtype": "set_max_thinking_tokens", "max_thinking_tokens": thinkingTokens[effort]})
}

// configure changes a running session. What the CLI refuses comes back as an
// error event; what it takes, as session.updated.
func (t *translator) configure(c *agents.Configure, o *output) error {
	mode, err := t.wantedMode(c)
	if err != nil {
		return err
	}
	if c.Effort != nil {
		if !slices.Contains(efforts, *c.Effort) {
			return unknownEffort(*c.Effort)
		}
	}
	if c.Model != nil {
		if err := agents.CheckValue("model", *c.Model); err != nil {
			return err
		}
		body := map[string]any{"subtype": "set_model", "model": *c.Model}
		o.Frames = append(o.Frames, t.request(request{askModel, *c.Model}, body))
	}
	if c.Effort != nil {
		o.Frames = append(o.Frames, t.setEffort(*c.Effort))
	}
	if mode != "" {
		o.Frames = append(o.Frames, t.request(request{askMode, mode}, map[string]any{"subtype": "set_permission_mode", "mode": mode}))
	}
	if c.Title != nil {
		o.Frames = append(o.Frames, t.request(request{askTitle, *c.Title}, map[string]any{"subtype": "rename_session", "title": *c.Title}))
	}
	return nil
}

func unknownEffort(effort string) error {
	return protocol.Errorf(protocol.CodeInvalidRequest, "Claude Code has no effort %q; take low, medium, high, xhigh or max", agents.OneLine(effort))
}

// wantedMode is the permission mode that mode and permission mode ask for.
func (t *translator) wantedMode(c *agents.Configure) (string, error) {
	switch {
	case c.Mode != nil && *c.Mode == modePlan:
		return modePlan, nil
	case c.PermissionMode != nil:
		return nativeMode(*c.PermissionMode)
	case c.Mode == nil:
		return "", nil
	case *c.Mode != modeDefault:
		return "", unknownMode(*c.Mode)
	case t.facts.permissionMode != modePlan:
		return "", nil
	default:
		return cmp.Or(t.facts.beforePlan, modeDefault), nil
	}
}

func unknownMode(mode string) error {
	return protocol.Errorf(protocol.CodeModeNotSupported, "Claude Code has no mode %q; take default or plan", agents.OneLine(mode))
}

// controlResponse takes the answer to one of our requests.
func (t *translator) controlResponse(frame []byte, o *output) error {
	var f struct {
		Response struct {
			Subtype   string          `json:"subtype"`
			RequestID string          `json:"request_id"`
			Response  json.RawMessage `json:"response"`
			Error     string          `json:"error"`
			Code      string          `json:"error_code"`
		} `json:"response"`
	}
	if err := json.Unmarshal(frame, &f); err != nil {
		return errShape
	}
	r, ok := t.requests[f.Response.RequestID]
	if !ok {
		return nil
	}
	delete(t.requests, f.Response.RequestID)
	if f.Response.Subtype != "success" {
		if r.kind == askEffort && f.Response.Code == "unsupported_request" {
			o.Frames = append(o.Frames, t.setThinking(r.value))
			return nil
		}
		message := cmp.Or(f.Response.Error, "the agent refused a request")
		o.emit(&protocol.ErrorEvent{Code: cmp.Or(f.Response.Code, "configure_failed"), Message: message})
		return nil
	}
	return t.accepted(r, f.Response.Response, o)
}

// accepted reports what the CLI agreed to.
func (t *translator) accepted(r request, body json.RawMessage, o *output) error {
	var u protocol.SessionUpdated
	changed := false
	switch r.kind {
	case askInitialize:
		return t.initialized(body, o)
	case askModel:
		var answer struct {
			Model string `json:"model"`
		}
		_ = json.Unmarshal(body, &answer) // an older version answers nothing
		model := cmp.Or(answer.Model, r.value)
		t.facts.chosen = model
		changed = setFact(&t.facts.model, model, &u.Model)
	case askMode:
		changed = t.setMode(r.value, &u)
	case askEffort, askThinking:
		u.Effort, changed = &r.value, true
	case askTitle:
		changed = setFact(&t.facts.title, r.value, &u.Title)
	}
	if changed {
		o.emit(&u)
	}
	return nil
}

// initialized takes the answer to initialize: the session is ready.
func (t *translator) initialized(body json.RawMessage, o *output) error {
	var answer struct {
		Commands []struct {
			Name        string `json:"name"`
			Description string `json:"description"`
			Hint        string `json:"argumentHint"`
		} `json:"commands"`
		Models  []nativeModel `json:"models"`
		Mode    string        `json:"current_permission_mode"`
		Version string        `json:"claude_code_version"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return errShape
	}
	t.ready = true
	o.Ready = true
	t.models = readModels(answer.Models)
	var u protocol.SessionUpdated
	changed := setFact(&t.facts.version, answer.Version, &u.AgentVersion)
	if t.setMode(answer.Mode, &u) || changed {
		o.emit(&u)
	}
	commands := make([]protocol.SlashCommand, 0, len(answer.Commands))
	for _, c := range answer.Commands {
		commands = append(commands, protocol.SlashCommand{Name: c.Name, Description: c.Description, Hint: c.Hint})
	}
	o.emit(&protocol.CommandsUpdated{Commands: commands})
	return nil
}

// interrupting tells whether the turn is being stopped.
func (t *translator) interrupting() bool {
	if t.turn.interrupted {
		return true
	}
	for _, r := range t.requests {
		if r.kind == askInterrupt {
			return true
		}
	}
	return false
}

package pi

import (
	"encoding/base64"
	"maps"
	"slices"
	"strings"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// title is the agent's name for people.
const title = "Pi"

// efforts are the thinking levels (section 2).
var efforts = []string{"off", "minimal", "low", "medium", "high", "xhigh"}

// Command turns a command into frames. It returns invalid_request,
// permission_closed, mode_not_supported or agent_not_running; then nothing is
// to be written.
func (t *translator) Command(c agents.Command) (agents.Output, error) {
	if t.gone {
		return agents.Output{}, errGone()
	}
	var o output
	var err error
	switch c := c.(type) {
	case *agents.Prompt:
		err = t.prompt(c, &o)
	case *agents.Decide:
		err = t.decide(c, &o)
	case *agents.Answer:
		err = t.answer(c, &o)
	case *agents.RejectQuestion:
		err = t.rejectQuestion(c, &o)
	case *agents.Interrupt:
		t.interrupt(&o)
	case *agents.Configure:
		err = t.configure(c, &o)
	default:
		err = protocol.Errorf(protocol.CodeInvalidRequest, "Pi does not take this kind of command")
	}
	if err != nil {
		return agents.Output{}, err
	}
	return o.Output, nil
}

// nativeImage is an image in a prompt.
type nativeImage struct {
	Type string `json:"type"`
	Data string `json:"data"`
	Mime string `json:"mimeType"`
}

// prompt sends a prompt. One that steers is folded in after the running calls;
// if the turn has just ended it starts the next, so it is never left behind.
func (t *translator) prompt(p *agents.Prompt, o *output) error {
	var texts []string
	var images []nativeImage
	for _, c := range p.Content {
		data := c.Bytes
		if data == nil {
			data = c.Data
		}
		if c.Type == protocol.PartImage && len(data) > 0 {
			images = append(images, nativeImage{Type: "image", Data: base64.StdEncoding.EncodeToString(data), Mime: c.Mime})
			continue
		}
		text, err := agents.PromptText(title, c)
		if err != nil {
			return err
		}
		texts = append(texts, text)
	}
	text := strings.Join(texts, "\n")
	if text == "" && len(images) == 0 {
		return protocol.Errorf(protocol.CodeInvalidRequest, "the prompt is empty; send a text, an image or a file")
	}
	body := map[string]any{"type": "prompt", "message": text}
	if len(images) > 0 {
		body["images"] = images
	}
	if p.Steer {
		body["streamingBehavior"] = "steer"
	}
	t.prompts = append(t.prompts, sentPrompt{id: p.PromptID, text: text, steer: p.Steer})
	t.ask(request{command: "prompt", prompt: p.PromptID, steer: p.Steer}, body, o)
	return nil
}

// interrupt stops the turn. Dialogs that wait are closed after the abort, so
// that the model is not asked again because of them; one that has no signal
// would keep the abort from ending.
func (t *translator) interrupt(o *output) {
	t.turn.interrupting = t.turn.open || len(t.prompts) > 0
	t.ask(request{command: "abort"}, map[string]any{"type": "abort"}, o)
	for _, id := range slices.Sorted(maps.Keys(t.asks)) {
		o.send(cancelled(id))
		delete(t.asks, id)
	}
}

// configure changes what is not nil. A permission mode is our own, so it holds
// at once.
func (t *translator) configure(c *agents.Configure, o *output) error {
	if err := checkConfigure(c); err != nil {
		return err
	}
	if c.Model != nil && *c.Model != "" {
		provider, id, err := t.findModel(*c.Model)
		if err != nil {
			return err
		}
		t.ask(request{command: "set_model"}, map[string]any{"type": "set_model", "provider": provider, "modelId": id}, o)
	}
	if c.Effort != nil && *c.Effort != "" {
		t.ask(request{command: "set_thinking_level"}, map[string]any{"type": "set_thinking_level", "level": *c.Effort}, o)
	}
	if c.Title != nil && *c.Title != "" {
		t.ask(request{command: "set_session_name"}, map[string]any{"type": "set_session_name", "name": *c.Title}, o)
	}
	if c.PermissionMode != nil {
		t.grants.Mode = *c.PermissionMode
	}
	return nil
}

func checkConfigure(c *agents.Configure) error {
	value := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	return checkWords(value(c.Mode), value(c.Effort), value(c.PermissionMode))
}

// checkWords refuses modes and efforts that Pi does not have.
func checkWords(mode, effort, permissionMode string) error {
	if mode != "" && mode != "default" {
		return protocol.Errorf(protocol.CodeModeNotSupported, "Pi has no modes; leave mode out")
	}
	if effort != "" && !slices.Contains(efforts, effort) {
		return protocol.Errorf(protocol.CodeInvalidRequest, "the effort is not one of Pi's thinking levels: %s", strings.Join(efforts, ", "))
	}
	return agents.CheckGrantMode(permissionMode)
}

// findModel splits provider/model. A model alone is looked for in Pi's list.
func (t *translator) findModel(word string) (provider, id string, err error) {
	for _, m := range t.models {
		if m.word() == word || m.ID == word {
			return m.Provider, m.ID, nil
		}
	}
	provider, id, ok := strings.Cut(word, "/")
	if !ok || provider == "" || id == "" {
		return "", "", protocol.Errorf(protocol.CodeInvalidRequest, "Pi does not know this model; name it as provider/model, as the agent's list does")
	}
	return provider, id, nil
}

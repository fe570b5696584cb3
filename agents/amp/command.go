package amp

import (
	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// title is the agent's name for people.
const title = "Amp"

// Command turns a command into frames. It returns invalid_request, too_large,
// capability_missing, permission_closed, mode_not_supported or
// agent_not_running; then nothing is to be written. An
// interrupt has no frame: it is a signal, which the connection sends.
func (t *translator) Command(c agents.Command) (agents.Output, error) {
	var o output
	var err error
	switch c := c.(type) {
	case *agents.Prompt:
		err = t.prompt(c, &o)
	case *agents.Decide:
		err = t.decide(c)
	case *agents.Interrupt:
		t.turn.interrupting = t.turnWaits()
	case *agents.Configure:
		err = t.configure(c)
	default:
		err = protocol.Errorf(protocol.CodeInvalidRequest, "Amp does not take this kind of command")
	}
	if err != nil {
		return agents.Output{}, err
	}
	return o.Output, nil
}

// userFrame is a prompt as Amp takes it, the only frame that it takes.
type userFrame struct {
	Type    string `json:"type"`
	Message struct {
		Role    string `json:"role"`
		Content []any  `json:"content"`
	} `json:"message"`
}

type textBlock struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// prompt sends a prompt. One in the middle of a turn goes the same way: it
// cuts what the model says and what tools do, and the turn goes on with it
// (section 4).
func (t *translator) prompt(p *agents.Prompt, o *output) error {
	if t.over {
		return notRunning() // it would be lost with the process
	}
	f := userFrame{Type: "user"}
	f.Message.Role = "user"
	text, images := "", 0
	for _, c := range p.Content {
		data := c.Bytes
		if data == nil {
			data = c.Data
		}
		if c.Type == protocol.PartImage && len(data) > 0 {
			block, err := t.image(c, data)
			if err != nil {
				return err
			}
			if images++; images > maxImages {
				return protocol.Errorf(protocol.CodeInvalidRequest, "Amp takes %d images in a prompt; leave some out", maxImages)
			}
			f.Message.Content = append(f.Message.Content, block)
			continue
		}
		s, err := agents.PromptText(title, c)
		if err != nil {
			return err
		}
		text += s
		f.Message.Content = append(f.Message.Content, textBlock{Type: "text", Text: s})
	}
	if text == "" {
		return protocol.Errorf(protocol.CodeInvalidRequest, "the prompt has no text; say what Amp shall do")
	}
	t.wait(sentPrompt{id: p.PromptID, text: text, steer: p.Steer})
	o.Frames = append(o.Frames, encode(f))
	return nil
}

// configure changes the permission mode, which is our own and holds at once.
func (t *translator) configure(c *agents.Configure) error {
	value := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	if c.Mode != nil && *c.Mode != "" {
		return protocol.Errorf(protocol.CodeModeNotSupported, "Amp's mode is that of its thread; start a new session to choose another")
	}
	if err := checkWords(value(c.Model), value(c.Effort), value(c.PermissionMode)); err != nil {
		return err
	}
	if c.PermissionMode != nil {
		t.grants.Mode = *c.PermissionMode
	}
	return nil
}

// checkWords refuses what Amp cannot be told.
func checkWords(model, effort, permissionMode string) error {
	if model != "" {
		return protocol.Errorf(protocol.CodeInvalidRequest, "Amp chooses its models by its mode; leave model out")
	}
	if effort != "" {
		return protocol.Errorf(protocol.CodeInvalidRequest, "Amp has no efforts; leave effort out")
	}
	return agents.CheckGrantMode(permissionMode)
}

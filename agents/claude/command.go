package claude

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// Command turns a command into frames. It returns invalid_request,
// permission_closed or mode_not_supported; then nothing is to be written.
func (t *translator) Command(c agents.Command) (agents.Output, error) {
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
		err = protocol.Errorf(protocol.CodeInvalidRequest, "Claude Code does not take this kind of command")
	}
	if err != nil {
		return agents.Output{}, err
	}
	return o.Output, nil
}

// promptSpace is the namespace of the uuids that prompts get.
var promptSpace = uuid.MustParse("6c1f0a52-7a0c-5d0e-9b43-2f6d1f9c8e11")

// derivedID makes the same uuid for the same names. A prompt that is sent a
// second time, after a crash, then has the uuid it had, and the CLI runs it
// once (section 4, prompt).
func derivedID(names ...string) string {
	return uuid.NewSHA1(promptSpace, []byte(strings.Join(names, "\x00"))).String()
}

// userMessage is a prompt as the CLI takes it.
type userMessage struct {
	Type    string `json:"type"`
	Message struct {
		Role    string `json:"role"`
		Content []any  `json:"content"`
	} `json:"message"`
	Parent *string `json:"parent_tool_use_id"`
	UUID   string  `json:"uuid"`
}

// prompt sends a prompt. One that steers goes the same way: the CLI folds it
// into the running turn after the next tool, or runs it next (section 6).
func (t *translator) prompt(p *agents.Prompt, o *output) error {
	m := userMessage{Type: "user", UUID: p.NativeID}
	m.Message.Role = "user"
	if m.UUID == "" {
		m.UUID = derivedID(t.setup.SessionID, p.PromptID)
	} else if _, err := uuid.Parse(m.UUID); err != nil {
		return protocol.Errorf(protocol.CodeInvalidRequest, "the prompt's native id must be a UUID")
	}
	for _, c := range p.Content {
		block, err := contentBlock(c)
		if err != nil {
			return err
		}
		m.Message.Content = append(m.Message.Content, block)
	}
	if len(m.Message.Content) == 0 {
		return protocol.Errorf(protocol.CodeInvalidRequest, "the prompt is empty; send a text, an image or a file")
	}
	t.prompts = append(t.prompts, sentPrompt{id: p.PromptID, uuid: m.UUID})
	o.send(m)
	return nil
}

type textBlock struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

type sourceBlock struct {
	Type   string      `json:"type"`
	Source blockSource `json:"source"`
	Title  string      `json:"title,omitempty"`
}

type blockSource struct {
	Type      string `json:"type"`
	MediaType string `json:"media_type"`
	// Data is a text, or []byte, which JSON writes in base64.
	Data any `json:"data"`
}

func text(s string) any { return textBlock{Type: "text", Text: s} }

// contentBlock makes the block of one part. A file without content is
// mentioned by its path, which the agent can read.
func contentBlock(c agents.Content) (any, error) {
	data := c.Bytes
	if data == nil {
		data = c.Data
	}
	switch c.Type {
	case protocol.PartText:
		return text(c.Text), nil
	case protocol.PartImage:
		if len(data) > 0 {
			return sourceBlock{Type: "image", Source: blockSource{Type: "base64", MediaType: c.Mime, Data: data}}, nil
		}
		return mention(c)
	case protocol.PartFile:
		return fileBlock(c, data)
	case protocol.PartResourceLink:
		return mention(c)
	case protocol.PartJSON:
		return text(string(c.JSON)), nil
	default:
		return nil, protocol.Errorf(protocol.CodeInvalidRequest, "Claude Code takes text, image, file, resource_link and json parts in a prompt, not %s", c.Type)
	}
}

// fileBlock sends what the API can read as a document.
func fileBlock(c agents.Content, data []byte) (any, error) {
	title := c.Name
	if title == "" && c.Path != "" {
		title = base(c.Path)
	}
	switch {
	case len(data) == 0:
		return mention(c)
	case c.Mime == "application/pdf":
		return sourceBlock{Type: "document", Title: title, Source: blockSource{Type: "base64", MediaType: c.Mime, Data: data}}, nil
	case utf8.Valid(data) && !bytes.ContainsRune(data, 0):
		return sourceBlock{Type: "document", Title: title, Source: blockSource{Type: "text", MediaType: "text/plain", Data: string(data)}}, nil
	case c.Path != "":
		return mention(c)
	default:
		return nil, protocol.Errorf(protocol.CodeInvalidRequest, "Claude Code reads text and PDF files in a prompt; give other files by their path")
	}
}

// mention names something that the agent can fetch by itself.
func mention(c agents.Content) (any, error) {
	switch {
	case c.Path != "":
		return text("@" + c.Path), nil
	case c.URL != "":
		return text(strings.TrimSpace(c.Name + " " + c.URL)), nil
	default:
		return nil, protocol.Errorf(protocol.CodeInvalidRequest, "the %s part of the prompt has neither content nor a path", c.Type)
	}
}

// interrupt stops the turn. A prompt that the CLI has not begun would survive
// and start by itself, so it is cancelled with it; prompts that wait while a
// turn runs stay, they were accepted (section 6, interrupt).
func (t *translator) interrupt(o *output) {
	body := map[string]any{"subtype": "interrupt"}
	if !t.turn.began && len(t.prompts) > 0 {
		body["cancel_queued"] = true
	}
	o.Frames = append(o.Frames, t.request(request{kind: askInterrupt}, body))
}

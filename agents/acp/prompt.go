package acp

import (
	"encoding/json"
	"net/url"
	"path/filepath"
	"slices"
	"unicode/utf8"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/jsonrpc"
	"github.com/towline-dev/towline/protocol"
)

// sentPrompt is a prompt whose answer, which is the turn's end, has not come.
type sentPrompt struct{ id string }

// prompt sends a prompt. The session has one in flight at a time, because a
// second one means something else to every agent (section 5.5); recordings
// hold more, which then end in the order of their answers.
func (t *translator) prompt(p *agents.Prompt, o *output) error {
	if t.session == "" {
		return protocol.Errorf(protocol.CodeAgentNotRunning, "the agent has no open session yet; send the prompt again in a moment")
	}
	blocks := make([]contentBlock, 0, len(p.Content))
	for _, c := range p.Content {
		block, err := t.promptBlock(c)
		if err != nil {
			return err
		}
		blocks = append(blocks, block)
	}
	if len(blocks) == 0 {
		return protocol.Errorf(protocol.CodeInvalidRequest, "the prompt is empty; send a text, an image or a file")
	}
	sent := &sentPrompt{id: p.PromptID}
	t.prompts = append(t.prompts, sent)
	if len(t.prompts) == 1 {
		t.beginTurn(o)
	}
	t.call("session/prompt", map[string]any{"sessionId": t.session, "prompt": blocks}, func(result json.RawMessage, err *jsonrpc.Error, o *output) {
		t.prompted(sent, result, err, o)
	}, o)
	return nil
}

// prompted takes the answer to a prompt. One that overtakes an earlier prompt
// ends no turn: it was answered within the open one.
func (t *translator) prompted(sent *sentPrompt, result json.RawMessage, err *jsonrpc.Error, o *output) {
	at := slices.Index(t.prompts, sent)
	t.prompts = slices.Delete(t.prompts, at, at+1)
	if at > 0 {
		return
	}
	t.endTurn(t.turnEnd(result, err, o), o)
	if len(t.prompts) > 0 {
		t.beginTurn(o)
	}
}

// promptBlock makes the block of one part, as far as the agent takes its kind.
// What it does not take is mentioned by its path or address.
func (t *translator) promptBlock(c agents.Content) (contentBlock, error) {
	data := c.Bytes
	if data == nil {
		data = c.Data
	}
	takes := t.agent.Capabilities.Prompt
	switch c.Type {
	case protocol.PartText:
		return contentBlock{Type: "text", Text: c.Text}, nil
	case protocol.PartJSON:
		return contentBlock{Type: "text", Text: string(c.JSON)}, nil
	case protocol.PartImage:
		if takes.Image && len(data) > 0 {
			return contentBlock{Type: "image", MimeType: c.Mime, Data: data}, nil
		}
		return link(c)
	case protocol.PartFile:
		if takes.Embedded && len(data) > 0 {
			return contentBlock{Type: "resource", Resource: embed(c, data)}, nil
		}
		return link(c)
	case protocol.PartResourceLink:
		return link(c)
	default:
		return contentBlock{}, protocol.Errorf(protocol.CodeInvalidRequest, "this agent takes text, image, file, resource_link and json parts in a prompt, not %s", c.Type)
	}
}

// embed puts a file's content into the prompt.
func embed(c agents.Content, data []byte) *resourceBlock {
	r := &resourceBlock{URI: fileURI(c.Path), MimeType: c.Mime}
	if c.Path == "" {
		r.URI = "attachment:///" + url.PathEscape(c.Name)
	}
	if utf8.Valid(data) {
		r.Text = string(data)
	} else {
		r.Blob = data
	}
	return r
}

// link names something that the agent can read by itself.
func link(c agents.Content) (contentBlock, error) {
	b := contentBlock{Type: "resource_link", URI: c.URL, Name: c.Name, MimeType: c.Mime}
	if c.Path != "" {
		b.URI = fileURI(c.Path)
		if b.Name == "" {
			b.Name = filepath.Base(c.Path)
		}
	}
	if b.Name == "" {
		b.Name = b.URI
	}
	if b.URI == "" {
		return contentBlock{}, protocol.Errorf(protocol.CodeInvalidRequest, "this agent takes no %s content in a prompt; give it by its path", c.Type)
	}
	return b, nil
}

func fileURI(path string) string { return (&url.URL{Scheme: "file", Path: path}).String() }

// interrupt cancels the turn. Every ask that waits must then be answered as
// cancelled (section 3, cancel).
func (t *translator) interrupt(o *output) {
	if len(t.prompts) == 0 {
		return
	}
	t.turn.cancelling = true
	o.Frames = append(o.Frames, t.peer.Notify("session/cancel", t.sessionID()))
	t.cancelAsks("turn_interrupted", o)
}

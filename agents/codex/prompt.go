package codex

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/jsonrpc"
	"github.com/towline-dev/towline/protocol"
)

// maxInput is how much text the CLI takes in a prompt, in characters
// (PROTOCOL.md section 3).
const maxInput = 1 << 20

// compactCommand is the slash command that compacts the thread.
const compactCommand = "compact"

// sentPrompt is a prompt that was written to the server.
type sentPrompt struct {
	id string
	// clientID goes along, and comes back with the echo of the prompt.
	clientID string
	steer    bool
	input    []any
	// echoed tells that its userMessage item came; started that a turn took it.
	echoed, started bool
}

// prompt starts a turn, or adds to the open one.
func (t *translator) prompt(c *agents.Prompt, o *output) error {
	input, err := promptInput(c.Content)
	if err != nil {
		return err
	}
	if t.root == nil {
		return notOpen()
	}
	p := &sentPrompt{id: c.PromptID, clientID: c.NativeID, steer: c.Steer, input: input}
	if p.clientID == "" {
		p.clientID = t.setup.start.SessionID + "/" + c.PromptID
	}
	t.prompts = append(t.prompts, p)
	switch {
	case isCompact(c.Content) && t.root.turn == "":
		o.send(t.call(callCompact, "thread/compact/start", map[string]any{"threadId": t.root.id}, p))
	case c.Steer && t.root.turn != "":
		o.send(t.steer(p))
	default:
		// While a turn is active this acts as steer (PROTOCOL.md section 4).
		o.send(t.startTurn(p))
	}
	return nil
}

func notOpen() *protocol.Error {
	return protocol.Errorf(protocol.CodeAgentNotRunning, "the Codex thread is not open; send the command again to open it")
}

// isCompact tells whether the prompt is the slash command alone.
func isCompact(content []agents.Content) bool {
	return len(content) == 1 && content[0].Type == protocol.PartText && strings.TrimSpace(content[0].Text) == "/"+compactCommand
}

// turnParams are what turn/start takes. Overrides hold for later turns too, so
// they are sent only when they changed.
type turnParams struct {
	ThreadID       string         `json:"threadId"`
	Input          []any          `json:"input"`
	ClientID       string         `json:"clientUserMessageId,omitempty"`
	Model          string         `json:"model,omitempty"`
	Effort         string         `json:"effort,omitempty"`
	ApprovalPolicy string         `json:"approvalPolicy,omitempty"`
	SandboxPolicy  map[string]any `json:"sandboxPolicy,omitempty"`
	Collaboration  map[string]any `json:"collaborationMode,omitempty"`
}

// startTurn makes the request that starts a turn, with the settings that the
// thread does not have yet.
func (t *translator) startTurn(p *sentPrompt) []byte {
	params := turnParams{ThreadID: t.root.id, Input: p.input, ClientID: p.clientID}
	now, had := t.settings.native(), t.sent
	if now.model != had.model {
		params.Model = now.model
	}
	if now.effort != had.effort {
		params.Effort = now.effort
	}
	if now.approval != had.approval || now.sandbox != had.sandbox {
		params.ApprovalPolicy, params.SandboxPolicy = now.approval, t.settings.sandboxPolicy(t.writable)
	}
	if now.plan != had.plan || (now.plan && now != had) {
		params.Collaboration = t.settings.collaboration()
	}
	t.sent = now
	return t.call(callTurn, "turn/start", params, p)
}

// steer makes the request that adds to the open turn.
func (t *translator) steer(p *sentPrompt) []byte {
	return t.call(callSteer, "turn/steer", map[string]any{
		"threadId": t.root.id, "expectedTurnId": t.root.turn, "input": p.input, "clientUserMessageId": p.clientID,
	}, p)
}

// turnAccepted takes the response to turn/start. The turn begins with its
// notification; the id is needed before, to interrupt it.
func (t *translator) turnAccepted(p *sentPrompt, in jsonrpc.Incoming, o *output) error {
	if in.Error != nil {
		t.refused(p, in.Error, o)
		return nil //nolint:nilerr // told by the end of its turn
	}
	var r struct {
		Turn struct {
			ID string `json:"id"`
		} `json:"turn"`
	}
	if json.Unmarshal(in.Result, &r) != nil || r.Turn.ID == "" {
		return errShape
	}
	if !t.turn.began || t.root.turn == "" {
		t.turn.awaited = r.Turn.ID
	}
	if t.turn.stop {
		t.stopTurn(r.Turn.ID, o)
	}
	return nil
}

// steered takes the response to turn/steer. If the turn has just ended, the
// prompt becomes one of its own.
func (t *translator) steered(p *sentPrompt, in jsonrpc.Incoming, o *output) {
	switch {
	case in.Error == nil:
		p.started = true
	case strings.Contains(in.Error.Message, "no active turn"), strings.Contains(in.Error.Message, "expected active turn"):
		o.send(t.startTurn(p))
	default:
		t.refused(p, in.Error, o)
	}
}

// compactAccepted takes the response to a compaction, which then runs as a
// turn.
func (t *translator) compactAccepted(p *sentPrompt, in jsonrpc.Incoming, o *output) {
	if in.Error != nil {
		t.refused(p, in.Error, o)
		return
	}
	p.echoed = true // a compaction echoes no prompt
}

// refused tells of a prompt that the server did not take. Its turn fails; into
// an open turn it just does not come.
func (t *translator) refused(p *sentPrompt, e *jsonrpc.Error, o *output) {
	t.dropPrompt(p)
	code, message := "agent_refused", "Codex refused the prompt: "+cleanLine(e.Message)
	switch {
	case strings.Contains(string(e.Data), "input_too_large"):
		code, message = string(protocol.CodeTooLarge), tooLarge().Message
	case e.Code == codeOverdue:
		code, message = string(protocol.CodeTimeout), "Codex did not answer; prompt again, and if that fails end the session"
	}
	if t.turn.open {
		o.emit(&protocol.ErrorEvent{Code: code, Message: message})
		return
	}
	o.emit(&protocol.TurnStarted{PromptIDs: []string{p.id}, Origin: protocol.SourceClient})
	o.emit(&protocol.TurnEnded{Outcome: protocol.OutcomeFailed, Error: &protocol.Failure{Code: code, Message: message}})
}

func tooLarge() *protocol.Error {
	return protocol.Errorf(protocol.CodeTooLarge, "the prompt's text is longer than the %d characters that Codex takes; put it into a file and name the file", maxInput)
}

type textInput struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

type imageInput struct {
	Type string `json:"type"`
	URL  string `json:"url,omitempty"`
	Path string `json:"path,omitempty"`
}

// promptInput maps the parts of a prompt.
func promptInput(content []agents.Content) ([]any, error) {
	input := make([]any, 0, len(content))
	size := 0
	for _, c := range content {
		in, err := inputOf(c)
		if err != nil {
			return nil, err
		}
		if text, ok := in.(textInput); ok {
			size += utf8.RuneCountInString(text.Text)
		}
		input = append(input, in)
	}
	switch {
	case len(input) == 0:
		return nil, protocol.Errorf(protocol.CodeInvalidRequest, "the prompt is empty; send a text, an image or a file")
	case size > maxInput:
		return nil, tooLarge()
	}
	return input, nil
}

// inputOf maps one part. A file is read by the agent, so it is named by its
// path; only a text without a path goes along.
func inputOf(c agents.Content) (any, error) {
	data := c.Bytes
	if data == nil {
		data = c.Data
	}
	switch c.Type {
	case protocol.PartText:
		return textInput{"text", c.Text}, nil
	case protocol.PartJSON:
		return textInput{"text", string(c.JSON)}, nil
	case protocol.PartImage:
		switch {
		case len(data) > 0:
			return imageInput{Type: "image", URL: "data:" + c.Mime + ";base64," + base64.StdEncoding.EncodeToString(data)}, nil
		case c.Path != "":
			return imageInput{Type: "localImage", Path: c.Path}, nil
		case c.URL != "":
			return imageInput{Type: "image", URL: c.URL}, nil
		}
	case protocol.PartFile, protocol.PartResourceLink:
		switch {
		case c.Path != "":
			return textInput{"text", "@" + c.Path}, nil
		case len(data) > 0 && utf8.Valid(data):
			return textInput{"text", strings.TrimSpace("File "+c.Name) + ":\n" + string(data)}, nil
		case c.URL != "":
			return textInput{"text", strings.TrimSpace(c.Name + " " + c.URL)}, nil
		case len(data) > 0:
			return nil, protocol.Errorf(protocol.CodeInvalidRequest, "Codex takes text and images in a prompt; give other files by their path")
		}
	default:
		return nil, protocol.Errorf(protocol.CodeInvalidRequest, "Codex takes text, image, file, resource_link and json parts in a prompt, not %s", c.Type)
	}
	return nil, protocol.Errorf(protocol.CodeInvalidRequest, "the %s part of the prompt has neither content nor a path", c.Type)
}

// dropPrompt forgets a prompt.
func (t *translator) dropPrompt(p *sentPrompt) {
	for i, q := range t.prompts {
		if q == p {
			t.prompts = append(t.prompts[:i], t.prompts[i+1:]...)
			return
		}
	}
}

// echo finds the prompt that a userMessage item repeats: by our id, or where
// the message has none, the oldest that was not echoed.
func (t *translator) echo(clientID string) bool {
	for _, p := range t.prompts {
		if p.clientID == clientID || (clientID == "" && !p.echoed) {
			p.echoed = true
			if p.started || t.turn.began {
				t.dropPrompt(p)
			}
			return true
		}
	}
	return false
}

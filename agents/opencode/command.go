package opencode

import (
	"encoding/base64"
	"net/http"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// command turns a command into requests. An error is a *protocol.Error; then
// nothing is to be sent.
func (t *translator) command(c agents.Command) (output, error) {
	var o output
	var err error
	switch c := c.(type) {
	case *agents.Prompt:
		if err = checkPrompt(c.Content); err == nil {
			t.prompt(c, &o)
		}
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
	}
	if err != nil {
		return output{}, err
	}
	return o, nil
}

// maxText is how much text a prompt may have, in characters. OpenCode knows no
// limit and would send anything to the model.
const maxText = 1 << 20

// checkPrompt refuses what OpenCode would take, and begin a turn for: a prompt
// without parts (section 4), or with a text that no model takes.
func checkPrompt(content []agents.Content) error {
	size := 0
	for _, p := range content {
		size += utf8.RuneCountInString(p.Text)
		if p.Type == protocol.PartFile && isText(p.Mime) {
			size += utf8.RuneCount(p.Bytes)
		}
	}
	switch {
	case len(content) == 0:
		return protocol.Errorf(protocol.CodeInvalidRequest, "the prompt is empty; send a text, an image or a file")
	case size > maxText:
		return protocol.Errorf(protocol.CodeTooLarge, "the prompt's text is longer than %d characters; put it into a file of the session's folder and name the file", maxText)
	}
	return nil
}

// prompt sends a prompt. One that comes while a failed turn is ending would be
// lost, and waits for its end (section 8.1).
func (t *translator) prompt(c *agents.Prompt, o *output) {
	if t.turn.ending {
		t.held = append(t.held, c)
		return
	}
	if !t.turn.open {
		t.openTurn()
	}
	o.ask(t.promptRequest(c))
}

// interrupt stops the turn. Asks are refused first: an abort would leave them
// open, and a late yes would still run the tool (section 8.2).
func (t *translator) interrupt(o *output) {
	if !t.turn.open {
		return
	}
	t.turn.interrupted = true
	o.Requests = append(t.rejectAsks(), t.abortRequest())
}

// abortRequest stops the session and its subagents.
func (t *translator) abortRequest() request {
	return request{Method: http.MethodPost, Path: sessionPath(t.session, "/abort"), Kind: askPlumbing}
}

// configure changes what the next prompts are sent with; title and rules are
// changed at once.
func (t *translator) configure(c *agents.Configure, o *output) error {
	next := t.settings
	for to, v := range map[*string]*string{
		&next.Model: c.Model, &next.Effort: c.Effort, &next.Mode: c.Mode, &next.PermissionMode: c.PermissionMode,
	} {
		if v != nil {
			*to = *v
		}
	}
	if next.PermissionMode == "" {
		next.PermissionMode = permitDefault
	}
	if err := next.check(); err != nil {
		return err
	}
	if err := t.facts.check(next); err != nil {
		return err
	}
	t.settings = next
	body := map[string]any{}
	if c.Title != nil {
		body["title"] = *c.Title
	}
	if c.Mode != nil || c.PermissionMode != nil {
		body["permission"] = next.rules(t.facts)
	}
	if len(body) > 0 {
		o.ask(request{Method: http.MethodPatch, Path: sessionPath(t.session, ""), Body: body, Kind: askPlumbing})
	}
	return nil
}

// promptRequest is a prompt as the server takes it: a message, or one of the
// commands that a prompt may begin with.
func (t *translator) promptRequest(c *agents.Prompt) request {
	if name, rest, ok := slashCommand(c.Content); ok {
		if r, ok := t.commandRequest(name, rest); ok {
			return r
		}
	}
	parts := []any{}
	for _, p := range c.Content {
		parts = append(parts, t.promptPart(p))
	}
	body := map[string]any{"parts": parts}
	t.addSettings(body)
	if t.settings.System != "" {
		body["system"] = t.settings.System
	}
	return request{Method: http.MethodPost, Path: sessionPath(t.session, "/prompt_async"), Body: body, Kind: askPrompt}
}

// addSettings adds what has to go with each prompt.
func (t *translator) addSettings(body map[string]any) {
	if t.settings.Mode != "" {
		body["agent"] = t.settings.Mode
	}
	if provider, id, ok := strings.Cut(t.settings.Model, "/"); ok {
		body["model"] = map[string]string{"providerID": provider, "modelID": id}
	}
	if t.settings.Effort != "" {
		body["variant"] = t.settings.Effort
	}
}

// slashCommand reads a prompt that is one text which begins with a slash.
func slashCommand(content []agents.Content) (name, rest string, ok bool) {
	if len(content) != 1 || content[0].Type != protocol.PartText {
		return "", "", false
	}
	text, ok := strings.CutPrefix(strings.TrimSpace(content[0].Text), "/")
	if !ok {
		return "", "", false
	}
	name, rest, _ = strings.Cut(text, " ")
	return name, strings.TrimSpace(rest), name != ""
}

// ownCommands are those that OpenCode has no template for, because its own
// interface does them by requests of their own.
func ownCommands() []protocol.SlashCommand {
	return []protocol.SlashCommand{
		{Name: "compact", Description: "Sum the conversation up, to make room in the model's context"},
		{Name: "undo", Description: "Take the last prompt back, with the files that it changed"},
		{Name: "redo", Description: "Bring back what undo took"},
	}
}

// commandRequest is the request of a command; ok is false if there is none of
// that name, and the text is an ordinary prompt.
func (t *translator) commandRequest(name, arguments string) (request, bool) {
	switch name {
	case "compact", "summarize":
		provider, id, _ := strings.Cut(t.currentModel(), "/")
		return request{
			Method: http.MethodPost, Path: sessionPath(t.session, "/summarize"),
			Body: map[string]string{"providerID": provider, "modelID": id}, Kind: askTurn, Long: true,
		}, true
	case "undo":
		return request{
			Method: http.MethodPost, Path: sessionPath(t.session, "/revert"),
			Body: map[string]string{"messageID": t.lastUser}, Kind: askRevert, Long: true,
		}, t.lastUser != ""
	case "redo":
		return request{Method: http.MethodPost, Path: sessionPath(t.session, "/unrevert"), Kind: askUnrevert, Long: true}, true
	}
	for _, c := range t.facts.Commands {
		if c.Name == name {
			body := map[string]any{"command": name, "arguments": arguments}
			if t.settings.Mode != "" {
				body["agent"] = t.settings.Mode
			}
			if t.settings.Model != "" {
				body["model"] = t.settings.Model
			}
			if t.settings.Effort != "" {
				body["variant"] = t.settings.Effort
			}
			return request{Method: http.MethodPost, Path: sessionPath(t.session, "/command"), Body: body, Kind: askTurn, Long: true}, true
		}
	}
	return request{}, false
}

// currentModel is the model that the next prompt would use.
func (t *translator) currentModel() string {
	if t.settings.Model != "" {
		return t.settings.Model
	}
	if t.told.model != "" {
		return t.told.model
	}
	for _, m := range t.facts.Models {
		if m.Default {
			return m.ID
		}
	}
	return ""
}

// promptPart puts a part of a prompt into the server's words. Bytes travel in
// the request; a file of the machine is named, and read there.
func (t *translator) promptPart(p agents.Content) map[string]any {
	switch {
	case p.Type == protocol.PartText, p.Type == protocol.PartReasoning:
		return map[string]any{"type": "text", "text": p.Text}
	case len(p.Bytes) > 0 && p.Type == protocol.PartFile && isText(p.Mime):
		return map[string]any{"type": "text", "text": "File " + fileName(p.Part) + ":\n" + string(p.Bytes)}
	case len(p.Bytes) > 0:
		return map[string]any{
			"type": "file", "mime": p.Mime, "filename": fileName(p.Part),
			"url": "data:" + p.Mime + ";base64," + base64.StdEncoding.EncodeToString(p.Bytes),
		}
	case p.Type == protocol.PartFile && p.Path != "":
		mime := p.Mime
		if mime == "" {
			mime = "text/plain"
		}
		path := p.Path
		if !filepath.IsAbs(path) {
			path = filepath.Join(t.directory, path)
		}
		return map[string]any{"type": "file", "mime": mime, "filename": filepath.Base(path), "url": fileURL(path)}
	case p.Type == protocol.PartResourceLink, p.URL != "":
		return map[string]any{"type": "text", "text": strings.TrimSpace(p.Name + " " + p.URL)}
	default:
		return map[string]any{"type": "text", "text": string(p.JSON) + p.Text}
	}
}

// answered takes the answer to a request that nobody waited for, or whose
// answer ends a turn without events.
func (t *translator) answered(r request, a answer) output {
	var o output
	switch r.Kind {
	case askRevert, askUnrevert:
		t.historyChanged(r.Kind, a, &o)
	case askPrompt, askTurn:
		if !a.ok() {
			t.refused(a, &o)
		}
	case askStatus:
		t.looked(a, &o)
	case askDecide, askPlumbing:
	}
	return o
}

// promptRefused takes back the turn of a prompt that never began.
func (t *translator) promptRefused() {
	if t.turn.open && !t.turn.accepted {
		t.turn = turn{}
	}
}

// refused ends the turn of a prompt that the server did not take. Where an
// event told the reason first, the turn has ended already.
func (t *translator) refused(a answer, o *output) {
	if !t.turn.open || t.turn.accepted {
		return
	}
	e := refusal(a)
	t.turn.failure = &protocol.Failure{Code: string(e.Code), Message: e.Message}
	t.endTurn(o)
}

// historyChanged ends the turn of an undo or redo, which makes no events of a
// turn.
func (t *translator) historyChanged(kind requestKind, a answer, o *output) {
	switch {
	case !t.turn.open:
		return
	case !a.ok():
		e := refusal(a)
		t.turn.failure = &protocol.Failure{Code: string(e.Code), Message: e.Message}
	default:
		o.emit(historyNotice(kind))
	}
	t.endTurn(o)
}

// historyNotice tells of an undo or redo.
func historyNotice(kind requestKind) *protocol.Notice {
	if kind == askRevert {
		return &protocol.Notice{Level: "info", Code: "reverted", Message: "the last prompt was taken back, with the files that it changed"}
	}
	return &protocol.Notice{Level: "info", Code: "unreverted", Message: "what was taken back is there again"}
}

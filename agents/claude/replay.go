package claude

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// replay feeds a recording to a translator. A line is
// {"dir":"in"|"out","t_ms":N,"frame":{...}}; one recording may hold several
// processes, each of which begins with an initialize request.
type replay struct {
	t       *translator
	prompts int
	// recordedID is the id of the request that the recorded client sent.
	recordedID string
	// pending are events that a recorded line caused before the next output.
	pending []protocol.Data
}

func newReplay() *replay { return &replay{} }

// begin starts over with a fresh translator, as for another process. The
// recording does not tell how the one before ended.
func (r *replay) begin() {
	if r.t != nil {
		r.pending = append(r.pending, &protocol.AgentExited{Message: "the recording goes on with another process of the agent"})
	}
	r.t = newTranslator(setup{SessionID: "replay"})
	r.t.requestID = func() string { return r.recordedID }
	r.pending = append(r.pending, &protocol.AgentStarted{})
}

// recordedFrame is what of a recorded frame tells the command behind it.
type recordedFrame struct {
	Type      string `json:"type"`
	UUID      string `json:"uuid"`
	RequestID string `json:"request_id"`
	Message   struct {
		Content json.RawMessage `json:"content"`
	} `json:"message"`
	Request struct {
		Subtype  string  `json:"subtype"`
		Model    *string `json:"model"`
		Mode     *string `json:"mode"`
		Title    *string `json:"title"`
		Thinking *int    `json:"max_thinking_tokens"`
	} `json:"request"`
	Response struct {
		RequestID string       `json:"request_id"`
		Response  recordedVote `json:"response"`
	} `json:"response"`
}

// recordedVote is the answer that was given to an ask.
type recordedVote struct {
	Behavior    string            `json:"behavior"`
	Message     string            `json:"message"`
	Interrupt   bool              `json:"interrupt"`
	Input       json.RawMessage   `json:"updatedInput"`
	Permissions []json.RawMessage `json:"updatedPermissions"`
}

// In returns the commands that the server would have sent for a line that went
// to the agent. The translator has then seen them.
func (r *replay) In(line json.RawMessage) []agents.Command {
	var l struct {
		Frame recordedFrame `json:"frame"`
	}
	if json.Unmarshal(line, &l) != nil {
		return nil
	}
	f := l.Frame
	if f.Type == "control_request" && f.Request.Subtype == "initialize" {
		r.begin()
		r.recordedID = f.RequestID
		r.t.Open()
		return nil
	}
	if r.t == nil {
		r.begin()
	}
	r.recordedID = f.RequestID
	c := r.command(f)
	if c == nil {
		return nil
	}
	if _, err := r.t.Command(c); err != nil {
		return nil // as the server would: a late answer goes nowhere
	}
	return []agents.Command{c}
}

// Out returns what a line from the agent meant.
func (r *replay) Out(line json.RawMessage) []agents.Report {
	var l struct {
		Frame json.RawMessage `json:"frame"`
	}
	if json.Unmarshal(line, &l) != nil {
		l.Frame = line
	}
	if r.t == nil {
		r.begin()
	}
	var reports []agents.Report
	if len(r.pending) > 0 {
		reports = append(reports, agents.Report{Events: r.pending})
		r.pending = nil
	}
	report := r.t.Native(l.Frame).Report
	report.Raw = l.Frame
	return append(reports, report)
}

// command maps one recorded frame; nil for plumbing.
func (r *replay) command(f recordedFrame) agents.Command {
	switch f.Type {
	case "user":
		r.prompts++
		return &agents.Prompt{
			PromptID: "m" + strconv.Itoa(r.prompts), NativeID: f.UUID, Content: recordedContent(f.Message.Content),
			Steer: r.t.turn.open || len(r.t.prompts) > 0,
		}
	case "control_request":
		return f.configure()
	case "control_response":
		a := r.t.asks[f.Response.RequestID]
		if a == nil {
			return nil
		}
		return f.Response.Response.command(a)
	default:
		return nil
	}
}

// configure maps the requests that change the session or stop the turn.
func (f recordedFrame) configure() agents.Command {
	switch f.Request.Subtype {
	case "interrupt":
		return &agents.Interrupt{}
	case "set_model":
		return &agents.Configure{Model: f.Request.Model}
	case "set_permission_mode":
		return &agents.Configure{PermissionMode: f.Request.Mode}
	case "rename_session":
		return &agents.Configure{Title: f.Request.Title}
	case "set_max_thinking_tokens":
		for _, effort := range efforts {
			if f.Request.Thinking != nil && *f.Request.Thinking == thinkingTokens[effort] {
				return &agents.Configure{Effort: &effort}
			}
		}
	}
	return nil
}

// recordedContent maps the blocks of a recorded prompt back to parts.
func recordedContent(raw json.RawMessage) []agents.Content {
	var plain string
	if json.Unmarshal(raw, &plain) == nil {
		return []agents.Content{{Part: protocol.TextPart(plain)}}
	}
	var blocks []struct {
		Type   string `json:"type"`
		Text   string `json:"text"`
		Title  string `json:"title"`
		Source struct {
			Type      string          `json:"type"`
			MediaType string          `json:"media_type"`
			Data      json.RawMessage `json:"data"`
		} `json:"source"`
	}
	if json.Unmarshal(raw, &blocks) != nil {
		return nil
	}
	content := make([]agents.Content, 0, len(blocks))
	for _, b := range blocks {
		c := agents.Content{Part: protocol.TextPart(b.Text)}
		if b.Type != "text" {
			c.Part = protocol.Part{Type: protocol.PartFile, Mime: b.Source.MediaType, Name: b.Title}
			if b.Type == "image" {
				c.Part.Type = protocol.PartImage
			}
			c.Bytes = sourceBytes(b.Source.Type, b.Source.Data)
		}
		content = append(content, c)
	}
	return content
}

// sourceBytes reads the data of a block's source.
func sourceBytes(kind string, raw json.RawMessage) []byte {
	if kind == "base64" {
		var data []byte
		_ = json.Unmarshal(raw, &data) // what is not base64 has no bytes
		return data
	}
	var s string
	_ = json.Unmarshal(raw, &s) // what is no text has no bytes
	return []byte(s)
}

// command maps the answer to the command that would have given it.
func (v recordedVote) command(a *ask) agents.Command {
	if a.question {
		if v.Behavior != "allow" {
			return &agents.RejectQuestion{QuestionID: a.requestID, Message: v.Message}
		}
		return &agents.Answer{QuestionID: a.requestID, Answers: v.answers(a)}
	}
	d := &agents.Decide{PermissionID: a.requestID, Message: v.Message, Option: v.option(a)}
	if v.Behavior == "allow" && v.Input != nil && !sameJSON(v.Input, a.input) {
		d.Input = v.Input
	}
	return d
}

// option is the offered option that says what the answer said. An answer that
// bundled several grants has none; it counts as the widest of them.
func (v recordedVote) option(a *ask) protocol.PermissionOption {
	for _, o := range slices.Backward(a.options) {
		grant := a.grants[o.ID]
		switch {
		case string(o.Decision) != v.Behavior:
		case v.Behavior == "deny" && (o.ID == optionDenyStop) == v.Interrupt:
			return o
		case v.Behavior == "allow" && len(v.Permissions) == 0 && (grant == nil || a.plan):
			if grant == nil || o.Scope == protocol.ScopeOnce {
				return o
			}
		case v.Behavior == "allow" && slices.ContainsFunc(v.Permissions, func(p json.RawMessage) bool { return sameJSON(p, grant) }):
			return o
		}
	}
	return protocol.PermissionOption{ID: optionAllow, Decision: protocol.Decision(v.Behavior), Scope: protocol.ScopeOnce}
}

// sameJSON compares two values by what they say.
func sameJSON(a, b json.RawMessage) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	return string(encode(x)) == string(encode(y))
}

// answers splits the recorded answers into labels.
func (v recordedVote) answers(a *ask) [][]string {
	var in struct {
		Answers map[string]string `json:"answers"`
	}
	_ = json.Unmarshal(v.Input, &in) // without answers all are empty
	var all [][]string
	for _, q := range readQuestions(a.input) {
		given := in.Answers[q.Question]
		if q.MultiSelect {
			all = append(all, strings.Split(given, ", "))
			continue
		}
		all = append(all, []string{given})
	}
	return all
}

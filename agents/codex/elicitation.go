package codex

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// elicitation is what an MCP server asks the user, or what Codex asks about a
// tool of the server: the approval of a tool call comes this way too, with its
// facts in _meta (PROTOCOL.md section 6).
type elicitation struct {
	Server  string     `json:"serverName"`
	Mode    string     `json:"mode"`
	Message string     `json:"message"`
	URL     string     `json:"url"`
	Schema  formSchema `json:"requestedSchema"`
	Meta    *struct {
		Kind        string          `json:"codex_approval_kind"`
		Tool        string          `json:"tool_name"`
		Description string          `json:"tool_description"`
		Params      json.RawMessage `json:"tool_params"`
		Persist     json.RawMessage `json:"persist"`
	} `json:"_meta"`
}

type formSchema struct {
	Properties map[string]formProperty `json:"properties"`
	Required   []string                `json:"required"`
}

// formProperty is one field of a form.
type formProperty struct {
	Type        string   `json:"type"`
	Title       string   `json:"title"`
	Description string   `json:"description"`
	Enum        []string `json:"enum"`
	OneOf       []struct {
		Const string `json:"const"`
		Title string `json:"title"`
	} `json:"oneOf"`
	Items *formProperty `json:"items"`
}

// formField is a property with its name.
type formField struct {
	name     string
	required bool
	formProperty
}

// formResult answers an elicitation.
type formResult struct {
	Action  string `json:"action"`
	Content any    `json:"content"`
	Meta    any    `json:"_meta"`
}

// elicit reports what an MCP server asks: a form as a question, everything
// that only wants a yes or no as a permission.
func (t *translator) elicit(a *ask, params json.RawMessage, o *output) error {
	var e elicitation
	if json.Unmarshal(params, &e) != nil {
		return errShape
	}
	if e.Meta != nil && e.Meta.Kind != "" || len(e.Schema.Properties) == 0 {
		t.askTool(a, e, o)
		return nil
	}
	a.form = true
	q := protocol.Question{}
	for _, name := range slices.Sorted(maps.Keys(e.Schema.Properties)) {
		f := formField{name, slices.Contains(e.Schema.Required, name), e.Schema.Properties[name]}
		a.fields = append(a.fields, f)
		q.Questions = append(q.Questions, f.question(e.Message))
	}
	if a.item = t.runningTool(a.thread, e.Server, ""); a.item == nil {
		q.ItemID = ""
	}
	t.askQuestion(a, q, o)
	return nil
}

// askTool reports that an MCP tool wants to run, or that its server wants the
// user to agree to something.
func (t *translator) askTool(a *ask, e elicitation, o *output) {
	tool := &protocol.Tool{Name: "elicitation", Server: e.Server, Kind: protocol.ToolMCP, Title: cleanLine(e.Server), Input: json.RawMessage("{}")}
	description := e.URL
	a.offer(optionAllow, protocol.Allow, protocol.ScopeOnce, "Allow once", formResult{Action: "accept"})
	if e.Meta != nil {
		if e.Meta.Tool != "" {
			tool.Name, tool.Title = e.Meta.Tool, cleanLine(e.Server+": "+e.Meta.Tool)
		}
		tool.Input, description = orObject(e.Meta.Params), e.Meta.Description
		for _, scope := range persistScopes(e.Meta.Persist) {
			id, s, label := optionSession, protocol.ScopeSession, "Allow this tool for the session"
			if scope == "always" {
				id, s, label = optionAlways, protocol.ScopeAlways, "Always allow this tool"
			}
			a.offer(id, protocol.Allow, s, label, formResult{Action: "accept", Meta: map[string]string{"persist": scope}})
		}
	}
	a.offer(optionDeny, protocol.Deny, protocol.ScopeOnce, "Deny", formResult{Action: "decline"})
	a.offer(optionStop, protocol.Deny, protocol.ScopeOnce, "Deny and stop the turn", formResult{Action: "cancel"})
	a.item = t.runningTool(a.thread, e.Server, tool.Name)
	t.askPermission(a, protocol.Permission{Kind: protocol.PermitMCP, Title: cleanLine(e.Message), Description: description, Tool: tool}, o)
}

// persistScopes reads how long an approval may hold: one word or several.
func persistScopes(raw json.RawMessage) []string {
	var word string
	if json.Unmarshal(raw, &word) == nil && word != "" {
		return []string{word}
	}
	var words []string
	_ = json.Unmarshal(raw, &words) // otherwise none
	return slices.DeleteFunc(words, func(w string) bool { return w != "session" && w != "always" })
}

// runningTool finds the open call of a server's tool; the request names none.
func (t *translator) runningTool(th *thread, server, tool string) *item {
	running := t.openItems(func(it *item) bool {
		return it.Tool != nil && it.Tool.Server == server && (tool == "" || it.Tool.Name == tool) && (th == nil || it.key.thread == th.id)
	})
	if len(running) == 0 {
		return nil
	}
	return running[0]
}

// question asks for one field.
func (f formField) question(message string) protocol.QuestionItem {
	q := protocol.QuestionItem{Header: f.Title, Text: message, Options: []protocol.QuestionOption{}}
	if q.Header == "" {
		q.Header = f.name
	}
	if f.Description != "" {
		q.Text += " " + f.Description
	}
	p := f.formProperty
	if f.Type == "array" && f.Items != nil {
		q.MultiSelect, p = true, *f.Items
	}
	for _, value := range p.Enum {
		q.Options = append(q.Options, protocol.QuestionOption{Label: value})
	}
	for _, value := range p.OneOf {
		q.Options = append(q.Options, protocol.QuestionOption{Label: value.Const, Description: value.Title})
	}
	if f.Type == "boolean" {
		q.Options = []protocol.QuestionOption{{Label: "true"}, {Label: "false"}}
	}
	q.FreeText = len(q.Options) == 0
	return q
}

// answerForm answers a form: each field in its type, empty ones left out.
func (t *translator) answerForm(a *ask, c *agents.Answer, o *output) error {
	content := map[string]any{}
	for i, f := range a.fields {
		given := slices.DeleteFunc(slices.Clone(c.Answers[i]), func(s string) bool { return s == "" })
		if len(given) == 0 {
			if f.required {
				return protocol.Errorf(protocol.CodeInvalidRequest, "the field %s needs an answer; give one, or reject the question", f.name)
			}
			continue
		}
		value, err := f.value(given)
		if err != nil {
			return err
		}
		content[f.name] = value
	}
	delete(t.asks, c.QuestionID)
	o.send(t.peer.Answer(a.id, formResult{Action: "accept", Content: content}))
	return nil
}

// value writes an answer in the field's type. The error is invalid_request.
func (f formField) value(given []string) (any, error) {
	if f.Type == "array" {
		return given, f.choose(given)
	}
	if len(given) > 1 {
		return nil, protocol.Errorf(protocol.CodeInvalidRequest, "the field %s takes one answer", f.name)
	}
	if err := f.choose(given); err != nil {
		return nil, err
	}
	var value any = given[0]
	var err error
	switch f.Type {
	case "integer":
		value, err = strconv.ParseInt(given[0], 10, 64)
	case "number":
		value = json.RawMessage(given[0])
		if _, err = strconv.ParseFloat(given[0], 64); !json.Valid([]byte(given[0])) {
			err = strconv.ErrSyntax // of NaN, too, which JSON cannot say
		}
	case "boolean":
		value = given[0] == "true"
	}
	if err != nil {
		return nil, protocol.Errorf(protocol.CodeInvalidRequest, "the field %s takes a value of type %s", f.name, f.Type)
	}
	return value, nil
}

// choose refuses what is none of the field's choices, if it has any.
func (f formField) choose(given []string) error {
	q := f.question("")
	for _, label := range given {
		if !q.FreeText && !slices.ContainsFunc(q.Options, func(o protocol.QuestionOption) bool { return o.Label == label }) {
			return protocol.Errorf(protocol.CodeInvalidRequest, "%q is none of the choices of the field %s; answer with a label", cleanLine(label), f.name)
		}
	}
	return nil
}

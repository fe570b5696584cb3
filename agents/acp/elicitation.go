package acp

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/jsonrpc"
	"github.com/towline-dev/towline/protocol"
)

// form is an elicitation in form mode: each field is a question.
type form struct{ fields []field }

// field is one field of a form.
type field struct {
	name   string
	schema fieldSchema
	// custom is the field that takes an own answer in place of a choice.
	custom   string
	required bool
}

// fieldSchema is the part of JSON Schema that forms use.
type fieldSchema struct {
	Type        string       `json:"type"`
	Title       string       `json:"title"`
	Description string       `json:"description"`
	Enum        []string     `json:"enum"`
	OneOf       []formChoice `json:"oneOf"`
	Items       struct {
		Enum  []string     `json:"enum"`
		AnyOf []formChoice `json:"anyOf"`
	} `json:"items"`
}

type formChoice struct {
	Value       string `json:"const"`
	Title       string `json:"title"`
	Description string `json:"description"`
}

// choices are the values that the field takes; none for a free one.
func (s fieldSchema) choices() []formChoice {
	if s.Type == "boolean" {
		return []formChoice{{Value: "true", Title: "Yes"}, {Value: "false", Title: "No"}}
	}
	all := slices.Concat(s.OneOf, s.Items.AnyOf)
	for _, v := range slices.Concat(s.Enum, s.Items.Enum) {
		all = append(all, formChoice{Value: v, Title: v})
	}
	return all
}

// elicit reports a form as a question. What cannot be shown is declined, so
// that the agent does not wait; only forms were offered.
func (t *translator) elicit(in jsonrpc.Incoming, o *output) error {
	var f struct {
		SessionID  string `json:"sessionId"`
		Message    string `json:"message"`
		Mode       string `json:"mode"`
		ToolCallID string `json:"toolCallId"`
		Schema     struct {
			Properties json.RawMessage `json:"properties"`
			Required   []string        `json:"required"`
		} `json:"requestedSchema"`
	}
	if json.Unmarshal(in.Params, &f) != nil || len(t.asks) >= maxAsks {
		o.answer(t, in.ID, map[string]string{"action": "cancel"})
		return errShape
	}
	if f.SessionID != "" && t.foreign(f.SessionID) { // a form may belong to a request instead
		return t.refuseForeign(in.ID, o)
	}
	if !t.ready || t.turn.cancelling {
		o.answer(t, in.ID, map[string]string{"action": "cancel"})
		return nil
	}
	fields, err := readFields(f.Schema.Properties, f.Schema.Required, t.quirks.CustomAnswer)
	if f.Mode != "form" || err != nil {
		o.answer(t, in.ID, map[string]string{"action": "decline"})
		return errNotOffered
	}
	q := protocol.Question{QuestionID: string(in.ID)}
	if t.tools[f.ToolCallID] != nil {
		t.start(t.tools[f.ToolCallID], o)
		q.ItemID = f.ToolCallID
	}
	t.asks[in.ID] = &ask{id: in.ID, form: &form{fields: fields}}
	q.Questions = questions(f.Message, fields)
	o.emit(&protocol.QuestionRequested{Question: q})
	return nil
}

// readFields reads the properties in their order, which JSON objects have on
// the wire and Go maps have not.
func readFields(properties json.RawMessage, required []string, customSuffix string) ([]field, error) {
	if absent(properties) {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(properties))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	var fields []field
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, _ := key.(string)
		f := field{name: name, required: slices.Contains(required, name)}
		if err := d.Decode(&f.schema); err != nil {
			return nil, err
		}
		if n := len(fields); n > 0 && customSuffix != "" && name == fields[n-1].name+customSuffix {
			fields[n-1].custom = name
			continue
		}
		fields = append(fields, f)
	}
	return fields, nil
}

// questions shows the fields. A form without fields asks for a yes.
func questions(message string, fields []field) []protocol.QuestionItem {
	if len(fields) == 0 {
		return []protocol.QuestionItem{{Text: message, Options: []protocol.QuestionOption{{Label: "OK"}}}}
	}
	items := make([]protocol.QuestionItem, 0, len(fields))
	for i, f := range fields {
		q := protocol.QuestionItem{
			Header: f.schema.Title, Text: f.schema.Description, MultiSelect: f.schema.Type == "array",
			Options: []protocol.QuestionOption{},
		}
		for _, c := range f.schema.choices() {
			q.Options = append(q.Options, option(c))
		}
		q.FreeText = len(q.Options) == 0 || f.custom != ""
		if i == 0 {
			q.Text = strings.TrimSpace(message + "\n" + q.Text)
		}
		q.Text = cmp.Or(q.Text, f.schema.Title, f.name)
		items = append(items, q)
	}
	return items
}

// option shows a choice. Its title may be its value with a description behind
// it, for clients that show nothing else.
func option(c formChoice) protocol.QuestionOption {
	label, description := cmp.Or(c.Title, c.Value), c.Description
	if rest, ok := strings.CutPrefix(label, c.Value+" — "); ok {
		label, description = c.Value, cmp.Or(description, rest)
	}
	return protocol.QuestionOption{Label: label, Description: description}
}

// answerQuestion accepts a form with the answers in it.
func (t *translator) answerQuestion(c *agents.Answer, o *output) error {
	a := t.asks[jsonrpc.ID(c.QuestionID)]
	if a == nil || a.form == nil {
		return questionClosed()
	}
	if n := max(len(a.form.fields), 1); len(c.Answers) != n {
		return protocol.Errorf(protocol.CodeInvalidRequest, "this question has %d parts, so it takes %d lists of answers, not %d", n, n, len(c.Answers))
	}
	content := map[string]any{}
	for i, f := range a.form.fields {
		name, value, err := f.value(c.Answers[i])
		if err != nil {
			return err
		}
		if value != nil {
			content[name] = value
		}
	}
	o.answer(t, a.id, map[string]any{"action": "accept", "content": content})
	delete(t.asks, a.id)
	return nil
}

// value is what goes into the field, or into the one for an own answer; nil for
// nothing. The error is invalid_request.
func (f field) value(answers []string) (name string, value any, err error) {
	choices := f.schema.choices()
	values := make([]string, 0, len(answers))
	for _, answer := range answers {
		i := slices.IndexFunc(choices, func(c formChoice) bool { return option(c).Label == answer || c.Value == answer })
		switch {
		case i >= 0:
			values = append(values, choices[i].Value)
		case answer == "":
		case len(choices) == 0:
			values = append(values, answer)
		case f.custom != "" && (f.schema.Type == "array" || len(answers) == 1):
			return f.custom, strings.Join(answers, ", "), nil
		case f.custom != "":
			return "", nil, f.misfit("takes one answer")
		default:
			return "", nil, protocol.Errorf(protocol.CodeInvalidRequest, "%q is none of the choices of the question; answer with a label", agents.OneLine(answer))
		}
	}
	value, err = f.typed(values)
	return f.name, value, err
}

// typed makes one value of the field's type of the answers; nil for none.
func (f field) typed(answers []string) (any, error) {
	switch {
	case strings.Join(answers, "") == "" && f.required:
		return nil, f.misfit("wants an answer")
	case strings.Join(answers, "") == "":
		return nil, nil //nolint:nilnil // nothing is to be sent
	case f.schema.Type == "array":
		return answers, nil
	case len(answers) > 1:
		return nil, f.misfit("takes one answer")
	}
	text := answers[0]
	switch f.schema.Type {
	case "boolean":
		return text == "true", nil
	case "integer":
		if _, err := strconv.ParseInt(text, 10, 64); err != nil || !json.Valid([]byte(text)) {
			return nil, f.misfit("wants a whole number")
		}
		return json.RawMessage(text), nil
	case "number":
		if _, err := strconv.ParseFloat(text, 64); err != nil || !json.Valid([]byte(text)) {
			return nil, f.misfit("wants a number")
		}
		return json.RawMessage(text), nil
	default:
		return text, nil
	}
}

// misfit refuses an answer.
func (f field) misfit(why string) error {
	return protocol.Errorf(protocol.CodeInvalidRequest, "the question %q %s", agents.OneLine(cmp.Or(f.schema.Title, f.name)), why)
}

// rejectQuestion declines to answer.
func (t *translator) rejectQuestion(c *agents.RejectQuestion, o *output) error {
	a := t.asks[jsonrpc.ID(c.QuestionID)]
	if a == nil || a.form == nil {
		return questionClosed()
	}
	o.answer(t, a.id, map[string]string{"action": "decline"})
	delete(t.asks, a.id)
	return nil
}

func questionClosed() error {
	return protocol.Errorf(protocol.CodePermissionClosed, "this question is not open any more; the agent has withdrawn it or has its answer")
}

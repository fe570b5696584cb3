package pi

import (
	"slices"
	"strings"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// The answers to a dialog that wants yes or no.
const (
	answerYes = "Yes"
	answerNo  = "No"
)

// question reports a dialog of one of the user's extensions.
func (t *translator) question(d dialogRequest, o *output) error {
	q := protocol.QuestionItem{Text: d.Title, Options: []protocol.QuestionOption{}}
	switch d.Method {
	case "select":
		for _, label := range d.Options {
			q.Options = append(q.Options, protocol.QuestionOption{Label: label})
		}
	case "confirm":
		q.Text = strings.TrimSpace(d.Title + "\n" + d.Message)
		q.Options = []protocol.QuestionOption{{Label: answerYes}, {Label: answerNo}}
	default:
		q.Text = strings.TrimSpace(d.Title + "\n" + d.Placeholder + d.Prefill)
		q.FreeText = true
	}
	if err := t.wait(&ask{id: d.ID, method: d.Method, timeout: d.open()}); err != nil {
		return err
	}
	o.emit(&protocol.QuestionRequested{Question: protocol.Question{QuestionID: d.ID, Questions: []protocol.QuestionItem{q}}})
	return nil
}

// answer answers a question.
func (t *translator) answer(c *agents.Answer, o *output) error {
	a := t.asks[c.QuestionID]
	if a == nil || a.tool != nil {
		return closed("question")
	}
	if len(c.Answers) != 1 || len(c.Answers[0]) != 1 {
		return protocol.Errorf(protocol.CodeInvalidRequest, "this question takes one answer")
	}
	text := c.Answers[0][0]
	r := dialogAnswer{Type: "extension_ui_response", ID: a.id}
	if a.method == "confirm" {
		if !slices.Contains([]string{answerYes, answerNo}, text) {
			return protocol.Errorf(protocol.CodeInvalidRequest, "this question takes %s or %s", answerYes, answerNo)
		}
		yes := text == answerYes
		r.Confirmed = &yes
	} else {
		r.Value = &text
	}
	delete(t.asks, c.QuestionID)
	o.send(r)
	return nil
}

// rejectQuestion closes a dialog without an answer.
func (t *translator) rejectQuestion(c *agents.RejectQuestion, o *output) error {
	a := t.asks[c.QuestionID]
	if a == nil || a.tool != nil {
		return closed("question")
	}
	delete(t.asks, c.QuestionID)
	o.send(cancelled(a.id))
	return nil
}

package claude

import (
	"encoding/json"
	"strings"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// nativeQuestion is one question of AskUserQuestion.
type nativeQuestion struct {
	Question    string                    `json:"question"`
	Header      string                    `json:"header"`
	MultiSelect bool                      `json:"multiSelect"`
	Options     []protocol.QuestionOption `json:"options"`
}

// readQuestions reads the questions of an input.
func readQuestions(input json.RawMessage) []nativeQuestion {
	var in struct {
		Questions []nativeQuestion `json:"questions"`
	}
	if json.Unmarshal(input, &in) != nil {
		return nil
	}
	return in.Questions
}

// askQuestion reports AskUserQuestion, which is a can_use_tool request in
// every permission mode (section 7). Without readable questions it is shown
// as a permission, so that the turn cannot hang on it.
func (t *translator) askQuestion(id string, a toolAsk, o *output) {
	questions := readQuestions(a.Input)
	if len(questions) == 0 {
		t.askPermission(id, a, o)
		return
	}
	t.asks[id] = &ask{requestID: id, toolUseID: a.ToolUseID, input: a.Input, question: true}
	q := protocol.Question{QuestionID: id, ItemID: t.itemOf(a.ToolUseID)}
	for _, n := range questions {
		if n.Options == nil {
			n.Options = []protocol.QuestionOption{}
		}
		q.Questions = append(q.Questions, protocol.QuestionItem{
			Header: n.Header, Text: n.Question, Options: n.Options, MultiSelect: n.MultiSelect, FreeText: true,
		})
	}
	o.emit(&protocol.QuestionRequested{Question: q})
}

// answer answers a question: the input goes back with the answers in it, keyed
// by the question's text, several joined by a comma (section 7).
func (t *translator) answer(c *agents.Answer, o *output) error {
	a := t.asks[c.QuestionID]
	if a == nil || !a.question {
		return questionClosed()
	}
	questions := readQuestions(a.input)
	if len(c.Answers) != len(questions) {
		return protocol.Errorf(protocol.CodeInvalidRequest, "this question has %d parts, so it takes %d lists of answers, not %d", len(questions), len(questions), len(c.Answers))
	}
	answers := map[string]string{}
	for i, q := range questions {
		answers[q.Question] = strings.Join(c.Answers[i], ", ")
	}
	var input map[string]json.RawMessage
	if json.Unmarshal(a.input, &input) != nil {
		return questionClosed()
	}
	input["answers"] = encode(answers)
	o.send(reply(a.requestID, allowed{Behavior: "allow", Input: encode(input)}))
	delete(t.asks, c.QuestionID)
	return nil
}

// rejectQuestion declines to answer.
func (t *translator) rejectQuestion(c *agents.RejectQuestion, o *output) error {
	a := t.asks[c.QuestionID]
	if a == nil || !a.question {
		return questionClosed()
	}
	message := c.Message
	if message == "" {
		message = "The user did not want to answer."
	}
	if call := t.tools[a.toolUseID]; call != nil {
		call.declined = true
	}
	o.send(reply(a.requestID, denied{Behavior: "deny", Message: message}))
	delete(t.asks, c.QuestionID)
	return nil
}

func questionClosed() *protocol.Error {
	return protocol.Errorf(protocol.CodePermissionClosed, "this question is not open any more; the agent has withdrawn it or has its answer")
}

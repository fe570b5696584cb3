package codex

import (
	"encoding/json"
	"slices"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// nativeQuestion is one question of requestUserInput.
type nativeQuestion struct {
	ID       string                    `json:"id"`
	Header   string                    `json:"header"`
	Question string                    `json:"question"`
	Other    bool                      `json:"isOther"`
	Options  []protocol.QuestionOption `json:"options"`
}

// The words that go with an answer that is none of the options.
const (
	noneOfThese = "None of the above"
	notePrefix  = "user_note: "
)

// askUser reports questions.
func (t *translator) askUser(a *ask, params json.RawMessage, o *output) error {
	var p struct {
		Questions []nativeQuestion `json:"questions"`
	}
	if json.Unmarshal(params, &p) != nil || len(p.Questions) == 0 {
		return errShape
	}
	a.questions = p.Questions
	q := protocol.Question{}
	for _, n := range p.Questions {
		q.Questions = append(q.Questions, protocol.QuestionItem{
			Header: n.Header, Text: n.Question, Options: append([]protocol.QuestionOption{}, n.Options...),
			FreeText: n.Other || len(n.Options) == 0,
		})
	}
	t.askQuestion(a, q, o)
	return nil
}

// askQuestion reports a question.
func (t *translator) askQuestion(a *ask, q protocol.Question, o *output) {
	id := string(a.id)
	if t.asks[id] != nil {
		return // asked again after a resume, with the same id
	}
	t.asks[id] = a
	q.QuestionID = id
	if a.item != nil {
		q.ItemID = a.item.ID
	}
	o.emit(&protocol.QuestionRequested{Question: q})
}

// inputAnswer is the answer to one question.
type inputAnswer struct {
	Answers []string `json:"answers"`
}

// answer answers a question.
func (t *translator) answer(c *agents.Answer, o *output) error {
	a := t.asks[c.QuestionID]
	if a == nil || !a.isQuestion() {
		return questionClosed()
	}
	want := len(a.questions)
	if a.form {
		want = len(a.fields)
	}
	if len(c.Answers) != want {
		return protocol.Errorf(protocol.CodeInvalidRequest, "this question has %d parts, so it takes %d lists of answers, not %d", want, want, len(c.Answers))
	}
	if a.form {
		return t.answerForm(a, c, o)
	}
	answers := map[string]inputAnswer{}
	for i, q := range a.questions {
		answers[q.ID] = inputAnswer{q.answer(c.Answers[i])}
	}
	delete(t.asks, c.QuestionID)
	o.send(t.peer.Answer(a.id, map[string]any{"answers": answers}))
	return nil
}

// answer writes the given words as Codex reads them: labels as they are, other
// words as a note.
func (q nativeQuestion) answer(given []string) []string {
	answers := []string{}
	for _, g := range given {
		if slices.ContainsFunc(q.Options, func(o protocol.QuestionOption) bool { return o.Label == g }) {
			answers = append(answers, g)
			continue
		}
		if len(q.Options) > 0 && len(answers) == 0 {
			answers = append(answers, noneOfThese)
		}
		answers = append(answers, notePrefix+g)
	}
	return answers
}

// rejectQuestion declines to answer.
func (t *translator) rejectQuestion(c *agents.RejectQuestion, o *output) error {
	a := t.asks[c.QuestionID]
	if a == nil || !a.isQuestion() {
		return questionClosed()
	}
	delete(t.asks, c.QuestionID)
	if a.form {
		o.send(t.peer.Answer(a.id, formResult{Action: "decline"}))
		return nil
	}
	o.send(t.peer.Answer(a.id, map[string]any{"answers": map[string]any{}}))
	return nil
}

func questionClosed() *protocol.Error {
	return protocol.Errorf(protocol.CodePermissionClosed, "this question is not open any more; the agent has withdrawn it or has its answer")
}

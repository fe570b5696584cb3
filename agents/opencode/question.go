package opencode

import (
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// nativeQuestion is one question of a question.asked.
type nativeQuestion struct {
	Question string `json:"question"`
	Header   string `json:"header"`
	Options  []struct {
		Label       string `json:"label"`
		Description string `json:"description"`
	} `json:"options"`
	Multiple bool `json:"multiple"`
	// Custom is false where only the options count; free text is the default.
	Custom *bool `json:"custom"`
}

// questionAsked reports a question, also one of a subagent.
func (t *translator) questionAsked(raw json.RawMessage, o *output) error {
	var n struct {
		ID        string           `json:"id"`
		SessionID string           `json:"sessionID"`
		Questions []nativeQuestion `json:"questions"`
		Tool      nativeCall       `json:"tool"`
	}
	if err := json.Unmarshal(raw, &n); err != nil || n.ID == "" {
		return errShape
	}
	if !t.mine(n.SessionID) || t.asks[n.ID] != nil {
		return nil
	}
	a := &ask{id: n.ID, session: n.SessionID, question: true, order: len(t.asks)}
	t.asks[n.ID] = a
	if t.turn.interrupted || t.turn.ending || len(t.asks) > maxAsks {
		o.ask(t.withdraw(a))
		return nil
	}
	if p := t.parts[t.calls[callKey{n.Tool.MessageID, n.Tool.CallID}]]; p != nil && !p.closed {
		t.start(p, o)
		a.part = p.item.ID
	}
	q := protocol.Question{QuestionID: n.ID, ItemID: a.part}
	for _, one := range n.Questions {
		q.Questions = append(q.Questions, one.item())
	}
	o.emit(&protocol.QuestionRequested{Question: q})
	return nil
}

// item is the question as it is reported.
func (n nativeQuestion) item() protocol.QuestionItem {
	q := protocol.QuestionItem{
		Header: n.Header, Text: n.Question, MultiSelect: n.Multiple, FreeText: n.Custom == nil || *n.Custom,
		Options: []protocol.QuestionOption{},
	}
	for _, o := range n.Options {
		q.Options = append(q.Options, protocol.QuestionOption{Label: o.Label, Description: o.Description})
	}
	return q
}

// questionClosed takes the server's word that a question is answered; it is
// news only if somebody else did it.
func (t *translator) questionClosed(raw json.RawMessage, o *output) error {
	var e struct {
		RequestID string `json:"requestID"`
	}
	if err := json.Unmarshal(raw, &e); err != nil || e.RequestID == "" {
		return errShape
	}
	if a := t.asks[e.RequestID]; a != nil {
		t.close(a)
		o.emit(&protocol.QuestionResolved{QuestionID: a.id, Outcome: protocol.QuestionCancelled, Reason: "agent_withdrew"})
	}
	return nil
}

// answer answers a question: one list for each of its questions.
func (t *translator) answer(c *agents.Answer, o *output) error {
	a, err := t.openQuestion(c.QuestionID)
	if err != nil {
		return err
	}
	answers := c.Answers
	if answers == nil {
		answers = [][]string{}
	}
	o.ask(request{
		Method: http.MethodPost, Path: "/question/" + url.PathEscape(a.id) + "/reply",
		Body: map[string]any{"answers": answers}, Kind: askDecide,
	})
	return nil
}

// rejectQuestion declines to answer, which ends the turn. The server takes no
// message with it.
func (t *translator) rejectQuestion(c *agents.RejectQuestion, o *output) error {
	a, err := t.openQuestion(c.QuestionID)
	if err != nil {
		return err
	}
	t.decline(a, "")
	o.ask(request{Method: http.MethodPost, Path: "/question/" + url.PathEscape(a.id) + "/reject", Body: struct{}{}, Kind: askDecide})
	return nil
}

// openQuestion takes a question out of those that wait.
func (t *translator) openQuestion(id string) (*ask, error) {
	a := t.asks[id]
	if a == nil || !a.question {
		return nil, protocol.Errorf(protocol.CodePermissionClosed, "this question is not open any more; the agent has withdrawn it or has its answer")
	}
	t.close(a)
	return a, nil
}

package acp

import (
	"fmt"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

func formFrame(id int, properties string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"elicitation/create","params":{"sessionId":"s","mode":"form","message":"Please say","requestedSchema":{"type":"object","properties":{%s},"required":["n"]}}}`, id, properties)
}

const wholeForm = `"n":{"type":"integer","title":"How many"},"z":{"type":"string","description":"Your name"},"b":{"type":"boolean"},` +
	`"e":{"type":"string","oneOf":[{"const":"r","title":"Red"},{"const":"g","title":"g — like grass"}]},"m":{"type":"array","items":{"enum":["x","y"]}}`

func TestForm(t *testing.T) {
	tr := running(t, Quirks{})
	got := feed(t, tr, formFrame(4, wholeForm))
	want(t, got, `"question_id":"4"`, `{"header":"How many","text":"Please say","options":[],"multi_select":false,"free_text":true},{"text":"Your name"`,
		`"options":[{"label":"Yes"},{"label":"No"}]`, `"options":[{"label":"Red"},{"label":"g","description":"like grass"}],"multi_select":false,"free_text":false`,
		`"options":[{"label":"x"},{"label":"y"}],"multi_select":true`)
	refused(t, tr, &agents.Answer{QuestionID: "4", Answers: [][]string{{"1"}}}, protocol.CodeInvalidRequest)
	refused(t, tr, &agents.Answer{QuestionID: "4", Answers: [][]string{{"many"}, {}, {}, {}, {}}}, protocol.CodeInvalidRequest)
	refused(t, tr, &agents.Answer{QuestionID: "4", Answers: [][]string{{}, {}, {}, {}, {}}}, protocol.CodeInvalidRequest)
	refused(t, tr, &agents.Answer{QuestionID: "4", Answers: [][]string{{"1"}, {}, {}, {"Blue"}, {}}}, protocol.CodeInvalidRequest)
	answer := give(t, tr, &agents.Answer{QuestionID: "4", Answers: [][]string{{"12"}, {}, {"Yes"}, {"g"}, {"x", "y"}}})
	if answer != `{"jsonrpc":"2.0","id":4,"result":{"action":"accept","content":{"b":true,"e":"g","m":["x","y"],"n":12}}}` {
		t.Errorf("answered %s", answer)
	}
	refused(t, tr, &agents.Answer{QuestionID: "4", Answers: [][]string{}}, protocol.CodePermissionClosed)
}

func TestFormWithOwnAnswer(t *testing.T) {
	fields := `"q":{"type":"string","oneOf":[{"const":"a","title":"a"}]},"q_custom":{"type":"string"}`
	for answer, content := range map[string]string{"a": `{"q":"a"}`, "mine": `{"q_custom":"mine"}`} {
		tr := running(t, claudeQuirks)
		want(t, feed(t, tr, formFrame(0, fields)), `"options":[{"label":"a"}],"multi_select":false,"free_text":true}]`)
		want(t, give(t, tr, &agents.Answer{QuestionID: "0", Answers: [][]string{{answer}}}), `"content":`+content)
	}
}

func TestFormRejectedOrEmpty(t *testing.T) {
	tr := running(t, Quirks{})
	want(t, feed(t, tr, formFrame(0, ``)), `"options":[{"label":"OK"}]`)
	want(t, give(t, tr, &agents.RejectQuestion{QuestionID: "0"}), `"action":"decline"`)
	refused(t, tr, &agents.RejectQuestion{QuestionID: "0"}, protocol.CodePermissionClosed)
	feed(t, tr, formFrame(1, ``))
	want(t, give(t, tr, &agents.Answer{QuestionID: "1", Answers: [][]string{{"OK"}}}), `"action":"accept","content":{}`)
}

// Only forms were offered, and nobody can answer before the session is open.
func TestElicitationsThatCannotBeShown(t *testing.T) {
	tr := running(t, Quirks{})
	_, answer := sent(t, tr, `{"jsonrpc":"2.0","id":0,"method":"elicitation/create","params":{"mode":"url","message":"Go","url":"https://x.test/"}}`)
	want(t, answer, `"action":"decline"`)
	_, answer = sent(t, tr, `{"jsonrpc":"2.0","id":0,"method":"elicitation/create","params":7}`)
	want(t, answer, `"action":"cancel"`)
	early, _ := start(t, setup{}, initAnswer)
	_, answer = sent(t, early, formFrame(0, ``), askFrame(1, "c", usualOptions))
	want(t, answer, `"id":0,"result":{"action":"cancel"}`, `"id":1,"result":{"outcome":{"outcome":"cancelled"}}`)
}

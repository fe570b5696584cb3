package acp

import (
	"fmt"
	"strings"
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

// An answer that the field does not take is refused with a sentence, before
// anything is sent.
func TestFormAnswersThatDoNotFit(t *testing.T) {
	enum, several := `"e":{"type":"string","title":"Color","enum":["a","b"]}`, `"n":{"type":"array","title":"Colors","items":{"enum":["x","y"]}}`
	for name, c := range map[string]struct {
		field   string
		answers []string
		says    string
	}{
		"two of one choice":          {enum, []string{"a", "b"}, `the question "Color" takes one answer`},
		"a choice and an own answer": {enum, []string{"a", "mine"}, `none of the choices`},
		"two texts":                  {`"s":{"type":"string"}`, []string{"a", "b"}, `the question "s" takes one answer`},
		"yes and no":                 {`"b":{"type":"boolean"}`, []string{"Yes", "No"}, `the question "b" takes one answer`},
		"two numbers":                {`"i":{"type":"integer"}`, []string{"1", "2"}, `takes one answer`},
		"a part of a whole number":   {`"i":{"type":"integer","title":"How many"}`, []string{"1.5"}, `the question "How many" wants a whole number`},
		"a power":                    {`"i":{"type":"integer"}`, []string{"1e3"}, "wants a whole number"},
		"no number":                  {`"i":{"type":"number"}`, []string{"NaN"}, "wants a number"},
		"a number in hex":            {`"i":{"type":"number"}`, []string{"0x10"}, "wants a number"},
		"none of several":            {several, []string{}, `the question "Colors" wants an answer`},
		"an empty one of several":    {several, []string{""}, `the question "Colors" wants an answer`},
		"none of a text":             {`"n":{"type":"string"}`, []string{""}, `the question "n" wants an answer`},
	} {
		t.Run(name, func(t *testing.T) {
			tr := running(t, Quirks{})
			feed(t, tr, formFrame(4, c.field))
			out, err := tr.Command(&agents.Answer{QuestionID: "4", Answers: [][]string{c.answers}})
			if protocol.CodeOf(err) != protocol.CodeInvalidRequest || !strings.Contains(err.Error(), c.says) || len(out.Frames) > 0 {
				t.Errorf("got %v and %s, want invalid_request with %q", err, out.Frames, c.says)
			}
			want(t, give(t, tr, &agents.RejectQuestion{QuestionID: "4"}), "decline") // it is still open
		})
	}
}

// What is not required may be left out, and fits otherwise.
func TestFormAnswersThatFit(t *testing.T) {
	for name, c := range map[string]struct {
		field   string
		answers []string
		content string
	}{
		"a whole number":   {`"i":{"type":"integer"}`, []string{"-12"}, `{"i":-12}`},
		"a number":         {`"i":{"type":"number"}`, []string{"1.5e3"}, `{"i":1.5e3}`},
		"one of several":   {`"m":{"type":"array","items":{"enum":["x","y"]}}`, []string{"y"}, `{"m":["y"]}`},
		"none of several":  {`"m":{"type":"array","items":{"enum":["x","y"]}}`, []string{}, `{}`},
		"no number at all": {`"i":{"type":"integer"}`, []string{""}, `{}`},
		"no choice":        {`"e":{"type":"string","enum":["a","b"]}`, []string{}, `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			tr := running(t, Quirks{})
			feed(t, tr, formFrame(4, c.field))
			want(t, give(t, tr, &agents.Answer{QuestionID: "4", Answers: [][]string{c.answers}}), `"content":`+c.content+`}`)
		})
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

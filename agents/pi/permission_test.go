package pi

import (
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// gateRequest is what gate.ts asks for a command.
const gateRequest = `{"type":"extension_ui_request","id":"d1","method":"input","title":"towline:permission","placeholder":"{\"toolCallId\":\"c1\",\"tool\":\"bash\",\"input\":{\"command\":\"rm x\"}}"}`

func option(d protocol.Decision, s protocol.Scope) protocol.PermissionOption {
	return protocol.PermissionOption{Decision: d, Scope: s}
}

func TestSection5Decisions(t *testing.T) {
	for name, c := range map[string]struct {
		decide agents.Decide
		sent   string
	}{
		"allow":        {agents.Decide{Option: option(protocol.Allow, protocol.ScopeOnce)}, `"value":"{\"allow\":true}"`},
		"edited input": {agents.Decide{Option: option(protocol.Allow, protocol.ScopeOnce), Input: []byte(`{"command":"ls"}`)}, `\"input\":{\"command\":\"ls\"}`},
		"deny":         {agents.Decide{Option: option(protocol.Deny, protocol.ScopeOnce), Message: "not so"}, `"value":"{\"allow\":false,\"message\":\"not so\"}"`},
	} {
		t.Run(name, func(t *testing.T) {
			tr := opened(t)
			events, _ := native(tr, gateRequest)
			want(t, ndjson(t, events), `"permission_id":"d1"`, `"kind":"command"`, `"editable":true`, `"item_id":"c1"`)
			c.decide.PermissionID = "d1"
			want(t, send(t, tr, &c.decide), `"extension_ui_response"`, c.sent)
			if _, err := tr.Command(&c.decide); protocol.CodeOf(err) != protocol.CodePermissionClosed {
				t.Errorf("a second decision was answered with %v", err)
			}
		})
	}
}

// What the session may do without asking is answered at once.
func TestSection5Grants(t *testing.T) {
	ask := func(tool, input string) string {
		return `{"type":"extension_ui_request","id":"d2","method":"input","title":"towline:permission","placeholder":"{\"toolCallId\":\"c2\",\"tool\":\"` + tool + `\",\"input\":` + input + `}"}`
	}
	rm, ls := `{\"command\":\"rm x\"}`, `{\"command\":\"ls\"}`
	file := `{\"path\":\"a\",\"content\":\"b\"}`
	for name, c := range map[string]struct {
		mode string
		give bool
		ask  string
		asks bool
	}{
		"a command is asked for":                   {"", false, ask("bash", rm), true},
		"reading is not":                           {"", false, ask("read", file), false},
		"a write is asked for":                     {"", false, ask("write", file), true},
		"not where edits are accepted":             {"acceptEdits", false, ask("write", file), false},
		"a command is, there":                      {"acceptEdits", false, ask("bash", rm), true},
		"nothing is where all is allowed":          {"bypass", false, ask("bash", rm), false},
		"the same command was granted":             {"", true, ask("bash", rm), false},
		"another command was not":                  {"", true, ask("bash", ls), true},
		"a tool that nobody knows is asked for":    {"acceptEdits", false, ask("deploy", rm), true},
		"an extension's dialog is never a grant's": {"bypass", false, `{"type":"extension_ui_request","id":"d2","method":"confirm","title":"Really?","message":"m"}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			tr := opened(t)
			if c.give {
				native(tr, gateRequest)
				send(t, tr, &agents.Decide{PermissionID: "d1", Option: option(protocol.Allow, protocol.ScopeSession)})
			}
			if c.mode != "" {
				send(t, tr, &agents.Configure{PermissionMode: &c.mode})
			}
			events, sent := native(tr, c.ask)
			asked := tr.asks["d2"] != nil
			if asked != c.asks || asked == (sent != "") {
				t.Errorf("asked: %v; sent %s, events %s", asked, sent, ndjson(t, events))
			}
		})
	}
}

// The permission for a write shows what becomes of the file.
func TestSection5PreviewOfAWrite(t *testing.T) {
	for before, shown := range map[string]string{
		`,\"before\":\"old\\n\"`: `-old\n+new`,
		`,\"before\":null`:       `"action":"create"`,
		``:                       `"action":"update"`,
	} {
		tr := opened(t)
		events, _ := native(tr, `{"type":"extension_ui_request","id":"d1","method":"input","title":"towline:permission","placeholder":"{\"toolCallId\":\"c1\",\"tool\":\"write\",\"input\":{\"path\":\"a\",\"content\":\"new\\n\"}`+before+`}"}`)
		want(t, ndjson(t, events), shown)
	}
}

// An interrupt closes what waits after the abort, so that the model is not
// asked once more in between.
func TestSection5InterruptWhileAsking(t *testing.T) {
	tr := opened(t)
	native(tr, gateRequest)
	sent := send(t, tr, &agents.Interrupt{})
	const wanted = `{"id":"towline-5","type":"abort"}` + "\n" + `{"type":"extension_ui_response","id":"d1","cancelled":true}` + "\n"
	if sent != wanted {
		t.Errorf("sent %s", sent)
	}
}

// A call that ends while its permission waits withdraws it.
func TestSection5CallEndsWhileAsking(t *testing.T) {
	tr := opened(t)
	events, _ := native(tr, gateRequest, `{"type":"tool_execution_end","toolCallId":"c1","toolName":"bash","result":{"content":[]},"isError":true}`)
	want(t, ndjson(t, events), `"outcome":"cancelled"`, `"agent_withdrew"`)
}

// Dialogs of the user's own extensions are questions.
func TestSection5Questions(t *testing.T) {
	for name, c := range map[string]struct{ dialog, shown, answer, sent string }{
		"select":  {`"method":"select","title":"Which?","options":["a","b"]`, `"options":[{"label":"a"},{"label":"b"}]`, "b", `"value":"b"`},
		"confirm": {`"method":"confirm","title":"Sure?","message":"m"`, `"text":"Sure?\nm"`, "Yes", `"confirmed":true`},
		"input":   {`"method":"input","title":"Name?","placeholder":"p"`, `"free_text":true`, "x", `"value":"x"`},
		"editor":  {`"method":"editor","title":"Text?","prefill":"p"`, `"free_text":true`, "", `"value":""`},
	} {
		t.Run(name, func(t *testing.T) {
			tr := opened(t)
			events, _ := native(tr, `{"type":"extension_ui_request","id":"q1",`+c.dialog+`}`)
			want(t, ndjson(t, events), "question.requested", c.shown)
			want(t, send(t, tr, &agents.Answer{QuestionID: "q1", Answers: [][]string{{c.answer}}}), c.sent)
			native(tr, `{"type":"extension_ui_request","id":"q2",`+c.dialog+`}`)
			want(t, send(t, tr, &agents.RejectQuestion{QuestionID: "q2"}), `"cancelled":true`)
		})
	}
}

func TestSection3OneWayDialogs(t *testing.T) {
	tr := opened(t)
	events, sent := native(tr, `{"type":"extension_ui_request","id":"n","method":"notify","message":"look out","notifyType":"warning"}`,
		`{"type":"extension_ui_request","id":"n","method":"setStatus","statusKey":"k"}`,
		`{"type":"extension_error","extensionPath":"/a/b.ts","event":"tool_call","error":"boom"}`)
	want(t, ndjson(t, events), `"level":"warning"`, "look out", "the extension b.ts failed")
	if len(events) != 2 || sent != "" {
		t.Errorf("got %s and sent %s", ndjson(t, events), sent)
	}
}

package claude

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// The tests below are named after the sections of PROTOCOL.md that hold the
// trap they are about.

// uuid1 and uuid2 are prompts' native ids.
const (
	uuid1 = "11111111-1111-4111-8111-111111111111"
	uuid2 = "22222222-2222-4222-8222-222222222222"
)

// ready returns a translator whose session is open.
func ready(t *testing.T) *translator {
	t.Helper()
	tr := newTranslator(setup{SessionID: "s"})
	tr.Open()
	if out := tr.Native([]byte(answerTo("towline-1", `{"models":[],"commands":[]}`))); !out.Ready {
		t.Fatalf("the answer to initialize does not make the session ready: %+v", out)
	}
	return tr
}

func answerTo(id, body string) string {
	return fmt.Sprintf(`{"type":"control_response","response":{"subtype":"success","request_id":%q,"response":%s}}`, id, body)
}

// feed gives frames to the translator and returns the events, one a line.
func feed(t *testing.T, tr *translator, frames ...string) string {
	t.Helper()
	var events []protocol.Data
	for _, f := range frames {
		events = append(events, tr.Native([]byte(f)).Events...)
	}
	return ndjson(t, events)
}

// give runs a command and returns its frames.
func give(t *testing.T, tr *translator, c agents.Command) string {
	t.Helper()
	out, err := tr.Command(c)
	if err != nil {
		t.Fatal(err)
	}
	lines := make([]string, 0, len(out.Frames))
	for _, f := range out.Frames {
		lines = append(lines, string(f))
	}
	return strings.Join(lines, "\n")
}

func prompt(id, native string, steer bool) *agents.Prompt {
	return &agents.Prompt{PromptID: id, NativeID: native, Steer: steer, Content: []agents.Content{{Part: protocol.TextPart("do")}}}
}

const (
	initFrame    = `{"type":"system","subtype":"init","session_id":"n1","model":"opus","permissionMode":"default"}`
	init1        = `{"type":"system","subtype":"init","session_id":"n1","model":"opus","permissionMode":"default","user_message_uuids":["` + uuid1 + `"]}`
	init2        = `{"type":"system","subtype":"init","session_id":"n1","model":"opus","permissionMode":"default","user_message_uuids":["` + uuid2 + `"]}`
	doneFrame    = `{"type":"result","subtype":"success","is_error":false,"terminal_reason":"completed","result":"x"}`
	done1        = `{"type":"result","subtype":"success","is_error":false,"terminal_reason":"completed","user_message_uuids":["` + uuid1 + `"]}`
	startFrame   = `{"type":"stream_event","event":{"type":"message_start","message":{"id":"m"}},"parent_tool_use_id":null}`
	textStart    = `{"type":"stream_event","event":{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}}`
	bashStart    = `{"type":"stream_event","event":{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"tu","name":"Bash","input":{}}}}`
	bashWhole    = `{"type":"assistant","message":{"id":"m","model":"opus","content":[{"type":"tool_use","id":"tu","name":"Bash","input":{"command":"ls"}}]}}`
	bashAsk      = `{"type":"control_request","request_id":"r","request":{"subtype":"can_use_tool","tool_name":"Bash","input":{"command":"ls"},"tool_use_id":"tu"}}`
	editStart    = `{"type":"assistant","message":{"id":"m","model":"opus","content":[{"type":"tool_use","id":"tu","name":"Edit","input":{"file_path":"/w/f"}}]}}`
	interruptOut = `"subtype":"interrupt"`
)

func lifecycleOf(uuid, state string) string {
	return fmt.Sprintf(`{"type":"command_lifecycle","command_uuid":%q,"state":%q}`, uuid, state)
}

func textDelta(text string) string {
	return fmt.Sprintf(`{"type":"stream_event","event":{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":%q}}}`, text)
}

func textWhole(text, extra string) string {
	return fmt.Sprintf(`{"type":"assistant","message":{"id":"m","model":"opus","content":[{"type":"text","text":%q}]}%s}`, text, extra)
}

func TestSection3KeyOrder(t *testing.T) {
	tr := ready(t)
	feed(t, tr, initFrame)
	got := feed(t, tr, `{"duration_ms":7,"stop_reason":"end_turn","is_error":false,"subtype":"success","type":"result"}`)
	want(t, got, `"turn.ended"`, `"duration_ms":7`)
	d, ok := scanDelta([]byte(` { "parent_tool_use_id" : "p", "event":{"delta":{"text":"a\nb","type":"text_delta"},"x":[{"y":"}"}],"index":3,"type":"content_block_delta"},"type":"stream_event"} `))
	if !ok || d != (streamDelta{parent: "p", index: 3, kind: "text_delta", text: "a\nb"}) {
		t.Errorf("got %+v, %t", d, ok)
	}
}

func TestSection3UnknownFrames(t *testing.T) {
	long := `{"type":"new_thing","x":"` + strings.Repeat("y", 1000) + `"}`
	for name, frame := range map[string]string{
		"type": long, "system subtype": `{"type":"system","subtype":"new"}`, "no JSON": `{"type":`, "no object": `[1]`,
		"shape": `{"type":"result","usage":7}`, "event": `{"type":"stream_event","event":{"type":"new"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			out := ready(t).Native([]byte(frame))
			u, ok := out.Events[0].(*protocol.AgentUnparsed)
			if !ok || len(out.Events) != 1 || len(u.Sample) > 256 || u.Bytes != len(frame) || len(u.RawHash) != 64 {
				t.Errorf("got %+v", out.Events)
			}
		})
	}
}

func TestSection4PromptUUID(t *testing.T) {
	tr := newTranslator(setup{SessionID: "s"})
	first, again, other := give(t, tr, prompt("m1", "", false)), give(t, tr, prompt("m1", "", false)), give(t, tr, prompt("m2", "", false))
	if first != again || first == other {
		t.Errorf("derived uuids: %s, %s, %s", first, again, other)
	}
	want(t, give(t, tr, prompt("m3", uuid1, false)), `"parent_tool_use_id":null`, `"uuid":"`+uuid1+`"`)
	if _, err := tr.Command(prompt("m4", "no uuid", false)); protocol.CodeOf(err) != protocol.CodeInvalidRequest {
		t.Errorf("got %v", err)
	}
	if _, err := tr.Command(&agents.Prompt{PromptID: "m5"}); protocol.CodeOf(err) != protocol.CodeInvalidRequest {
		t.Errorf("got %v", err)
	}
}

// A prompt that was sent twice runs once: only completed comes back.
func TestSection4PromptSentTwice(t *testing.T) {
	tr := ready(t)
	give(t, tr, prompt("m1", uuid1, false))
	want(t, feed(t, tr, lifecycleOf(uuid1, "completed")), `"turn.started"`, `"m1"`, `"turn.ended"`, `"completed"`)
}

func TestSection4ContentBlocks(t *testing.T) {
	tr := ready(t)
	got := give(t, tr, &agents.Prompt{PromptID: "m", Content: []agents.Content{
		{Part: protocol.Part{Type: protocol.PartImage, Mime: "image/png"}, Bytes: []byte("png")},
		{Part: protocol.Part{Type: protocol.PartFile, Path: "/w/a.txt"}, Bytes: []byte("text")},
		{Part: protocol.Part{Type: protocol.PartFile, Path: "/w/b.txt"}},
		{Part: protocol.Part{Type: protocol.PartFile, Mime: "application/pdf", Name: "c.pdf"}, Bytes: []byte("pdf")},
		{Part: protocol.Part{Type: protocol.PartResourceLink, URL: "https://example.org"}},
	}})
	want(t, got, `{"type":"image","source":{"type":"base64","media_type":"image/png","data":"cG5n"}}`,
		`{"type":"document","source":{"type":"text","media_type":"text/plain","data":"text"},"title":"a.txt"}`,
		`{"type":"text","text":"@/w/b.txt"}`, `"application/pdf","data":"cGRm"},"title":"c.pdf"}`, `https://example.org`)
}

func TestSection4RequestsOfTheCLI(t *testing.T) {
	tr := ready(t)
	for subtype, answer := range map[string]string{"hook_callback": `"success"`, "elicitation": `"error"`, "mcp_message": `"error"`} {
		out := tr.Native([]byte(`{"type":"control_request","request_id":"x","request":{"subtype":"` + subtype + `"}}`))
		if len(out.Frames) != 1 || !strings.Contains(string(out.Frames[0]), answer) || !strings.Contains(string(out.Frames[0]), `"request_id":"x"`) {
			t.Errorf("%s is answered by %s", subtype, out.Frames)
		}
	}
}

// The assistant frame comes before content_block_stop and repeats the text.
func TestSection5TextOnce(t *testing.T) {
	for name, c := range map[string]struct {
		whole string
		want  []string
		none  string
	}{
		"same":        {textWhole("hello", ""), []string{`"item.completed"`, `"completed"`, `"text":"hello"`}, `"text":"o"`},
		"tail":        {textWhole("hello you", ""), []string{`"item.delta"`, `"text":" you"`, `"item.completed"`, `"text":"hello you"`}, ""},
		"cut":         {textWhole("hel", `,"aborted":true`), []string{`"item.completed"`, `"interrupted"`, `"text":"hello"`}, `"item.delta"`},
		"trimmed":     {textWhole("hell", ""), []string{`"item.completed"`, `"completed"`, `"text":"hello"`}, `"item.delta"`},
		"another one": {textWhole("bye", ""), []string{`"interrupted"`, `"text":"hello"`, `"m:0:whole"`, `"completed"`, `"text":"bye"`}, `"item.delta"`},
	} {
		t.Run(name, func(t *testing.T) {
			tr := ready(t)
			feed(t, tr, initFrame, startFrame, textStart, textDelta("hel"), textDelta("lo"))
			got := feed(t, tr, c.whole, `{"type":"stream_event","event":{"type":"content_block_stop","index":0}}`)
			want(t, got, c.want...)
			if c.none != "" {
				wantNone(t, got, c.none)
			}
		})
	}
}

// Frames of one response share message.id and carry no index.
func TestSection5BlocksWithoutStream(t *testing.T) {
	tr := ready(t)
	got := feed(t, tr, initFrame, textWhole("a", ""), textWhole("b", ""), strings.Replace(textWhole("c", ""), `"message":`, `"parent_tool_use_id":"tu","message":`, 1))
	want(t, got, `"id":"m:0"`, `"text":"a"`, `"id":"m:1"`, `"text":"b"`, `"id":"m:0"`, `"parent_id":"tu"`, `"text":"c"`)
}

// Kept messages come again after a compaction, under the same uuid.
func TestSection5KeptMessagesComeAgain(t *testing.T) {
	tr := ready(t)
	first := feed(t, tr, initFrame, textWhole("a", `,"uuid":"u1"`), doneFrame, initFrame)
	again := feed(t, tr, textWhole("a", `,"uuid":"u1"`))
	if !strings.Contains(first, "item.completed") || again != "" {
		t.Errorf("first %s, again %s", first, again)
	}
}

func TestSection5NoSuggestionsNoAlways(t *testing.T) {
	tr := ready(t)
	got := feed(t, tr, initFrame, bashWhole, bashAsk)
	want(t, got, `"permission_id":"r"`, `"item_id":"tu"`, `"id":"allow"`, `"id":"deny"`, `"editable":true`)
	wantNone(t, got, `"scope":"session"`, `"scope":"always"`)
}

func TestSection6Outcomes(t *testing.T) {
	for name, c := range map[string]struct{ frame, outcome string }{
		"api failure as success": {`{"type":"result","subtype":"success","is_error":true,"terminal_reason":"api_error","result":"Not logged in"}`, "failed"},
		"interrupt as error":     {`{"type":"result","subtype":"error_during_execution","is_error":true,"terminal_reason":"aborted_tools","errors":["[ede_diagnostic]"]}`, "interrupted"},
		"local command":          {`{"type":"result","subtype":"success","is_error":false,"terminal_reason":null,"num_turns":0}`, "completed"},
		"turns":                  {`{"type":"result","subtype":"error_max_turns","is_error":true}`, "limit"},
		"refusal":                {`{"type":"result","subtype":"success","is_error":false,"stop_reason":"refusal"}`, "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			tr := ready(t)
			got := feed(t, tr, initFrame, c.frame)
			want(t, got, `"outcome":"`+c.outcome+`"`)
			wantNone(t, got, "ede_diagnostic")
		})
	}
}

func TestSection6InterruptMarkerOfOldVersions(t *testing.T) {
	tr := ready(t)
	got := feed(t, tr, initFrame, `{"type":"user","message":{"content":[{"type":"text","text":"[Request interrupted by user]"}]}}`,
		`{"type":"result","subtype":"error_during_execution","is_error":true}`)
	want(t, got, `"outcome":"interrupted"`)
}

// Usage is all zero after an interrupt, and costs are sums of the process.
func TestSection6UsageAndCost(t *testing.T) {
	tr := ready(t)
	result := func(total, since string) string {
		return `{"type":"result","is_error":false,"total_cost_usd":` + total + `,"usage":{"input_tokens":5}` + since + `}`
	}
	want(t, feed(t, tr, initFrame, result("0.5", "")), `"turn.ended"`, `"input_tokens":5`, `"cost_usd":0.5`)
	want(t, feed(t, tr, initFrame, result("0.75", "")), `"turn.ended"`, `"cost_usd":0.25`)
	got := feed(t, tr, initFrame, result("3", `,"model_usage_since_last_result":{"a":{"inputTokens":1,"outputTokens":2,"costUSD":0.5},"b":{"outputTokens":3,"costUSD":0.5}}`))
	want(t, got, `"usage.updated"`, `"cost_usd":1.75`, `"turn.ended"`, `"input_tokens":1,"output_tokens":5`, `"cost_usd":1,`)
}

func TestSection6CostOfAFork(t *testing.T) {
	for _, d := range recordings.Events(t, "resume-after-kill", recordings.Lines(t)["resume-after-kill"]) {
		if e, ok := d.(*protocol.TurnEnded); ok && *e.CostUSD > 0.0017 {
			t.Errorf("a turn cost %g: it counts what was before the fork", *e.CostUSD)
		}
	}
}

func TestSection6SteeredPromptRunsByItself(t *testing.T) {
	tr := ready(t)
	give(t, tr, prompt("m1", uuid1, false))
	feed(t, tr, lifecycleOf(uuid1, "queued"), lifecycleOf(uuid1, "started"), init1)
	give(t, tr, prompt("m2", uuid2, true))
	got := feed(t, tr, lifecycleOf(uuid2, "queued"), done1)
	want(t, got, `"turn.ended"`, `"turn.started"`, `"prompt_ids":["m2"],"origin":"client"`)
	got = feed(t, tr, lifecycleOf(uuid2, "started"), init2)
	wantNone(t, got, "turn.started")
	got = feed(t, tr, doneFrame)
	want(t, got, `"turn.ended"`)
	wantNone(t, got, "turn.started")
}

func TestSection6SteeredPromptIsFolded(t *testing.T) {
	tr := ready(t)
	give(t, tr, prompt("m1", uuid1, false))
	feed(t, tr, lifecycleOf(uuid1, "started"), init1)
	give(t, tr, prompt("m2", uuid2, true))
	got := feed(t, tr, lifecycleOf(uuid2, "queued"), lifecycleOf(uuid2, "started"), lifecycleOf(uuid2, "completed"), done1)
	want(t, got, `"turn.ended"`)
	wantNone(t, got, "turn.started")
}

// A prompt that is sent just as the CLI begins a turn of its own keeps its
// place: its turn follows.
func TestSection6SelfStartedTurnAndPromptAtOnce(t *testing.T) {
	tr := ready(t)
	give(t, tr, prompt("m1", uuid1, false))
	feed(t, tr, lifecycleOf(uuid1, "started"), init1, done1)
	give(t, tr, prompt("m2", uuid2, false))
	want(t, feed(t, tr, initFrame), `"prompt_ids":[],"origin":"agent"`)
	want(t, feed(t, tr, lifecycleOf(uuid2, "queued"), doneFrame), `"turn.ended"`, `"turn.started"`, `"prompt_ids":["m2"],"origin":"client"`)
	wantNone(t, feed(t, tr, lifecycleOf(uuid2, "started"), init2), "turn.started")
	wantNone(t, feed(t, tr, doneFrame), "turn.started")
}

// Version 2.1.197 names no prompts.
func TestSection10VersionWithoutUUIDs(t *testing.T) {
	tr := ready(t)
	give(t, tr, prompt("m1", uuid1, false))
	want(t, feed(t, tr, initFrame), `"prompt_ids":["m1"],"origin":"client"`)
	give(t, tr, prompt("m2", uuid2, true))
	wantNone(t, feed(t, tr, doneFrame), "turn.started")
	want(t, feed(t, tr, initFrame), `"prompt_ids":["m2"],"origin":"client"`)
}

// An interrupt before the turn began must not let the prompt start after it.
func TestSection6InterruptBeforeInit(t *testing.T) {
	tr := ready(t)
	give(t, tr, prompt("m1", uuid1, false))
	want(t, give(t, tr, &agents.Interrupt{}), `"cancel_queued":true`, interruptOut)
	want(t, feed(t, tr, lifecycleOf(uuid1, "cancelled")), `"turn.started"`, `"outcome":"interrupted"`)
	tr = ready(t)
	give(t, tr, prompt("m1", uuid1, false))
	feed(t, tr, init1)
	wantNone(t, give(t, tr, &agents.Interrupt{}), "cancel_queued")
}

func TestSection6PermissionWithdrawn(t *testing.T) {
	tr := ready(t)
	feed(t, tr, initFrame, bashWhole, bashAsk)
	cancel := `{"type":"control_cancel_request","request_id":"r"}`
	want(t, feed(t, tr, cancel), `"permission.resolved"`, `"outcome":"cancelled"`, `"kind":"agent"`, `"reason":"agent_withdrew"`)
	if again := feed(t, tr, cancel); again != "" {
		t.Errorf("withdrawn twice: %s", again)
	}
	_, err := tr.Command(&agents.Decide{PermissionID: "r", Option: protocol.PermissionOption{ID: "allow", Decision: protocol.Allow}})
	if protocol.CodeOf(err) != protocol.CodePermissionClosed {
		t.Errorf("a late decision gives %v", err)
	}
	want(t, feed(t, tr, `{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"tu","is_error":true,"content":"x"}]}}`), `"status":"interrupted"`)
}

const suggestions = `{"type":"control_request","request_id":"r","request":{"subtype":"can_use_tool","tool_name":"Bash","input":{"command":"ls"},"tool_use_id":"tu","permission_suggestions":[` +
	`{"type":"setMode","mode":"acceptEdits","destination":"session"},` +
	`{"type":"addRules","rules":[{"toolName":"Bash","ruleContent":"ls"}],"behavior":"allow","destination":"localSettings"},` +
	`{"type":"addDirectories","directories":["/w"],"destination":"session"}]}}`

// Each suggestion is an option alone, for the session; what is kept in a file
// is an option of its own.
func TestSection7AllowAlways(t *testing.T) {
	choices := map[string]string{
		"allow":           ``,
		"allow-session-2": `{"behavior":"allow","destination":"session","rules":[{"toolName":"Bash","ruleContent":"ls"}],"type":"addRules"}`,
		"allow-session-3": `{"destination":"session","directories":["/w"],"type":"addDirectories"}`,
		"allow-session-1": `{"destination":"session","mode":"acceptEdits","type":"setMode"}`,
		"allow-always-2":  `{"type":"addRules","rules":[{"toolName":"Bash","ruleContent":"ls"}],"behavior":"allow","destination":"localSettings"}`,
	}
	for id, grant := range choices {
		t.Run(id, func(t *testing.T) {
			tr := ready(t)
			out := ready(t).Native([]byte(suggestions))
			feed(t, tr, initFrame, bashWhole, suggestions)
			var ids []string
			for _, o := range out.Events[0].(*protocol.PermissionRequested).Permission.Options {
				ids = append(ids, o.ID)
			}
			if order := []string{"allow", "allow-session-2", "allow-session-3", "allow-session-1", "allow-always-2", "deny", "deny-stop"}; !slices.Equal(ids, order) {
				t.Fatalf("options %v", ids)
			}
			got := give(t, tr, &agents.Decide{PermissionID: "r", Option: protocol.PermissionOption{ID: id, Decision: protocol.Allow}})
			want(t, got, `"behavior":"allow","updatedInput":{"command":"ls"}`)
			if grant == "" {
				wantNone(t, got, "updatedPermissions")
				return
			}
			want(t, got, `"updatedPermissions":[`+grant+`]`)
		})
	}
}

func TestSection7Deny(t *testing.T) {
	for id, interrupt := range map[string]bool{"deny": false, "deny-stop": true} {
		tr := ready(t)
		feed(t, tr, initFrame, bashWhole, bashAsk)
		got := give(t, tr, &agents.Decide{PermissionID: "r", Message: "no", Option: protocol.PermissionOption{ID: id, Decision: protocol.Deny}})
		want(t, got, `"behavior":"deny","message":"no"`)
		if strings.Contains(got, `"interrupt":true`) != interrupt {
			t.Errorf("%s: %s", id, got)
		}
		want(t, feed(t, tr, `{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"tu","is_error":true,"content":"no"}]}}`), `"status":"declined"`)
	}
}

// An interrupt stops a command that runs: nobody declined it, and the note
// that the model gets is not its output.
func TestSection7InterruptRunningCommand(t *testing.T) {
	tr := ready(t)
	feed(t, tr, initFrame, bashWhole, bashAsk)
	allow := protocol.PermissionOption{ID: "allow", Decision: protocol.Allow}
	give(t, tr, &agents.Decide{PermissionID: "r", Option: allow})
	give(t, tr, &agents.Interrupt{})
	got := feed(t, tr, `{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"tu","is_error":true,"content":"The user doesn't want to proceed"}]},`+
		`"tool_use_result":"User rejected tool use","tool_result_meta":[{"id":"tu","non_execution_kind":"user-rejected"}]}`)
	want(t, got, `"status":"interrupted"`, `{"type":"command","command":"ls"}`)
}

func TestSection7EditedInput(t *testing.T) {
	tr := ready(t)
	feed(t, tr, initFrame, bashWhole, bashAsk)
	allow := protocol.PermissionOption{ID: "allow", Decision: protocol.Allow}
	if _, err := tr.Command(&agents.Decide{PermissionID: "r", Option: allow, Input: json.RawMessage(`[]`)}); protocol.CodeOf(err) != protocol.CodeInvalidRequest {
		t.Errorf("an array as input gives %v", err)
	}
	want(t, give(t, tr, &agents.Decide{PermissionID: "r", Option: allow, Input: json.RawMessage(`{"command":"pwd"}`)}), `"updatedInput":{"command":"pwd"}`)
	want(t, feed(t, tr, `{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"tu","content":"/w"}]},"tool_use_result":{"stdout":"/w","stderr":"warn"}}`),
		`"command":"pwd","output":"/w\nwarn"`)
}

func TestSection7PermissionDeniedByMode(t *testing.T) {
	tr := ready(t)
	feed(t, tr, initFrame, bashWhole)
	want(t, feed(t, tr, `{"type":"system","subtype":"permission_denied","tool_name":"Bash","tool_use_id":"tu","message":"no"}`), `"notice"`, `"permission_denied"`)
	want(t, feed(t, tr, `{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"tu","is_error":true,"content":"no"}]}}`), `"declined"`)
}

const question = `{"type":"control_request","request_id":"q","request":{"subtype":"can_use_tool","tool_name":"AskUserQuestion","tool_use_id":"tu","input":{"questions":[{"question":"A?","header":"a","options":[{"label":"x"}],"multiSelect":false},{"question":"B?","options":[],"multiSelect":true}]}}}`

func TestSection7Question(t *testing.T) {
	tr := ready(t)
	want(t, feed(t, tr, question), `"question.requested"`, `"question_id":"q"`, `"text":"A?"`, `"free_text":true`, `"multi_select":true`)
	if _, err := tr.Command(&agents.Answer{QuestionID: "q", Answers: [][]string{{"x"}}}); protocol.CodeOf(err) != protocol.CodeInvalidRequest {
		t.Errorf("too few answers give %v", err)
	}
	if _, err := tr.Command(&agents.Decide{PermissionID: "q"}); protocol.CodeOf(err) != protocol.CodePermissionClosed {
		t.Errorf("a decision for a question gives %v", err)
	}
	want(t, give(t, tr, &agents.Answer{QuestionID: "q", Answers: [][]string{{"x"}, {"y", "z"}}}), `"behavior":"allow"`, `"answers":{"A?":"x","B?":"y, z"}`)
	feed(t, tr, strings.Replace(question, `"q"`, `"q2"`, 1))
	want(t, give(t, tr, &agents.RejectQuestion{QuestionID: "q2"}), `"behavior":"deny"`, "did not want to answer")
	feed(t, tr, strings.Replace(question, `"q"`, `"q3"`, 1))
	want(t, feed(t, tr, `{"type":"control_cancel_request","request_id":"q3"}`), `"question.resolved"`, `"cancelled"`)
}

// The ask carries the plan only if the plan file was written first.
func TestSection7PlanWithoutFile(t *testing.T) {
	tr := ready(t)
	got := feed(t, tr, initFrame, `{"type":"assistant","message":{"id":"m","model":"o","content":[{"type":"tool_use","id":"tu","name":"ExitPlanMode","input":{"plan":"1. do it"}}]}}`,
		`{"type":"control_request","request_id":"p","request":{"subtype":"can_use_tool","tool_name":"ExitPlanMode","input":{},"tool_use_id":"tu"}}`)
	want(t, got, `"kind":"plan"`, `"description":"1. do it"`, `"approve"`, `"approve-accept-edits"`, `"Keep planning"`)
	got = give(t, tr, &agents.Decide{PermissionID: "p", Option: protocol.PermissionOption{ID: "approve-accept-edits", Decision: protocol.Allow}})
	want(t, got, `"mode":"acceptEdits"`, `"type":"setMode"`)
}

func editResult(detail string) string {
	return `{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"tu","content":"ok"}]},"tool_use_result":` + detail + `}`
}

// Patches of the CLI lose tabs and are empty for new files.
func TestSection7Diffs(t *testing.T) {
	for name, c := range map[string]struct{ detail, want string }{
		"create":      {`{"type":"create","filePath":"/w/f","content":"a\n","structuredPatch":[],"originalFile":null}`, `"action":"create","unified":"--- /dev/null\n+++ /w/f\n@@ -0,0 +1 @@\n+a\n","added":1`},
		"tabs":        {`{"filePath":"/w/f","oldString":"x","newString":"y","originalFile":"\tx\n","replaceAll":false}`, `-\tx\n+\ty\n","added":1,"removed":1`},
		"replace all": {`{"filePath":"/w/f","oldString":"x","newString":"y","originalFile":"x\nx\n","replaceAll":true}`, `"added":2,"removed":2`},
		"dashes":      {`{"type":"update","filePath":"/w/f","content":"","originalFile":"-- a\n"}`, `"removed":1`},
		"notebook":    {`{"notebook_path":"/w/n.ipynb","old_source":"a\n","new_source":"b\n","cell_id":"c"}`, `"path":"/w/n.ipynb","action":"update"`},
		"not there":   {`{"filePath":"/w/f","oldString":"z","newString":"y","originalFile":"x\n"}`, `-z\n`},
		"string":      {`"Error: x"`, `"type":"text","text":"ok"`},
		"none":        {`null`, `"type":"text","text":"ok"`},
		"other shape": {`{"filePath":7}`, `"type":"text","text":"ok"`},
	} {
		t.Run(name, func(t *testing.T) {
			tr := ready(t)
			feed(t, tr, initFrame, editStart)
			want(t, feed(t, tr, editResult(c.detail)), c.want)
		})
	}
}

func TestSection7CommandThatFails(t *testing.T) {
	tr := ready(t)
	feed(t, tr, initFrame, bashWhole)
	want(t, feed(t, tr, `{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"tu","is_error":true,"content":"Exit code 3\noops"}]},"tool_use_result":"Error: Exit code 3\noops"}`),
		`"status":"failed"`, `"exit_code":3,"output":"oops"`)
}

func TestSection7ImageInResult(t *testing.T) {
	tr := ready(t)
	feed(t, tr, initFrame, strings.Replace(bashWhole, "Bash", "Read", 1))
	want(t, feed(t, tr, `{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"tu","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"cG5n"}}]}]}}`),
		`"type":"image","mime":"image/png","data":"cG5n"`)
}

// init tells the chosen model; the one that runs is in the message.
func TestSection7Model(t *testing.T) {
	tr := ready(t)
	want(t, feed(t, tr, initFrame), `"model":"opus"`)
	want(t, feed(t, tr, strings.Replace(textWhole("a", ""), `"opus"`, `"sonnet"`, 1), doneFrame), `"session.updated"`, `"model":"sonnet"`)
	wantNone(t, feed(t, tr, initFrame), `"model"`)
	wantNone(t, feed(t, tr, strings.Replace(textWhole("a", ""), `"opus"`, `"<synthetic>"`, 1)), `session.updated`)
}

func TestSection7ClearChangesTheID(t *testing.T) {
	tr := ready(t)
	feed(t, tr, initFrame, doneFrame)
	got := feed(t, tr, `{"type":"conversation_reset","new_conversation_id":"other"}`, strings.Replace(initFrame, "n1", "n2", 1))
	want(t, got, `"native_session_id":"n2"`, `"turn.started"`)
	wantNone(t, got, "other")
}

func TestSection7Configure(t *testing.T) {
	tr := ready(t)
	feed(t, tr, initFrame)
	plan, dflt, accept, bypass, model, title, high := "plan", "default", "acceptEdits", "bypass", "haiku", "T", "high"
	got := give(t, tr, &agents.Configure{Model: &model, Title: &title, Effort: &high, PermissionMode: &accept})
	want(t, got, `"set_model"`, `"effortLevel":"high"`, `"mode":"acceptEdits"`, `"rename_session"`)
	got = feed(t, tr, answerTo("towline-2", `{"model":"claude-haiku"}`), answerTo("towline-3", `null`), answerTo("towline-4", `{"mode":"acceptEdits"}`), answerTo("towline-5", `null`),
		`{"type":"system","subtype":"status","status":null,"permissionMode":"acceptEdits"}`, `{"type":"system","subtype":"session_title_changed","title":"T"}`)
	want(t, got, `"model":"claude-haiku"`, `"effort":"high"`, `"permission_mode":"acceptEdits"`, `"title":"T"`)
	if strings.Count(got, "\n") != 4 {
		t.Errorf("a change was reported twice:\n%s", got)
	}
	want(t, give(t, tr, &agents.Configure{Mode: &plan}), `"mode":"plan"`)
	want(t, feed(t, tr, answerTo("towline-6", `{}`)), `"mode":"plan"`, `"permission_mode":"plan"`)
	want(t, give(t, tr, &agents.Configure{Mode: &dflt}), `"mode":"acceptEdits"`)
	want(t, give(t, tr, &agents.Configure{PermissionMode: &bypass}), `"mode":"bypassPermissions"`)
	want(t, feed(t, tr, `{"type":"control_response","response":{"subtype":"error","request_id":"towline-8","error":"cannot","error_code":"bypass_not_launched"}}`), `"error"`, `"bypass_not_launched"`)
	for name, c := range map[string]*agents.Configure{"mode": {Mode: &model}, "permission mode": {PermissionMode: &model}, "effort": {Effort: &model}, "model": {Model: ptr("-x")}} {
		if _, err := tr.Command(c); protocol.CodeOf(err) != protocol.CodeInvalidRequest && protocol.CodeOf(err) != protocol.CodeModeNotSupported {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func ptr(s string) *string { return &s }

// A version that knows no efforts gets a budget of thinking instead.
func TestSection10EffortOfOldVersions(t *testing.T) {
	tr := ready(t)
	give(t, tr, &agents.Configure{Effort: ptr("low")})
	out := tr.Native([]byte(`{"type":"control_response","response":{"subtype":"error","request_id":"towline-2","error":"x","error_code":"unsupported_request"}}`))
	if len(out.Events) != 0 || len(out.Frames) != 1 {
		t.Fatalf("got %+v", out)
	}
	want(t, string(out.Frames[0]), `"max_thinking_tokens":4000`)
	want(t, feed(t, tr, answerTo("towline-3", `null`)), `"effort":"low"`)
}

func TestSection7Errors(t *testing.T) {
	tr := ready(t)
	want(t, feed(t, tr, initFrame, `{"type":"system","subtype":"api_retry","attempt":1,"max_retries":2,"retry_delay_ms":500,"error_status":null,"error":"unknown"}`),
		`"retrying"`, "the connection failed")
	failure := textWhole("Overloaded", `,"is_api_error_message":true,"error":"server_error","api_error_status":529`)
	got := feed(t, tr, failure, `{"type":"result","subtype":"success","is_error":true,"terminal_reason":"api_error","result":"Overloaded"}`)
	want(t, got, `"outcome":"failed","error":{"code":"server_error","message":"Overloaded","retryable":true`, `"status":529`)
	wantNone(t, got, "item.started")
	got = feed(t, tr, initFrame, textWhole("Key", `,"is_api_error_message":true,"error":"authentication_failed","api_error_status":401`), `{"type":"result","is_error":true,"subtype":"success"}`)
	want(t, got, `"auth_required"`, `"outcome":"failed"`)
	wantNone(t, got, "retryable")
}

func TestSection7UnknownResumeID(t *testing.T) {
	tr := newTranslator(setup{})
	tr.Open()
	got := feed(t, tr, `{"type":"result","subtype":"error_during_execution","is_error":true,"errors":["No conversation found with session ID: x"]}`)
	want(t, got, `"error"`, `"agent_start_failed"`, "No conversation found")
	wantNone(t, got, "turn.")
}

func TestSection7TodoList(t *testing.T) {
	tr := ready(t)
	call := func(id, name, input, detail string) string {
		return feed(t, tr, `{"type":"assistant","message":{"id":"`+id+`","model":"o","content":[{"type":"tool_use","id":"`+id+`","name":"`+name+`","input":`+input+`}]}}`,
			`{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"`+id+`","content":"ok"}]},"tool_use_result":`+detail+`}`)
	}
	feed(t, tr, initFrame)
	want(t, call("a", "TaskCreate", `{}`, `{"task":{"id":"1","subject":"write"}}`), `"plan.updated"`, `"text":"write","status":"pending"`)
	want(t, call("b", "TaskUpdate", `{"subject":"write it"}`, `{"taskId":"1","statusChange":{"to":"completed"}}`), `"text":"write it","status":"completed"`)
	wantNone(t, call("c", "TaskList", `{}`, `{"tasks":[{"id":"1","subject":"write it","status":"completed"}]}`), "plan.updated")
	want(t, call("d", "TaskUpdate", `{}`, `{"taskId":"1","statusChange":{"to":"deleted"}}`), `"entries":[]`)
	want(t, call("e", "TodoWrite", `{"todos":[{"content":"x","status":"in_progress"}]}`, `{}`), `"text":"x","status":"in_progress"`)
}

func TestSection7SubagentTools(t *testing.T) {
	if k := describeTool("Task", "", nil).Kind; k != protocol.ToolTask {
		t.Errorf("Task is %s", k)
	}
	tool := describeTool("mcp__lab__add", "c", nil)
	if tool.Kind != protocol.ToolMCP || tool.Server != "lab" {
		t.Errorf("got %+v", tool)
	}
}

// A title must not fake what is asked (RELIABILITY S16).
func TestS16TitlesAreEscaped(t *testing.T) {
	got := describeTool("Bash", "c", json.RawMessage(`{"command":"a\u202eb\u001b[1m\nrm x"}`)).Title
	if strings.ContainsAny(got, "\u202e\x1b\n") || !strings.Contains(got, "⏎rm x") {
		t.Errorf("title %q", got)
	}
}

// Section 6: modelUsage and total_cost_usd begin anew with each process; what
// the session used before is added, so that its usage never goes down.
func TestSection6UsageGoesOnAfterARestart(t *testing.T) {
	cost := 0.5
	tr := newTranslator(setup{SessionID: "s", Spent: &protocol.UsageUpdated{
		Usage: protocol.Usage{InputTokens: 100, OutputTokens: 10}, CostUSD: &cost,
	}})
	turn, _ := tr.total.add(resultFrame{SinceLast: map[string]modelUsage{"m": {Input: 5, Output: 2, CostUSD: 0.25}}, TotalCost: 0.25})
	if turn.InputTokens != 5 || turn.OutputTokens != 2 {
		t.Errorf("the turn used %+v", turn)
	}
	if u := tr.total.report(); u.InputTokens != 105 || u.OutputTokens != 12 || *u.CostUSD != 0.75 {
		t.Errorf("the session used %+v, %v", u.Usage, *u.CostUSD)
	}
}

// A stream that breaks leaves blocks that no frame closes: they are interrupted
// when the CLI says so, or else when the next message begins. What was said
// before the break stays complete.
func TestSection7BrokenStream(t *testing.T) {
	stop := `{"type":"stream_event","event":{"type":"message_stop"},"abandoned_blocks":{"api_message_id":"m","from_block_index":1}}`
	next := `{"type":"stream_event","event":{"type":"message_start","message":{"id":"n"}}}`
	for name, end := range map[string]string{"told": stop, "not told": next} {
		t.Run(name, func(t *testing.T) {
			tr := ready(t)
			feed(t, tr, initFrame,
				`{"type":"stream_event","event":{"type":"message_start","message":{"id":"m"}}}`,
				`{"type":"stream_event","event":{"type":"content_block_start","index":0,"content_block":{"type":"text"}}}`,
				`{"type":"assistant","message":{"id":"m","content":[{"type":"text","text":"Whole."}]}}`,
				`{"type":"stream_event","event":{"type":"content_block_start","index":1,"content_block":{"type":"text"}}}`,
				`{"type":"stream_event","event":{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Cut"}}}`,
				`{"type":"stream_event","event":{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"tu","name":"Bash"}}}`,
				`{"type":"stream_event","event":{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"comm"}}}`,
			)
			got := feed(t, tr, end)
			want(t, got, `"native_id":"m:1","kind":"message","role":"assistant","status":"interrupted","content":[{"type":"text","text":"Cut"}]`,
				`"native_id":"tu","kind":"tool_call","role":"assistant","status":"interrupted"`)
			if again := feed(t, tr, next); strings.Contains(again+got, "Whole.") || strings.Contains(again, "interrupted") {
				t.Errorf("then came %s", again)
			}
		})
	}
}

package acp

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// The tests below are named after the sections of PROTOCOL.md that hold the
// trap they are about.

const (
	initAnswer = `{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1,"agentInfo":{"name":"x","version":"9.9"},"agentCapabilities":` +
		`{"loadSession":true,"promptCapabilities":{"image":true,"embeddedContext":true},"mcpCapabilities":{"http":true},"sessionCapabilities":{"list":{},"resume":{},"close":{}}}}}`
	newAnswer = `{"jsonrpc":"2.0","id":2,"result":{"sessionId":"s","modes":{"currentModeId":"default","availableModes":[{"id":"default"},{"id":"plan"}]},` +
		`"models":{"currentModelId":"m1","availableModels":[{"modelId":"m1","name":"One"},{"modelId":"m2","name":"Two"}]}}}`
)

// start returns a translator that was opened, and answered to with the frames.
func start(t *testing.T, s setup, answers ...string) (*translator, agents.Output) {
	t.Helper()
	s.Title, s.Directory = "Toy", "/work"
	tr := newTranslator(s)
	if frames := tr.Open(); len(frames) != 1 || textAt(frames[0], "method") != "initialize" {
		t.Fatalf("the opening is %s", frames)
	}
	var all agents.Output
	for _, a := range answers {
		out := tr.Native([]byte(a))
		all.Events, all.Frames, all.Ready = append(all.Events, out.Events...), append(all.Frames, out.Frames...), all.Ready || out.Ready
	}
	return tr, all
}

// ready returns a translator whose session is open.
func ready(t *testing.T, q Quirks) *translator {
	t.Helper()
	tr, out := start(t, setup{Quirks: &q}, initAnswer, newAnswer)
	if !out.Ready {
		t.Fatalf("the session is not ready: %+v", out)
	}
	return tr
}

// running returns one whose prompt is in flight; its request has id 3.
func running(t *testing.T, q Quirks) *translator {
	t.Helper()
	tr := ready(t, q)
	give(t, tr, say("m1", "go"))
	return tr
}

const turnDone = `{"jsonrpc":"2.0","id":3,"result":{"stopReason":"end_turn"}}`

func say(id, text string) *agents.Prompt {
	return &agents.Prompt{PromptID: id, Content: []agents.Content{{Part: protocol.TextPart(text)}}}
}

// sent gives frames to the translator and returns the events, one a line, and
// what it answered.
func sent(t *testing.T, tr *translator, frames ...string) (events, answers string) {
	t.Helper()
	var all []protocol.Data
	var b strings.Builder
	for _, f := range frames {
		out := tr.Native([]byte(f))
		all = append(all, out.Events...)
		for _, a := range out.Frames {
			b.Write(append(a, '\n'))
		}
	}
	return ndjson(t, all), b.String()
}

func feed(t *testing.T, tr *translator, frames ...string) string {
	t.Helper()
	events, _ := sent(t, tr, frames...)
	return events
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

func refused(t *testing.T, tr *translator, c agents.Command, code protocol.Code) {
	t.Helper()
	if out, err := tr.Command(c); protocol.CodeOf(err) != code || len(out.Frames) > 0 {
		t.Errorf("%T gives %v and %s, want %s", c, err, out.Frames, code)
	}
}

// up is a session/update.
func up(kind, fields string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"s","update":{"sessionUpdate":%q%s}}}`, kind, strings.TrimSuffix(","+fields, ","))
}

func text(s string) string { return fmt.Sprintf(`"content":{"type":"text","text":%q}`, s) }

// askFrame is a request_permission.
func askFrame(id int, call, options string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"session/request_permission","params":{"sessionId":"s","toolCall":{"toolCallId":%q,"title":"touch x","kind":"execute","rawInput":{"command":"touch x"}},"options":[%s]}}`, id, call, options)
}

const usualOptions = `{"optionId":"al","name":"Always","kind":"allow_always"},{"optionId":"ok","name":"Allow","kind":"allow_once"},{"optionId":"no","name":"Reject","kind":"reject_once"}`

// Both directions number their requests from the same numbers.
func TestSection1IDsCollide(t *testing.T) {
	tr := running(t, Quirks{})
	got := feed(t, tr, askFrame(3, "c", usualOptions)) // 3 is our prompt's id too
	want(t, got, `"permission.requested"`)
	want(t, feed(t, tr, turnDone), `"outcome":"completed"`)
}

func TestSection1UnknownRequestsAreRefused(t *testing.T) {
	tr := running(t, Quirks{})
	for method, unparsed := range map[string]bool{
		"fs/read_text_file": false, "fs/write_text_file": false, "terminal/create": false, "no/such": true, "_vendor/x": true,
	} {
		events, answers := sent(t, tr, fmt.Sprintf(`{"jsonrpc":"2.0","id":"a","method":%q,"params":{}}`, method))
		want(t, answers, `"id":"a"`, `"code":-32601`)
		if strings.Contains(events, "agent.unparsed") != unparsed {
			t.Errorf("%s gives %q", method, events)
		}
	}
	want(t, feed(t, tr, turnDone), `"outcome":"completed"`)
}

func TestSection2OldModelsAndNewOptions(t *testing.T) {
	tr := ready(t, Quirks{})
	model, name, mode := "m2", "Two", "plan"
	want(t, give(t, tr, &agents.Configure{Model: &model}), `"method":"session/set_model"`, `"modelId":"m2"`)
	want(t, feed(t, tr, `{"jsonrpc":"2.0","id":3,"result":{}}`), `"session.updated"`, `"model":"m2"`)
	want(t, give(t, tr, &agents.Configure{Model: &name, Mode: &mode}), `"modelId":"m2"`, `"method":"session/set_mode"`, `"modeId":"plan"`)
	feed(t, tr, up("config_option_update", `"configOptions":[{"id":"mo","category":"model","currentValue":"m9","options":[{"group":"g","options":[{"value":"m9","name":"Nine"},{"value":"m8"}]}]},{"id":"b","category":"other","currentValue":true}]`))
	model = "m8"
	want(t, give(t, tr, &agents.Configure{Model: &model}), `"method":"session/set_config_option"`, `"configId":"mo"`, `"value":"m8"`)
	model = "none"
	refused(t, tr, &agents.Configure{Model: &model}, protocol.CodeInvalidRequest)
	refused(t, tr, &agents.Configure{Mode: &model}, protocol.CodeModeNotSupported)
	refused(t, tr, &agents.Configure{Effort: &model}, protocol.CodeInvalidRequest)
	refused(t, tr, &agents.Configure{PermissionMode: &mode}, protocol.CodeModeNotSupported)
	want(t, feed(t, tr, up("current_mode_update", `"currentModeId":"plan"`)), `"mode":"plan"`)
}

func TestSection2OtherVersions(t *testing.T) {
	for version, says := range map[string]string{"2": "speaks version 2", "0": "names no version"} {
		tr, out := start(t, setup{}, strings.Replace(initAnswer, `"protocolVersion":1`, `"protocolVersion":`+version, 1))
		if !strings.Contains(tr.failure, says) || out.Ready || len(out.Frames) > 0 {
			t.Errorf("version %s gives %q and %s", version, tr.failure, out.Frames)
		}
	}
}

// Files and terminals are not offered, so agents use those of the machine;
// questions, options, notices and compactions are.
func TestSection5_11WhatIsOffered(t *testing.T) {
	frame := string(newTranslator(setup{}).Open()[0])
	want(t, frame, `"protocolVersion":1`, `"fs":{"readTextFile":false,"writeTextFile":false}`, `"terminal":false`,
		`"elicitation":{"form":{}}`, `"session":{"compaction":{},"configOptions":{},"notices":{}}`)
}

func TestSection3Opening(t *testing.T) {
	_, out := start(t, setup{MCP: map[string]protocol.MCPServer{
		"b": {URL: "http://127.0.0.1:1/", Headers: map[string]string{"K": "v"}}, "a": {Command: "/bin/x", Args: []string{"-y"}, Env: map[string]string{"E": "1"}},
	}, Model: "m2", Mode: "plan"}, initAnswer, newAnswer)
	if len(out.Frames) != 3 || out.Ready {
		t.Fatalf("got %s", out.Frames)
	}
	want(t, string(out.Frames[0]), `"method":"session/new"`, `"cwd":"/work"`,
		`"mcpServers":[{"name":"a","command":"/bin/x","args":["-y"],"env":[{"name":"E","value":"1"}]},{"type":"http","name":"b","url":"http://127.0.0.1:1/","headers":[{"name":"K","value":"v"}]}]`)
	want(t, string(out.Frames[1]), `"modelId":"m2"`)
	want(t, string(out.Frames[2]), `"modeId":"plan"`)
	_, out = start(t, setup{}, initAnswer)
	want(t, string(out.Frames[0]), `"mcpServers":[]`)
}

// Settings that no field of a session stands for are told, once as they are.
func TestSettingsThatCannotBeChosen(t *testing.T) {
	const known = `{"id":"mo","category":"model","currentValue":"m","options":[{"value":"m"}]}`
	const other = `{"id":"web","name":"Web search","type":"boolean","currentValue":true},{"id":"style","category":"_tone","currentValue":"dry","options":[{"value":"dry"}]}`
	opened := strings.Replace(newAnswer, `"modes":`, `"configOptions":[`+known+`,`+other+`],"modes":`, 1)
	_, out := start(t, setup{}, initAnswer, opened)
	want(t, ndjson(t, out.Events), `"session.started"`, `"notice"`, `"code":"settings_unsupported"`, "Web search (true), style (dry)", `"details":{"options":[{"id":"web","name":"Web search","current":true},{"id":"style","category":"_tone","current":"dry"}]}`)
	tr := ready(t, Quirks{})
	wantNone(t, feed(t, tr, up("config_option_update", `"configOptions":[`+known+`]`)), "notice")
	changed := up("config_option_update", `"configOptions":[`+known+`,`+other+`]`)
	want(t, feed(t, tr, changed), "Web search (true)")
	wantNone(t, feed(t, tr, changed), "notice")
	want(t, feed(t, tr, strings.Replace(changed, "true", "false", 1)), "Web search (false)")
	give(t, tr, &agents.Configure{Model: new("m")})
	want(t, feed(t, tr, `{"jsonrpc":"2.0","id":3,"result":{"configOptions":[`+other+`]}}`), "Web search (true)")
	want(t, feed(t, tr, up("config_option_update", `"configOptions":[{"id":"x","currentValue":"`+strings.Repeat("v", 300)+`"}]`)), `x (...)`, `"options":[{"id":"x"}]`)
}

func TestSection3SettingsMakeReady(t *testing.T) {
	_, out := start(t, setup{Model: "m2"}, initAnswer, newAnswer, `{"jsonrpc":"2.0","id":3,"result":{}}`)
	if !out.Ready {
		t.Errorf("not ready after the model was set: %+v", out)
	}
	for name, s := range map[string]setup{"unknown": {Model: "nope"}, "refused": {Mode: "plan"}} {
		tr, out := start(t, s, initAnswer, newAnswer, `{"jsonrpc":"2.0","id":3,"error":{"code":-32603,"message":"no","data":{"details":"untrusted folder"}}}`)
		if tr.failure == "" || out.Ready {
			t.Errorf("%s: failure %q, ready %v", name, tr.failure, out.Ready)
		}
	}
}

func TestSection3MissingTransport(t *testing.T) {
	tr, _ := start(t, setup{MCP: map[string]protocol.MCPServer{"a": {Type: "sse", URL: "http://127.0.0.1:1/"}}}, initAnswer)
	want(t, tr.failure, "no MCP servers of type sse")
}

func TestSection3AuthRequired(t *testing.T) {
	authError := `{"jsonrpc":"2.0","id":2,"error":{"code":-32000,"message":"Authentication required"}}`
	tr, _ := start(t, setup{}, strings.Replace(initAnswer, `"agentInfo"`, `"authMethods":[{"id":"k","name":"Key","description":"Set TOY_KEY"}],"agentInfo"`, 1), authError)
	want(t, tr.failure, "wants a login", "Set TOY_KEY")
	wantNone(t, tr.failure, "it says")
	tr, _ = start(t, setup{}, initAnswer, strings.Replace(authError, `required"`, `required: please run toy login."`, 1))
	want(t, tr.failure, "wants a login", "it says: please run toy login.")
	tr, out := start(t, setup{Auth: "k"}, initAnswer, authError, `{"jsonrpc":"2.0","id":3,"result":{}}`)
	want(t, string(out.Frames[1]), `"method":"authenticate"`, `"methodId":"k"`)
	want(t, string(out.Frames[2]), `"method":"session/new"`)
	if feed(t, tr, strings.Replace(newAnswer, `"id":2`, `"id":4`, 1)); !tr.ready {
		t.Error("not ready after the login")
	}
	tr, _ = start(t, setup{Auth: "k"}, initAnswer, authError, `{"jsonrpc":"2.0","id":3,"error":{"code":1,"message":"bad key"}}`)
	want(t, tr.failure, "refused the login", "bad key")
}

// load replays the history; it must not come as events.
func TestSection3LoadSwallowsHistory(t *testing.T) {
	loads := strings.Replace(initAnswer, `"resume":{},`, ``, 1)
	tr, out := start(t, setup{Resume: "s"}, loads)
	want(t, string(out.Frames[0]), `"method":"session/load"`, `"sessionId":"s"`)
	got := feed(t, tr, up("user_message_chunk", text("old")), up("agent_message_chunk", text("old")), up("tool_call", `"toolCallId":"c","title":"x"`),
		up("plan", `"entries":[]`), up("available_commands_update", `"availableCommands":[{"name":"x","description":"y","input":null}]`), newAnswer)
	wantNone(t, got, "item.", "plan.updated", "old")
	want(t, got, `"commands.updated"`, `"session.started"`, `"resumed":true`)
	give(t, tr, say("m1", "go"))
	want(t, feed(t, tr, up("agent_message_chunk", text("new"))), `"item.delta"`, "new")
}

// Advertised is not implemented: resume, then load, then new with a notice.
func TestSection5_8Ways(t *testing.T) {
	no := func(id int) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"error":{"code":-32601,"message":"Method not found"}}`, id)
	}
	tr, out := start(t, setup{Resume: "s", Model: "gone"}, initAnswer, no(2), no(3))
	for i, method := range []string{"session/resume", "session/load", "session/new"} {
		if got := textAt(out.Frames[i], "method"); got != method {
			t.Errorf("way %d is %s, want %s", i, got, method)
		}
	}
	got := ndjson(t, out.Events) + feed(t, tr, strings.Replace(newAnswer, `"id":2`, `"id":4`, 1))
	want(t, got, `"history_lost"`, `"resumed":false`, `"setting_lost"`)
	if !tr.ready {
		t.Error("the session is not ready")
	}
}

// Qwen answers a load of an unknown id with a fresh session.
func TestSection4LoadsAnything(t *testing.T) {
	q := Quirks{LoadsAnything: true}
	loads := strings.Replace(initAnswer, `"resume":{},`, ``, 1)
	for list, method := range map[string]string{
		`{"sessions":[{"sessionId":"s"}]}`:     "session/load",
		`{"sessions":[{"sessionId":"other"}]}`: "session/new",
		`{"sessions":[],"nextCursor":"more"}`:  "session/load",
	} {
		_, out := start(t, setup{Resume: "s", Quirks: &q}, loads, `{"jsonrpc":"2.0","id":2,"result":`+list+`}`)
		if textAt(out.Frames[0], "method") != "session/list" || textAt(out.Frames[1], "method") != method {
			t.Errorf("list %s gives %s", list, out.Frames)
		}
	}
}

func TestSection3StopReasons(t *testing.T) {
	for reason, outcome := range map[string]string{
		"end_turn": "completed", "cancelled": "interrupted", "refusal": "refused", "max_tokens": "limit", "max_turn_requests": "limit", "new_word": "completed",
	} {
		got := feed(t, running(t, Quirks{}), strings.Replace(turnDone, "end_turn", reason, 1))
		want(t, got, `"outcome":"`+outcome+`"`)
		if strings.Contains(got, "agent.unparsed") != (reason == "new_word") {
			t.Errorf("%s gives %s", reason, got)
		}
	}
}

// A call of an MCP server's tool is one, however the agent names it, and so is
// its permission.
func TestServersTool(t *testing.T) {
	for name, c := range map[string]struct {
		quirks Quirks
		fields string
	}{
		"in its name":  {claudeQuirks, `"_meta":{"claudeCode":{"toolName":"mcp__sums__add"}},"rawInput":{"a":40,"b":2}`},
		"in its input": {codexQuirks, `"rawInput":{"server":"sums","tool":"add","arguments":{"a":40,"b":2}}`},
	} {
		t.Run(name, func(t *testing.T) {
			got := feed(t, running(t, c.quirks), up("tool_call", `"toolCallId":"c1","title":"Tool","status":"in_progress",`+c.fields),
				`{"jsonrpc":"2.0","id":"a1","method":"session/request_permission","params":{"sessionId":"s","toolCall":{"toolCallId":"c1","title":"Approve"},`+
					`"options":[{"optionId":"yes","name":"Allow","kind":"allow_once"},{"optionId":"no","name":"Deny","kind":"reject_once"}]}}`)
			want(t, got, `"kind":"mcp","title":"Tool","call_id":"c1","server":"sums"`, `"item_id":"c1","kind":"mcp","title":"Approve","tool":{"name":"mcp__sums__add","kind":"mcp"`)
		})
	}
}

// A model's failure that is told as text, in a turn that is said to have ended,
// fails the turn; a model that says the same does not.
func TestFailureToldAsText(t *testing.T) {
	message := up("agent_message_chunk", `"content":{"type":"text","text":"Error: 400 no such model"}`)
	used := `{"jsonrpc":"2.0","id":3,"result":{"stopReason":"end_turn","usage":{"inputTokens":5,"outputTokens":2}}}`
	for name, c := range map[string]struct {
		quirks Quirks
		end    string
		wants  string
	}{
		"failed":        {copilotQuirks, turnDone, `"outcome":"failed","error":{"code":"agent_error","message":"400 no such model"`},
		"said":          {copilotQuirks, used, `"outcome":"completed"`},
		"another agent": {Quirks{}, turnDone, `"outcome":"completed"`},
	} {
		t.Run(name, func(t *testing.T) {
			want(t, feed(t, running(t, c.quirks), message, c.end), c.wants)
		})
	}
}

// What another session asks is nobody's to answer here, as its updates are
// nobody's to see.
func TestSection3RequestsOfOtherSessions(t *testing.T) {
	tr := running(t, Quirks{})
	for _, frame := range []string{askFrame(0, "c", usualOptions), formFrame(0, wholeForm)} {
		events, answer := sent(t, tr, strings.Replace(frame, `"sessionId":"s"`, `"sessionId":"other"`, 1))
		want(t, events, `"agent.unparsed"`, "of another session")
		wantNone(t, events, "requested")
		want(t, answer, `"id":0,"error":{"code":-32602,`)
	}
	events, _ := sent(t, tr, strings.Replace(formFrame(0, wholeForm), `"sessionId":"s",`, ``, 1)) // a form may belong to a request
	want(t, events, `"question.requested"`)
	want(t, feed(t, tr, turnDone), `"outcome":"completed"`)
}

func TestSection3PermissionOptions(t *testing.T) {
	tr := running(t, Quirks{Scopes: map[string]protocol.Scope{"al": protocol.ScopeSession}})
	got := feed(t, tr, askFrame(0, "c", `{"optionId":"al2","name":"Always, for all","kind":"allow_always"},`+usualOptions+`,{"optionId":"odd","name":"Odd","kind":"modify"}`))
	want(t, got, `"options":[{"id":"ok","decision":"allow","scope":"once","label":"Allow"},{"id":"al","decision":"allow","scope":"session","label":"Always"},`+
		`{"id":"al2","decision":"allow","scope":"always","label":"Always, for all"},{"id":"no","decision":"deny","scope":"once","label":"Reject"}]`)
	refused(t, tr, &agents.Decide{PermissionID: "0", Option: protocol.PermissionOption{ID: "odd", Decision: protocol.Allow}}, protocol.CodeInvalidRequest)
	refused(t, tr, &agents.Decide{PermissionID: "0", Option: protocol.PermissionOption{ID: "no", Decision: protocol.Allow}}, protocol.CodeInvalidRequest)
	refused(t, tr, &agents.Decide{PermissionID: "0", Option: protocol.PermissionOption{ID: "ok", Decision: protocol.Allow}, Input: json.RawMessage(`{}`)}, protocol.CodeCapabilityMissing)
	got = give(t, tr, &agents.Decide{PermissionID: "0", Option: protocol.PermissionOption{ID: "ok", Decision: protocol.Allow}})
	if got != `{"jsonrpc":"2.0","id":0,"result":{"outcome":{"optionId":"ok","outcome":"selected"}}}` {
		t.Errorf("answered %s", got)
	}
	refused(t, tr, &agents.Decide{PermissionID: "0", Option: protocol.PermissionOption{ID: "ok", Decision: protocol.Allow}}, protocol.CodePermissionClosed)
}

// What an agent would keep beyond the session can be allowed for the session,
// which is remembered here: it covers the very same input, or a tool's edits,
// and the agent is told that it is allowed once.
func TestSection5_6SessionGrants(t *testing.T) {
	ask := func(id int, call, tool, options string) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"session/request_permission","params":{"sessionId":"s","toolCall":{"toolCallId":%q,"title":"x",%s},"options":[%s]}}`, id, call, tool, options)
	}
	const touch, spaced, other = `"kind":"execute","rawInput":{"command":"touch x"}`, `"kind":"execute","rawInput":{ "command": "touch x" }`, `"kind":"execute","rawInput":{"command":"touch x y"}`
	const edit, second, remove = `"kind":"edit","rawInput":{"path":"a"}`, `"kind":"edit","rawInput":{"path":"b"}`, `"kind":"delete","rawInput":{"path":"a"}`
	grant := protocol.PermissionOption{ID: optionSession, Decision: protocol.Allow}
	for name, c := range map[string]struct {
		first, then string
		covered     bool
	}{
		"the same command":          {touch, touch, true},
		"the same, written apart":   {touch, spaced, true},
		"another command":           {touch, other, false},
		"an edit of another file":   {edit, second, true},
		"a deletion after an edit":  {edit, remove, false},
		"an edit after a command":   {touch, edit, false},
		"a command without input":   {touch, `"kind":"execute"`, false},
		"a command with no command": {touch, `"kind":"execute","rawInput":{}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			tr := running(t, Quirks{})
			want(t, feed(t, tr, ask(0, "c", c.first, usualOptions)), `"id":"towline-session","decision":"allow","scope":"session"`)
			want(t, give(t, tr, &agents.Decide{PermissionID: "0", Option: grant}), `"optionId":"ok"`)
			events, answer := sent(t, tr, ask(1, "d", c.then, usualOptions))
			if covered := strings.Contains(answer, `"optionId":"ok"`); covered != c.covered || covered == strings.Contains(events, `"permission.requested"`) {
				t.Errorf("answered %q, after\n%s", answer, events)
			}
		})
	}
	for name, frame := range map[string]string{
		"without input":        ask(0, "c", `"kind":"execute"`, usualOptions),
		"a plan":               ask(0, "c", `"kind":"switch_mode","rawInput":{"plan":"x"}`, usualOptions),
		"nothing once":         ask(0, "c", touch, `{"optionId":"al","name":"Always","kind":"allow_always"},{"optionId":"no","name":"Reject","kind":"reject_once"}`),
		"already of the agent": ask(0, "c", touch, `{"optionId":"mine","name":"For this session","kind":"allow_always"},{"optionId":"ok","name":"Allow","kind":"allow_once"}`),
	} {
		t.Run(name, func(t *testing.T) {
			wantNone(t, feed(t, running(t, Quirks{Scopes: map[string]protocol.Scope{"mine": protocol.ScopeSession}}), frame), optionSession)
		})
	}
}

// A call may have been told in part when its permission comes, and a permission
// may show a part of its call: grants compare what is known of both.
func TestSection5_6GrantsOfPartialInput(t *testing.T) {
	ask := func(id int, call, input string) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"session/request_permission","params":{"sessionId":"s","toolCall":{"toolCallId":%q,"title":"x","kind":"execute","rawInput":%s},"options":[%s]}}`, id, call, input, usualOptions)
	}
	told := func(call, input string) string {
		return up("tool_call", fmt.Sprintf(`"toolCallId":%q,"title":"x","kind":"execute","status":"in_progress","rawInput":%s`, call, input))
	}
	const whole, part, other = `{"command":"rm x","cwd":"/a"}`, `{"command":"rm x"}`, `{"command":"rm x","cwd":"/b"}`
	for name, c := range map[string]struct {
		told, shown string
		covered     bool
	}{
		"told in part":  {part, whole, true},
		"shown in part": {whole, part, true},
		"told another":  {other, part, false},
		"told nothing":  {`{}`, whole, true},
		"knows less":    {part, part, false},
	} {
		t.Run(name, func(t *testing.T) {
			tr := running(t, Quirks{})
			feed(t, tr, told("c", whole), ask(0, "c", whole))
			give(t, tr, &agents.Decide{PermissionID: "0", Option: protocol.PermissionOption{ID: optionSession, Decision: protocol.Allow}})
			feed(t, tr, told("d", c.told))
			if _, answer := sent(t, tr, ask(1, "d", c.shown)); strings.Contains(answer, `"optionId":"ok"`) != c.covered {
				t.Errorf("answered %q", answer)
			}
		})
	}
}

// Without a way to refuse once, a client must still be able to deny.
func TestSection3NoReject(t *testing.T) {
	tr := running(t, Quirks{})
	got := feed(t, tr, askFrame(0, "c", `{"optionId":"ok","name":"Allow","kind":"allow_once"}`))
	want(t, got, `{"id":"towline-deny","decision":"deny","scope":"once","label":"Deny"}`)
	want(t, give(t, tr, &agents.Decide{PermissionID: "0", Option: protocol.PermissionOption{ID: optionNone, Decision: protocol.Deny}}), `"outcome":"cancelled"`)
	_, answer := sent(t, tr, askFrame(1, "d", ``))
	want(t, answer, `"outcome":"cancelled"`) // nothing to choose from
}

// Whatever comes first opens the item.
func TestSection5_1OpensItems(t *testing.T) {
	for name, frame := range map[string]string{
		"call": up("tool_call", `"toolCallId":"c","title":"x","status":"in_progress"`), "update": up("tool_call_update", `"toolCallId":"c","status":"in_progress"`),
		"ask": askFrame(0, "c", usualOptions),
	} {
		tr := running(t, Quirks{})
		got := feed(t, tr, frame)
		if n := strings.Count(got, `"item.started"`); n != 1 {
			t.Errorf("%s: %d items started in %s", name, n, got)
		}
		got = feed(t, tr, up("tool_call_update", `"toolCallId":"c","status":"completed","content":[]`), up("tool_call_update", `"toolCallId":"c","status":"failed"`), turnDone)
		if n := strings.Count(got, `"item.completed"`); n != 1 || strings.Contains(got, `"item.started"`) {
			t.Errorf("%s: then %s", name, got)
		}
	}
}

// A pending call whose input is not known yet starts with the next frame.
func TestSection5_1LateInput(t *testing.T) {
	tr := running(t, Quirks{})
	wantNone(t, feed(t, tr, up("tool_call", `"toolCallId":"c","title":"Terminal","status":"pending","rawInput":{}`)), "item.started")
	want(t, feed(t, tr, up("tool_call_update", `"toolCallId":"c","title":"ls","rawInput":{"command":"ls"}`)), `"item.started"`, `"input":{"command":"ls"}`, `"title":"ls"`)
}

// Agents say nothing of a call that was rejected.
func TestSection5_2Rejected(t *testing.T) {
	tr := running(t, Quirks{})
	feed(t, tr, askFrame(0, "c", usualOptions))
	give(t, tr, &agents.Decide{PermissionID: "0", Option: protocol.PermissionOption{ID: "no", Decision: protocol.Deny}})
	want(t, feed(t, tr, turnDone), `"status":"declined"`, `"outcome":"completed"`)
}

func TestSection5_2LeftOpen(t *testing.T) {
	for end, status := range map[string]string{
		`{"jsonrpc":"2.0","id":3,"result":{"stopReason":"cancelled"}}`:        "interrupted",
		`{"jsonrpc":"2.0","id":3,"error":{"code":-32603,"message":"broken"}}`: "failed",
	} {
		tr := running(t, Quirks{})
		got := feed(t, tr, up("tool_call", `"toolCallId":"c","title":"x","status":"in_progress"`), end)
		want(t, got, `"id":"c","kind":"tool_call","status":"`+status+`"`)
		wantNone(t, feed(t, tr, up("tool_call_update", `"toolCallId":"c","status":"completed"`)), "item.")
	}
}

func TestSection5_3EmptyChunks(t *testing.T) {
	tr := running(t, Quirks{ChunkUsage: []string{"usage"}})
	empty := up("agent_message_chunk", text("")+`,"_meta":{"usage":{"inputTokens":7,"outputTokens":2}}`)
	if got := feed(t, tr, empty, empty); got != "" {
		t.Errorf("empty chunks give %s", got)
	}
	want(t, feed(t, tr, turnDone), `"usage":{"input_tokens":14,"output_tokens":4}`)
}

func TestSection5_4MessageBounds(t *testing.T) {
	tr := running(t, Quirks{})
	a := up("agent_message_chunk", text("a"))
	got := feed(t, tr, a, a, up("usage_update", `"used":1,"size":2`), a, up("tool_call", `"toolCallId":"c","title":"x","status":"completed"`), a,
		up("agent_thought_chunk", text("t")), a, up("plan", `"entries":[{"content":"p","status":"cancelled"},{"content":"q","status":"odd"}]`), a, turnDone)
	for _, whole := range []string{`"content":[{"type":"text","text":"aaa"}]`, `"text":"t","visibility":"public"`, `"entries":[{"text":"q","status":"pending"}]`} {
		want(t, got, whole)
	}
	if n := strings.Count(got, `"item.completed"`); n != 6 {
		t.Errorf("%d items in %s", n, got)
	}
	tr = running(t, Quirks{})
	got = feed(t, tr, up("agent_message_chunk", text("a")+`,"messageId":"x"`), up("agent_message_chunk", text("b")+`,"messageId":"y"`), up("agent_message_chunk", text("c")+`,"messageId":"x"`), turnDone)
	want(t, got, `"id":"x"`, `"id":"y"`, `"id":"x:1"`)
}

func TestSection5_4OtherContent(t *testing.T) {
	tr := running(t, Quirks{})
	got := feed(t, tr, up("agent_message_chunk", `"content":{"type":"image","mimeType":"image/png","data":"aGk="}`), up("agent_message_chunk", `"content":{"type":"resource_link","uri":"file:///x","name":"x"}`),
		up("agent_message_chunk", `"content":{"type":"resource","resource":{"uri":"file:///x","text":"inside"}}`), up("agent_message_chunk", `"content":{"type":"hologram"}`))
	want(t, got, `"mime":"image/png"`, `"url":"file:///x"`, `"text":"inside"`, `"json":{"type":"hologram"}`)
}

// Recordings hold prompts that were sent in mid-turn; their answers end turns
// in their order.
func TestSection5_5PromptsInFlight(t *testing.T) {
	tr := running(t, Quirks{})
	give(t, tr, say("m2", "more"))
	got := feed(t, tr, turnDone)
	want(t, got, `"turn.ended"`, `"prompt_ids":["m2"]`)
	give(t, tr, say("m3", "more"))
	if got := feed(t, tr, `{"jsonrpc":"2.0","id":5,"result":{"stopReason":"end_turn"}}`); got != "" {
		t.Errorf("the answer to a later prompt gives %s", got)
	}
	want(t, feed(t, tr, `{"jsonrpc":"2.0","id":4,"result":{"stopReason":"end_turn"}}`), `"turn.ended"`)
}

func TestSection3CancelAnswersAsks(t *testing.T) {
	tr := running(t, Quirks{})
	feed(t, tr, askFrame(0, "c", usualOptions), `{"jsonrpc":"2.0","id":1,"method":"elicitation/create","params":{"sessionId":"s","mode":"form","message":"Which?","requestedSchema":{"type":"object","properties":{}}}}`)
	out, err := tr.Command(&agents.Interrupt{})
	if err != nil || len(out.Frames) != 3 {
		t.Fatalf("got %v, %s", err, out.Frames)
	}
	want(t, string(out.Frames[0]), `"method":"session/cancel"`)
	want(t, string(out.Frames[1]), `"id":0`, `"outcome":"cancelled"`)
	want(t, string(out.Frames[2]), `"id":1`, `"action":"cancel"`)
	want(t, ndjson(t, out.Events), `"permission.resolved"`, `"question.resolved"`, `"turn_interrupted"`)
	events, answer := sent(t, tr, askFrame(7, "d", usualOptions))
	want(t, answer, `"id":7`, `"outcome":"cancelled"`)
	wantNone(t, events, "permission.requested")
	want(t, feed(t, tr, `{"jsonrpc":"2.0","id":3,"error":{"code":-32603,"message":"aborted"}}`), `"outcome":"interrupted"`)
	if got := give(t, tr, &agents.Interrupt{}); got != "" {
		t.Errorf("an interrupt without a turn sends %s", got)
	}
}

func TestSection3AgentWithdraws(t *testing.T) {
	tr := running(t, Quirks{})
	feed(t, tr, askFrame(5, "c", usualOptions))
	events, answer := sent(t, tr, `{"jsonrpc":"2.0","method":"$/cancel_request","params":{"requestId":5}}`)
	want(t, events, `"permission.resolved"`, `"agent_withdrew"`)
	want(t, answer, `"id":5`, `-32800`)
	feed(t, tr, askFrame(6, "d", usualOptions))
	events, answer = sent(t, tr, turnDone) // an ask must not outlive its turn
	want(t, events, `"turn_ended"`, `"turn.ended"`)
	want(t, answer, `"id":6`, `"outcome":"cancelled"`)
}

func TestSection4Errors(t *testing.T) {
	for body, wants := range map[string][]string{
		`{"code":-32603,"message":"Internal error","data":{"details":"400 bad"}}`:                          {`"code":"agent_error","message":"400 bad"`},
		`{"code":400,"message":"{\"error\":{\"code\":400,\"message\":\"bad\"}}"}`:                          {`"code":"http_400","message":"bad"`},
		`{"code":529,"message":"busy"}`:                                                                    {`"code":"http_529"`, `"retryable":true`},
		`{"code":-32603,"message":"Internal error: API Error: 401","data":{"errorKind":"authentication"}}`: {`"code":"authentication","message":"API Error: 401"`},
		`{"code":-32000,"message":"Authentication required"}`:                                              {`"code":"auth_required"`, `"notice"`},
		`{"code":-32800,"message":"cancelled"}`:                                                            {`"outcome":"interrupted"`},
	} {
		tr := running(t, Quirks{})
		want(t, feed(t, tr, `{"jsonrpc":"2.0","id":3,"error":`+body+`}`), append(wants, `"turn.ended"`)...)
		give(t, tr, say("m2", "again")) // the session lives on (section 5.13)
		want(t, feed(t, tr, `{"jsonrpc":"2.0","id":4,"result":{"stopReason":"end_turn"}}`), `"outcome":"completed"`)
	}
}

func TestSection4CommandResults(t *testing.T) {
	call := `"toolCallId":"c","title":"ls","kind":"execute","rawInput":{"command":"ls","cwd":"/w"},`
	for name, c := range map[string]struct {
		quirks Quirks
		fields string
		wants  []string
	}{
		"prose": {
			qwenQuirks, `"status":"completed","rawOutput":"bad","content":[{"type":"content","content":{"type":"text","text":"Command: ls\nOutput: bad\nExit Code: 3\nSignal: 0"}}]`,
			[]string{`"status":"failed"`, `"exit_code":3,"output":"bad"`},
		},
		"fence": {claudeQuirks, `"status":"completed","content":[{"type":"content","content":{"type":"text","text":"` + "```console\\na\\nb\\n```" + `"}}]`, []string{`"output":"a\nb"`, `"command":"ls","cwd":"/w"`}},
		"code":  {claudeQuirks, `"status":"failed","rawOutput":"Exit code 3\nbad","content":[{"type":"content","content":{"type":"text","text":"Exit code 3\nbad"}}]`, []string{`"status":"failed"`, `"exit_code":3,"output":"bad"`}},
		"raw":   {openCodeQuirks, `"status":"completed","rawOutput":{"output":"x\n","metadata":{"exit":0}},"content":[]`, []string{`"exit_code":0,"output":"x\n"`, `"status":"completed"`}},
		"plain": {Quirks{}, `"status":"completed","content":[{"type":"content","content":{"type":"text","text":"x"}}]`, []string{`"output":"x"`}},
		"empty": {claudeQuirks, `"status":"completed","rawOutput":"(Bash completed with no output)"`, []string{`{"type":"command","command":"ls","cwd":"/w"}`}},
	} {
		t.Run(name, func(t *testing.T) {
			want(t, feed(t, running(t, c.quirks), up("tool_call_update", call+c.fields)), c.wants...)
		})
	}
}

// A cancel that cuts a call short makes it "completed" with a text.
func TestSection4CancelledCalls(t *testing.T) {
	for status, body := range map[string]string{"interrupted": "Command cancelled by user.", "completed": "done"} {
		tr := running(t, geminiQuirks)
		give(t, tr, &agents.Interrupt{})
		want(t, feed(t, tr, up("tool_call_update", `"toolCallId":"c","kind":"execute","status":"completed","content":[{"type":"content",`+text(body)+`}]`)), `"status":"`+status+`"`)
	}
	tr := running(t, Quirks{})
	give(t, tr, &agents.Interrupt{})
	want(t, feed(t, tr, up("tool_call_update", `"toolCallId":"c","status":"failed"`)), `"status":"interrupted"`)
}

func TestSection4StreamsOutput(t *testing.T) {
	tr := running(t, openCodeQuirks)
	grow := func(status, s string) string {
		return up("tool_call_update", `"toolCallId":"c","kind":"execute","status":"`+status+`","content":[{"type":"content",`+text(s)+`}]`)
	}
	got := feed(t, tr, grow("in_progress", "one\n"), grow("in_progress", "one\n"), grow("completed", "one\ntwo\n"))
	want(t, got, `"kind":"tool_output","text":"one\n"`, `"kind":"tool_output","text":"two\n"`, `"output":"one\ntwo\n"`)
	if n := strings.Count(got, "item.delta"); n != 2 {
		t.Errorf("%d deltas in %s", n, got)
	}
}

func TestSection4Diffs(t *testing.T) {
	tr := running(t, Quirks{})
	diff := func(path, before, after, meta string) string {
		return `"toolCallId":"` + path + `","kind":"edit","status":"completed","locations":[{"path":"/w/a.txt"}],"content":[{"type":"diff","path":"` + path + `","oldText":` + before + `,"newText":"` + after + `"` + meta + `}]`
	}
	want(t, feed(t, tr, up("tool_call", diff("a.txt", `"x\n"`, `y\n`, ""))), `"path":"/w/a.txt","action":"update"`, `"added":1,"removed":1`)
	want(t, feed(t, tr, up("tool_call", diff("/w/b.txt", `null`, `y\n`, ""))), `"path":"/w/b.txt","action":"create"`, "/dev/null")
	want(t, feed(t, tr, up("tool_call", diff("/w/c.txt", `"x\n"`, ``, `,"_meta":{"kind":"delete"}`))), `"action":"delete"`)
}

// A diff that was asked about and done shows, also if the result is a word.
func TestSection4ApprovedDiff(t *testing.T) {
	tr := running(t, Quirks{})
	ask := `{"jsonrpc":"2.0","id":0,"method":"session/request_permission","params":{"sessionId":"s","toolCall":{"toolCallId":"c","kind":"edit","title":"e","content":[{"type":"diff","path":"/w/a","oldText":null,"newText":"n"}]},"options":[` + usualOptions + `]}}`
	want(t, feed(t, tr, ask), `"kind":"edit"`, `"diff":{"type":"diff","path":"/w/a"`)
	give(t, tr, &agents.Decide{PermissionID: "0", Option: protocol.PermissionOption{ID: "ok", Decision: protocol.Allow}})
	want(t, feed(t, tr, up("tool_call_update", `"toolCallId":"c","status":"completed"`)), `"content":[{"type":"diff"`)
}

// Claude's own patch shows a leading tab as spaces; its exact texts are beside.
func TestSection4ExactEdit(t *testing.T) {
	for response, wants := range map[string]string{
		`{"filePath":"/w/a","originalFile":"\tx\n","oldString":"\tx","newString":"\ty","replaceAll":false}`: `-\tx\n+\ty`,
		`{"filePath":"/w/a","originalFile":"x x\n","oldString":"x","newString":"y","replaceAll":true}`:      `-x x\n+y y`,
		`{"filePath":"/w/a","originalFile":null,"content":"new\n"}`:                                         `"action":"create"`,
		`{"filePath":"/w/a","originalFile":"old\n","content":"new\n"}`:                                      `-old\n+new`,
		`{"filePath":"/w/a","originalFile":"old\n","oldString":"elsewhere","newString":"z"}`:                `-  shown`,
	} {
		tr := running(t, claudeQuirks)
		got := feed(t, tr, up("tool_call_update", `"toolCallId":"c","kind":"edit","content":[{"type":"diff","path":"/w/a","oldText":"  shown","newText":""}],"_meta":{"claudeCode":{"toolName":"Edit","toolResponse":`+response+`}}`),
			up("tool_call_update", `"toolCallId":"c","status":"completed"`))
		want(t, got, wants)
	}
}

func TestSection4ToolNames(t *testing.T) {
	for _, c := range []struct {
		quirks Quirks
		fields string
		wants  string
	}{
		{geminiQuirks, `"toolCallId":"read_file__read_file_17_0"`, `"name":"read_file"`},
		{qwenQuirks, `"toolCallId":"c","_meta":{"toolName":"edit"}`, `"name":"edit"`},
		{claudeQuirks, `"toolCallId":"c","_meta":{"claudeCode":{"toolName":"mcp__lab__add"}}`, `"name":"mcp__lab__add","kind":"mcp"`},
		{claudeQuirks, `"toolCallId":"c","kind":"think","_meta":{"claudeCode":{"toolName":"Agent"}}`, `"kind":"task"`},
		{Quirks{}, `"toolCallId":"c","name":"own","kind":"search"`, `"name":"own","kind":"search"`},
		{Quirks{}, `"toolCallId":"c","kind":"switch_mode"`, `"name":"switch_mode","kind":"other"`},
	} {
		want(t, feed(t, running(t, c.quirks), up("tool_call", c.fields+`,"title":"T","status":"in_progress"`)), c.wants)
	}
}

func TestSection4UsageAndCost(t *testing.T) {
	cost := 1.5
	tr, _ := start(t, setup{Spent: &protocol.UsageUpdated{Usage: protocol.Usage{InputTokens: 100}, CostUSD: &cost}}, initAnswer, newAnswer)
	give(t, tr, say("m1", "go"))
	one := up("usage_update", `"used":10,"size":200,"cost":{"amount":0.5,"currency":"USD"}`)
	got := feed(t, tr, one, one, `{"jsonrpc":"2.0","id":3,"result":{"stopReason":"end_turn","usage":{"inputTokens":5,"outputTokens":2,"cachedReadTokens":1}}}`)
	want(t, got, `"input_tokens":100,"output_tokens":0,"cost_usd":2,"context":{"used":10,"size":200}`,
		`"usage":{"input_tokens":5,"output_tokens":2,"cached_read_tokens":1},"cost_usd":0.5`, `"input_tokens":105`)
	if n := strings.Count(got, "usage.updated"); n != 2 {
		t.Errorf("%d reports in %s", n, got)
	}
	want(t, feed(t, running(t, geminiQuirks), `{"jsonrpc":"2.0","id":3,"result":{"stopReason":"end_turn","_meta":{"quota":{"token_count":{"input_tokens":3,"output_tokens":4}}}}}`), `"usage":{"input_tokens":3,"output_tokens":4}`)
}

func TestSection3Notices(t *testing.T) {
	tr := ready(t, Quirks{})
	got := feed(t, tr, up("notice", `"severity":"warning","title":"Slow","description":"wait"`), up("compaction_update", `"compactionId":"k","status":"in_progress"`),
		up("compaction_update", `"compactionId":"k","status":"completed"`), up("compaction_update", `"compactionId":"k","status":"failed"`), up("session_info_update", `"title":"T"`), up("session_info_update", `"title":"T"`))
	want(t, got, `"level":"warning","code":"agent","message":"Slow: wait"`, `"compacted"`, `"compact_failed"`, `"title":"T"`)
	if n := strings.Count(got, "\n"); n != 4 {
		t.Errorf("%d events in %s", n, got)
	}
}

func TestUnparsed(t *testing.T) {
	tr := running(t, Quirks{})
	for _, frame := range []string{
		up("_vendor_thing", ""), up("subagent_update", ""), up("plan", `"entries":1`), up("tool_call", `"title":"no id"`), up("agent_message_chunk", `"content":7`),
		strings.Replace(up("plan", `"entries":[]`), `"sessionId":"s"`, `"sessionId":"other"`, 1),
		`{"jsonrpc":"2.0","id":99,"result":{}}`, `{"jsonrpc":"2.0","method":"_vendor/note","params":{}}`, `{"jsonrpc":"2.0"}`, `{"jsonrpc":"2.0","id":{},"method":"x"}`,
	} {
		if got := feed(t, tr, frame); strings.Count(got, `"agent.unparsed"`) != 1 || strings.Count(got, "\n") != 1 {
			t.Errorf("%s gives %q", frame, got)
		}
	}
	want(t, feed(t, tr, turnDone), `"outcome":"completed"`)
}

// A title must not fake what is asked (RELIABILITY S16).
func TestS16TitlesAreEscaped(t *testing.T) {
	tr := running(t, Quirks{})
	got := feed(t, tr, up("tool_call", `"toolCallId":"c","status":"in_progress","title":"a\u202eb\u001b[1m\nrm x"`))
	want(t, got, "⏎rm x")
	wantNone(t, got, "\u202e", `\u001b`)
}

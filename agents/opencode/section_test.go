package opencode

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/opencode/project"
	"github.com/towline-dev/towline/protocol"
)

// bench is a translator under test, with what it gave.
type bench struct {
	*translator
	t   *testing.T
	out output
}

func newBench(t *testing.T) *bench {
	return &bench{t: t, translator: newTranslator(setup{Session: "ses_r", Directory: "/work", Facts: facts{
		Servers: []string{"calc"}, Models: []model{{ID: "p/m", Default: true, Variants: []string{"high"}, Context: 1000}},
		Agents: []nativeAgent{{Name: "build", Mode: "primary"}, {Name: "plan", Mode: "primary", Permission: []rule{
			{"*", "*", "allow"}, {"edit", "*", "deny"}, {"edit", "plans/*", "allow"},
		}}, {Name: "general", Mode: "subagent"}},
		Commands: []nativeCommand{{Name: "hello"}},
	}})}
}

// see hands an event to the translator; %s of the properties is the session.
func (b *bench) see(kind, properties string) output {
	b.t.Helper()
	raw := strings.ReplaceAll(properties, "%s", "ses_r")
	if !json.Valid([]byte(raw)) {
		b.t.Fatalf("no JSON: %s", raw)
	}
	b.out = b.native(event{Type: kind, Properties: json.RawMessage(raw)}, []byte(raw))
	return b.out
}

// do hands a command to the translator.
func (b *bench) do(c agents.Command) []request {
	b.t.Helper()
	o, err := b.command(c)
	if err != nil {
		b.t.Fatal(err)
	}
	b.out = o
	return o.Requests
}

// prompt sends a prompt, which the server takes and works on.
func (b *bench) prompt(id string) {
	b.t.Helper()
	b.do(&agents.Prompt{PromptID: id, Content: textContentOf("Do it.")})
	b.user("msg_u_" + id)
	b.see("session.status", `{"sessionID":"%s","status":{"type":"busy"}}`)
	b.step("msg_a_"+id, "msg_u_"+id, false)
}

func (b *bench) user(id string) {
	b.t.Helper()
	b.see("message.updated", `{"info":{"id":"`+id+`","sessionID":"%s","role":"user"}}`)
}

// step tells an assistant's message, complete or not.
func (b *bench) step(id, parent string, done bool) {
	b.t.Helper()
	completed := ""
	if done {
		completed = `,"completed":2`
	}
	b.see("message.updated", `{"info":{"id":"`+id+`","sessionID":"%s","role":"assistant","parentID":"`+parent+`","time":{"created":1`+completed+`}}}`)
}

func (b *bench) idle() output {
	b.t.Helper()
	b.see("session.status", `{"sessionID":"%s","status":{"type":"idle"}}`)
	return b.see("session.idle", `{"sessionID":"%s"}`)
}

// tool tells a tool's part of a message.
func (b *bench) tool(message, id, state string) output {
	b.t.Helper()
	return b.see("message.part.updated", fmt.Sprintf(
		`{"part":{"id":%q,"sessionID":"%%s","messageID":%q,"type":"tool","tool":"bash","callID":"c_%s","state":%s}}`, id, message, id, state))
}

// asked tells a permission for a tool's part.
func (b *bench) asked(id, message, part string) output {
	b.t.Helper()
	return b.see("permission.asked", fmt.Sprintf(
		`{"id":%q,"sessionID":"%%s","permission":"bash","patterns":["ls -l"],"always":["ls *"],"metadata":{"command":"ls -l"},"tool":{"messageID":%q,"callID":"c_%s"}}`,
		id, message, part))
}

// ended returns the turn's end in the output at hand; nil if it did not end.
func (b *bench) ended() *protocol.TurnEnded {
	for _, d := range b.out.Events {
		if e, ok := d.(*protocol.TurnEnded); ok {
			return e
		}
	}
	return nil
}

// kinds are the types of the events at hand.
func (b *bench) kinds() string {
	var kinds []string
	for _, d := range b.out.Events {
		kinds = append(kinds, string(d.EventType()))
	}
	return strings.Join(kinds, " ")
}

// paths are the requests at hand.
func paths(requests []request) string {
	var all []string
	for _, r := range requests {
		all = append(all, r.Method+" "+r.Path+" "+string(encode(r.Body)))
	}
	return strings.Join(all, "\n")
}

// failed makes the turn fail as the server tells it.
const apiError = `{"sessionID":"%s","error":{"name":"APIError","data":{"message":"Bad parameter","statusCode":400}}}`

// 8.1: the turn of an error ends with the second idle; a prompt that comes
// before waits for it, since the server would lose it.
func TestSection8PromptAfterError(t *testing.T) {
	b := newBench(t)
	b.prompt("m1")
	b.see("session.error", apiError)
	b.idle()
	if !b.out.Settle || b.ended() != nil {
		t.Fatalf("after the first idle: %s, settle %v", b.kinds(), b.out.Settle)
	}
	if sent := b.do(&agents.Prompt{PromptID: "m2", Content: textContentOf("Next.")}); len(sent) != 0 {
		t.Fatalf("the prompt was sent at once: %s", paths(sent))
	}
	b.step("msg_a_m1", "msg_u_m1", true)
	b.idle()
	if e := b.ended(); e == nil || e.Outcome != protocol.OutcomeFailed || e.Error.Message != "Bad parameter" {
		t.Fatalf("ended as %+v", e)
	}
	if b.kinds() != "turn.ended turn.started" || !strings.Contains(paths(b.out.Requests), "/prompt_async") {
		t.Errorf("then %s and %s", b.kinds(), paths(b.out.Requests))
	}
}

// 8.1: where the second idle never comes, the turn ends all the same.
func TestSection8ErrorSettles(t *testing.T) {
	b := newBench(t)
	b.prompt("m1")
	b.see("session.error", apiError)
	b.idle()
	b.out = b.settled()
	if e := b.ended(); e == nil || e.Outcome != protocol.OutcomeFailed {
		t.Fatalf("ended as %+v", e)
	}
	if b.out = b.settled(); len(b.out.Events) != 0 {
		t.Errorf("settled twice: %s", b.kinds())
	}
}

// 8.1: an idle that belongs to an earlier turn does not end the next one.
func TestSection8LateIdle(t *testing.T) {
	b := newBench(t)
	b.prompt("m1")
	b.idle()
	b.do(&agents.Prompt{PromptID: "m2", Content: textContentOf("Next.")})
	if b.idle(); b.ended() != nil {
		t.Fatal("an idle before the prompt was taken ended its turn")
	}
	b.user("msg_u_m2")
	if b.idle(); b.ended() != nil {
		t.Fatal("an idle before the work began ended its turn")
	}
}

// 8.2: an interrupt refuses every ask, then aborts; an ask that comes after it
// is refused by itself.
func TestSection8InterruptRefusesFirst(t *testing.T) {
	b := newBench(t)
	b.prompt("m1")
	b.tool("msg_a_m1", "prt_1", `{"status":"pending"}`)
	b.asked("per_1", "msg_a_m1", "prt_1")
	b.see("question.asked", `{"id":"que_1","sessionID":"%s","questions":[{"question":"Which?"}]}`)
	got := paths(b.do(&agents.Interrupt{}))
	want := "POST /permission/per_1/reply {\"reply\":\"reject\"}\nPOST /question/que_1/reject {}\nPOST /session/ses_r/abort null"
	if got != want {
		t.Errorf("sent\n%s\nwant\n%s", got, want)
	}
	if _, err := b.command(&agents.Decide{PermissionID: "per_1", Option: protocol.PermissionOption{Decision: protocol.Allow}}); protocol.CodeOf(err) != protocol.CodePermissionClosed {
		t.Errorf("a late yes: %v", err)
	}
	b.tool("msg_a_m1", "prt_2", `{"status":"pending"}`)
	if b.asked("per_2", "msg_a_m1", "prt_2"); b.kinds() != "" || paths(b.out.Requests) != `POST /permission/per_2/reply {"reply":"reject"}` {
		t.Errorf("a late ask led to %q and %s", b.kinds(), paths(b.out.Requests))
	}
}

// 7: an interrupt that comes before there is work to stop is done again.
func TestSection7EarlyInterrupt(t *testing.T) {
	b := newBench(t)
	b.do(&agents.Prompt{PromptID: "m1", Content: textContentOf("Do it.")})
	b.do(&agents.Interrupt{})
	b.user("msg_u")
	b.see("session.status", `{"sessionID":"%s","status":{"type":"busy"}}`)
	if paths(b.out.Requests) != "POST /session/ses_r/abort null" {
		t.Errorf("sent %s", paths(b.out.Requests))
	}
	if b.idle(); b.ended() == nil || b.ended().Outcome != protocol.OutcomeInterrupted {
		t.Errorf("ended as %+v", b.ended())
	}
}

// 8.5: the session's deletion ends turn and connection.
func TestSection8Deleted(t *testing.T) {
	b := newBench(t)
	b.prompt("m1")
	b.see("session.deleted", `{"sessionID":"%s","info":{"id":"%s"}}`)
	if e := b.ended(); e == nil || e.Error.Code != "session_deleted" || !b.out.Gone {
		t.Errorf("ended as %+v, gone %v", e, b.out.Gone)
	}
}

// 8.6: what OpenCode calls always is offered as reaching beyond the session;
// what is granted for the session is kept here.
func TestSection8Always(t *testing.T) {
	b := newBench(t)
	b.prompt("m1")
	b.tool("msg_a_m1", "prt_1", `{"status":"pending"}`)
	b.asked("per_1", "msg_a_m1", "prt_1")
	p := b.out.Events[1].(*protocol.PermissionRequested).Permission
	var options []string
	for _, o := range p.Options {
		options = append(options, o.ID+":"+string(o.Scope))
	}
	if got := strings.Join(options, " "); got != "once:once session:session always:always reject:once" {
		t.Errorf("options %s", got)
	}
	if got := paths(b.do(&agents.Decide{PermissionID: "per_1", Option: p.Options[1]})); got != `POST /permission/per_1/reply {"reply":"once"}` {
		t.Errorf("sent %s", got)
	}
	b.tool("msg_a_m1", "prt_2", `{"status":"pending"}`)
	if b.asked("per_2", "msg_a_m1", "prt_2"); b.kinds() != "" || paths(b.out.Requests) != `POST /permission/per_2/reply {"reply":"once"}` {
		t.Errorf("the like was answered with %q and %s", b.kinds(), paths(b.out.Requests))
	}
	b.see("permission.asked", `{"id":"per_3","sessionID":"%s","permission":"bash","patterns":["rm x"],"always":["ls *","rm *"],"metadata":{"command":"rm x"}}`)
	if b.kinds() != "permission.requested" {
		t.Errorf("another command was answered with %s", paths(b.out.Requests))
	}
	if got := paths(b.do(&agents.Decide{PermissionID: "per_3", Option: protocol.PermissionOption{ID: optionAlways, Decision: protocol.Allow, Scope: protocol.ScopeAlways}})); got != `POST /permission/per_3/reply {"reply":"always"}` {
		t.Errorf("sent %s", got)
	}
}

// Where edits are accepted they are answered here, but for those of
// configuration: these are asked for, and no lasting grant reaches them.
func TestSection8Edits(t *testing.T) {
	b := newBench(t)
	b.prompt("m1")
	b.gate = &project.Gate{Dir: t.TempDir()}
	in := func(name string) string { return filepath.Join(b.gate.Dir, name) }
	ask := func(id string, metadata any) {
		b.see("permission.asked", `{"id":"`+id+`","sessionID":"%s","permission":"edit","patterns":["x"],"always":["*"],"metadata":`+string(encode(metadata))+`}`)
	}
	if ask("per_0", map[string]any{"filepath": in("a")}); b.kinds() != "permission.requested" {
		t.Error("an edit is not asked for by default")
	}
	b.settings.PermissionMode = permitEdits
	for id, metadata := range map[string]any{
		"per_1": map[string]any{"filepath": in("a")},
		"per_2": map[string]any{"filepath": "a, b", "files": []any{map[string]any{"filePath": in("a"), "movePath": in("b")}}},
	} {
		if ask(id, metadata); b.kinds() != "" || paths(b.out.Requests) != `POST /permission/`+id+`/reply {"reply":"once"}` {
			t.Errorf("%s was answered with %q and %s", id, b.kinds(), paths(b.out.Requests))
		}
	}
	b.grants[grant{"edit", "*"}] = true
	for id, metadata := range map[string]any{
		"per_3": map[string]any{"filepath": in(".opencode/plugin/x.js")},
		"per_4": map[string]any{"filepath": "a", "files": []any{map[string]any{"filePath": in("a"), "movePath": in("opencode.json")}}},
		"per_5": map[string]any{},
	} {
		if ask(id, metadata); b.kinds() != "permission.requested" {
			t.Errorf("%s was answered with %q and %s", id, b.kinds(), paths(b.out.Requests))
			continue
		}
		if p := b.out.Events[0].(*protocol.PermissionRequested).Permission; len(p.Options) != 2 || p.Options[0].ID != optionOnce || p.Options[1].ID != optionReject {
			t.Errorf("%s has the options %+v", id, p.Options)
		}
	}
}

// 8.8: a subagent's idle does not end the turn, and its asks are the root's.
func TestSection8Subagent(t *testing.T) {
	b := newBench(t)
	b.prompt("m1")
	b.see("message.part.updated", `{"part":{"id":"prt_t","sessionID":"%s","messageID":"msg_a_m1","type":"tool","tool":"task","callID":"c","state":{"status":"running","input":{"description":"look"},"metadata":{"sessionId":"ses_c"}}}}`)
	b.see("session.created", `{"info":{"id":"ses_c","parentID":"%s"}}`)
	b.see("message.updated", `{"info":{"id":"msg_c","sessionID":"ses_c","role":"assistant","parentID":"x","time":{}}}`)
	b.see("message.part.updated", `{"part":{"id":"prt_c","sessionID":"ses_c","messageID":"msg_c","type":"tool","tool":"bash","callID":"cc","state":{"status":"pending"}}}`)
	b.see("permission.asked", `{"id":"per_c","sessionID":"ses_c","permission":"bash","always":["ls *"],"metadata":{"command":"ls"},"tool":{"messageID":"msg_c","callID":"cc"}}`)
	if b.kinds() != "item.started permission.requested" {
		t.Fatalf("the ask led to %q", b.kinds())
	}
	if item := b.out.Events[0].(*protocol.ItemStarted).Item; item.ParentID != "prt_t" {
		t.Errorf("the call belongs to %q", item.ParentID)
	}
	b.see("session.error", `{"sessionID":"ses_c","error":{"name":"APIError","data":{"message":"Too long"}}}`)
	if b.kinds() != "error" || b.turn.failure != nil {
		t.Errorf("a subagent's error led to %s", b.kinds())
	}
	b.see("session.idle", `{"sessionID":"ses_c"}`)
	if b.ended() != nil || !b.turn.open {
		t.Error("a subagent's idle ended the turn")
	}
	if b.see("session.idle", `{"sessionID":"ses_other"}`); b.ended() != nil {
		t.Error("another session's idle ended the turn")
	}
}

// 8.9 and 8.10: parts of users' messages are no items, synthetic or not.
func TestSection8UserParts(t *testing.T) {
	b := newBench(t)
	b.prompt("m1")
	for _, synthetic := range []string{"true", "false"} {
		b.see("message.part.updated", `{"part":{"id":"prt_`+synthetic+`","sessionID":"%s","messageID":"msg_u_m1","type":"text","text":"Do it.","synthetic":`+synthetic+`,"time":{"end":1}}}`)
		if b.kinds() != "" {
			t.Errorf("a user's part led to %s", b.kinds())
		}
	}
}

// 8.11: noise is dropped; what is not known is kept.
func TestSection8Noise(t *testing.T) {
	b := newBench(t)
	for _, kind := range []string{"plugin.added", "catalog.updated", "file.watcher.updated", "session.next.prompted", "sync"} {
		if b.see(kind, `{"sessionID":"%s"}`); b.kinds() != "" {
			t.Errorf("%s led to %s", kind, b.kinds())
		}
	}
	if b.see("session.sang", `{"sessionID":"%s"}`); b.kinds() != "agent.unparsed" {
		t.Errorf("an unknown event led to %q", b.kinds())
	}
	if b.see("message.updated", `{"info":7}`); b.kinds() != "agent.unparsed" {
		t.Errorf("a malformed event led to %q", b.kinds())
	}
}

// 8.12: a title may come in the middle of a turn; a placeholder is none.
func TestSection8Titles(t *testing.T) {
	b := newBench(t)
	b.prompt("m1")
	b.see("session.updated", `{"info":{"id":"%s","title":"New session - 2026-11-22"}}`)
	if b.kinds() != "" {
		t.Errorf("a placeholder led to %s", b.kinds())
	}
	b.see("session.updated", `{"info":{"id":"%s","title":"A title"}}`)
	if u, ok := b.out.Events[0].(*protocol.SessionUpdated); !ok || *u.Title != "A title" || b.ended() != nil {
		t.Errorf("a title led to %s", b.kinds())
	}
	if b.see("session.updated", `{"info":{"id":"%s","title":"A title"}}`); b.kinds() != "" {
		t.Errorf("the same title led to %s", b.kinds())
	}
}

// 7: the text of a failed attempt is closed when it is tried again.
func TestSection7Retry(t *testing.T) {
	b := newBench(t)
	b.prompt("m1")
	b.see("message.part.updated", `{"part":{"id":"prt_1","sessionID":"%s","messageID":"msg_a_m1","type":"text","text":""}}`)
	b.see("message.part.delta", `{"sessionID":"%s","messageID":"msg_a_m1","partID":"prt_1","field":"text","delta":"half"}`)
	b.see("session.status", `{"sessionID":"%s","status":{"type":"retry","attempt":1,"message":"cut","next":1}}`)
	if b.kinds() != "item.completed notice" {
		t.Fatalf("a retry led to %s", b.kinds())
	}
	if item := b.out.Events[0].(*protocol.ItemCompleted).Item; item.Status != protocol.ItemFailed || item.Content[0].Text != "half" {
		t.Errorf("the text was closed as %+v", item)
	}
	if b.see("message.part.delta", `{"sessionID":"%s","messageID":"msg_a_m1","partID":"prt_1","field":"text","delta":"late"}`); b.kinds() != "" {
		t.Errorf("a late delta led to %s", b.kinds())
	}
}

// 7: a plain refusal ends the turn, and takes the other asks with it.
func TestSection7CascadedRefusal(t *testing.T) {
	b := newBench(t)
	b.prompt("m1")
	for _, n := range []string{"1", "2"} {
		b.tool("msg_a_m1", "prt_"+n, `{"status":"running","input":{"command":"ls -l"}}`)
		b.asked("per_"+n, "msg_a_m1", "prt_"+n)
	}
	b.do(&agents.Decide{PermissionID: "per_1", Option: protocol.PermissionOption{Decision: protocol.Deny}})
	if b.see("permission.replied", `{"sessionID":"%s","requestID":"per_1","reply":"reject"}`); b.kinds() != "" {
		t.Errorf("our own answer led to %s", b.kinds())
	}
	if b.see("permission.replied", `{"sessionID":"%s","requestID":"per_2","reply":"reject"}`); b.kinds() != "permission.resolved" {
		t.Errorf("a cascaded refusal led to %q", b.kinds())
	}
	b.tool("msg_a_m1", "prt_2", `{"status":"error","error":"The user rejected permission to use this specific tool call."}`)
	if item := b.out.Events[0].(*protocol.ItemCompleted).Item; item.Status != protocol.ItemDeclined {
		t.Errorf("the call ended as %s", item.Status)
	}
	b.see("message.updated", `{"info":{"id":"msg_a_m1","sessionID":"%s","role":"assistant","parentID":"msg_u_m1","time":{"completed":2},"finish":"tool-calls"}}`)
	if b.idle(); b.ended().Outcome != protocol.OutcomeInterrupted {
		t.Errorf("the turn ended as %+v", b.ended())
	}
}

// 7: errors that no idle follows end the turn by themselves, and the second
// telling of an error is not told again.
func TestSection7RefusedPrompt(t *testing.T) {
	b := newBench(t)
	b.do(&agents.Prompt{PromptID: "m1", Content: textContentOf("Do it.")})
	b.see("session.error", `{"sessionID":"%s","error":{"name":"UnknownError","data":{"message":"Agent not found: \"nope\""}}}`)
	if e := b.ended(); e == nil || e.Outcome != protocol.OutcomeFailed || e.Error.Code != "unknown" {
		t.Fatalf("ended as %+v", e)
	}
	b.see("session.error", `{"sessionID":"%s","error":{"name":"UnknownError","data":{"message":"UnknownError: UnknownError\n    at <anonymous>"}}}`)
	if b.kinds() != "" {
		t.Errorf("the second telling led to %s", b.kinds())
	}
}

// 7: what the server copied into a fork, or holds from before, is no news.
func TestSection7History(t *testing.T) {
	b := newBench(t)
	b.step("msg_old", "msg_older", true)
	b.see("message.part.updated", `{"part":{"id":"prt_old","sessionID":"%s","messageID":"msg_old","type":"text","text":"Old.","time":{"end":1}}}`)
	if b.kinds() != "" {
		t.Errorf("history led to %s", b.kinds())
	}
}

// 3: the session's rules never soften what its agent denies.
func TestSection3Rules(t *testing.T) {
	f := newBench(t).facts
	for _, c := range []struct{ mode, permission, want string }{
		{"build", permitDefault, "edit:ask bash:ask webfetch:ask websearch:ask task:ask calc_*:ask"},
		{"build", permitEdits, "edit:ask bash:ask webfetch:ask websearch:ask task:ask calc_*:ask"},
		{"build", permitAll, "*:allow"},
		{"build", permitConfig, ""},
		{"plan", permitDefault, "bash:ask webfetch:ask websearch:ask task:ask calc_*:ask"},
		{"plan", permitEdits, "bash:ask webfetch:ask websearch:ask task:ask calc_*:ask"},
		{"plan", permitAll, "*:allow edit:deny edit:allow"},
	} {
		var got []string
		for _, r := range (settings{Mode: c.mode, PermissionMode: c.permission}).rules(f) {
			got = append(got, r.Permission+":"+r.Action)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s in %s: %v, want %s", c.permission, c.mode, got, c.want)
		}
	}
}

// 4: prompts as requests: settings with each, attachments, commands.
func TestSection4Prompts(t *testing.T) {
	b := newBench(t)
	b.settings = settings{Model: "p/m", Effort: "high", Mode: "plan", System: "Be brief."}
	got := paths(b.do(&agents.Prompt{Content: []agents.Content{
		{Part: protocol.TextPart("Look.")},
		{Part: protocol.Part{Type: protocol.PartImage, Mime: "image/png", Name: "a.png"}, Bytes: []byte("x")},
		{Part: protocol.Part{Type: protocol.PartFile, Path: "a b.txt"}},
	}}))
	want := `POST /session/ses_r/prompt_async {"agent":"plan","model":{"modelID":"m","providerID":"p"},"parts":[{"text":"Look.","type":"text"},` +
		`{"filename":"a.png","mime":"image/png","type":"file","url":"data:image/png;base64,eA=="},` +
		`{"filename":"a b.txt","mime":"text/plain","type":"file","url":"file:///work/a%20b.txt"}],"system":"Be brief.","variant":"high"}`
	if got != want {
		t.Errorf("sent\n%s\nwant\n%s", got, want)
	}
	for text, want := range map[string]string{
		"/hello Ada":  `/command {"agent":"plan","arguments":"Ada","command":"hello","model":"p/m","variant":"high"}`,
		"/compact":    `/summarize {"modelID":"m","providerID":"p"}`,
		"/redo":       `/unrevert null`,
		"/usr/bin/ls": `/prompt_async {`,
	} {
		if got := paths(b.do(&agents.Prompt{Content: textContentOf(text)})); !strings.Contains(got, want) {
			t.Errorf("%s: sent %s, want %s", text, got, want)
		}
	}
}

// 6: a command's output is told as it grows, and only once.
func TestSection6CommandOutput(t *testing.T) {
	b := newBench(t)
	b.prompt("m1")
	var told strings.Builder
	for _, state := range []string{
		`{"status":"running","input":{"command":"ls"}}`,
		`{"status":"running","input":{"command":"ls"},"metadata":{"output":""}}`,
		`{"status":"running","input":{"command":"ls"},"metadata":{"output":"a\n"}}`,
		`{"status":"running","input":{"command":"ls"},"metadata":{"output":"a\n"}}`,
		`{"status":"completed","input":{"command":"ls"},"output":"a\nb\n","metadata":{"output":"a\nb\n","exit":3}}`,
	} {
		b.tool("msg_a_m1", "prt_1", state)
		for _, d := range b.out.Events {
			if delta, ok := d.(*protocol.ItemDelta); ok {
				told.WriteString(delta.Text)
			}
		}
	}
	item := b.out.Events[len(b.out.Events)-1].(*protocol.ItemCompleted).Item
	if told.String() != "a\nb\n" || item.Content[0].Output != "a\nb\n" || *item.Content[0].ExitCode != 3 || item.Status != protocol.ItemFailed {
		t.Errorf("told %q, completed as %+v", told.String(), item)
	}
}

// No event makes the translator panic or report what is not valid.
func FuzzNative(f *testing.F) {
	for _, lines := range recordings.Lines(f) {
		for i, line := range lines {
			if i%29 == 0 {
				f.Add([]byte(line))
			}
		}
	}
	f.Add([]byte(`{"payload":{"type":"message.part.updated","properties":{"part":{"id":"p","sessionID":"ses_r","messageID":"m","type":"tool"}}}}`))
	f.Fuzz(func(t *testing.T, frame []byte) {
		b := newBench(t)
		b.prompt("m1")
		e, err := readEvent(frame)
		if err != nil {
			return
		}
		sessionOf(e)
		for range 2 {
			for _, d := range b.native(e, frame).Events {
				if _, err := json.Marshal(d); err != nil {
					t.Errorf("cannot encode %T: %v", d, err)
				}
			}
		}
		newReplay().Out(frame)
	})
}

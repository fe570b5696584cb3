package codex

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/jsonrpc"
	"github.com/towline-dev/towline/protocol"
)

// The tests below are named after the sections of PROTOCOL.md that hold the
// trap they are about.

// bench is a translator with what it needs around it.
type bench struct {
	*testing.T
	t    *translator
	peer *jsonrpc.Peer
}

// fromZero counts calls from 0, which is the reading of the configuration: the
// opening itself is 1.
func fromZero() func() jsonrpc.ID {
	next := int64(0)
	return func() jsonrpc.ID {
		next++
		return jsonrpc.Number(next - 1)
	}
}

// opening returns a bench whose thread is not open, and the opening request.
func opening(t *testing.T, s agents.Start) (bench, string) {
	t.Helper()
	set, err := newSettings(s)
	if err != nil {
		t.Fatal(err)
	}
	peer := &jsonrpc.Peer{NextID: fromZero()}
	b := bench{t, newTranslator(setup{start: s, settings: set}, peer), peer}
	want(t, lines(b.t.Open()), `"config/read"`)
	_, sent := b.feed(`{"id":0,"result":{"config":{"sandbox_workspace_write":null}}}`)
	return b, sent
}

// ready returns a bench whose thread T is open.
func ready(t *testing.T) bench {
	t.Helper()
	b, _ := opening(t, agents.Start{SessionID: "s", Directory: "/w"})
	b.feed(openedFrame(1))
	return b
}

func openedFrame(id int) string {
	return fmt.Sprintf(`{"id":%d,"result":{"thread":{"id":"T"},"model":"gpt","cwd":"/w","approvalPolicy":"untrusted","sandbox":{"type":"workspaceWrite"}}}`, id)
}

func lines(frames [][]byte) string {
	all := make([]string, 0, len(frames))
	for _, f := range frames {
		all = append(all, string(f))
	}
	return strings.Join(all, "\n")
}

// feed gives frames to the translator; it returns the events and what goes to
// the server.
func (b bench) feed(frames ...string) (events, sent string) {
	b.Helper()
	var all []protocol.Data
	var out [][]byte
	for _, f := range frames {
		in, err := b.peer.Receive([]byte(f))
		if err != nil {
			b.Fatalf("%s: %v", f, err)
		}
		o := output{frame: []byte(f)}
		b.t.receive(in, &o)
		all, out = append(all, o.Events...), append(out, o.Frames...)
	}
	return ndjson(b, all), lines(out)
}

func (b bench) events(frames ...string) string {
	b.Helper()
	events, _ := b.feed(frames...)
	return events
}

// give runs a command and returns its frames.
func (b bench) give(c agents.Command) string {
	b.Helper()
	out, err := b.t.Command(c)
	if err != nil {
		b.Fatal(err)
	}
	return lines(out.Frames)
}

func note(method, params string) string {
	return fmt.Sprintf(`{"method":%q,"params":{"threadId":"T",%s}}`, method, params)
}

func asked(id int, method, params string) string {
	return fmt.Sprintf(`{"id":%d,"method":%q,"params":{"threadId":"T","turnId":"U",%s}}`, id, method, params)
}

func began(item string) string { return note("item/started", `"turnId":"U","item":`+item) }
func ended(item string) string { return note("item/completed", `"turnId":"U","item":`+item) }
func ran(status, output string) string {
	return ended(fmt.Sprintf(`{"type":"commandExecution","id":"c","command":"ls","cwd":"/w","status":%q,"aggregatedOutput":%s,"exitCode":0}`, status, output))
}

const (
	turnBegan   = `{"method":"turn/started","params":{"threadId":"T","turn":{"id":"U","status":"inProgress"}}}`
	turnDone    = `{"method":"turn/completed","params":{"threadId":"T","turn":{"id":"U","status":"completed","durationMs":5}}}`
	turnStopped = `{"method":"turn/completed","params":{"threadId":"T","turn":{"id":"U","status":"interrupted"}}}`
	textItem    = `{"type":"agentMessage","id":"m","text":""}`
	command     = `{"type":"commandExecution","id":"c","command":"/bin/bash -c 'ls -l'","cwd":"/w","status":"inProgress"}`
	patch       = `{"type":"fileChange","id":"p","changes":[{"path":"/w/a","kind":{"type":"add"},"diff":"x\n"}],"status":"inProgress"}`
)

func textDelta(text string) string {
	return note("item/agentMessage/delta", `"itemId":"m","delta":`+string(encode(text)))
}

func outputDelta(text string) string {
	return note("item/commandExecution/outputDelta", `"itemId":"c","delta":`+string(encode(text)))
}

func TestSection3PromptTooLarge(t *testing.T) {
	b := ready(t)
	_, err := b.t.Command(textPrompt(strings.Repeat("é", maxInput+1)))
	if protocol.CodeOf(err) != protocol.CodeTooLarge {
		t.Errorf("got %v", err)
	}
	b.give(textPrompt("x"))
	want(t, b.events(`{"id":2,"error":{"code":-32602,"message":"too long","data":{"input_error_code":"input_too_large"}}}`),
		`"turn.started"`, `"m1"`, `"turn.ended"`, `"failed"`, `"too_large"`)
}

func TestSection3UnknownMessages(t *testing.T) {
	b := ready(t)
	events, sent := b.feed(asked(0, "new/request", `"x":1`))
	want(t, events, `"agent.unparsed"`)
	want(t, sent, `{"id":0,"error":{"code":-32601`)
	want(t, b.events(note("new/notification", `"x":1`)), `"agent.unparsed"`)
	want(t, b.events(began(`{"type":7}`)), `"agent.unparsed"`)
	if got := b.events(note("thread/goal/cleared", `"x":1`)); got != "" {
		t.Errorf("noise gave %s", got)
	}
	events, sent = b.feed(asked(1, "item/tool/call", `"callId":"c","tool":"x","arguments":{}`))
	want(t, sent, `"success":false`)
	wantNone(t, events, "unparsed")
}

// Sandbox, policy, model and folder go with every opening.
func TestSection8OpeningIsComplete(t *testing.T) {
	start := agents.Start{
		SessionID: "s", Directory: "/w", Model: "gpt", PermissionMode: "acceptEdits", SystemPrompt: "be brief",
		Env: map[string]string{"A": "b"}, MCP: map[string]protocol.MCPServer{"x": {Command: "/x", Args: []string{"y"}}, "z": {URL: "http://z"}},
	}
	_, sent := opening(t, start)
	all := []string{
		`"cwd":"/w","model":"gpt","approvalPolicy":"on-request"`, `"mcp_servers.x":{"args":["y"],"command":"/x"}`,
		`"mcp_servers.z":{"url":"http://z"}`, `"shell_environment_policy.set.A":"b"`, `"developerInstructions":"be brief"`,
	}
	want(t, sent, append([]string{`"thread/start"`}, all...)...)
	want(t, sent, `"sandbox":"read-only"`)
	start.Resume = "T"
	_, sent = opening(t, start)
	want(t, sent, append([]string{`"thread/resume","params":{"threadId":"T"`}, all...)...)
	want(t, sent, `"sandbox":"workspace-write"`, `"excludeTurns":true`)
	start.Fork = true
	_, sent = opening(t, start)
	want(t, sent, append([]string{`"thread/fork","params":{"threadId":"T"`}, all...)...)
	want(t, sent, `"sandbox":"workspace-write"`)
}

// A thread begins as one that reads, so that its folder is not taken for
// trusted; its first turn brings the sandbox, as wide as the configuration has
// it.
func TestSection8FirstTurnBringsTheSandbox(t *testing.T) {
	const begun = `{"id":1,"result":{"thread":{"id":"T"},"model":"gpt","cwd":"/w","approvalPolicy":"untrusted","sandbox":{"type":"readOnly"}}}`
	for configured, policy := range map[string]string{
		`null`: `"sandboxPolicy":{"type":"workspaceWrite"}`,
		`{"writable_roots":["/x"],"network_access":true,"exclude_tmpdir_env_var":false,"exclude_slash_tmp":true}`: `"sandboxPolicy":{"excludeSlashTmp":true,"networkAccess":true,"type":"workspaceWrite","writableRoots":["/x"]}`,
	} {
		peer := &jsonrpc.Peer{NextID: fromZero()}
		b := bench{t, newTranslator(setup{start: agents.Start{Directory: "/w"}, settings: settings{permission: modeDefault}}, peer), peer}
		want(t, lines(b.t.Open()), `"config/read","params":{"cwd":"/w"}`)
		b.feed(`{"id":0,"result":{"config":{"sandbox_workspace_write":`+configured+`}}}`, begun)
		want(t, b.give(textPrompt("x")), `"approvalPolicy":"untrusted"`, policy)
		wantNone(t, b.give(textPrompt("y")), "sandboxPolicy")
	}
	peer := &jsonrpc.Peer{NextID: fromZero()}
	b := bench{t, newTranslator(setup{start: agents.Start{Directory: "/w"}, settings: settings{permission: modeDefault}}, peer), peer}
	b.t.Open()
	_, sent := b.feed(`{"id":0,"error":{"code":-32600,"message":"no"}}`)
	want(t, sent, `"thread/start"`)
}

// A fork's model would be the configuration's, so the parent's is read.
func TestSection4ForkKeepsTheModel(t *testing.T) {
	b, sent := opening(t, agents.Start{Directory: "/w", Resume: "P", Fork: true})
	want(t, sent, `"thread/read","params":{"threadId":"P"}`)
	_, sent = b.feed(`{"id":1,"result":{"thread":{"model":"parents"}}}`)
	want(t, sent, `"thread/fork","params":{"threadId":"P"`, `"model":"parents"`)
	b, _ = opening(t, agents.Start{Directory: "/w", Resume: "P", Fork: true})
	_, sent = b.feed(`{"id":1,"error":{"code":-32600,"message":"thread not loaded"}}`)
	want(t, sent, `"thread/fork"`)
}

// A thread that was still loaded ignores what its resume asked for: the first
// turn brings it.
func TestSection4LoadedThreadIgnoresOverrides(t *testing.T) {
	b, _ := opening(t, agents.Start{Directory: "/w", Resume: "T", PermissionMode: "bypass", Effort: "high"})
	b.feed(openedFrame(1))
	want(t, b.give(textPrompt("x")), `"effort":"high"`, `"approvalPolicy":"never"`, `"sandboxPolicy":{"type":"dangerFullAccess"}`)
	wantNone(t, b.give(textPrompt("y")), "effort", "approvalPolicy", "sandboxPolicy")
}

func TestSection4OpenErrors(t *testing.T) {
	for message, code := range map[string]protocol.Code{
		"no rollout found for thread id X": protocol.CodeAgentStartFailed, "invalid thread id: x": protocol.CodeInvalidRequest,
		"thread X already has an active writer": protocol.CodeAgentStartFailed, "other": protocol.CodeAgentStartFailed,
	} {
		b, _ := opening(t, agents.Start{Directory: "/w", Resume: "X"})
		b.feed(fmt.Sprintf(`{"id":1,"error":{"code":-32600,"message":%q}}`, message))
		if b.t.failure == nil || b.t.failure.Code != code {
			t.Errorf("%s: got %v", message, b.t.failure)
		}
	}
}

// A thread without a turn cannot be resumed, so its id is told with the first.
func TestSection4NativeIDComesWithTheFirstTurn(t *testing.T) {
	b, _ := opening(t, agents.Start{Directory: "/w"})
	wantNone(t, b.events(openedFrame(1)), "native_session_id")
	b.give(textPrompt("x"))
	want(t, b.events(turnBegan), `"native_session_id":"T"`, `"turn.started"`)
}

func TestSection4SettingsGoWithTheNextTurn(t *testing.T) {
	b := ready(t)
	plan, model, effort, accept := "plan", "other", "low", "acceptEdits"
	b.give(&agents.Configure{Mode: &plan, Effort: &effort})
	want(t, b.give(textPrompt("x")), `"effort":"low"`, `"approvalPolicy":"never","sandboxPolicy":{"type":"readOnly"}`,
		`"collaborationMode":{"mode":"plan","settings":{"developer_instructions":null,"model":"gpt","reasoning_effort":"low"}}`)
	b.feed(turnBegan, turnDone)
	wantNone(t, b.give(textPrompt("x")), "collaborationMode", "effort", "sandboxPolicy")
	b.feed(turnBegan, turnDone)
	b.give(&agents.Configure{Model: &model, PermissionMode: &accept})
	want(t, b.give(textPrompt("x")), `"model":"other"`, `"approvalPolicy":"on-request"`, `"mode":"default"`)
	bad := "bogus"
	for _, c := range []*agents.Configure{{Mode: &bad}, {PermissionMode: &bad}} {
		if _, err := b.t.Command(c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
	title := "name"
	want(t, b.give(&agents.Configure{Title: &title}), `"thread/name/set","params":{"name":"name","threadId":"T"}`)
}

// turn/start acts as steer while a turn is active, and a steer that comes too
// late becomes a turn.
func TestSection4Steer(t *testing.T) {
	b := ready(t)
	b.give(textPrompt("x"))
	b.feed(turnBegan)
	steer := &agents.Prompt{PromptID: "m2", Steer: true, Content: textPrompt("y").Content}
	want(t, b.give(steer), `"turn/steer"`, `"clientUserMessageId":"s/m2","expectedTurnId":"U"`)
	_, sent := b.feed(turnDone, `{"id":3,"error":{"code":-32600,"message":"no active turn to steer"}}`)
	want(t, sent, `"turn/start"`, `"s/m2"`)
	b.feed(turnBegan)
	b.give(steer)
	want(t, b.events(`{"id":5,"error":{"code":-1,"message":"no"}}`), `"error"`, "Codex")
}

// The begin of a turn is its notification: a steer gets a response too.
func TestSection10TurnBeginsWithItsNotification(t *testing.T) {
	b := ready(t)
	b.give(textPrompt("x"))
	if got := b.events(`{"id":2,"result":{"turn":{"id":"U"}}}`); got != "" {
		t.Errorf("the response gave %s", got)
	}
	want(t, b.events(turnBegan), `"turn.started","data":{"prompt_ids":["m1"],"origin":"client"}`)
	b.feed(turnDone)
	want(t, b.events(turnBegan), `"prompt_ids":[],"origin":"agent"`)
}

// An interrupt that comes before the turn's id is sent when it is known.
func TestSection7EarlyInterrupt(t *testing.T) {
	b := ready(t)
	b.give(textPrompt("x"))
	if got := b.give(&agents.Interrupt{}); got != "" {
		t.Errorf("got %s", got)
	}
	_, sent := b.feed(`{"id":2,"result":{"turn":{"id":"U"}}}`)
	want(t, sent, `"turn/interrupt","params":{"threadId":"T","turnId":"U"}`)
	_, sent = b.feed(turnBegan)
	wantNone(t, sent, "interrupt")

	b = ready(t)
	b.give(textPrompt("x"))
	b.give(&agents.Interrupt{})
	_, sent = b.feed(turnBegan)
	want(t, sent, `"turn/interrupt"`)
	b = ready(t)
	if got := b.give(&agents.Interrupt{}); got != "" {
		t.Errorf("without a turn: %s", got)
	}
}

// Items that Codex leaves open are closed, the newest first, before the turn.
func TestSection7ItemsWithoutAnEnd(t *testing.T) {
	b := ready(t)
	b.give(textPrompt("x"))
	events, sent := b.feed(turnBegan, began(textItem), textDelta("par"), began(patch), asked(0, "item/fileChange/requestApproval", `"itemId":"p"`), turnStopped)
	want(t, events, `"permission.requested"`, `"permission.resolved"`, `"turn_interrupted"`,
		`"item.completed","data":{"item":{"id":"p"`, `"status":"interrupted"`, `"type":"diff"`,
		`"item.completed","data":{"item":{"id":"m"`, `"status":"interrupted","content":[{"type":"text","text":"par"}]`, `"turn.ended"`)
	want(t, sent, `"thread/backgroundTerminals/clean","params":{"threadId":"T"}`)
	// The server tells of the ask afterwards, and a client may answer late.
	if got := b.events(note("serverRequest/resolved", `"requestId":0`)); got != "" {
		t.Errorf("got %s", got)
	}
	if _, err := b.t.Command(&agents.Decide{PermissionID: "0"}); protocol.CodeOf(err) != protocol.CodePermissionClosed {
		t.Errorf("got %v", err)
	}
}

// What a steer or a retry dropped is marked, and the new answer is another item.
func TestSection7Discarded(t *testing.T) {
	retry := note("error", `"willRetry":true,"error":{"message":"Reconnecting... 1/1","codexErrorInfo":{"responseStreamDisconnected":{"httpStatusCode":503}},"additionalDetails":"cut"}`)
	for name, cut := range map[string]string{
		"steer": began(`{"type":"userMessage","id":"u","clientId":"s/m2","content":[]}`),
		"retry": retry,
	} {
		t.Run(name, func(t *testing.T) {
			b := ready(t)
			b.give(textPrompt("x"))
			b.feed(turnBegan)
			b.give(&agents.Prompt{PromptID: "m2", Steer: true, Content: textPrompt("y").Content})
			got := b.events(began(textItem), textDelta("par"), cut, began(textItem), textDelta("new"), ended(`{"type":"agentMessage","id":"m","text":"new one"}`), turnDone)
			want(t, got, `"status":"interrupted","content":[{"type":"text","text":"par"},{"type":"status","label":"discarded"`,
				`"item.started","data":{"item":{"id":"m#2"`, `"item_id":"m#2","kind":"text","text":"new"`, `"text":" one"`, `"text":"new one"`)
			wantNone(t, got, `"role":"user"`)
		})
	}
	b := ready(t)
	want(t, b.events(turnBegan, retry), `"notice"`, `"retrying"`, `"status":503`)
}

// After an interrupt the command dies by the cleaning, while nothing is open.
func TestSection7InterruptedCommandEndsLate(t *testing.T) {
	b := ready(t)
	want(t, b.events(turnBegan, began(command), outputDelta("up\n"), turnStopped), `"status":"interrupted"`, `"output":"up\n"`, `"turn.ended"`)
	if got := b.events(outputDelta("more"), ran("failed", `"up\nmore"`)); got != "" {
		t.Errorf("got %s", got)
	}
}

// A command that outlives its turn goes on in an item of its own.
func TestSection7BackgroundCommand(t *testing.T) {
	b := ready(t)
	got := b.events(turnBegan, began(command), outputDelta("tick 2\n"), turnDone)
	want(t, got, `"status":"completed"`, `"output":"tick 2\n"`, `"runs in the background"`, `"turn.ended"`)
	got = b.events(outputDelta("tick 3\n"), ran("completed", `"tick 1\ntick 2\ntick 3\n"`))
	want(t, got, `"item.started","data":{"item":{"id":"c#2"`, `"text":"tick 3\n"`, `"text":"tick 1\n"`, `"item.completed"`, `"exit_code":0,"output":"tick 1\n"}`, `"output":"tick 3\n"`)
	b = ready(t)
	b.feed(turnBegan, began(command), outputDelta("a"), turnDone)
	want(t, b.events(ran("failed", `"a"`)), `"item.started"`, `"status":"failed"`)
}

// The first 150 ms of output never come as deltas.
func TestSection7MissingHead(t *testing.T) {
	long := strings.Repeat("0123456789", 1000)
	for name, c := range map[string]struct {
		deltas []string
		whole  string
		texts  []string // of the completed item
		cut    bool     // whether the last text is said to be cut
	}{
		"no deltas":       {nil, "oops\n", []string{"oops\n"}, false},
		"head missing":    {[]string{"line 2\n", "line 3\n"}, "line 1\nline 2\nline 3\n", []string{"line 1\n", "line 2\nline 3\n"}, false},
		"nothing missing": {[]string{"a", "b"}, "ab", []string{"ab"}, false},
		"tail missing":    {[]string{"a"}, "ab", []string{"ab"}, false},
		"both missing":    {[]string{"b"}, "abc", []string{"a", "bc"}, false},
		"capped":          {[]string{long, long}, "head" + long + "...", []string{"head", long + long}, true},
		"piece missing":   {[]string{long, "end"}, "head" + long + "piece" + "end", []string{"head", long + "end"}, true},
		"piece of all":    {[]string{long, "end"}, long + "piece" + "end", []string{long + "end"}, true},
		"unlike":          {[]string{"\uFFFD"}, "other", []string{"\uFFFD"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := ready(t)
			frames := []string{turnBegan, began(command)}
			for _, d := range c.deltas {
				frames = append(frames, outputDelta(d))
			}
			frames = append(frames, ran("completed", string(encode(c.whole))))
			var item protocol.Item
			checked := recordings.Checker(t)
			for _, f := range frames {
				in, _ := b.peer.Receive([]byte(f))
				var o output
				b.t.receive(in, &o)
				for _, d := range o.Events {
					checked.See(d)
					if c, ok := d.(*protocol.ItemCompleted); ok {
						item = c.Item
					}
				}
			}
			var texts []string
			for _, p := range item.Content {
				texts = append(texts, p.Output)
			}
			if strings.Join(texts, "|") != strings.Join(c.texts, "|") || item.Content[len(texts)-1].Truncated != c.cut {
				t.Errorf("got %q, cut: %v", texts, item.Content[len(texts)-1].Truncated)
			}
		})
	}
}

// A command that only reads is a read, as Codex itself sees it.
func TestSection5CommandKinds(t *testing.T) {
	for actions, kind := range map[string]string{
		`[]`: "execute", `[{"type":"read"}]`: "read", `[{"type":"read"},{"type":"read"}]`: "read", `[{"type":"search"}]`: "search",
		`[{"type":"listFiles"}]`: "search", `[{"type":"unknown"}]`: "execute", `[{"type":"read"},{"type":"unknown"}]`: "execute",
	} {
		b := ready(t)
		got := b.events(turnBegan, began(`{"type":"commandExecution","id":"c","command":"cat a","cwd":"/w","commandActions":`+actions+`}`), turnStopped)
		want(t, got, `"kind":"`+kind+`"`, `"type":"command","command":"cat a"`)
	}
}

// ANSI codes and line ends pass through.
func TestSection7OutputIsKept(t *testing.T) {
	b := ready(t)
	want(t, b.events(turnBegan, began(command), outputDelta("\x1b[1mhi\r\n"), ran("completed", `"\u001b[1mhi\r\n"`)), `"output":"\u001b[1mhi\r\n"`)
}

// A subagent's thread is known by the call that made it. Its items are inside
// the call, its turn is none of the session's.
func TestSection7Subagents(t *testing.T) {
	b := ready(t)
	child := strings.NewReplacer(`"threadId":"T"`, `"threadId":"C"`)
	spawn := `{"type":"collabAgentToolCall","id":"k","tool":"spawnAgent","status":%q,"receiverThreadIds":[%s],"prompt":"count"}`
	b.feed(turnBegan, began(fmt.Sprintf(spawn, "inProgress", "")))
	o := output{}
	in, _ := b.peer.Receive([]byte(ended(fmt.Sprintf(spawn, "completed", `"C"`))))
	b.t.receive(in, &o)
	if len(o.claimed) != 1 || o.claimed[0] != "C" {
		t.Fatalf("claimed %v", o.claimed)
	}
	got := b.events(child.Replace(turnBegan), child.Replace(began(textItem)), child.Replace(textDelta("one")),
		child.Replace(ended(`{"type":"agentMessage","id":"m","text":"one"}`)),
		`{"method":"turn/completed","params":{"threadId":"C","turn":{"id":"U2","status":"completed","items":[{"type":"agentMessage","text":"one"}]}}}`, turnDone)
	want(t, got, `"parent_id":"k"`, `"item.completed","data":{"item":{"id":"m"`, `"item.completed","data":{"item":{"id":"k"`, `"text":"one"`, `"subagent_ended"`, `"turn.ended"`)
	wantNone(t, got, "turn.started")
}

func TestSection6CommandOptions(t *testing.T) {
	for option, answer := range map[string]string{
		"allow":         `{"id":0,"result":{"decision":"accept"}}`,
		"allow-session": `{"id":0,"result":{"decision":"acceptForSession"}}`,
		"allow-always":  `{"id":0,"result":{"decision":{"acceptWithExecpolicyAmendment":{"execpolicy_amendment":["ls","-l"]}}}}`,
		"deny":          `{"id":0,"result":{"decision":"decline"}}`,
		"deny-stop":     `{"id":0,"result":{"decision":"cancel"}}`,
		"no such":       `{"id":0,"result":{"decision":"decline"}}`,
	} {
		b := ready(t)
		got := b.events(turnBegan, began(command), asked(0, "item/commandExecution/requestApproval",
			`"itemId":"c","command":"/bin/bash -c 'ls -l'","cwd":"/w","reason":"why","proposedExecpolicyAmendment":["ls","-l"],"availableDecisions":["accept","cancel"]`))
		want(t, got, `"kind":"command","title":"ls -l","description":"why"`, `"allow"`, `"allow-session"`, `"allow-always"`, `begin with: ls -l`, `"deny"`, `"deny-stop"`)
		d := &agents.Decide{PermissionID: "0", Option: protocol.PermissionOption{ID: option, Decision: protocol.Allow}}
		if strings.HasPrefix(option, "deny") {
			d.Option.Decision = protocol.Deny
		}
		if sent := b.give(d); sent != answer {
			t.Errorf("%s: got %s", option, sent)
		}
		if _, err := b.t.Command(d); protocol.CodeOf(err) != protocol.CodePermissionClosed {
			t.Errorf("twice: %v", err)
		}
	}
	b := ready(t)
	b.feed(turnBegan, began(command), asked(0, "item/commandExecution/requestApproval", `"itemId":"c","command":"ls"`))
	if _, err := b.t.Command(&agents.Decide{PermissionID: "0", Input: json.RawMessage(`{}`)}); protocol.CodeOf(err) != protocol.CodeCapabilityMissing {
		t.Errorf("edited input: %v", err)
	}
	// A decision to deny never allows, whatever option it names.
	want(t, b.give(&agents.Decide{PermissionID: "0", Option: protocol.PermissionOption{ID: "allow", Decision: protocol.Deny}}), "decline")
}

// A host that a command reaches for is asked for by its name.
func TestSection6Network(t *testing.T) {
	for option, answer := range map[string]string{
		"allow-session": `{"id":0,"result":{"decision":"acceptForSession"}}`,
		"allow-always":  `{"id":0,"result":{"decision":{"applyNetworkPolicyAmendment":{"network_policy_amendment":{"host":"h","action":"allow"}}}}}`,
	} {
		b := ready(t)
		got := b.events(turnBegan, asked(0, "item/commandExecution/requestApproval", `"itemId":"network#1","reason":"r","networkApprovalContext":{"host":"h","protocol":"https"},
			"proposedNetworkPolicyAmendments":[{"host":"h","action":"allow"},{"host":"h","action":"deny"}]`))
		want(t, got, `"kind":"fetch","title":"Reach h over https"`, `"input":{"host":"h","protocol":"https"}`, "Always allow h")
		if sent := b.give(&agents.Decide{PermissionID: "0", Option: protocol.PermissionOption{ID: option, Decision: protocol.Allow}}); sent != answer {
			t.Errorf("%s: got %s", option, sent)
		}
	}
}

func TestSection6PermissionsRequest(t *testing.T) {
	request := asked(0, "item/permissions/requestApproval", `"itemId":"x","reason":"r","permissions":{"network":{"enabled":true},"fileSystem":{"read":null,"write":["/c"]}}`)
	b := ready(t)
	want(t, b.events(turnBegan, request), "Permission for the network, and to write /c")
	want(t, b.give(&agents.Decide{PermissionID: "0", Option: protocol.PermissionOption{ID: "allow-session", Decision: protocol.Allow}}), `"network":{"enabled":true}`, `"scope":"session"`)
	b.feed(request)
	want(t, b.give(&agents.Decide{PermissionID: "0", Option: protocol.PermissionOption{ID: "deny", Decision: protocol.Deny}}), `{"permissions":{},"scope":"turn"}`)
}

// An answer that a form's field does not take is refused, before anything is
// sent.
func TestSection6AnswersThatDoNotFit(t *testing.T) {
	b := ready(t)
	b.events(asked(0, "mcpServer/elicitation/request", `"serverName":"lab","mode":"form","message":"Which?","requestedSchema":{"type":"object","required":["a"],"properties":{
		"a":{"type":"array","items":{"enum":["x","y"]}},"b":{"type":"boolean"},"e":{"type":"string","enum":["dev","prod"]},"i":{"type":"integer"},"n":{"type":"number"},"t":{"type":"string"}}}`))
	good := [][]string{{"x", "y"}, {"true"}, {"dev"}, {"-3"}, {"1.5e1"}, {"text"}}
	for name, c := range map[string]struct {
		field int
		given []string
		says  string
	}{
		"none of several":       {0, []string{}, "needs an answer"},
		"empty ones of several": {0, []string{"", ""}, "needs an answer"},
		"no choice of several":  {0, []string{"x", "z"}, `"z" is none of the choices`},
		"no boolean":            {1, []string{"maybe"}, "none of the choices"},
		"two of one choice":     {2, []string{"dev", "prod"}, "takes one answer"},
		"no choice":             {2, []string{"test"}, "none of the choices"},
		"a part of an integer":  {3, []string{"1.5"}, "integer"},
		"not a number":          {4, []string{"NaN"}, "number"},
		"an infinite number":    {4, []string{"Inf"}, "number"},
		"two numbers":           {4, []string{"1", "2"}, "takes one answer"},
		"two texts":             {5, []string{"a", "b"}, "takes one answer"},
	} {
		answers := slices.Clone(good)
		answers[c.field] = c.given
		out, err := b.t.Command(&agents.Answer{QuestionID: "0", Answers: answers})
		if protocol.CodeOf(err) != protocol.CodeInvalidRequest || !strings.Contains(err.Error(), c.says) || len(out.Frames) > 0 {
			t.Errorf("%s gives %v and %s, want invalid_request with %q", name, err, out.Frames, c.says)
		}
	}
	want(t, b.give(&agents.Answer{QuestionID: "0", Answers: good}), `"content":{"a":["x","y"],"b":true,"e":"dev","i":-3,"n":1.5e1,"t":"text"}`)
}

func TestSection6Elicitation(t *testing.T) {
	form := asked(0, "mcpServer/elicitation/request", `"serverName":"lab","mode":"form","message":"Which?","requestedSchema":{"type":"object","required":["env"],"properties":{
		"count":{"type":"integer"},"env":{"type":"string","title":"Environment","enum":["a","b"]},"on":{"type":"boolean"},"tags":{"type":"array","items":{"enum":["x","y"]}},"size":{"type":"number"}}}`)
	b := ready(t)
	b.feed(turnBegan)
	want(t, b.events(form), `"header":"count"`, `"free_text":true`, `"header":"Environment"`, `"label":"a"`, `"label":"true"`, `"header":"tags"`, `"multi_select":true`)
	for _, bad := range [][][]string{{{"x"}}, {{"no"}, {"a"}, {}, {}, {}}, {{"1"}, {}, {}, {}, {}}, {{"1"}, {"a"}, {"perhaps"}, {}, {}}} {
		if _, err := b.t.Command(&agents.Answer{QuestionID: "0", Answers: bad}); protocol.CodeOf(err) != protocol.CodeInvalidRequest {
			t.Errorf("%v: %v", bad, err)
		}
	}
	want(t, b.give(&agents.Answer{QuestionID: "0", Answers: [][]string{{"2"}, {"a"}, {"true"}, {"1.5"}, {"x", "y"}}}),
		`{"action":"accept","content":{"count":2,"env":"a","on":true,"size":1.5,"tags":["x","y"]},"_meta":null}`)
	b.feed(form)
	want(t, b.give(&agents.RejectQuestion{QuestionID: "0"}), `"action":"decline"`)

	approval := asked(1, "mcpServer/elicitation/request", `"serverName":"lab","mode":"form","message":"Allow it?","requestedSchema":{"type":"object","properties":{}},
		"_meta":{"codex_approval_kind":"mcp_tool_call","tool_name":"wipe","tool_params":{"what":"x"},"persist":["session","always"]}`)
	tool := `{"type":"mcpToolCall","id":"w","server":"lab","tool":"wipe","status":"inProgress","arguments":{"what":"x"}}`
	want(t, b.events(began(tool), approval), `"item_id":"w","kind":"mcp","title":"Allow it?"`, `"allow-session"`, `"allow-always"`, `"deny"`)
	want(t, b.give(&agents.Decide{PermissionID: "1", Option: protocol.PermissionOption{ID: "allow-always", Decision: protocol.Allow}}), `"action":"accept","content":null,"_meta":{"persist":"always"}`)
	want(t, b.events(asked(2, "mcpServer/elicitation/request", `"serverName":"lab","mode":"url","message":"Open","url":"http://x"`)), `"description":"http://x"`)
}

func TestSection6Questions(t *testing.T) {
	b := ready(t)
	ask := asked(0, "item/tool/requestUserInput", `"itemId":"x","questions":[{"id":"a","header":"A","question":"Which?","isOther":true,"options":[{"label":"one","description":"1"}]},{"id":"b","question":"What?","options":null}]`)
	want(t, b.events(turnBegan, ask), `"question.requested"`, `"label":"one"`, `"free_text":true`, `"options":[]`)
	want(t, b.give(&agents.Answer{QuestionID: "0", Answers: [][]string{{"two"}, {"this"}}}),
		`"a":{"answers":["None of the above","user_note: two"]},"b":{"answers":["user_note: this"]}`)
	b.feed(ask)
	want(t, b.events(note("serverRequest/resolved", `"requestId":0`)), `"question.resolved"`, `"agent_withdrew"`)
	if _, err := b.t.Command(&agents.RejectQuestion{QuestionID: "0"}); protocol.CodeOf(err) != protocol.CodePermissionClosed {
		t.Errorf("got %v", err)
	}
}

func TestSection9Failures(t *testing.T) {
	for name, c := range map[string]struct{ info, message, outcome, code, retryable string }{
		"login":   {`{"httpConnectionFailed":{"httpStatusCode":401}}`, "no", `"failed"`, `"http_connection_failed"`, ""},
		"busy":    {`{"responseTooManyFailedAttempts":{"httpStatusCode":429}}`, "no", `"failed"`, `"response_too_many_failed_attempts"`, `"retryable":true`},
		"limit":   {`"usageLimitExceeded"`, "no", `"limit"`, `"usage_limit_exceeded"`, ""},
		"context": {`"contextWindowExceeded"`, "no", `"limit"`, `"context_window_exceeded"`, ""},
		"cut":     {`"other"`, "stream disconnected before completion", `"failed"`, `"other"`, `"retryable":true`},
		"strange": {`7`, "no", `"failed"`, `"other"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := ready(t)
			e := fmt.Sprintf(`{"message":%q,"codexErrorInfo":%s}`, c.message, c.info)
			got := b.events(turnBegan, note("error", `"willRetry":false,"error":`+e),
				fmt.Sprintf(`{"method":"turn/completed","params":{"threadId":"T","turn":{"id":"U","status":"failed","error":%s}}}`, e))
			want(t, got, `"turn.ended"`, c.outcome, c.code, c.retryable)
			if strings.Count(got, c.message+`"`) != 1 {
				t.Errorf("the failure is told twice:\n%s", got)
			}
			if name == "login" {
				want(t, got, `"auth_required"`)
			}
		})
	}
}

func TestSection4Inputs(t *testing.T) {
	b := ready(t)
	got := b.give(&agents.Prompt{PromptID: "m1", Content: []agents.Content{
		{Part: protocol.TextPart("look")},
		{Part: protocol.Part{Type: protocol.PartImage, Mime: "image/png"}, Bytes: []byte("png")},
		{Part: protocol.Part{Type: protocol.PartImage, Path: "/w/a.png"}},
		{Part: protocol.Part{Type: protocol.PartFile, Path: "/w/a.txt"}, Bytes: []byte("text")},
		{Part: protocol.Part{Type: protocol.PartFile, Name: "b.txt"}, Bytes: []byte("text")},
		{Part: protocol.Part{Type: protocol.PartResourceLink, URL: "https://example.org"}},
		{Part: protocol.Part{Type: protocol.PartJSON, JSON: json.RawMessage(`{"a":1}`)}},
	}})
	want(t, got, `"text":"look"`, `"url":"data:image/png;base64,cG5n"`, `"localImage","path":"/w/a.png"`, `"@/w/a.txt"`, `File b.txt:\ntext`, "https://example.org", `{\"a\":1}`)
	for _, part := range []protocol.Part{{Type: protocol.PartImage}, {Type: protocol.PartDiff}, {Type: protocol.PartFile, Data: []byte{0xff}}} {
		if _, err := b.t.Command(&agents.Prompt{Content: []agents.Content{{Part: part}}}); protocol.CodeOf(err) != protocol.CodeInvalidRequest {
			t.Errorf("%+v: %v", part, err)
		}
	}
	if _, err := b.t.Command(&agents.Prompt{}); protocol.CodeOf(err) != protocol.CodeInvalidRequest {
		t.Errorf("empty: %v", err)
	}
}

func TestSection4Compact(t *testing.T) {
	b := ready(t)
	want(t, b.give(textPrompt("/compact")), `"thread/compact/start","params":{"threadId":"T"}`)
	got := b.events(`{"id":2,"result":{}}`, turnBegan, began(`{"type":"contextCompaction","id":"z"}`), ended(`{"type":"contextCompaction","id":"z"}`), turnDone)
	want(t, got, `"prompt_ids":["m1"]`, `"kind":"status"`, `"context compacted"`, `"compacted"`, `"turn.ended"`)
}

func TestSection5OtherItems(t *testing.T) {
	b := ready(t)
	got := b.events(turnBegan,
		ended(`{"type":"brandNew","id":"n","x":1}`), ended(`{"type":"webSearch","id":"s","query":"go"}`),
		ended(`{"type":"mcpToolCall","id":"i","server":"l","tool":"t","status":"failed","arguments":null,"result":{"content":[{"type":"image","data":"cG5n","mimeType":"image/png"},{"type":"new"}],"structuredContent":{"ok":true}},"error":{"message":"boom"}}`),
		ended(`{"type":"fileChange","id":"p","status":"completed","changes":[{"path":"/w/a","kind":{"type":"update","move_path":"/w/b"},"diff":"@@ -1 +1 @@\n-x\n+y\n\n\nMoved to: /w/b"}]}`))
	want(t, got, `"kind":"unknown"`, `{"type":"brandNew","id":"n","x":1}`, `"web_search"`, `"kind":"mcp"`, `"status":"failed"`, `"image/png"`, `{"ok":true}`, `boom`,
		`"kind":"move"`, `"path":"/w/b","old_path":"/w/a","action":"move","unified":"--- /w/a\n+++ /w/b\n@@ -1 +1 @@\n-x\n+y\n","added":1,"removed":1`)
}

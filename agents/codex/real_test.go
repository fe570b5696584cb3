package codex

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/agenttest/captures"
	"github.com/towline-dev/towline/agents/agenttest/installed"
	"github.com/towline-dev/towline/agents/install"
	"github.com/towline-dev/towline/protocol"
)

// realAgent is the agent with the real CLI and a scripted model. All that it
// can write is in a folder of the test's.
func realAgent(t *testing.T, m *responses) (*Agent, string) {
	t.Helper()
	path := installed.Agent(t, install.Codex(installed.Dir(t)))
	if err := agenttest.RequireLoopback(m.URL); err != nil {
		t.Fatal(err)
	}
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	user, work := filepath.Join(root, "user"), filepath.Join(root, "work")
	for _, dir := range []string{user, work} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	config := `model = "gpt-5.5"
model_provider = "fake"
[model_providers.fake]
name = "Fake"
base_url = "` + m.URL + `/v1"
wire_api = "responses"
env_key = "FAKE_API_KEY"
requires_openai_auth = false
request_max_retries = 0
stream_max_retries = 0
[analytics]
enabled = false
[otel]
exporter = "none"
metrics_exporter = "none"
trace_exporter = "none"
`
	if err := os.WriteFile(filepath.Join(user, configFile), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	a := New(Options{
		Locator: &agents.Locator{Flags: map[string]string{"codex": path}},
		Environ: func() []string {
			return []string{"HOME=" + user, "CODEX_HOME=" + user, "PATH=/usr/bin:/bin", "LANG=C.UTF-8", "FAKE_API_KEY=fake-key", "TMPDIR=" + root}
		},
		StateDir: filepath.Join(root, "state"), Grace: time.Hour,
	})
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a, work
}

// open opens a connection; the test ends it.
func open(t *testing.T, a *Agent, s agents.Start) agents.Conn {
	t.Helper()
	conn, err := a.Open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

// send hands a command over.
func send(t *testing.T, conn agents.Conn, c agents.Command) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := conn.Send(ctx, c); err != nil {
		t.Fatal(err)
	}
}

func textPrompt(text string) *agents.Prompt {
	return &agents.Prompt{PromptID: "m1", Content: []agents.Content{{Part: protocol.TextPart(text)}}}
}

// A turn of text, and a command that is asked for, allowed and run.
func TestRealTurnAndApproval(t *testing.T) {
	m := newResponses(t, map[string][]string{
		"say":  {"Hello there."},
		"make": {execCommand("1", "echo made; touch made.txt"), "Made it."},
	})
	a, work := realAgent(t, m)
	conn := open(t, a, agents.Start{SessionID: "s1", Directory: work})
	checked := recordings.Checker(t, captures.Exception{Rule: captures.ItemIDsAreOfOneTurn, Reason: "the scripted model gives the same ids in each turn"})
	see := func(d protocol.Data) {
		checked.See(d)
		if p, ok := d.(*protocol.PermissionRequested); ok {
			c := &agents.Decide{PermissionID: p.Permission.PermissionID, Option: p.Permission.Options[0]}
			checked.Sent(c)
			send(t, conn, c)
		}
	}
	send(t, conn, textPrompt("say"))
	want(t, ndjson(t, readUntil(t, conn, protocol.TypeTurnEnded, see)), `"agent.started"`, `"session.started"`, `"turn.started"`, `Hello there.`, `"turn.ended","data":{"outcome":"completed"`)
	send(t, conn, textPrompt("make"))
	got := ndjson(t, readUntil(t, conn, protocol.TypeTurnEnded, see))
	want(t, got, `"permission.requested"`, `"command":"echo made; touch made.txt"`, `"exit_code":0`, "Made it.", `"completed"`)
	if _, err := os.Stat(filepath.Join(work, "made.txt")); err != nil {
		t.Error(err)
	}
	info := a.Info(t.Context())
	if info.Status != "ready" || info.Version != install.CodexVersion || info.Process.Status != "running" || info.Process.PID == 0 || info.Process.Restarts != 0 {
		t.Errorf("got %+v, process %+v", info, info.Process)
	}
}

// Two sessions have one process; an interrupt ends a turn and its command, and
// leaves the other session alone.
func TestRealInterrupt(t *testing.T) {
	m := newResponses(t, map[string][]string{
		"talk":  {"I talk\nhold"},
		"sleep": {execCommand("1", "echo begun; sleep 300")},
		"say":   {"Still here."},
	})
	a, work := realAgent(t, m)
	conn := open(t, a, agents.Start{SessionID: "s1", Directory: work, PermissionMode: "bypass"})
	other := open(t, a, agents.Start{SessionID: "s2", Directory: work})

	send(t, conn, textPrompt("talk"))
	<-m.held
	readUntil(t, conn, protocol.TypeItemDelta, nil)
	send(t, conn, &agents.Interrupt{})
	want(t, ndjson(t, readUntil(t, conn, protocol.TypeTurnEnded, nil)), `"status":"interrupted"`, "I talk", `"outcome":"interrupted"`)

	send(t, conn, textPrompt("sleep"))
	readUntil(t, conn, protocol.TypeItemStarted, nil)
	send(t, conn, &agents.Interrupt{})
	want(t, ndjson(t, readUntil(t, conn, protocol.TypeTurnEnded, nil)), `"status":"interrupted"`, "sleep 300", `"outcome":"interrupted"`)

	send(t, other, textPrompt("say"))
	want(t, ndjson(t, readUntil(t, other, protocol.TypeTurnEnded, nil)), "Still here.", `"completed"`)
	if p := a.Info(t.Context()).Process; p.Restarts != 0 {
		t.Errorf("got %+v", p)
	}
}

// Patches are asked for and shown as diffs, questions are answered, plans told,
// and a prompt can be put into the open turn.
func TestRealTools(t *testing.T) {
	question := map[string]any{"questions": []any{map[string]any{
		"id": "db", "header": "DB", "question": "Which?",
		"options": []any{map[string]string{"label": "A", "description": "a"}, map[string]string{"label": "B", "description": "b"}},
	}}}
	plan := map[string]any{"plan": []any{map[string]string{"step": "first", "status": "in_progress"}}}
	m := newResponses(t, map[string][]string{
		"patch":   {patchCall("yes.txt"), "Patched."},
		"decline": {patchCall("no.txt"), "Then not."},
		"ask":     {functionCall("request_user_input", question), "Asked."},
		"plan":    {functionCall("update_plan", plan), "Planned."},
		"talk":    {"I talk\nhold"},
		"stop it": {"I stop."},
	})
	a, work := realAgent(t, m)
	conn := open(t, a, agents.Start{SessionID: "s1", Directory: work})
	option := "allow"
	see := func(d protocol.Data) {
		switch d := d.(type) {
		case *protocol.PermissionRequested:
			for _, o := range d.Permission.Options {
				if o.ID == option {
					send(t, conn, &agents.Decide{PermissionID: d.Permission.PermissionID, Option: o})
				}
			}
		case *protocol.QuestionRequested:
			send(t, conn, &agents.Answer{QuestionID: d.Question.QuestionID, Answers: [][]string{{"neither"}}})
		}
	}
	turn := func(text string) string {
		t.Helper()
		send(t, conn, textPrompt(text))
		return ndjson(t, readUntil(t, conn, protocol.TypeTurnEnded, see))
	}
	want(t, turn("patch"), `"permission.requested"`, `"kind":"edit"`, `"action":"create"`, `"item.completed"`, `"status":"completed"`, `+hello`, "Patched.")
	option = "deny"
	want(t, turn("decline"), `"permission.requested"`, `"status":"declined"`, "Then not.", `"completed"`)
	if _, err := os.Stat(filepath.Join(work, "yes.txt")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(work, "no.txt")); err == nil {
		t.Error("a denied patch was applied")
	}
	want(t, turn("ask"), `"question.requested"`, `"Which?"`, "Asked.", `"completed"`)
	m.mu.Lock()
	want(t, m.input, "ask")
	m.mu.Unlock()
	want(t, turn("plan"), `"plan.updated"`, `"first","status":"in_progress"`, "Planned.")

	send(t, conn, textPrompt("talk"))
	<-m.held
	readUntil(t, conn, protocol.TypeItemDelta, nil)
	steer := textPrompt("stop it")
	steer.PromptID, steer.Steer = "m2", true
	send(t, conn, steer)
	got := ndjson(t, readUntil(t, conn, protocol.TypeTurnEnded, see))
	want(t, got, `"discarded"`, "I stop.", `"completed"`)
}

// A session's MCP server has its tools in its own thread; a tool is asked for,
// and not again after it was allowed for the session.
func TestRealMCP(t *testing.T) {
	wipe := func(id string) string {
		return string(encode(map[string]string{
			"type": "function_call", "id": "fc_" + id, "call_id": "call_" + id, "namespace": "mcp__lab", "name": "wipe", "arguments": `{"what":"cache"}`,
		}))
	}
	m := newResponses(t, map[string][]string{"wipe": {wipe("1"), wipe("2"), "Wiped twice."}})
	a, work := realAgent(t, m)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	conn := open(t, a, agents.Start{
		SessionID: "s1", Directory: work, PermissionMode: "acceptEdits",
		MCP: map[string]protocol.MCPServer{"lab": {Command: self, Args: []string{"mcp-server"}}},
	})
	asked := 0
	send(t, conn, textPrompt("wipe"))
	got := ndjson(t, readUntil(t, conn, protocol.TypeTurnEnded, func(d protocol.Data) {
		p, ok := d.(*protocol.PermissionRequested)
		if !ok {
			return
		}
		asked++
		for _, o := range p.Permission.Options {
			if o.ID == optionSession {
				send(t, conn, &agents.Decide{PermissionID: p.Permission.PermissionID, Option: o})
			}
		}
	}))
	want(t, got, `"kind":"mcp"`, `"permission.requested"`, `"item_id":"call_1"`, `"what":"cache"`, "wiped it", `"call_2"`, "wiped it", "Wiped twice.", `"completed"`)
	if asked != 1 {
		t.Errorf("asked %d times, want once", asked)
	}
}

// A session that closes in a turn and opens again, while its thread may still
// be loaded, has the settings that it asks for.
func TestRealReopen(t *testing.T) {
	m := newResponses(t, map[string][]string{
		"say":  {"Said."},
		"talk": {"I talk\nhold"},
		"make": {execCommand("1", "touch made.txt"), "Made it."},
	})
	a, work := realAgent(t, m)
	conn := open(t, a, agents.Start{SessionID: "s1", Directory: work})
	native := ""
	send(t, conn, textPrompt("say"))
	for _, d := range readUntil(t, conn, protocol.TypeTurnEnded, nil) {
		if u, ok := d.(*protocol.SessionUpdated); ok && u.NativeSessionID != nil {
			native = *u.NativeSessionID
		}
	}
	send(t, conn, textPrompt("talk"))
	<-m.held
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, a, agents.Start{SessionID: "s1", Directory: work, Resume: native, PermissionMode: "bypass"})
	send(t, again, textPrompt("make"))
	got := ndjson(t, readUntil(t, again, protocol.TypeTurnEnded, nil))
	want(t, got, `"resumed":true`, `"permission_mode":"bypass"`, `"exit_code":0`, "Made it.", `"completed"`)
	wantNone(t, got, "permission.requested")
	fork := open(t, a, agents.Start{SessionID: "s2", Directory: work, Resume: native, Fork: true})
	send(t, fork, textPrompt("say more"))
	want(t, ndjson(t, readUntil(t, fork, protocol.TypeTurnEnded, nil)), `"model":"gpt-5.5"`, `"completed"`)
	m.mu.Lock()
	defer m.mu.Unlock()
	want(t, m.input, "make", "say more")
	if p := a.Info(t.Context()).Process; p.Restarts != 0 {
		t.Errorf("got %+v", p)
	}
}

// SIGKILL in the middle of a turn ends both sessions' connections; each goes
// on with its thread in a new process.
func TestRealKillAndResume(t *testing.T) {
	m := newResponses(t, map[string][]string{
		"remember heron": {"I remember."},
		"talk":           {"I talk\nhold"},
		"which word":     {"It was heron."},
	})
	a, work := realAgent(t, m)
	conn := open(t, a, agents.Start{SessionID: "s1", Directory: work})
	send(t, conn, textPrompt("remember heron"))
	events := readUntil(t, conn, protocol.TypeTurnEnded, nil)
	native := ""
	for _, d := range events {
		if u, ok := d.(*protocol.SessionUpdated); ok && u.NativeSessionID != nil {
			native = *u.NativeSessionID
		}
	}
	send(t, conn, textPrompt("talk"))
	<-m.held
	if err := syscall.Kill(a.Info(t.Context()).Process.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	want(t, ndjson(t, readUntil(t, conn, protocol.TypeAgentExited, nil)), `"agent.exited","data":{"signal":"SIGKILL"`)
	if _, err := conn.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
	if err := conn.Send(t.Context(), textPrompt("x")); protocol.CodeOf(err) != protocol.CodeAgentNotRunning {
		t.Errorf("got %v", err)
	}

	again := open(t, a, agents.Start{SessionID: "s1", Directory: work, Resume: native})
	send(t, again, textPrompt("which word"))
	want(t, ndjson(t, readUntil(t, again, protocol.TypeTurnEnded, nil)), `"resumed":true`, "It was heron.", `"completed"`)
	m.mu.Lock()
	defer m.mu.Unlock()
	want(t, m.input, "remember heron", "which word")
	if p := a.Info(t.Context()).Process; p.Restarts != 1 || p.Status != "running" || p.LastError == "" {
		t.Errorf("got %+v", p)
	}
}

// What the CLI takes silently is refused.
func TestRealChecks(t *testing.T) {
	a, work := realAgent(t, newResponses(t, nil))
	for what, s := range map[string]agents.Start{
		"model":    {Directory: work, Model: "gpt-0"},
		"effort":   {Directory: work, Effort: "much"},
		"effort 2": {Directory: work, Model: "gpt-5.5", Effort: "ultra"},
		"folder":   {Directory: filepath.Join(work, "none")},
		"resume":   {Directory: work, Resume: "no uuid"},
	} {
		_, err := a.Open(t.Context(), s)
		if protocol.CodeOf(err) != protocol.CodeInvalidRequest {
			t.Errorf("%s: %v", what, err)
		}
		if err := a.Check(s); what != "resume" && protocol.CodeOf(err) != protocol.CodeInvalidRequest {
			t.Errorf("%s: Check: %v", what, err)
		}
	}
	_, err := a.Open(t.Context(), agents.Start{Directory: work, Resume: "01a204ce-0000-7000-8000-000000000000"})
	if protocol.CodeOf(err) != protocol.CodeAgentStartFailed || !strings.Contains(err.Error(), "does not know the native session") {
		t.Errorf("got %v", err)
	}
	if err := a.Check(agents.Start{Directory: work, Model: "gpt-5.5", Effort: "high"}); err != nil {
		t.Error(err)
	}
}

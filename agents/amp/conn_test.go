package amp

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// fakeAgent is an agent whose executable is this test binary.
func fakeAgent(t *testing.T) *Agent {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	environ := []string{"HOME=" + t.TempDir(), "PATH=/usr/bin:/bin", "AMP_API_KEY=k", "AWS_SECRET=x"}
	return New(Options{
		Locator: &agents.Locator{Flags: map[string]string{"amp": path}},
		Environ: func() []string { return environ },
	})
}

// reading is a connection that is read all the time, as a session does.
type reading struct {
	*conn
	reports chan agents.Report
	// err is what Recv ended with; it is set when reports closes.
	err error
}

// openFake opens a session with the fake CLI.
func openFake(t *testing.T, s agents.Start) *reading {
	t.Helper()
	s.SessionID, s.Directory = "s1", t.TempDir()
	return openWith(t, fakeAgent(t), s)
}

// openWith opens a session of an agent whose CLI is fake.
func openWith(t *testing.T, a *Agent, s agents.Start) *reading {
	t.Helper()
	c, err := a.Open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	r := &reading{conn: c.(*conn), reports: make(chan agents.Report, 1000)}
	go func() {
		defer close(r.reports)
		for {
			reports, err := r.Recv()
			if err != nil {
				r.err = err
				return
			}
			for _, one := range reports {
				r.reports <- one
			}
		}
	}()
	return r
}

// until reads reports until an event of the type came, and returns all.
func until(t *testing.T, c *reading, last protocol.EventType) []protocol.Data {
	t.Helper()
	var events []protocol.Data
	for r := range c.reports {
		events = append(events, r.Events...)
		if slices.ContainsFunc(events, func(d protocol.Data) bool { return d.EventType() == last }) {
			return events
		}
	}
	t.Fatalf("no %s in %s: %v", last, ndjson(t, events), c.err)
	return nil
}

// finish closes the connection, reads it to its end and returns the rest.
func finish(t *testing.T, c *reading) []protocol.Data {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	var events []protocol.Data
	for r := range c.reports {
		events = append(events, r.Events...)
	}
	if !errors.Is(c.err, io.EOF) {
		t.Error(c.err)
	}
	return events
}

// prompt is a prompt of one text, which is its id too.
func prompt(text string) *agents.Prompt {
	return &agents.Prompt{PromptID: text, Content: []agents.Content{{Part: protocol.TextPart(text)}}}
}

func sendTo(t *testing.T, c *reading, command agents.Command) {
	t.Helper()
	if err := c.Send(t.Context(), command); err != nil {
		t.Fatal(err)
	}
}

// A process that ends at an error of the model is no exit: the next prompt
// goes to another one, in the same thread.
func TestSection4RespawnAfterAnError(t *testing.T) {
	c := openFake(t, agents.Start{})
	defer finish(t, c)
	sendTo(t, c, prompt("one"))
	got := ndjson(t, until(t, c, protocol.TypeTurnEnded))
	want(t, got, `"agent.started"`, `"prompt_ids":["one"]`, `"native_session_id":"T-1"`, `"outcome":"completed"`, `"the MCP server lab is not used: failed"`)
	wantNone(t, got, "threads continue")
	sendTo(t, c, prompt("fail"))
	want(t, ndjson(t, until(t, c, protocol.TypeTurnEnded)), `"outcome":"failed"`, `"retryable":true`)
	sendTo(t, c, prompt("two"))
	got = ndjson(t, until(t, c, protocol.TypeTurnEnded))
	want(t, got, `"prompt_ids":["two"]`, "threads continue T-1 -x")
	wantNone(t, got, "agent.started", "agent.exited", "session.started")
}

// An interrupt is a signal, and the thread goes on.
func TestSection4Interrupt(t *testing.T) {
	c := openFake(t, agents.Start{})
	sendTo(t, c, &agents.Interrupt{}) // nothing to stop: no signal
	interrupt := func() {
		sendTo(t, c, prompt("hang"))
		until(t, c, protocol.TypeTurnStarted)
		sendTo(t, c, &agents.Interrupt{})
		want(t, ndjson(t, until(t, c, protocol.TypeTurnEnded)), `"outcome":"interrupted"`)
	}
	interrupt()
	sendTo(t, c, prompt("one")) // a thread without an answer is not kept
	got := ndjson(t, until(t, c, protocol.TypeTurnEnded))
	wantNone(t, got, "threads continue")
	interrupt()
	sendTo(t, c, prompt("next"))
	got += ndjson(t, until(t, c, protocol.TypeTurnEnded))
	want(t, got, "threads continue T-1", `"outcome":"completed"`)
	wantNone(t, got, "agent.exited")
	want(t, ndjson(t, finish(t, c)), "agent.exited")
}

// An interrupt while a delegate waits kills it: what it asked is withdrawn,
// once, and a late decision goes nowhere.
func TestSection5InterruptWhileAsking(t *testing.T) {
	c := openFake(t, agents.Start{})
	defer finish(t, c)
	sendTo(t, c, prompt("ask and hang"))
	asked := until(t, c, protocol.TypePermissionRequested)
	p := asked[len(asked)-1].(*protocol.PermissionRequested).Permission
	sendTo(t, c, &agents.Interrupt{})
	got := ndjson(t, until(t, c, protocol.TypeTurnEnded))
	want(t, got, `"outcome":"interrupted"`, `"status":"interrupted"`)
	if n := strings.Count(got, `"outcome":"cancelled"`); n != 1 {
		t.Errorf("withdrawn %d times in %s", n, got)
	}
	if err := c.Send(t.Context(), &agents.Decide{PermissionID: p.PermissionID, Option: p.Options[0]}); protocol.CodeOf(err) != protocol.CodePermissionClosed {
		t.Errorf("a late decision gives %v", err)
	}
	sendTo(t, c, prompt("next"))
	want(t, ndjson(t, until(t, c, protocol.TypeTurnEnded)), `"outcome":"completed"`)
}

// What a subagent asks for is asked, though its call never shows.
func TestSection5SubagentAsks(t *testing.T) {
	c := openFake(t, agents.Start{})
	defer finish(t, c)
	sendTo(t, c, prompt("subagent"))
	asked := until(t, c, protocol.TypePermissionRequested)
	p := asked[len(asked)-1].(*protocol.PermissionRequested).Permission
	if p.ItemID != "" || p.Tool.Name != "Bash" {
		t.Errorf("asked for %+v", p)
	}
	sendTo(t, c, &agents.Decide{PermissionID: p.PermissionID, Option: p.Options[0]})
	want(t, ndjson(t, until(t, c, protocol.TypeTurnEnded)), `"outcome":"completed"`)
}

// A connection that rests without a process closes at once.
func TestCloseAtRest(t *testing.T) {
	c := openFake(t, agents.Start{})
	sendTo(t, c, prompt("fail"))
	until(t, c, protocol.TypeTurnEnded)
	c.mu.Lock()
	p := c.process
	c.mu.Unlock()
	if p != nil {
		<-p.retired
	}
	finish(t, c)
	if err := c.Send(t.Context(), prompt("late")); protocol.CodeOf(err) != protocol.CodeAgentNotRunning {
		t.Errorf("a prompt after the end was answered with %v", err)
	}
	if _, err := os.Stat(c.files.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
}

// A process that ends without a last word is an exit, with what it wrote to
// standard error, and ends the connection.
func TestSection6DiesWithoutAWord(t *testing.T) {
	c := openFake(t, agents.Start{})
	sendTo(t, c, prompt("die"))
	got := ndjson(t, until(t, c, protocol.TypeAgentExited))
	want(t, got, `"exit_code":7`, "Segmentation fault")
	if _, more := <-c.reports; more {
		t.Error("the connection goes on")
	}
	finish(t, c)
}

// Decisions go to the delegate, and from it to the CLI by its exit code.
func TestSection5Delegate(t *testing.T) {
	for name, c := range map[string]struct {
		decide agents.Decide
		result []string
	}{
		"allow":   {agents.Decide{Option: protocol.PermissionOption{Decision: protocol.Allow, Scope: protocol.ScopeOnce}}, []string{`"exit_code":0,"output":"gone"`, `"status":"completed"`}},
		"deny":    {agents.Decide{Option: protocol.PermissionOption{Decision: protocol.Deny}}, []string{"The user did not allow this.", `"status":"declined"`}},
		"message": {agents.Decide{Option: protocol.PermissionOption{Decision: protocol.Deny}, Message: "not x"}, []string{"not x", `"status":"declined"`}},
	} {
		t.Run(name, func(t *testing.T) {
			conn := openFake(t, agents.Start{})
			defer finish(t, conn)
			sendTo(t, conn, prompt("tool"))
			got := ndjson(t, until(t, conn, protocol.TypePermissionRequested))
			want(t, got, `"permission_id":"ask-1","item_id":"c1","kind":"command","title":"Bash: rm x"`, `"editable":false`)
			c.decide.PermissionID = "ask-1"
			sendTo(t, conn, &c.decide)
			want(t, ndjson(t, until(t, conn, protocol.TypeTurnEnded)), c.result...)
			if err := conn.Send(t.Context(), &c.decide); protocol.CodeOf(err) != protocol.CodePermissionClosed {
				t.Errorf("a second decision was answered with %v", err)
			}
		})
	}
}

// What was allowed for the session, and what the mode allows, is not asked.
func TestSection5Grants(t *testing.T) {
	c := openFake(t, agents.Start{})
	defer finish(t, c)
	sendTo(t, c, prompt("tool"))
	until(t, c, protocol.TypePermissionRequested)
	sendTo(t, c, &agents.Decide{PermissionID: "ask-1", Option: protocol.PermissionOption{Decision: protocol.Allow, Scope: protocol.ScopeSession}})
	until(t, c, protocol.TypeTurnEnded)
	sendTo(t, c, prompt("tool"))
	got := ndjson(t, until(t, c, protocol.TypeTurnEnded))
	wantNone(t, got, "permission.requested")

	bypass := openFake(t, agents.Start{PermissionMode: "bypass"})
	defer finish(t, bypass)
	sendTo(t, bypass, prompt("tool"))
	got = ndjson(t, until(t, bypass, protocol.TypeTurnEnded))
	want(t, got, `"output":"gone"`)
	wantNone(t, got, "permission.requested")
}

// A program that does not start well is told in one sentence, soon, with what
// it wrote to standard error and without its escape sequences.
func TestStartFailures(t *testing.T) {
	begin := time.Now()
	_, err := fakeAgent(t).Open(t.Context(), agents.Start{SessionID: "s1", Directory: t.TempDir(), Env: map[string]string{"FAKE": "no key"}})
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	if e := protocol.AsError(err); e.Code != protocol.CodeAgentStartFailed || !strings.Contains(e.Message, "(exit code 1): No API key found. Run amp login.") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err = fakeAgent(t).Open(ctx, agents.Start{SessionID: "s1", Directory: t.TempDir(), Env: map[string]string{"FAKE": "deaf"}})
	if e := protocol.AsError(err); e.Code != protocol.CodeAgentStartFailed || !strings.Contains(e.Message, "did not become ready in time") {
		t.Errorf("got %v", err)
	}
}

// Lines that are no frames are kept aside, and the session goes on.
func TestGarbageBeforeTheFirstFrame(t *testing.T) {
	c := openFake(t, agents.Start{Env: map[string]string{"FAKE": "garbage"}})
	defer finish(t, c)
	sendTo(t, c, prompt("one"))
	got := ndjson(t, until(t, c, protocol.TypeTurnEnded))
	if n := strings.Count(got, "agent.unparsed"); n != 3 {
		t.Errorf("%d unparsed lines in %s", n, got)
	}
}

// The side files are the server's user's alone, and the last rule catches all
// that the user's rules do not reject.
func TestSection5Settings(t *testing.T) {
	f, err := newFiles("/bin/true", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Remove()
	user := filepath.Join(t.TempDir(), "settings.json")
	if err := os.WriteFile(user, []byte(`{"amp.permissions":[{"tool":"Bash","action":"reject","matches":{"cmd":"rm*"}},{"tool":"*","action":"ask"},{"tool":"Bash","action":"allow"}],
		"amp.dangerouslyAllowAll":true,"amp.network.timeout":9,"amp.mcpServers":{"mine":{"command":"a"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.writeSettings(user, map[string]protocol.MCPServer{"lab": {Type: "stdio", Command: "node"}}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(f.settings)
	if err != nil {
		t.Fatal(err)
	}
	got := string(b)
	want(t, got, `"amp.dangerouslyAllowAll":false`, `"amp.network.timeout":9`, `"matches":{"cmd":"rm*"}`, `{"tool":"Read","action":"allow"}`,
		`{"tool":"*","action":"delegate","to":"`+f.delegate+`"}]`, `"lab":{"command":"node"}`, `"mine":{"command":"a"}`)
	wantNone(t, got, `"action":"ask"`, `{"tool":"Bash","action":"allow"}`)
	for path, mode := range map[string]os.FileMode{f.Dir: 0o700, f.settings: 0o400} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s has mode %v (%v)", path, info.Mode(), err)
		}
	}
	if err := os.WriteFile(user, []byte(`{not json`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.writeSettings(user, nil); protocol.CodeOf(err) != protocol.CodeAgentStartFailed {
		t.Errorf("got %v", err)
	}
}

func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		start agents.Start
		code  protocol.Code
	}{
		"plain":           {agents.Start{Mode: "smart", PermissionMode: "acceptEdits"}, ""},
		"model":           {agents.Start{Model: "opus"}, protocol.CodeInvalidRequest},
		"effort":          {agents.Start{Effort: "high"}, protocol.CodeInvalidRequest},
		"permission mode": {agents.Start{PermissionMode: "plan"}, protocol.CodeModeNotSupported},
		"flag as mode":    {agents.Start{Mode: "--dangerously-allow-all"}, protocol.CodeInvalidRequest},
		"flag as thread":  {agents.Start{Resume: "-x"}, protocol.CodeInvalidRequest},
		"fork":            {agents.Start{Resume: "T-1", Fork: true}, protocol.CodeCapabilityMissing},
		"system prompt":   {agents.Start{SystemPrompt: "be brief"}, protocol.CodeInvalidRequest},
	} {
		t.Run(name, func(t *testing.T) {
			if err := New(Options{}).Check(c.start); protocol.CodeOf(err) != c.code {
				t.Errorf("got %v", err)
			}
		})
	}
}

// The table says which generation is proven.
func TestSection1Generations(t *testing.T) {
	for version, g := range map[string]generation{
		"0.0.1770734955-g93e689": local, "0.0.1777266064-g47b6f7": local, "0.0.1777897475": remote, "0.0.1790712063-gabc": remote, "": remote, "1.2.3": remote,
	} {
		if got := generationOf(version); got != g {
			t.Errorf("%s is of generation %d", version, got)
		}
	}
	if c := remote.capabilities(); c.Permissions || c.Interrupt || !c.Resume {
		t.Errorf("the second generation claims %+v", c)
	}
	info := fakeAgent(t).Info(t.Context())
	if info.Status != "ready" || info.Version != "0.0.1777266064-g47b6f7" || !info.Capabilities.Permissions || info.Credentials != "found" {
		t.Errorf("got %+v", info)
	}
}

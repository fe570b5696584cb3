package codex

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/agenttest/installed"
	"github.com/towline-dev/towline/agents/agenttest/optional"
	"github.com/towline-dev/towline/protocol"
)

// answering answers each permission with the option that is named next, and
// notes what was asked.
type answering struct {
	*testing.T
	conn    agents.Conn
	options []string
	asked   []protocol.Permission
}

func (a *answering) see(d protocol.Data) {
	a.Helper()
	p, ok := d.(*protocol.PermissionRequested)
	if !ok {
		return
	}
	a.asked = append(a.asked, p.Permission)
	option := optionDeny
	if len(a.options) > 0 {
		option, a.options = a.options[0], a.options[1:]
	}
	for _, o := range p.Permission.Options {
		if o.ID == option {
			send(a.T, a.conn, &agents.Decide{PermissionID: p.Permission.PermissionID, Option: o})
			return
		}
	}
	a.Fatalf("%+v has no option %s", p.Permission, option)
}

// turn plays a script and returns its events.
func (a *answering) turn(s *agenttest.Script, options ...string) string {
	a.Helper()
	a.options, a.asked = options, nil
	send(a.T, a.conn, textPrompt(s.Marker()))
	return ndjson(a.T, readUntil(a.T, a.conn, protocol.TypeTurnEnded, a.see))
}

// Section 6: the agent asks for more than its sandbox allows. What is granted
// holds for the turn; a refusal lets the turn go on.
func TestRealSection6PermissionsRequest(t *testing.T) {
	a, m, home := realCodex(t, "[features]\nrequest_permissions_tool = true\nexec_permission_approvals = true\n", nil)
	shared := filepath.Join(home.Home, "shared")
	ask := agenttest.Use("request_permissions", map[string]any{
		"reason": "I need the shared folder.", "permissions": map[string]any{"file_system": map[string]any{"write": []string{shared}}},
	})
	net := agenttest.Use("request_permissions", map[string]any{
		"reason": "I need the network.", "permissions": map[string]any{"network": map[string]any{"enabled": true}},
	})
	s := m.On("ask", agenttest.Play(ask), agenttest.Play(run("mkdir -p "+shared+" && echo wrote")), agenttest.Play(net), agenttest.Play(agenttest.Say("Handled.")))
	c := open(t, a, agents.Start{SessionID: "s", Directory: home.Dir, PermissionMode: "acceptEdits"})
	by := &answering{T: t, conn: c}
	got := by.turn(s, optionAllow, optionDeny)
	want(t, got, "Permission to write "+shared, "I need the shared folder.", `"exit_code":0,"output":"wrote\n"`, "Permission for the network", "Handled.", `"completed"`)
	if _, err := os.Stat(shared); err != nil || len(by.asked) != 2 {
		t.Errorf("asked for %+v, %v", by.asked, err)
	}
}

// Section 6: what is allowed for commands that begin so is not asked for again,
// in no session, until the server's state folder goes.
func TestRealSection6AlwaysForPrefix(t *testing.T) {
	a, m, home := realCodex(t, "", nil)
	touch := func(file string) agenttest.Block {
		return agenttest.Use("exec_command", map[string]any{
			"cmd": "touch " + filepath.Join(home.Home, file), "login": false, "yield_time_ms": 10_000,
			"sandbox_permissions": "require_escalated", "justification": "It is outside.", "prefix_rule": []string{"touch"},
		})
	}
	one := m.On("one", agenttest.Play(touch("a")), agenttest.Play(touch("b")), agenttest.Play(agenttest.Say("Touched.")))
	two := m.On("two", agenttest.Play(touch("c")), agenttest.Play(agenttest.Say("Touched again.")))
	start := agents.Start{SessionID: "s", Directory: home.Dir, PermissionMode: "acceptEdits"}
	by := &answering{T: t, conn: open(t, a, start)}
	want(t, by.turn(one, optionAlways), "It is outside.", "Always allow commands that begin with: touch", "Touched.", `"completed"`)
	if len(by.asked) != 1 {
		t.Errorf("asked %d times, want once", len(by.asked))
	}
	rules, err := os.ReadFile(filepath.Join(a.o.StateDir, name, "rules", "default.rules"))
	if err != nil || !strings.Contains(string(rules), "touch") {
		t.Errorf("the rules are %s, %v", rules, err)
	}
	start.SessionID = "other"
	by = &answering{T: t, conn: open(t, a, start)}
	want(t, by.turn(two), "Touched again.", `"completed"`)
	for _, file := range []string{"a", "b", "c"} {
		if _, err := os.Stat(filepath.Join(home.Home, file)); err != nil || len(by.asked) > 0 {
			t.Errorf("%v; asked for %+v", err, by.asked)
		}
	}
}

// Section 6: a command that reaches for a host is asked for by the host. Codex
// asks only where the machine's administrator demands its network proxy, in a
// file of /etc; the test shows it one in a namespace of its own.
func TestRealSection6Network(t *testing.T) {
	dir := t.TempDir()
	etc, script := filepath.Join(dir, "etc"), filepath.Join(dir, "codex")
	if err := os.MkdirAll(filepath.Join(etc, "codex"), 0o755); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{
		filepath.Join(etc, "codex", "requirements.toml"): "[experimental_network]\nenabled = true\n",
		script: "#!/bin/sh\nexec unshare --map-root-user --mount sh -ec 'mount -t overlay overlay -o lowerdir=" + etc +
			":/etc /etc; exec \"$0\" \"$@\"' '" + installed.Codex(t) + "' \"$@\"\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.CommandContext(t.Context(), script, "--version").CombinedOutput(); err != nil {
		optional.Missing(t, "no file can be shown to Codex alone, which needs user namespaces: "+string(out))
	}
	a, m, home := realCodex(t, "", func(o *Options) { o.Locator = &agents.Locator{Flags: map[string]string{"codex": script}} })
	curl := func(host string) agenttest.Block { return run("curl -sS -m 5 http://" + host + "/x; echo over") }
	s := m.On("fetch",
		agenttest.Play(curl("one.invalid")), agenttest.Play(curl("two.invalid")), agenttest.Play(curl("two.invalid")),
		agenttest.Play(curl("three.invalid")), agenttest.Play(curl("three.invalid")), agenttest.Play(agenttest.Say("Fetched.")))
	by := &answering{T: t, conn: open(t, a, agents.Start{SessionID: "s", Directory: home.Dir, PermissionMode: "acceptEdits"})}
	got := by.turn(s, optionDeny, optionSession, optionAlways)
	want(t, got, `"kind":"fetch","title":"Reach one.invalid over http"`, "rejected by user",
		"Allow two.invalid for the session", "Always allow three.invalid", "Fetched.", `"completed"`)
	if len(by.asked) != 3 {
		t.Errorf("asked for %d hosts, want one question for each: %+v", len(by.asked), by.asked)
	}
	rules, err := os.ReadFile(filepath.Join(a.o.StateDir, name, "rules", "default.rules"))
	if err != nil || !strings.Contains(string(rules), "three.invalid") || strings.Contains(string(rules), "two.invalid") {
		t.Errorf("the rules are %s, %v", rules, err)
	}
}

// Section 6: an MCP server's form is a question, answered in its types.
func TestRealSection6Elicitation(t *testing.T) {
	a, m, home := realCodex(t, "", nil)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ask := agenttest.Use("mcp__lab/choose", map[string]any{})
	s := m.On("choose", agenttest.Play(ask), agenttest.Play(ask), agenttest.Play(agenttest.Say("Chosen.")))
	c := open(t, a, agents.Start{
		SessionID: "s", Directory: home.Dir, PermissionMode: "acceptEdits",
		MCP: map[string]protocol.MCPServer{"lab": {Command: self, Args: []string{"mcp-server"}}},
	})
	by := &answering{T: t, conn: c, options: []string{optionSession}}
	questions := 0
	send(t, c, textPrompt(s.Marker()))
	got := ndjson(t, readUntil(t, c, protocol.TypeTurnEnded, func(d protocol.Data) {
		by.see(d)
		q, ok := d.(*protocol.QuestionRequested)
		if !ok {
			return
		}
		if questions++; questions == 1 {
			send(t, c, &agents.Answer{QuestionID: q.Question.QuestionID, Answers: [][]string{{"3"}, {"test"}}})
			return
		}
		send(t, c, &agents.RejectQuestion{QuestionID: q.Question.QuestionID})
	}))
	want(t, got, `"question.requested"`, `"header":"count"`, `"header":"env"`, `"label":"test"`, `{\"count\":3,\"env\":\"test\"}`, `"question.requested"`, "decline", "Chosen.", `"completed"`)
}

// Section 7: a subagent's thread is inside the call that made it, and what it
// asks for is asked of the session.
func TestRealSection7Subagent(t *testing.T) {
	a, m, home := realCodex(t, "", nil)
	sub := m.On("sub", agenttest.Play(run("echo inner")), agenttest.Play(agenttest.Say("Reported.")))
	s := m.On("main",
		agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "subagent", Text: "Run it. " + sub.Marker()}}),
		agenttest.Play(agenttest.Say("It is done.")))
	by := &answering{T: t, conn: open(t, a, agents.Start{SessionID: "s", Directory: home.Dir})}
	got := by.turn(s, optionAllow)
	want(t, got, `"kind":"task"`, `"subagent_started"`, `"permission.requested"`, "It is done.", `"completed"`)
	parent := by.asked[0].ItemID
	if !strings.Contains(got, `"id":"`+parent+`"`) || !strings.Contains(got, `"parent_id"`) || strings.Count(got, `"turn.started"`) != 1 {
		t.Errorf("the subagent's call is %s in\n%s", parent, got)
	}
}

// Section 7: the begin of a command's output, which never comes as a delta, is
// there at its end.
func TestRealSection7OutputIsWhole(t *testing.T) {
	a, m, home := realCodex(t, "", nil)
	s := m.On("print", agenttest.Play(run("echo first; sleep 0.4; echo second; sleep 0.2; echo third; exit 4")), agenttest.Play(agenttest.Say("Printed.")))
	c := open(t, a, agents.Start{SessionID: "s", Directory: home.Dir, PermissionMode: "bypass"})
	streams := map[int]string{}
	var whole protocol.Item
	send(t, c, textPrompt(s.Marker()))
	readUntil(t, c, protocol.TypeTurnEnded, func(d protocol.Data) {
		switch d := d.(type) {
		case *protocol.ItemDelta:
			if d.Kind == protocol.DeltaToolOutput {
				streams[d.Index] += d.Text
			}
		case *protocol.ItemCompleted:
			if d.Item.Kind == protocol.KindToolCall {
				whole = d.Item
			}
		}
	})
	output := ""
	for i, p := range whole.Content {
		if output += p.Output; p.Output != streams[i] {
			t.Errorf("part %d holds %q, and %q was streamed", i, p.Output, streams[i])
		}
	}
	if output != "first\nsecond\nthird\n" || len(streams) == 0 || *whole.Content[0].ExitCode != 4 || whole.Status != protocol.ItemFailed {
		b, _ := json.Marshal(whole)
		t.Errorf("streamed %v, completed %s", streams, b)
	}
}

// Section 7: output beyond 1 MiB is capped in the middle at its end, and was
// streamed whole; what is no UTF-8 is replaced. Where Codex itself loses the
// beginning, which on a busy machine is more than 150 ms of it, it is said.
func TestRealSection7LargeOutput(t *testing.T) {
	a, m, home := realCodex(t, "", nil)
	s := m.On("print", agenttest.Play(run("sleep 0.3; seq 100001 600000; printf 'end \\377\\n'")), agenttest.Play(agenttest.Say("Printed.")))
	c := open(t, a, agents.Start{SessionID: "s", Directory: home.Dir, PermissionMode: "bypass"})
	streamed := 0
	var whole protocol.Item
	send(t, c, textPrompt(s.Marker()))
	readUntil(t, c, protocol.TypeTurnEnded, func(d protocol.Data) {
		switch d := d.(type) {
		case *protocol.ItemDelta:
			if d.Kind == protocol.DeltaToolOutput {
				streamed += len(d.Text)
			}
		case *protocol.ItemCompleted:
			if d.Item.Kind == protocol.KindToolCall {
				whole = d.Item
			}
		}
	})
	const all = 500_000*len("100001\n") + len("end \uFFFD\n")
	output, said := "", false
	for _, p := range whole.Content {
		output += p.Output
		said = said || p.Truncated
	}
	if len(output) != streamed || streamed != all && !said || !strings.HasSuffix(output, "end \uFFFD\n") || whole.Status != protocol.ItemDone {
		t.Errorf("streamed %d bytes, completed %s with %d that end with %q", streamed, whole.Status, len(output), output[max(0, len(output)-20):])
	}
}

// Section 7: a command that the sandbox fails at once, a patch that does not
// fit and an unknown tool have no item at all; the model alone hears of them,
// and the turn goes on.
func TestRealSection7CallsWithoutItems(t *testing.T) {
	a, m, home := realCodex(t, "", nil)
	s := m.On("fail",
		agenttest.Play(run("touch /usr/denied")),
		agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "edit", Path: filepath.Join(home.Dir, "none.txt"), Old: "a\n", New: "b\n"}}),
		agenttest.Play(agenttest.Use("no_such_tool", map[string]any{})), agenttest.Play(agenttest.Say("None worked.")))
	c := open(t, a, agents.Start{SessionID: "s", Directory: home.Dir, PermissionMode: "acceptEdits"})
	by := &answering{T: t, conn: c}
	got := by.turn(s)
	want(t, got, "None worked.", `"completed"`)
	wantNone(t, got, "agent.unparsed")
	requests := s.Requests()
	want(t, string(requests[len(requests)-1].Body), "Read-only file system", "no_such_tool")
	if started, completed := strings.Count(got, `"item.started"`), strings.Count(got, `"item.completed"`); started != completed {
		t.Errorf("%d items started and %d completed", started, completed)
	}
}

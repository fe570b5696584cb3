package opencode

import (
	"context"
	"encoding/json"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/protocol"
)

// running returns the life that runs now.
func (s *server) running() *life {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.life
}

// command is a block that runs a command.
func command(line string) agenttest.Block {
	return agenttest.Block{Do: &agenttest.Do{Kind: "execute", Command: line}}
}

// Section 8.7: tools find the server's password nowhere, and without it the
// server's interface refuses them, so that an agent cannot approve itself.
func TestRealSection8PasswordIsHidden(t *testing.T) {
	r := newReal(t)
	s := r.chat.On("look",
		agenttest.Play(command(`echo "data=[$XDG_DATA_HOME]"; env; tr '\0' '\n' </proc/$PPID/environ; tr '\0' '\n' </proc/$PPID/cmdline; for p in /proc/[0-9]*; do tr '\0' '\n' <$p/environ 2>/dev/null | grep OPENCODE_SERVER; done`)),
		agenttest.Play(agenttest.Say("Looked.")),
	)
	dir := r.folder(t)
	k := r.open(t, agents.Start{SessionID: "s", Directory: dir, PermissionMode: permitAll})
	k.say(s.Marker())
	if end := k.ended(); end.Outcome != protocol.OutcomeCompleted {
		t.Fatalf("the turn ended as %+v", end)
	}
	l := r.server.running()
	seen := ndjson(t, k.events)
	for _, request := range s.Requests() {
		seen += string(request.Body)
	}
	if password := l.client.password; len(password) < 20 || strings.Contains(seen, password) {
		t.Error("the server's password is visible to a tool")
	}
	if !strings.Contains(seen, "OPENCODE_PID") || !strings.Contains(seen, "PATH=") {
		t.Error("the command did not show its environment")
	}
	if !strings.Contains(seen, "data=[]") {
		t.Error("tools got the server's folders as their own")
	}
	for path, password := range map[string]string{"/session": "", "/permission": "wrong", "/global/health": ""} {
		anybody := newClient(l.client.base, password)
		a, err := anybody.do(t.Context(), request{Method: http.MethodGet, Path: path}, "")
		if err != nil || a.Status != http.StatusUnauthorized {
			t.Errorf("%s answered %d, %v without the password", path, a.Status, err)
		}
		anybody.close()
	}
}

// Section 8.7: nor do MCP servers find the password, and no file that the
// server keeps holds it.
func TestRealSection8PasswordIsNowhereElse(t *testing.T) {
	r := newReal(t)
	dir := r.folder(t)
	spied := filepath.Join(dir, "spied")
	k := r.open(t, agents.Start{SessionID: "s", Directory: dir, MCP: map[string]protocol.MCPServer{
		"spy": {Command: "/bin/sh", Args: []string{"-c", "{ env; tr '\\0' '\\n' </proc/$PPID/environ; } >" + spied + " 2>&1"}},
	}})
	k.say(r.chat.On("hello", agenttest.Play(agenttest.Say("Hello."))).Marker())
	k.ended()
	password := r.server.running().client.password
	seen, err := os.ReadFile(spied)
	if err != nil || !strings.Contains(string(seen), "PATH=") || strings.Contains(string(seen), password) {
		t.Errorf("an MCP server sees (%v)\n%s", err, seen)
	}
	files := 0
	err = filepath.WalkDir(r.o.StateDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if files++; strings.Contains(string(b), password) {
			t.Errorf("%s holds the password", path)
		}
		return err
	})
	if err != nil || files < 5 {
		t.Errorf("looked into %d files, %v", files, err)
	}
}

// An interrupt ends the turn at once; the next prompt runs (section 7, abort).
func TestRealInterrupt(t *testing.T) {
	r := newReal(t)
	slow := r.chat.On("slow", agenttest.Play(agenttest.Block{Text: "One, two, three and so on.", Chunks: 5, Hold: true}))
	next := r.chat.On("next", agenttest.Play(agenttest.Say("Going on.")))
	k := r.open(t, agents.Start{SessionID: "s", Directory: r.folder(t)})
	k.say(slow.Marker())
	slow.WaitHeld(t)
	k.await(protocol.TypeItemDelta, nil)
	k.send(&agents.Interrupt{})
	if end := k.ended(); end.Outcome != protocol.OutcomeInterrupted || end.Error != nil {
		t.Errorf("the turn ended as %+v", end)
	}
	slow.WaitAborted(t)
	k.say(next.Marker())
	if end := k.ended(); end.Outcome != protocol.OutcomeCompleted {
		t.Errorf("the turn after it ended as %+v", end)
	}
}

// Section 8.2: an interrupt refuses what is asked for first, so that no late
// yes can run the tool.
func TestRealSection8InterruptRefusesAsks(t *testing.T) {
	r := newReal(t)
	ask := r.chat.On("ask", agenttest.Play(command("echo yes >asked")), agenttest.Play(agenttest.Say("No.")))
	next := r.chat.On("next", agenttest.Play(agenttest.Say("Going on.")))
	dir := r.folder(t)
	k := r.open(t, agents.Start{SessionID: "s", Directory: dir})
	k.say(ask.Marker())
	p := k.asked()
	k.send(&agents.Interrupt{})
	if end := k.ended(); end.Outcome != protocol.OutcomeInterrupted {
		t.Errorf("the turn ended as %+v", end)
	}
	late := &agents.Decide{PermissionID: p.PermissionID, Option: p.Options[0]}
	if err := k.Send(t.Context(), late); protocol.CodeOf(err) != protocol.CodePermissionClosed {
		t.Errorf("a late yes: %v", err)
	}
	if b := r.server.running().client.get(t.Context(), "/permission", dir); string(b) != "[]" {
		t.Errorf("the server still waits for %s", b)
	}
	k.say(next.Marker())
	if end := k.ended(); end.Outcome != protocol.OutcomeCompleted {
		t.Errorf("the turn after it ended as %+v", end)
	}
	if _, err := os.Stat(filepath.Join(dir, "asked")); err == nil {
		t.Error("the command ran")
	}
}

// Section 8.4: when the process is killed, every session is told, and each
// goes on with its history on its next prompt. Open turns and asks are gone.
func TestRealSection8KillAndResume(t *testing.T) {
	r := newReal(t)
	first := r.chat.On("first", agenttest.Play(agenttest.Say("I remember blue.")))
	slow := r.chat.On("slow", agenttest.Play(agenttest.Say("Starting."), command("echo begun; sleep 60")))
	ask := r.chat.On("ask", agenttest.Play(command("echo yes >asked")))
	after := r.chat.On("after", agenttest.Play(agenttest.Say("It was blue.")))
	one := r.open(t, agents.Start{SessionID: "one", Directory: r.folder(t), PermissionMode: permitAll})
	other := r.open(t, agents.Start{SessionID: "other", Directory: r.folder(t)})
	one.say("Remember blue. " + first.Marker())
	one.ended()
	one.say(slow.Marker())
	one.await(protocol.TypeItemDelta, func(d protocol.Data) bool { return d.(*protocol.ItemDelta).Kind == protocol.DeltaToolOutput })
	other.say(ask.Marker())
	other.asked()

	pid := r.Info(t.Context()).Process.PID
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for _, k := range []*talk{one, other} {
		if exit := k.await(protocol.TypeAgentExited, nil).(*protocol.AgentExited); exit.Signal != "SIGKILL" {
			t.Errorf("a session was told %+v", exit)
		}
		if err := k.Send(t.Context(), &agents.Interrupt{}); protocol.CodeOf(err) != protocol.CodeAgentNotRunning {
			t.Errorf("a command after the end: %v", err)
		}
	}
	if p := r.Info(t.Context()).Process; p.Status == statusRunning || p.Restarts != 1 || p.LastError == "" {
		t.Errorf("the process is %+v", p)
	}
	again := r.open(t, agents.Start{SessionID: "one", Directory: one.directory(), Resume: one.native, PermissionMode: permitAll})
	if again.native != one.native {
		t.Errorf("resumed %s as %s", one.native, again.native)
	}
	again.say("What was it? " + after.Marker())
	if end := again.ended(); end.Outcome != protocol.OutcomeCompleted {
		t.Errorf("the turn after it ended as %+v", end)
	}
	requests := after.Requests()
	if body := string(requests[0].Body); !strings.Contains(body, "I remember blue.") {
		t.Errorf("the model has lost its history: %s", body)
	}
	if p := r.Info(t.Context()).Process; p.Status != statusRunning || p.PID == pid || p.Restarts != 1 {
		t.Errorf("the process is %+v", p)
	}
}

// Section 8.3: commands are groups of their own, which the server's death does
// not end; they are swept when it is gone, before a session hears of it.
func TestRealSection8KillEndsCommands(t *testing.T) {
	r := newReal(t)
	slow := r.chat.On("slow", agenttest.Play(command("echo $$; sleep 300; true")))
	k := r.open(t, agents.Start{SessionID: "s", Directory: r.folder(t), PermissionMode: permitAll})
	k.say(slow.Marker())
	printed := k.await(protocol.TypeItemDelta, func(d protocol.Data) bool { return d.(*protocol.ItemDelta).Kind == protocol.DeltaToolOutput })
	shell, err := strconv.Atoi(strings.TrimSpace(printed.(*protocol.ItemDelta).Text))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(r.Info(t.Context()).Process.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	k.await(protocol.TypeAgentExited, nil)
	if lives(shell) {
		t.Error("the command lives on")
	}
}

// lives tells whether a process runs. One that has ended may still wait for
// somebody to collect it.
func lives(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	_, state, _ := strings.Cut(string(b), ") ")
	return err == nil && !strings.HasPrefix(state, "Z")
}

// directory is the session's folder.
func (k *talk) directory() string { return k.Conn.(*conn).directory }

// A prompt sent into a turn is read at the model's next step, and one idle ends
// both (section 7).
func TestRealSteer(t *testing.T) {
	r := newReal(t)
	main := r.chat.On("main", agenttest.Play(agenttest.Block{Text: "Thinking aloud.", Hold: true}))
	steered := r.chat.On("steered", agenttest.Play(agenttest.Say("Steered.")))
	k := r.open(t, agents.Start{SessionID: "s", Directory: r.folder(t)})
	k.say(main.Marker())
	main.WaitHeld(t)
	k.send(&agents.Prompt{Content: textContentOf("Rather this. " + steered.Marker()), Steer: true})
	main.Release()
	if end := k.ended(); end.Outcome != protocol.OutcomeCompleted || len(steered.Requests()) != 1 {
		t.Errorf("the turn ended as %+v after %d steered requests", end, len(steered.Requests()))
	}
}

// Commands of OpenCode's own interface: compact, undo and redo.
func TestRealHistoryCommands(t *testing.T) {
	r := newReal(t)
	dir := r.folder(t)
	write := r.chat.On("write", agenttest.InDir(dir, []agenttest.Round{
		agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "write", Path: "made.txt", Content: "made\n"}}), agenttest.Play(agenttest.Say("Made.")),
	})...)
	k := r.open(t, agents.Start{SessionID: "s", Directory: dir, PermissionMode: permitEdits})
	k.say(write.Marker())
	k.ended()
	changes := k.await(protocol.TypeItemCompleted, nil).(*protocol.ItemCompleted).Item
	if len(changes.Content) != 2 || changes.Content[1].Path != "made.txt" || changes.Content[1].Added != 1 {
		t.Errorf("the turn's changes are %+v", changes)
	}
	made := filepath.Join(dir, "made.txt")
	for _, step := range []struct {
		text, code string
		there      bool
	}{{"/undo", "reverted", false}, {"/redo", "unreverted", true}, {"/compact", "compacted", true}} {
		k.say(step.text)
		k.await(protocol.TypeNotice, func(d protocol.Data) bool { return d.(*protocol.Notice).Code == step.code })
		if end := k.ended(); end.Outcome != protocol.OutcomeCompleted {
			t.Errorf("%s ended as %+v", step.text, end)
		}
		if _, err := os.Stat(made); (err == nil) != step.there {
			t.Errorf("after %s the file is there: %v", step.text, err == nil)
		}
	}
}

// A fork begins with the history of the session that it copies.
func TestRealFork(t *testing.T) {
	r := newReal(t)
	dir := r.folder(t)
	first := r.chat.On("first", agenttest.Play(agenttest.Say("I remember green.")))
	after := r.chat.On("after", agenttest.Play(agenttest.Say("It was green.")))
	k := r.open(t, agents.Start{SessionID: "s", Directory: dir})
	k.say(first.Marker())
	k.ended()
	if _, err := r.Open(t.Context(), agents.Start{SessionID: "x", Directory: r.folder(t), Resume: k.native}); protocol.CodeOf(err) != protocol.CodeInvalidRequest ||
		!strings.Contains(err.Error(), "another folder") {
		t.Errorf("resuming in another folder: %v", err)
	}
	fork := r.open(t, agents.Start{SessionID: "f", Directory: dir, Resume: k.native, Fork: true})
	if fork.native == k.native {
		t.Fatal("the fork is the same native session")
	}
	fork.say(after.Marker())
	if end := fork.ended(); end.Outcome != protocol.OutcomeCompleted || !strings.Contains(string(after.Requests()[0].Body), "I remember green.") {
		t.Errorf("the fork's turn ended as %+v", end)
	}
}

// Models and variants go with each prompt; what the server does not have is
// refused with a clear sentence before anything is made.
func TestRealModels(t *testing.T) {
	r := newReal(t)
	dir := r.folder(t)
	for _, c := range []struct {
		start agents.Start
		code  protocol.Code
		say   string
	}{
		{agents.Start{Model: "fake/nope"}, protocol.CodeInvalidRequest, `no model "fake/nope"`},
		{agents.Start{Model: "one"}, protocol.CodeInvalidRequest, "provider/model"},
		{agents.Start{Model: "fake/one", Effort: "huge"}, protocol.CodeInvalidRequest, "choose one of"},
		{agents.Start{Mode: "nope"}, protocol.CodeModeNotSupported, "choose one of build, plan"},
		{agents.Start{PermissionMode: "nope"}, protocol.CodeModeNotSupported, "permission mode"},
		{agents.Start{Env: map[string]string{"A": "b"}}, protocol.CodeCapabilityMissing, "share one process"},
		{agents.Start{Directory: filepath.Join(dir, "nope")}, protocol.CodeInvalidRequest, "no folder"},
	} {
		c.start.SessionID = "s"
		if c.start.Directory == "" {
			c.start.Directory = dir
		}
		err := r.Check(c.start)
		if protocol.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%+v: %v", c.start, err)
		}
	}
	if _, err := r.Open(t.Context(), agents.Start{SessionID: "s", Directory: dir, Resume: "ses_000000000000AAAAAAAAAAAAAA"}); protocol.CodeOf(err) != protocol.CodeAgentStartFailed {
		t.Errorf("resuming an unknown session: %v", err)
	}
	s := r.chat.On("hello", agenttest.Play(agenttest.Say("Hello.")))
	if err := os.WriteFile(filepath.Join(dir, "AGENTS.md"), []byte("Speak in rhymes."), 0o600); err != nil {
		t.Fatal(err)
	}
	k := r.open(t, agents.Start{SessionID: "s", Directory: dir, Model: "fake/one", Effort: "high", SystemPrompt: "Be brief."})
	k.say(s.Marker())
	k.ended()
	two, none := "fake/two", ""
	k.send(&agents.Configure{Model: &two, Effort: &none})
	k.say(s.Marker())
	k.ended()
	requests := s.Requests()
	if len(requests) != 2 || requests[0].Model != "one" || !strings.Contains(string(requests[0].Body), `"reasoning_effort":"high"`) || requests[1].Model != "two" {
		t.Errorf("the model got %d requests", len(requests))
	}
	if body := string(requests[0].Body); !strings.Contains(body, "Be brief.") || strings.Count(body, "Speak in rhymes.") != 1 {
		t.Error("the model did not see the instructions once")
	}
	bad := "fake/nope"
	if err := k.Send(t.Context(), &agents.Configure{Model: &bad}); protocol.CodeOf(err) != protocol.CodeInvalidRequest {
		t.Errorf("configuring an unknown model: %v", err)
	}
	if info := r.Info(t.Context()); len(info.Models) != 2 || len(info.Modes) != 2 || info.Status != "ready" {
		t.Errorf("info %+v", info)
	}
}

// What the server can do is told as soon as its process runs, without a
// session; the providers' keys, which its listings hold, are not.
func TestRealInfoTellsModels(t *testing.T) {
	r := newReal(t)
	if info := r.Info(t.Context()); len(info.Models) != 0 || info.Process.Status != statusStopped {
		t.Errorf("before: %+v", info)
	}
	if _, err := r.server.acquire(t.Context()); err != nil {
		t.Fatal(err)
	}
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	limit := time.After(60 * time.Second)
	info := r.Info(t.Context())
	for ; len(info.Models) == 0; info = r.Info(t.Context()) {
		select {
		case <-look.C:
		case <-limit:
			t.Fatal("the models were never told")
		}
	}
	b, err := json.Marshal(info)
	if err != nil || len(info.Models) != 2 || !info.Models[0].Default || strings.Contains(string(b), "fake-key") {
		t.Errorf("told %s, %v", b, err)
	}
}

// Bad input gets a stable code and a sentence, and the session lives on.
func TestRealBadInput(t *testing.T) {
	r := newReal(t)
	dir := r.folder(t)
	k := r.open(t, agents.Start{SessionID: "s", Directory: dir})
	model, effort, mode, permission := "fake/nope", "huge", "nope", "nope"
	long := strings.Repeat("x", maxText+1)
	for _, c := range []struct {
		command agents.Command
		code    protocol.Code
		say     string
	}{
		{&agents.Configure{Model: &model}, protocol.CodeInvalidRequest, `no model "fake/nope"`},
		{&agents.Configure{Effort: &effort}, protocol.CodeInvalidRequest, `no effort "huge"`},
		{&agents.Configure{Mode: &mode}, protocol.CodeModeNotSupported, "choose one of"},
		{&agents.Configure{PermissionMode: &permission}, protocol.CodeModeNotSupported, "choose"},
		{&agents.Prompt{PromptID: "m1"}, protocol.CodeInvalidRequest, "empty"},
		{&agents.Prompt{PromptID: "m1", Content: textContentOf(long)}, protocol.CodeTooLarge, "put it into a file"},
		{&agents.Prompt{PromptID: "m1", Content: []agents.Content{{Part: protocol.Part{Type: protocol.PartFile, Name: "a.txt"}, Bytes: []byte(long)}}}, protocol.CodeTooLarge, "put it into a file"},
	} {
		if err := k.Send(t.Context(), c.command); protocol.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%T: %v", c.command, err)
		}
	}
	s := r.chat.On("hello", agenttest.Play(agenttest.Say("Hello.")))
	marker := s.Marker()
	k.say(marker + long[:maxText-len(marker)]) // as long as may be
	if end := k.ended(); end.Outcome != protocol.OutcomeCompleted || len(s.Requests()) != 1 {
		t.Errorf("the turn ended as %+v", end)
	}
}

// Plan edits nothing, whatever the permission mode is; build does.
func TestRealPlanMode(t *testing.T) {
	r := newReal(t)
	dir := r.folder(t)
	write := r.chat.On("write", agenttest.InDir(dir, []agenttest.Round{
		agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "write", Path: "made.txt", Content: "made\n"}}), agenttest.Play(agenttest.Say("Made.")),
	})...)
	for _, mode := range []string{permitDefault, permitEdits, permitAll} {
		k := r.open(t, agents.Start{SessionID: mode, Directory: dir, Mode: modePlan, PermissionMode: mode})
		k.say(write.Marker())
		k.await(protocol.TypeItemCompleted, func(d protocol.Data) bool {
			item := d.(*protocol.ItemCompleted).Item
			return item.Kind == protocol.KindToolCall && item.Status != protocol.ItemDone
		})
		k.ended()
	}
	if _, err := os.Stat(filepath.Join(dir, "made.txt")); err == nil {
		t.Error("a plan has edited")
	}
}

// Section 3: nothing is downloaded in the background, and the user's folders
// stay as they are.
func TestRealSection3NothingIsInstalled(t *testing.T) {
	r := newReal(t)
	s := r.chat.On("hello", agenttest.Play(agenttest.Say("Hello.")))
	dir := r.folder(t)
	if err := os.Mkdir(filepath.Join(dir, ".opencode"), 0o700); err != nil {
		t.Fatal(err)
	}
	k := r.open(t, agents.Start{SessionID: "s", Directory: dir})
	k.say(s.Marker())
	k.ended()
	for _, path := range []string{filepath.Join(dir, ".opencode"), filepath.Join(r.o.StateDir, name, "config", "opencode", "node_modules")} {
		if entries, err := os.ReadDir(path); err != nil || len(entries) > 0 {
			t.Errorf("%s holds %v (%v)", path, entries, err)
		}
	}
	if entries, _ := os.ReadDir(filepath.Join(r.home.Home, ".local")); len(entries) > 0 {
		t.Errorf("the user's folder holds %v", entries)
	}
}

// Closing the agent ends its process and everything that it started.
func TestRealCloseEndsTheProcess(t *testing.T) {
	r := newReal(t)
	slow := r.chat.On("slow", agenttest.Play(command("echo $$; sleep 300; true")))
	k := r.open(t, agents.Start{SessionID: "s", Directory: r.folder(t), PermissionMode: permitAll})
	k.say(slow.Marker())
	printed := k.await(protocol.TypeItemDelta, func(d protocol.Data) bool { return d.(*protocol.ItemDelta).Kind == protocol.DeltaToolOutput })
	shell, err := strconv.Atoi(strings.TrimSpace(printed.(*protocol.ItemDelta).Text))
	if err != nil {
		t.Fatal(err)
	}
	pid := r.Info(t.Context()).Process.PID
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	k.await(protocol.TypeAgentExited, nil)
	for _, left := range []int{pid, shell} {
		if err := syscall.Kill(left, 0); err == nil {
			t.Errorf("process %d still lives", left)
		}
	}
	if _, err := r.Open(context.WithoutCancel(t.Context()), agents.Start{SessionID: "s", Directory: k.directory()}); protocol.CodeOf(err) != protocol.CodeDraining {
		t.Errorf("opening after the end: %v", err)
	}
}

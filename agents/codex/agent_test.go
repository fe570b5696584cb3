package codex

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/install"
	"github.com/towline-dev/towline/protocol"
)

// fakeAgent is an agent whose executable is this test binary, in a mode.
func fakeAgent(t *testing.T, mode string, environ ...string) *Agent {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	environ = append([]string{"HOME=" + home, "PATH=/usr/bin:/bin", "OPENAI_FAKE=" + mode}, environ...)
	a := New(Options{
		Locator:  &agents.Locator{Flags: map[string]string{"codex": path}},
		Environ:  func() []string { return environ },
		StateDir: t.TempDir(), Grace: time.Hour,
	})
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// turn sends a prompt and returns the events to the end of its turn.
func turnOf(t *testing.T, conn agents.Conn, text string) string {
	t.Helper()
	send(t, conn, textPrompt(text))
	return ndjson(t, readUntil(t, conn, protocol.TypeTurnEnded, nil))
}

func TestOneProcessServesAll(t *testing.T) {
	a := fakeAgent(t, "")
	dir := t.TempDir()
	if p := a.Info(t.Context()).Process; p.Status != "stopped" || p.PID != 0 {
		t.Errorf("before: %+v", p)
	}
	conns := make([]agents.Conn, 5)
	var all sync.WaitGroup
	for i := range conns {
		all.Go(func() {
			c, err := a.Open(context.Background(), agents.Start{SessionID: "s", Directory: dir})
			if err != nil {
				t.Error(err)
			}
			conns[i] = c
		})
	}
	all.Wait()
	pids := map[int]bool{}
	for _, c := range conns {
		defer func() { _ = c.Close() }()
		events := readUntil(t, c, protocol.TypeCommandsUpdated, nil)
		pids[events[0].(*protocol.AgentStarted).PID] = true
		want(t, turnOf(t, c, "hello"), `"hello"`, `"completed"`)
	}
	if info := a.Info(t.Context()); len(pids) != 1 || !pids[info.Process.PID] || info.Process.Status != "running" || info.Process.StartedAt == nil {
		t.Errorf("processes %v, %+v", pids, info.Process)
	}
}

// A connection that closes takes nothing from the others, and its end is EOF
// without an exit.
func TestClose(t *testing.T) {
	a := fakeAgent(t, "")
	one, other := open(t, a, agents.Start{SessionID: "1"}), open(t, a, agents.Start{SessionID: "2"})
	send(t, one, textPrompt("hold"))
	readUntil(t, one, protocol.TypeItemCompleted, nil)
	for range 2 {
		if err := one.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for {
		reports, err := one.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		for _, r := range reports {
			for _, d := range r.Events {
				if d.EventType() == protocol.TypeAgentExited {
					t.Error("the process is said to have ended")
				}
			}
		}
	}
	if err := one.Send(t.Context(), textPrompt("x")); protocol.CodeOf(err) != protocol.CodeAgentNotRunning {
		t.Errorf("got %v", err)
	}
	want(t, turnOf(t, other, "still"), `"still"`, `"completed"`)
}

// The last connection's close starts the time after which the process stops.
func TestIdleProcessIsStopped(t *testing.T) {
	a := fakeAgent(t, "")
	a.supervisor.grace = time.Millisecond
	c := open(t, a, agents.Start{SessionID: "1"})
	srv := a.supervisor.current
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	<-srv.done
	if p := a.Info(t.Context()).Process; p.Status != "stopped" || p.LastError != "" {
		t.Errorf("got %+v", p)
	}
	again := open(t, a, agents.Start{SessionID: "1"})
	want(t, turnOf(t, again, "x"), `"completed"`)
	if p := a.Info(t.Context()).Process; p.Restarts != 0 {
		t.Errorf("a stop that was meant counts as a crash: %+v", p)
	}
}

// When the process dies, every connection says so, and the next one gets a new
// process.
func TestCrash(t *testing.T) {
	a := fakeAgent(t, "crash")
	one, other := open(t, a, agents.Start{SessionID: "1"}), open(t, a, agents.Start{SessionID: "2"})
	send(t, one, textPrompt("x"))
	for _, c := range []agents.Conn{one, other} {
		want(t, ndjson(t, readUntil(t, c, protocol.TypeAgentExited, nil)), `"exit_code":3`, "panicked")
		if _, err := c.Recv(); !errors.Is(err, io.EOF) {
			t.Errorf("got %v", err)
		}
	}
	open(t, a, agents.Start{SessionID: "1"})
	if p := a.Info(t.Context()).Process; p.Restarts != 1 || p.Status != "running" || p.LastError == "" {
		t.Errorf("got %+v", p)
	}
}

// Without a login the first prompt fails, with what to do; with one the next
// prompt works.
func TestLoginMissing(t *testing.T) {
	user := t.TempDir()
	a := fakeAgent(t, "login", "CODEX_HOME="+user)
	if info := a.Info(t.Context()); info.Credentials != "missing" || info.Message == "" {
		t.Errorf("got %+v", info)
	}
	c := open(t, a, agents.Start{SessionID: "1"})
	if err := c.Send(t.Context(), &agents.Interrupt{}); protocol.CodeOf(err) != protocol.CodeAgentNotRunning {
		t.Errorf("got %v", err)
	}
	want(t, turnOf(t, c, "x"), `"notice"`, `"auth_required"`, `"turn.ended"`, `"agent_start_failed"`, "codex login")
	if _, err := c.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
	if err := c.Send(t.Context(), textPrompt("x")); err == nil {
		t.Error("a second prompt was taken")
	}
	unused := open(t, a, agents.Start{SessionID: "2"})
	if err := unused.Close(); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(user, authFile), []byte(`{}`), 0o600); err != nil {
		t.Fatal(err)
	}
	c = open(t, a, agents.Start{SessionID: "1"})
	want(t, turnOf(t, c, "x"), `"completed"`)
	if info := a.Info(t.Context()); info.Credentials != "found" {
		t.Errorf("got %+v", info)
	}
}

// A process whose login or configuration is not the user's any more is ended
// by itself between turns; one that was only renewed is not.
func TestUserFilesChange(t *testing.T) {
	user := t.TempDir()
	write(t, filepath.Join(user, authFile), `{"auth_mode":"chatgpt","tokens":{"account_id":"a","access_token":"1"}}`)
	a := fakeAgent(t, "", "CODEX_HOME="+user)
	a.o.Recheck, a.o.Silence = 5*time.Millisecond, time.Second
	c := open(t, a, agents.Start{SessionID: "1"})
	want(t, turnOf(t, c, "x"), `"completed"`)
	write(t, filepath.Join(user, authFile), `{"auth_mode":"chatgpt","tokens":{"account_id":"a","access_token":"2"},"last_refresh":"now"}`)
	want(t, turnOf(t, c, "y"), `"completed"`)
	if p := a.Info(t.Context()).Process; p.Status != "running" {
		t.Errorf("got %+v", p)
	}
	write(t, filepath.Join(user, configFile), `model = "other"`)
	want(t, ndjson(t, readUntil(t, c, protocol.TypeAgentExited, nil)), "login or configuration has changed")
	if err := c.Send(t.Context(), textPrompt("z")); protocol.CodeOf(err) != protocol.CodeAgentNotRunning {
		t.Errorf("got %v", err)
	}
	want(t, turnOf(t, open(t, a, agents.Start{SessionID: "1"}), "z"), `"completed"`)
	if p := a.Info(t.Context()).Process; p.Restarts != 0 {
		t.Errorf("an end that was meant counts as a crash: %+v", p)
	}
}

// What counts as a change of the user's files.
func TestFingerprint(t *testing.T) {
	user := t.TempDir()
	if fingerprint("") != fingerprint("") {
		t.Error("no folder differs from itself")
	}
	last := fingerprint(user)
	for _, c := range []struct {
		name, text string
		changed    bool
	}{
		{authFile, `{"OPENAI_API_KEY":"a"}`, true},
		{authFile, `{"OPENAI_API_KEY":"b"}`, true},
		{authFile, `{"OPENAI_API_KEY":"b","last_refresh":1}`, false},
		{authFile, `no JSON`, true},
		{configFile, "", true},
		{configFile, "a=1", true},
		{instructionsFile, "a", true},
		{"other", "a", false},
	} {
		write(t, filepath.Join(user, c.name), c.text)
		now := fingerprint(user)
		if (now != last) != c.changed {
			t.Errorf("%s with %q: changed %t, want %t", c.name, c.text, now != last, c.changed)
		}
		last = now
	}
}

// A request that gets no answer fails its turn; the session and the process
// live on.
func TestOverdueTurn(t *testing.T) {
	a := fakeAgent(t, "deaf")
	a.o.Silence = 300 * time.Millisecond
	c := open(t, a, agents.Start{SessionID: "1"})
	want(t, turnOf(t, c, "x"), `"turn.ended"`, `"failed"`, `"timeout"`)
	want(t, turnOf(t, c, "y"), `"turn.ended"`, `"failed"`, `"timeout"`)
	if p := a.Info(t.Context()).Process; p.Status != "running" || p.Restarts != 0 {
		t.Errorf("got %+v", p)
	}
}

// A process that answers nothing at all is stopped.
func TestDeadProcess(t *testing.T) {
	a := fakeAgent(t, "dead")
	a.o.Silence = 300 * time.Millisecond
	c := open(t, a, agents.Start{SessionID: "1"})
	send(t, c, textPrompt("x"))
	want(t, ndjson(t, readUntil(t, c, protocol.TypeAgentExited, nil)), `"timeout"`, `"agent.exited"`)
	open(t, a, agents.Start{SessionID: "1"})
	if p := a.Info(t.Context()).Process; p.Restarts != 1 {
		t.Errorf("got %+v", p)
	}
}

// A process that falls silent in a turn is asked for a sign of life. Without
// one it is stopped, with a sentence that says so; the session goes on in a new
// one.
func TestSilentTurn(t *testing.T) {
	a := fakeAgent(t, "mute")
	a.o.Silence = 300 * time.Millisecond
	c, other := open(t, a, agents.Start{SessionID: "1"}), open(t, a, agents.Start{SessionID: "2"})
	send(t, c, textPrompt("hold"))
	for _, c := range []agents.Conn{c, other} {
		want(t, ndjson(t, readUntil(t, c, protocol.TypeAgentExited, nil)), `"agent.exited"`, "did not answer any more")
	}
	open(t, a, agents.Start{SessionID: "1"})
	if p := a.Info(t.Context()).Process; p.Restarts != 1 || !strings.Contains(p.LastError, "did not answer any more") {
		t.Errorf("got %+v", p)
	}
}

// A turn may be quiet for as long as it likes, if the process answers.
func TestQuietTurn(t *testing.T) {
	a := fakeAgent(t, "quiet")
	a.o.Silence = time.Second
	c := open(t, a, agents.Start{SessionID: "1"})
	want(t, turnOf(t, c, "hold"), `"turn.ended","data":{"outcome":"completed"`)
	if p := a.Info(t.Context()).Process; p.Restarts != 0 {
		t.Errorf("got %+v", p)
	}
}

// A model or effort that the CLI would take silently is refused in the middle
// of a session too; the session stays as it was.
func TestSection4ConfigureIsChecked(t *testing.T) {
	c := open(t, fakeAgent(t, ""), agents.Start{SessionID: "1", Effort: "low", Model: "gpt"})
	nope, high, mine := "nope", "high", "mine"
	for _, bad := range []*agents.Configure{{Model: &nope}, {Effort: &nope}, {Effort: &high}} {
		err := c.Send(t.Context(), bad)
		if protocol.CodeOf(err) != protocol.CodeInvalidRequest || !strings.Contains(err.Error(), "take one") {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	want(t, turnOf(t, c, "x"), `"completed"`)
	send(t, c, &agents.Configure{Model: &mine, Effort: &high}) // nothing is known of a model of the user's own
	want(t, turnOf(t, c, "y"), `"completed"`)
}

// A session that takes no events does not fill the memory of all: its
// connection ends, and its thread can be opened again.
func TestUnreadSession(t *testing.T) {
	a := fakeAgent(t, "flood")
	c, other := open(t, a, agents.Start{SessionID: "1"}), open(t, a, agents.Start{SessionID: "2"})
	send(t, c, textPrompt("flood"))
	want(t, turnOf(t, other, "x"), `"completed"`) // all that floods came before
	got := 0
	readUntil(t, c, protocol.TypeAgentExited, func(d protocol.Data) {
		if delta, ok := d.(*protocol.ItemDelta); ok {
			got += len(delta.Text)
		}
	})
	if got == 0 || got > maxWaiting {
		t.Errorf("%d bytes waited", got)
	}
	if _, err := c.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	want(t, turnOf(t, open(t, a, agents.Start{SessionID: "1"}), "y"), `"completed"`)
}

func TestOpenInTime(t *testing.T) {
	a := fakeAgent(t, "stuck")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := a.start0(ctx); err != nil {
		t.Fatal(err)
	}
	_, err := a.Open(ctx, agents.Start{SessionID: "1"})
	if code := protocol.CodeOf(err); code != protocol.CodeTimeout {
		t.Errorf("got %v", err)
	}
}

// start0 starts the process without a session.
func (a *Agent) start0(ctx context.Context) error {
	s, err := a.supervisor.acquire(ctx)
	if err == nil {
		a.supervisor.release(s, false)
	}
	return err
}

func TestRefusedHandshake(t *testing.T) {
	a := fakeAgent(t, "refuse")
	_, err := a.Open(t.Context(), agents.Start{SessionID: "1"})
	if protocol.CodeOf(err) != protocol.CodeAgentStartFailed || !strings.Contains(err.Error(), "too old") {
		t.Errorf("got %v", err)
	}
}

// Lines that are no messages are told and harm nothing, also one of 1.2 MB.
func TestMalformedLines(t *testing.T) {
	c := open(t, fakeAgent(t, "garbage"), agents.Start{SessionID: "1"})
	got := turnOf(t, c, "x") + turnOf(t, c, "y") // lines that are no JSON may be told after what follows them
	want(t, got, `"agent.unparsed"`, `"bytes":12000`, `"agent.unparsed"`, `"agent.unparsed"`, `"completed"`)
	if len(got) > 20_000 {
		t.Errorf("a bad line travels whole: %d bytes", len(got))
	}
}

// What belongs to no session is refused or dropped.
func TestStrayMessages(t *testing.T) {
	c := open(t, fakeAgent(t, "strays"), agents.Start{SessionID: "1"})
	got := turnOf(t, c, "x")
	want(t, got, `"agent_warning"`, "for everyone")
	if n := strings.Count(got, "agent.unparsed"); n != 2 {
		t.Errorf("%d messages are unparsed, want the two unknown ones:\n%s", n, got)
	}
}

// What comes before the answer that names the thread is not lost.
func TestEarlyNotification(t *testing.T) {
	c := open(t, fakeAgent(t, "early"), agents.Start{SessionID: "1"})
	want(t, turnOf(t, c, "x"), `"session.started"`, "before the answer", `"turn.started"`)
}

func TestEnvironmentAndHome(t *testing.T) {
	user := t.TempDir()
	config := `model_provider = "x"` + "\n[model_providers.x]\n" + `env_key = "MY_KEY"` + "\n"
	for name, text := range map[string]string{configFile: config, instructionsFile: "be brief", authFile: "{}"} {
		if err := os.WriteFile(filepath.Join(user, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a := fakeAgent(t, "", "CODEX_HOME="+user, "MY_KEY=k", "OTHER=o", "TOWLINE_TOKEN=t")
	c := open(t, a, agents.Start{SessionID: "1"})
	got := turnOf(t, c, "environment")
	want(t, got, "features.plugins=false")
	for _, part := range []string{"MY_KEY=k", "CODEX_HOME=" + filepath.Join(a.o.StateDir, "codex"), "RUST_LOG=warn"} {
		want(t, got, part)
	}
	wantNone(t, got, "OTHER=o", "TOWLINE_TOKEN")
	home := filepath.Join(a.o.StateDir, "codex")
	for name, text := range map[string]string{configFile: config, instructionsFile: "be brief", authFile: "{}"} {
		b, err := os.ReadFile(filepath.Join(home, name))
		if err != nil || string(b) != text {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	if target, err := os.Readlink(filepath.Join(home, authFile)); err != nil || target != filepath.Join(user, authFile) {
		t.Errorf("the login is no link: %s, %v", target, err)
	}
	if info, err := os.Stat(home); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the home is open to others: %v, %v", info.Mode(), err)
	}
}

// What the CLI kept in our configuration stays until the user's is newer.
func TestConfigIsTakenWhenNewer(t *testing.T) {
	user, home := t.TempDir(), filepath.Join(t.TempDir(), "codex")
	path := filepath.Join(user, configFile)
	if err := os.WriteFile(path, []byte("a = 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	for step, c := range []struct {
		ours, want string
		later      time.Duration
	}{{"", "a = 1", 0}, {"a = 2", "a = 2", 0}, {"", "a = 1", time.Hour}} {
		if c.ours != "" {
			if err := os.WriteFile(filepath.Join(home, configFile), []byte(c.ours), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		at := time.Now().Add(c.later - time.Minute)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		got, err := prepareHome(home, user)
		if err != nil || string(got) != c.want {
			t.Errorf("step %d: %q, %v; want %q", step, got, err, c.want)
		}
	}
}

func TestCheck(t *testing.T) {
	a := fakeAgent(t, "")
	dir := t.TempDir()
	for name, c := range map[string]struct {
		start agents.Start
		code  protocol.Code
	}{
		"plain":       {agents.Start{Directory: dir}, ""},
		"model":       {agents.Start{Model: "gpt", Effort: "low"}, ""},
		"configured":  {agents.Start{Model: "mine"}, ""},
		"hidden":      {agents.Start{Model: "secret"}, ""},
		"unknown":     {agents.Start{Model: "nope"}, protocol.CodeInvalidRequest},
		"effort":      {agents.Start{Model: "gpt", Effort: "high"}, protocol.CodeInvalidRequest},
		"no effort":   {agents.Start{Effort: "much"}, protocol.CodeInvalidRequest},
		"mode":        {agents.Start{Mode: "build"}, protocol.CodeModeNotSupported},
		"permission":  {agents.Start{PermissionMode: "yolo"}, protocol.CodeInvalidRequest},
		"dash":        {agents.Start{Resume: "-x"}, protocol.CodeInvalidRequest},
		"fork":        {agents.Start{Fork: true}, protocol.CodeInvalidRequest},
		"environment": {agents.Start{Env: map[string]string{"OPENAI_API_KEY": "x"}}, protocol.CodeInvalidRequest},
		"folder":      {agents.Start{Directory: filepath.Join(dir, "none")}, protocol.CodeInvalidRequest},
		"server":      {agents.Start{MCP: map[string]protocol.MCPServer{"a b": {Command: "x"}}}, protocol.CodeInvalidRequest},
		"empty":       {agents.Start{MCP: map[string]protocol.MCPServer{"a": {}}}, protocol.CodeInvalidRequest},
		"sse":         {agents.Start{MCP: map[string]protocol.MCPServer{"a": {URL: "http://x", Type: "sse"}}}, protocol.CodeInvalidRequest},
	} {
		if err := a.Check(c.start); protocol.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	models := a.Info(t.Context()).Models
	if len(models) != 2 || models[0].ID != "gpt" || models[1].ID != "mine" || !models[1].Default {
		t.Errorf("models %+v", models)
	}
}

func TestModes(t *testing.T) {
	for name, c := range map[string]struct {
		mode, permission                      string
		policy, sandbox, told, toldPermission string
	}{
		"nothing":     {"", "", "untrusted", "workspace-write", "default", "default"},
		"default":     {"default", "default", "untrusted", "workspace-write", "default", "default"},
		"acceptEdits": {"", "acceptEdits", "on-request", "workspace-write", "default", "acceptEdits"},
		"plan":        {"plan", "", "never", "read-only", "plan", "plan"},
		"permission":  {"", "plan", "never", "read-only", "plan", "plan"},
		"bypass":      {"", "bypass", "never", "danger-full-access", "default", "bypass"},
		"plan wins":   {"plan", "bypass", "never", "read-only", "plan", "plan"},
	} {
		s, err := newSettings(agents.Start{Mode: c.mode, PermissionMode: c.permission})
		if err != nil || s.approvalPolicy() != c.policy || s.sandbox() != c.sandbox || s.mode() != c.told || s.permissionMode() != c.toldPermission {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
		if native := s.sandboxPolicy(writable{})["type"].(string); sandboxNames[native] != c.sandbox {
			t.Errorf("%s: the turn's sandbox is %s", name, native)
		}
	}
}

// A process that keeps ending is started again after a growing pause.
func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &supervisor{start: func(context.Context, func(*server)) (*server, error) {
			return nil, protocol.Errorf(protocol.CodeAgentStartFailed, "no")
		}}
		for i, pause := range []time.Duration{0, 0, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, maxBackoff, maxBackoff} {
			begin := time.Now()
			if _, err := v.acquire(t.Context()); protocol.CodeOf(err) != protocol.CodeAgentStartFailed {
				t.Fatalf("got %v", err)
			}
			if waited := time.Since(begin); waited != pause {
				t.Errorf("start %d waited %s, want %s", i, waited, pause)
			}
			want := "backoff"
			if i+1 >= hopeless {
				want = "failed"
			}
			if p := v.status(); i > 0 && p.Status != want {
				t.Errorf("after start %d: %+v", i, p)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := v.acquire(ctx); protocol.CodeOf(err) != protocol.CodeAgentStartFailed || !strings.Contains(err.Error(), "half a minute") {
			t.Errorf("got %v", err)
		}
		if err := v.close(); err != nil {
			t.Error(err)
		}
		if _, err := v.acquire(t.Context()); protocol.CodeOf(err) != protocol.CodeDraining {
			t.Errorf("got %v", err)
		}
	})
}

func TestNotInstalled(t *testing.T) {
	a := New(Options{Environ: func() []string { return []string{"PATH=/nowhere"} }})
	if info := a.Info(t.Context()); info.Status != "missing" || info.Message == "" || len(info.Models) == 0 {
		t.Errorf("got %+v", info)
	}
	if _, err := a.Open(t.Context(), agents.Start{}); protocol.CodeOf(err) != protocol.CodeAgentNotInstalled {
		t.Errorf("got %v", err)
	}
	if err := a.Install(t.Context(), nil); protocol.CodeOf(err) != protocol.CodeInstallFailed {
		t.Errorf("got %v", err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	a = New(Options{Installation: install.Codex(t.TempDir()), Environ: func() []string { return nil }})
	if info := a.Info(t.Context()); info.Status != "installable" {
		t.Errorf("got %+v", info)
	}
}

// Folders that the sandbox left behind empty go; what was there, or holds
// something, stays.
func TestSection7LeftFolders(t *testing.T) {
	dir := t.TempDir()
	mkdir := func(name string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	mkdir(".git")
	c := open(t, fakeAgent(t, ""), agents.Start{SessionID: "1", Directory: dir})
	mkdir(".agents")
	mkdir(".codex/kept")
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 || entries[0].Name() != ".codex" || entries[1].Name() != ".git" {
		t.Errorf("got %v, %v", entries, err)
	}
}

// A full hold drops its oldest message, and answers it if it was a request.
func TestHeldMessages(t *testing.T) {
	h := newHub()
	frames := 0
	for i := range maxHeld + 1 {
		out := h.Native([]byte(`{"id":` + string(encode(i)) + `,"method":"item/fileChange/requestApproval","params":{"threadId":"X"}}`))
		frames += len(out.Frames)
	}
	if frames != 1 || len(h.held) != maxHeld {
		t.Errorf("%d answers, %d held", frames, len(h.held))
	}
}

func FuzzTranslator(f *testing.F) {
	for _, seed := range []string{turnBegan, turnDone, began(command), outputDelta("x"), textDelta("y"), began(patch), ran("completed", `"z"`), asked(0, "item/fileChange/requestApproval", `"itemId":"p"`)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		b := ready(t)
		b.feed(turnBegan, began(textItem), began(command), asked(5, "item/commandExecution/requestApproval", `"itemId":"c","command":"ls"`))
		in, err := b.peer.Receive(frame)
		if err != nil {
			return
		}
		b.t.receive(in, &output{frame: frame})
		b.feed(turnDone)
	})
}

// A login that was made in our home gives way to a newer one of the user's.
func TestLoginLink(t *testing.T) {
	user, home := t.TempDir(), t.TempDir()
	ours, users := filepath.Join(home, authFile), filepath.Join(user, authFile)
	for _, path := range []string{ours, users} {
		if err := os.WriteFile(path, []byte(path), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, later := range []time.Duration{-time.Hour, time.Hour} {
		at := time.Now().Add(later)
		if err := os.Chtimes(users, at, at); err != nil {
			t.Fatal(err)
		}
		if _, err := prepareHome(home, user); err != nil {
			t.Fatal(err)
		}
		want := ours
		if later > 0 {
			want = users
		}
		if b, err := os.ReadFile(ours); err != nil || string(b) != want {
			t.Errorf("%s: got %s, %v", later, b, err)
		}
	}
	// Without a login of the user's a link of old goes.
	if err := os.Remove(users); err != nil {
		t.Fatal(err)
	}
	if _, err := prepareHome(home, user); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(ours); !os.IsNotExist(err) {
		t.Errorf("a link to nothing is left: %v", err)
	}
}

package codex

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/agenttest/installed"
	"github.com/towline-dev/towline/protocol"
)

// realCodex is the agent with the real CLI and the scripted model that all
// packages share. config is added to the user's configuration.
func realCodex(t *testing.T, config string, adjust func(*Options)) (*Agent, *agenttest.Responses, *agenttest.Home) {
	t.Helper()
	path := installed.Codex(t)
	m := agenttest.NewResponses(t)
	home := agenttest.CodexHome(t, m.URL())
	file, err := os.OpenFile(filepath.Join(home.Config, configFile), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(config); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	o := Options{
		Locator: &agents.Locator{Flags: map[string]string{"codex": path}}, Environ: home.Env, StateDir: t.TempDir(), Grace: time.Hour,
	}
	if adjust != nil {
		adjust(&o)
	}
	a := New(o)
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a, m, home
}

// nativeID is the native session that events tell of.
func nativeID(events []protocol.Data) string {
	id := ""
	for _, d := range events {
		if u, ok := d.(*protocol.SessionUpdated); ok && u.NativeSessionID != nil {
			id = *u.NativeSessionID
		}
	}
	return id
}

// run is a block that runs a command.
func run(line string) agenttest.Block {
	return agenttest.Block{Do: &agenttest.Do{Kind: "execute", Command: line}}
}

// When the process is killed, the open turns of all its sessions are over, and
// each session goes on with its history in the new process.
func TestRealKillWithTwoSessions(t *testing.T) {
	a, m, home := realCodex(t, "", nil)
	var conns, again []agents.Conn
	var natives []string
	for _, name := range []string{"one", "two"} {
		first := m.On("first-"+name, agenttest.Play(agenttest.Say("I remember "+name+".")))
		slow := m.On("slow-"+name, agenttest.Play(agenttest.Block{Text: "Slowly it begins.", Hold: true}))
		c := open(t, a, agents.Start{SessionID: name, Directory: home.Dir})
		send(t, c, textPrompt(first.Marker()))
		natives = append(natives, nativeID(readUntil(t, c, protocol.TypeTurnEnded, nil)))
		send(t, c, textPrompt(slow.Marker()))
		slow.WaitHeld(t)
		conns = append(conns, c)
	}
	if err := syscall.Kill(a.Info(t.Context()).Process.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for _, c := range conns {
		want(t, ndjson(t, readUntil(t, c, protocol.TypeAgentExited, nil)), `"turn.started"`, `"agent.exited","data":{"signal":"SIGKILL"`)
	}
	for i, name := range []string{"one", "two"} {
		after := m.On("after-"+name, agenttest.Play(agenttest.Say("It was "+name+".")))
		c := open(t, a, agents.Start{SessionID: name, Directory: home.Dir, Resume: natives[i]})
		send(t, c, textPrompt(after.Marker()))
		want(t, ndjson(t, readUntil(t, c, protocol.TypeTurnEnded, nil)), `"resumed":true`, "It was "+name+".", `"completed"`)
		want(t, string(after.Requests()[0].Body), "I remember "+name+".")
		again = append(again, c)
	}
	if p := a.Info(t.Context()).Process; p.Restarts != 1 || p.Status != "running" || p.LastError == "" || len(again) != 2 {
		t.Errorf("got %+v", p)
	}
}

// A process that stops answering is found in bounded time, in a turn and
// between turns, and the session goes on in a new one.
func TestRealProcessStopsAnswering(t *testing.T) {
	a, m, home := realCodex(t, "", func(o *Options) { o.Silence = 4 * time.Second })
	first := m.On("first", agenttest.Play(agenttest.Say("I remember blue.")))
	slow := m.On("slow", agenttest.Play(agenttest.Block{Text: "Slowly it begins.", Hold: true}))
	start := agents.Start{SessionID: "s", Directory: home.Dir}
	for _, when := range []string{"in a turn", "between turns"} {
		c := open(t, a, start)
		send(t, c, textPrompt(first.Marker()))
		events := readUntil(t, c, protocol.TypeTurnEnded, nil)
		want(t, ndjson(t, events), "I remember blue.", `"completed"`)
		if start.Resume == "" {
			start.Resume = nativeID(events)
		}
		if when == "in a turn" {
			send(t, c, textPrompt(slow.Marker()))
			readUntil(t, c, protocol.TypeItemDelta, nil)
		}
		if err := syscall.Kill(a.Info(t.Context()).Process.PID, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		if when == "between turns" {
			send(t, c, textPrompt(first.Marker()))
			want(t, ndjson(t, readUntil(t, c, protocol.TypeTurnEnded, nil)), `"outcome":"failed"`, `"timeout"`, "did not answer")
		}
		want(t, ndjson(t, readUntil(t, c, protocol.TypeAgentExited, nil)), "did not answer any more and was ended")
	}
	after := m.On("after", agenttest.Play(agenttest.Say("It was blue.")))
	c := open(t, a, start)
	send(t, c, textPrompt(after.Marker()))
	want(t, ndjson(t, readUntil(t, c, protocol.TypeTurnEnded, nil)), `"resumed":true`, "It was blue.", `"completed"`)
	if p := a.Info(t.Context()).Process; p.Restarts != 2 || p.Status != "running" {
		t.Errorf("got %+v", p)
	}
}

// A process that is stopped for less than its time goes on as if nothing had
// been.
func TestRealProcessGoesOn(t *testing.T) {
	a, m, home := realCodex(t, "", nil)
	s := m.On("slow", agenttest.Play(agenttest.Block{Text: "Slowly it goes on.", Hold: true}))
	c := open(t, a, agents.Start{SessionID: "s", Directory: home.Dir})
	send(t, c, textPrompt(s.Marker()))
	readUntil(t, c, protocol.TypeItemDelta, nil)
	pid := a.Info(t.Context()).Process.PID
	for _, sig := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
		if err := syscall.Kill(pid, sig); err != nil {
			t.Fatal(err)
		}
		s.Release()
	}
	want(t, ndjson(t, readUntil(t, c, protocol.TypeTurnEnded, nil)), "Slowly it goes on.", `"completed"`)
}

// Section 7: an interrupt does not end a command, so that it is cleaned away;
// and the folders that its sandbox leaves go with the session.
func TestRealSection7InterruptEndsCommands(t *testing.T) {
	a, m, home := realCodex(t, "", nil)
	s := m.On("sleep", agenttest.Play(run("echo begun; sleep 311; true")))
	c := open(t, a, agents.Start{SessionID: "s", Directory: home.Dir, PermissionMode: "acceptEdits"})
	send(t, c, textPrompt(s.Marker()))
	readUntil(t, c, protocol.TypeItemStarted, nil)
	awaitCommand(t, "sleep 311", true)
	send(t, c, &agents.Interrupt{})
	want(t, ndjson(t, readUntil(t, c, protocol.TypeTurnEnded, nil)), `"status":"interrupted"`, `"outcome":"interrupted"`)
	awaitCommand(t, "sleep 311", false)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(home.Dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != ".git" {
		t.Errorf("the folder holds %v (%v)", entries, err)
	}
}

// awaitCommand waits until a command runs, or does not run any more.
func awaitCommand(t *testing.T, line string, running bool) {
	t.Helper()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	limit := time.After(20 * time.Second)
	for runs(t, line) != running {
		select {
		case <-look.C:
		case <-limit:
			t.Fatalf("%s runs: %t", line, !running)
		}
	}
}

// runs tells whether a process was started with exactly these words.
func runs(t *testing.T, line string) bool {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err == nil && strings.TrimSuffix(string(b), "\x00") == strings.ReplaceAll(line, " ", "\x00") {
			return true
		}
	}
	return false
}

// When the user logs in as somebody else, or changes the configuration, the
// next prompt of each session goes out so, without a restart of the server. A
// turn that is open is not disturbed.
func TestRealLoginChanges(t *testing.T) {
	a, m, home := realCodex(t, "", nil)
	login := func(key string) {
		t.Helper()
		write(t, filepath.Join(home.Config, authFile), `{"OPENAI_API_KEY":"`+key+`"}`)
	}
	config := filepath.Join(home.Config, configFile)
	b, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(b), `env_key = "FAKE_API_KEY"`, "", 1)
	write(t, config, strings.Replace(text, "requires_openai_auth = false", "requires_openai_auth = true", 1))
	login("key-one")
	one := m.On("one", agenttest.Play(agenttest.Say("One.")))
	slow := m.On("slow", agenttest.Play(agenttest.Block{Text: "Slowly it goes on.", Hold: true}))
	start := agents.Start{SessionID: "s", Directory: home.Dir}
	c := open(t, a, start)
	send(t, c, textPrompt(one.Marker()))
	start.Resume = nativeID(readUntil(t, c, protocol.TypeTurnEnded, nil))
	send(t, c, textPrompt(slow.Marker()))
	slow.WaitHeld(t)

	login("key-two")
	open(t, a, agents.Start{SessionID: "other", Directory: home.Dir})
	slow.Release()
	want(t, ndjson(t, readUntil(t, c, protocol.TypeTurnEnded, nil)), "Slowly it goes on.", `"completed"`)
	open(t, a, agents.Start{SessionID: "third", Directory: home.Dir})
	want(t, ndjson(t, readUntil(t, c, protocol.TypeAgentExited, nil)), "login or configuration has changed")
	c = open(t, a, start)
	send(t, c, textPrompt(one.Marker()))
	want(t, ndjson(t, readUntil(t, c, protocol.TypeTurnEnded, nil)), `"resumed":true`, `"completed"`)
	var keys []string
	for _, r := range m.Requests() {
		keys = append(keys, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	}
	if got := strings.Join(keys, " "); got != "key-one key-one key-two" {
		t.Errorf("the model was asked with %s", got)
	}
	if p := a.Info(t.Context()).Process; p.Restarts != 0 || p.Status != "running" {
		t.Errorf("got %+v", p)
	}

	if err := os.Remove(filepath.Join(home.Config, authFile)); err != nil {
		t.Fatal(err)
	}
	c = open(t, a, agents.Start{SessionID: "s", Directory: home.Dir, Resume: start.Resume})
	send(t, c, textPrompt(one.Marker()))
	want(t, ndjson(t, readUntil(t, c, protocol.TypeTurnEnded, nil)), `"auth_required"`, `"failed"`, "codex login")
}

// write puts a text into a file.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

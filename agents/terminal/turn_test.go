package terminal_test

import (
	"encoding/json"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/terminal"
	"github.com/towline-dev/towline/protocol"
)

// prompt sends a prompt.
func (p *opened) prompt(text string) error {
	return p.conn.Send(p.t.Context(), &agents.Prompt{PromptID: "m1", Content: []agents.Content{{Part: protocol.TextPart(text)}}})
}

// screenItem is the JSON part of the next screen's item.
func (p *opened) screenItem() (text string, confidence float64) {
	p.t.Helper()
	e := next[*protocol.ItemCompleted](p)
	var s struct {
		Text       string  `json:"text"`
		Confidence float64 `json:"confidence"`
	}
	if e.Item.Kind != protocol.KindStatus || len(e.Item.Content) != 2 || json.Unmarshal(e.Item.Content[1].JSON, &s) != nil {
		p.t.Fatalf("item %+v", e.Item)
	}
	return s.Text, s.Confidence
}

// tells waits for an item of a screen at rest that holds a text. A person, too,
// answers what an agent asks once its screen rests: some take no key sooner.
func (p *opened) tells(text string) {
	p.t.Helper()
	for {
		if shown, confidence := p.screenItem(); confidence == 0.9 && strings.Contains(shown, text) {
			return
		}
	}
}

func TestPromptIsATurn(t *testing.T) {
	t.Parallel()
	p := open(t, terminal.Options{}, bash(t)...)
	if err := p.prompt("echo o''ne; sleep 1; echo t''wo"); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if e := next[*protocol.TurnEnded](p); e.Outcome != protocol.OutcomeCompleted {
		t.Errorf("ended as %+v", e)
	}
	// The output rests longer than Done while the command sleeps; what keeps
	// the turn open is that the command has the terminal.
	if took := time.Since(begin); took < 800*time.Millisecond {
		t.Errorf("ended after %v, while the command ran", took)
	}
	p.see("two\r\n")
}

func TestScreenIsToldAtRest(t *testing.T) {
	t.Parallel()
	p := open(t, terminal.Options{}, bash(t)...)
	if err := p.prompt("echo o''ne"); err != nil {
		t.Fatal(err)
	}
	for {
		text, confidence := p.screenItem()
		if strings.Contains(text, "\none\n") {
			if confidence != 0.9 {
				t.Errorf("confidence %v of a screen at rest", confidence)
			}
			break
		}
	}
	// One that never rests is told while it changes.
	if err := p.prompt("while sleep 0.02; do echo $((++n)); done"); err != nil {
		t.Fatal(err)
	}
	for {
		if _, confidence := p.screenItem(); confidence == 0.5 {
			break
		}
	}
	if err := p.conn.Send(t.Context(), &agents.Interrupt{}); err != nil {
		t.Fatal(err)
	}
	for next[*protocol.TurnEnded](p).Outcome != protocol.OutcomeInterrupted {
	}
	p.see("^C")
}

// What a program asks its terminal to notify of reaches those who see events.
func TestNotifications(t *testing.T) {
	t.Parallel()
	p := open(t, terminal.Options{}, bash(t)...)
	if err := p.prompt(`printf '\e]9;It wai''ts for you\a'`); err != nil {
		t.Fatal(err)
	}
	if n := next[*protocol.Notice](p); n.Code != "notification" || n.Level != "info" || n.Message != "It waits for you" {
		t.Errorf("%+v", n)
	}
	if err := p.prompt(`printf '\a\a'`); err != nil {
		t.Fatal(err)
	}
	if n := next[*protocol.Notice](p); n.Code != "bell" || n.Level != "info" {
		t.Errorf("%+v", n)
	}
}

func TestPromptOfSeveralLinesIsPasted(t *testing.T) {
	t.Parallel()
	p := open(t, terminal.Options{}, bash(t)...)
	if err := p.prompt("cat <<END\none\ntwo\x1b[201~\nEND"); err != nil {
		t.Fatal(err)
	}
	p.see("one\r\ntwo[201~\r\n")
}

func TestSendRefuses(t *testing.T) {
	t.Parallel()
	p := open(t, terminal.Options{Lease: time.Minute}, bash(t)...)
	p.typeKeys("echo half a li")
	if err := p.prompt("x"); protocol.CodeOf(err) != protocol.CodeBusy {
		t.Errorf("a prompt into a line that ada types: %v", err)
	}
	if err := p.live.Type(ben, []byte("x")); protocol.CodeOf(err) != protocol.CodeBusy {
		t.Errorf("ben's keys into it: %v", err)
	}
	p.live.ReleaseLease(ada)
	image := &agents.Prompt{Content: []agents.Content{{Part: protocol.Part{Type: protocol.PartImage}}}}
	if err := p.conn.Send(t.Context(), image); protocol.CodeOf(err) != protocol.CodeCapabilityMissing {
		t.Errorf("an image: %v", err)
	}
	model := "opus"
	if err := p.conn.Send(t.Context(), &agents.Configure{Model: &model}); protocol.CodeOf(err) != protocol.CodeCapabilityMissing {
		t.Errorf("a model: %v", err)
	}
	if err := p.live.Resize(ada, 1, 80); protocol.CodeOf(err) != protocol.CodeInvalidRequest {
		t.Errorf("one row: %v", err)
	}
}

func TestEndWithinATurn(t *testing.T) {
	t.Parallel()
	p := open(t, terminal.Options{}, bash(t)...)
	if err := p.prompt("exit 0"); err != nil {
		t.Fatal(err)
	}
	if e := next[*protocol.TurnEnded](p); e.Outcome != protocol.OutcomeCompleted {
		t.Errorf("ended as %+v", e)
	}
	next[*protocol.AgentExited](p)
	if err := p.prompt("x"); protocol.CodeOf(err) != protocol.CodeAgentNotRunning {
		t.Errorf("a prompt after the end: %v", err)
	}
}

func TestCloseEndsTheWholeTree(t *testing.T) {
	t.Parallel()
	p := open(t, terminal.Options{}, bash(t)...)
	dir := t.TempDir()
	file := filepath.Join(dir, "pids")
	// A job in the background, one that ignores hang-ups, and one that left
	// the session.
	p.typeKeys("sleep 600 & echo $! >> " + file + "; (trap '' HUP TERM; sleep 601) & echo $! >> " + file +
		"; setsid sh -c 'echo $$ >> " + file + "; exec sleep 602' & sleep 0.3; echo do''ne\r")
	p.see("done\r\n")
	begin := time.Now()
	if err := p.conn.Close(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("took %v: the shell did not hear the hang-up", took)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pids := strings.Fields(string(b))
	if len(pids) != 3 {
		t.Fatalf("%d processes were started, not 3", len(pids))
	}
	for _, text := range pids {
		pid, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(pid, 0); err == nil && !zombie(pid) {
			t.Errorf("process %d lives on", pid)
		}
	}
	if e := p.exit(); e.Code == nil && e.Signal == "" {
		t.Errorf("ended with %+v", e)
	}
}

// zombie tells whether a process is dead and only waits for its parent.
func zombie(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || strings.Contains(string(b), ") Z ")
}

func TestProgramThatEndsBehindAnOpenTerminal(t *testing.T) {
	t.Parallel()
	// What a program leaves behind holds the terminal, and what it closed
	// itself is no end.
	p := open(t, terminal.Options{}, "/bin/sh", "-c", "exec 3>&1; (trap '' HUP; sleep 600) & exec >&- 2>&- <&-; sleep 0.2; echo last >&3; exit 3")
	if e := p.exit(); e.Code == nil || *e.Code != 3 {
		t.Errorf("ended with %+v", e)
	}
	if !strings.Contains(p.text.String(), "last\r\n") {
		t.Errorf("the last words are missing: %q", p.text.String())
	}
}

func TestAgentRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	environ := func() []string {
		return []string{"PATH=/usr/bin:/bin", "SHELL=/bin/bash", "SECRET=x", "ANTHROPIC_API_KEY=x"}
	}
	for name, test := range map[string]struct {
		options terminal.Options
		start   agents.Start
		code    protocol.Code
	}{
		"no such program": {terminal.Options{Command: []string{"no-such-program"}}, agents.Start{}, protocol.CodeAgentNotInstalled},
		"no such path":    {terminal.Options{Command: []string{"/no/such/program"}}, agents.Start{}, protocol.CodeAgentNotInstalled},
		"model":           {terminal.Options{}, agents.Start{Model: "opus"}, protocol.CodeCapabilityMissing},
		"resume":          {terminal.Options{}, agents.Start{Resume: "x"}, protocol.CodeCapabilityMissing},
		"environment":     {terminal.Options{}, agents.Start{Env: map[string]string{"LD_PRELOAD": "x"}}, protocol.CodeInvalidRequest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.options.Environ = environ
			test.start.Directory = dir
			if _, err := terminal.New(test.options).Open(t.Context(), test.start); protocol.CodeOf(err) != test.code {
				t.Errorf("refused with %v, want %s", err, test.code)
			}
		})
	}
	shell := terminal.New(terminal.Options{Environ: environ})
	if info := shell.Info(t.Context()); info.Name != "terminal" || info.Status != "ready" || info.Path != "/bin/bash" || info.Capabilities != shell.Capabilities() {
		t.Errorf("the user's shell: %+v", info)
	}
	p := open(t, terminal.Options{Environ: environ}, "/usr/bin/env")
	p.exit()
	if text := p.text.String(); strings.Contains(text, "SECRET") || strings.Contains(text, "ANTHROPIC") || !strings.Contains(text, "TERM=xterm-256color") {
		t.Errorf("the environment is %s", text)
	}
}

func TestSlowReadersCostNothing(t *testing.T) {
	t.Parallel()
	p := open(t, terminal.Options{History: 8 << 10}, "/bin/sh", "-c", "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done")
	slow := p.at
	p.exit() // the program was not held up by a reader that has not begun
	news, err := p.live.Next(t.Context(), &slow)
	for err == nil && news.Bytes == nil {
		news, err = p.live.Next(t.Context(), &slow)
	}
	if err != nil || news.At == 0 || len(news.Bytes) > 8<<10 || !strings.HasSuffix(string(news.Bytes), "line 19999\r\n") {
		t.Errorf("at %d: %d bytes, %v", news.At, len(news.Bytes), err)
	}
}

func TestSteeringTypesIntoTheOpenTurn(t *testing.T) {
	t.Parallel()
	p := open(t, terminal.Options{}, bash(t)...)
	if err := p.prompt("head -n 1 | sed s/^/got:/"); err != nil {
		t.Fatal(err)
	}
	steer := &agents.Prompt{PromptID: "m2", Steer: true, Content: []agents.Content{{Part: protocol.TextPart("a word")}}}
	if err := p.conn.Send(t.Context(), steer); err != nil {
		t.Fatal(err)
	}
	p.see("got:a word\r\n")
	if e := next[*protocol.TurnEnded](p); e.Outcome != protocol.OutcomeCompleted {
		t.Errorf("ended as %+v", e)
	}
}

// A program that does not read what is typed, and asks where the cursor is all
// the time, keeps neither the typist nor the readers.
func TestDeafProgram(t *testing.T) {
	t.Parallel()
	p := open(t, terminal.Options{}, "/bin/sh", "-c", "stty raw -echo; while :; do printf '\\033[6n'; printf .; done")
	p.see(".")
	begin := time.Now()
	err := p.live.Type(ada, make([]byte, 256<<10))
	if protocol.CodeOf(err) != protocol.CodeTimeout {
		t.Errorf("typed: %v", err)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
	at := p.at.Offset
	p.at.Offset = p.live.Snapshot().Offset
	if p.at.Offset == at {
		t.Error("nothing was read meanwhile")
	}
}

// anotherUser is a user whom programs can run as: our own where we are not root.
func anotherUser(t *testing.T) *agents.User {
	t.Helper()
	name := "nobody"
	if os.Geteuid() != 0 {
		own, err := user.Current()
		if err != nil {
			t.Fatal(err)
		}
		name = own.Username
	}
	who, err := agents.LookupUser(name)
	if err != nil {
		t.Fatal(err)
	}
	return who
}

func TestAnotherUsersTerminal(t *testing.T) {
	t.Parallel()
	who := anotherUser(t)
	dir, err := os.MkdirTemp("/tmp", "towline-terminal-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	p := openIn(t, dir, terminal.Options{User: who}, "/bin/sh", "-c", "id -un; echo by name > $(tty)")
	p.exit()
	if text := p.text.String(); !strings.HasPrefix(text, who.Name()+"\r\n") || !strings.Contains(text, "by name\r\n") {
		t.Errorf("%q", text)
	}
}

func TestProgramThatEndsAtOnce(t *testing.T) {
	t.Parallel()
	p := open(t, terminal.Options{}, "/bin/sh", "-c", "echo no licence; exit 4")
	if err := p.prompt("hello"); protocol.CodeOf(err) != protocol.CodeAgentNotRunning {
		t.Errorf("a prompt: %v", err)
	}
	if text, confidence := p.screenItem(); text != "no licence" || confidence != 0.9 {
		t.Errorf("the last screen: %q, %v", text, confidence)
	}
	if e := next[*protocol.AgentExited](p); e.ExitCode == nil || *e.ExitCode != 4 {
		t.Errorf("ended with %+v", e)
	}
}

// A prompt may be long, and of any characters; none is lost on its way.
func TestLongPrompt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := openIn(t, dir, terminal.Options{}, bash(t)...)
	text := strings.Repeat("Zeile ä, 日本, emoji 🙂.\n", 400)
	if err := p.prompt("cat >made <<'END'\n" + text + "END"); err != nil {
		t.Fatal(err)
	}
	if e := next[*protocol.TurnEnded](p); e.Outcome != protocol.OutcomeCompleted {
		t.Errorf("ended as %+v", e)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "made")); err != nil || string(b) != text {
		t.Errorf("%d bytes arrived of %d, %v", len(b), len(text), err)
	}
}

// A terminal keeps 4 KiB of a line for a program that reads lines, and would
// drop the rest.
func TestLineThatWouldBeCut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := openIn(t, dir, terminal.Options{}, "/bin/sh", "-c", "echo ready; exec cat >made")
	p.see("ready")
	fits := strings.Repeat("x", 4093) + "ä"
	err := p.prompt("one\n" + fits + "x")
	if e := protocol.AsError(err); e == nil || e.Code != protocol.CodeTooLarge || !strings.Contains(e.Message, "4096") {
		t.Errorf("a longer line: %v", err)
	}
	if err := p.prompt("two\n" + fits); err != nil {
		t.Errorf("the longest line: %v", err)
	}
	p.typeKeys("\x04")
	p.exit()
	if b, err := os.ReadFile(filepath.Join(dir, "made")); err != nil || string(b) != "two\n"+fits+"\n" {
		t.Errorf("%d bytes arrived, %v", len(b), err)
	}
}

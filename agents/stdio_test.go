package agents

import (
	"context"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/towline-dev/towline/agents/agenttest/optional"
	"github.com/towline-dev/towline/protocol"
)

func TestStdioTurn(t *testing.T) {
	ledger := filepath.Join(t.TempDir(), "ledger")
	o := fakeOptions(t, "FAKEAGENT_LEDGER="+ledger)
	o.KeepRaw = true
	f := openFake(t, o)
	first := <-f.reports
	started, ok := first.Events[0].(*protocol.AgentStarted)
	if !ok || started.PID != f.process.PID() || started.Version != "2.1.330" {
		t.Fatalf("the first report is %+v, want agent.started with pid and version", first.Events[0])
	}
	f.prompt("deltas 3")
	f.notice("sent") // a report of the command itself
	if got := f.notice("stream_event"); !strings.Contains(got, "message_start") {
		t.Errorf("the first stream event is %s", got)
	}
	f.notice("result/success")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if e := f.exited(); e.ExitCode == nil || *e.ExitCode != 0 {
		t.Errorf("the end of input led to %+v, want exit code 0", e)
	}
	got, err := os.ReadFile(ledger)
	if err != nil {
		t.Fatal(err)
	}
	want := string(lineTranslator{}.Open()[0]) + "\n" + `{"type":"user","message":{"content":"deltas 3"}}` + "\n"
	if string(got) != want {
		t.Errorf("the agent got\n%s\nwant\n%s", got, want)
	}
	if err := f.sendPrompt("late", time.Second); protocol.CodeOf(err) != protocol.CodeAgentNotRunning {
		t.Errorf("a prompt after the end gave %v, want agent_not_running", err)
	}
}

func TestStdioRefusesMalformedFrames(t *testing.T) {
	f := openFake(t, fakeOptions(t))
	if err := f.Send(t.Context(), &RejectQuestion{}); protocol.CodeOf(err) != protocol.CodeInternal {
		t.Fatalf("a frame of two lines gave %v, want internal", err)
	}
	f.prompt("say still here")
	f.notice("result/success")
}

func TestOpenStdioFails(t *testing.T) {
	script := func(text string) string {
		path := filepath.Join(t.TempDir(), "script")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return "FAKEAGENT_SCRIPT=" + path
	}
	for _, tt := range []struct {
		name, env, want string
		limit           time.Duration
	}{
		{"ends", script("stderr 3\nexit 4"), "stderr line 3", 10 * time.Second},
		{"killed", script("signal 9"), "SIGKILL", 10 * time.Second},
		{"silent", script("hang"), "in time", 200 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), tt.limit)
			defer cancel()
			_, err := OpenStdio(ctx, fakeOptions(t, tt.env))
			if protocol.CodeOf(err) != protocol.CodeAgentStartFailed || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("opening gave %v, want agent_start_failed with %q", err, tt.want)
			}
		})
	}
	t.Run("missing", func(t *testing.T) {
		o := fakeOptions(t)
		o.Process.Path = filepath.Join(t.TempDir(), "none")
		_, err := OpenStdio(t.Context(), o)
		if protocol.CodeOf(err) != protocol.CodeAgentStartFailed || strings.Contains(err.Error(), t.TempDir()) {
			t.Errorf("opening gave %v, want agent_start_failed without a path", err)
		}
	})
}

func TestA01_ExitInATurn(t *testing.T) {
	for _, tt := range []struct {
		name, script, signal string
		code                 int
	}{
		{"exit 0", "exit 0", "", 0},
		{"exit 3", "exit 3", "", 3},
		{"segmentation fault", "signal 11", "SIGSEGV", 0},
		{"killed", "signal 9", "SIGKILL", 0},
		{"descendant holds stdout", "hold ;; exit 3", "", 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := openFake(t, fakeOptions(t))
			f.prompt("stderr 100 ;; flood 200 ;; " + tt.script)
			<-f.process.reaped
			ended := time.Now()
			seen := f.until("agent.exited", func(e protocol.Data) bool { _, ok := e.(*protocol.AgentExited); return ok })
			if took := time.Since(ended); took > time.Second {
				t.Errorf("the end was told after %v, want at most 1s", took)
			} else if took > 250*time.Millisecond {
				t.Logf("the end was told after %v; the aim is 250ms", took)
			}
			e := seen[len(seen)-1].(*protocol.AgentExited)
			if e.Signal != tt.signal || (tt.signal == "" && (e.ExitCode == nil || *e.ExitCode != tt.code)) {
				t.Errorf("told %+v", e)
			}
			if e.Stderr == nil || e.Stderr.TotalLines != 100 || len(e.Stderr.Tail) != 50 || !e.Stderr.Truncated {
				t.Errorf("standard error is %+v", e.Stderr)
			}
			deltas := 0
			for _, d := range seen {
				if n, ok := d.(*protocol.Notice); ok && strings.Contains(n.Message, "text_delta") {
					deltas++
				}
			}
			if deltas != 200 {
				t.Errorf("%d of the 200 deltas that were written before the end arrived", deltas)
			}
		})
	}
}

func TestA02_BadOutput(t *testing.T) {
	for _, tt := range []struct {
		kind       string
		bad, bytes int
		sample     string
	}{
		{"utf8", 1, 13, "{\"type\":\"\xff\xfe\"}"},
		{"text", 1, 202, strings.Repeat("n", 199) + "\u20ac"},
		{"empty", 0, 0, ""},
		{"null", 1, 4, "null"},
		{"nul", 1, 14, "{\"type\":\"a\x00b\"}"},
		{"bom", 1, 24, "\ufeff{\"type\":\"keep_alive\"}"},
		{"crlf", 0, 0, ""},
		{"long", 1, 20 << 20, strings.Repeat("L", 256)},
	} {
		t.Run(tt.kind, func(t *testing.T) {
			f := openFake(t, fakeOptions(t))
			f.prompt("junk " + tt.kind)
			bad := unparsed(f.until("the result", isResult))
			if len(bad) != tt.bad {
				t.Fatalf("%d bad lines were told, want %d", len(bad), tt.bad)
			}
			if tt.bad == 1 {
				b := bad[0]
				if b.Bytes != tt.bytes || string(b.Sample) != tt.sample || len(b.RawHash) != 64 || b.Location != "stdout" || b.Error == "" {
					t.Errorf("told %d bytes, sample %.40q, hash %s, location %s, error %q", b.Bytes, b.Sample, b.RawHash, b.Location, b.Error)
				}
			}
			f.prompt("say next")
			f.until("the next result", isResult)
		})
	}
	t.Run("no newline then end", func(t *testing.T) {
		f := openFake(t, fakeOptions(t))
		f.prompt("junk tail")
		bad := unparsed(f.until("agent.exited", func(e protocol.Data) bool { _, ok := e.(*protocol.AgentExited); return ok }))
		if len(bad) != 1 || bad[0].Bytes != 64<<10 || len(bad[0].Sample) != 256 {
			t.Errorf("told %+v", bad)
		}
	})
}

func isResult(e protocol.Data) bool {
	n, ok := e.(*protocol.Notice)
	return ok && strings.HasPrefix(n.Code, "result/")
}

func unparsed(seen []protocol.Data) (bad []*protocol.AgentUnparsed) {
	for _, e := range seen {
		if u, ok := e.(*protocol.AgentUnparsed); ok {
			bad = append(bad, u)
		}
	}
	return bad
}

func TestA04_DeafAgent(t *testing.T) {
	o := fakeOptions(t)
	o.InterruptAfter = 20 * time.Millisecond
	f := openFake(t, o)
	f.prompt("deaf ;; hang")
	f.notice("system/init")
	fill := strings.Repeat("f", 40<<10)
	f.prompt(fill)
	f.until("the report of the second prompt", func(e protocol.Data) bool { n, ok := e.(*protocol.Notice); return ok && n.Code == "sent" })
	// Another goroutine is stuck with a prompt that the pipe has half room for.
	stuck := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { stuck <- f.Send(ctx, &Prompt{Content: []Content{{Part: protocol.TextPart(fill)}}}) }()
	f.until("the report of the third prompt", func(e protocol.Data) bool { n, ok := e.(*protocol.Notice); return ok && n.Code == "sent" })
	err := f.sendPrompt("behind it", 20*time.Millisecond)
	if protocol.CodeOf(err) != protocol.CodeTimeout {
		t.Errorf("a prompt behind a blocked one gave %v, want timeout", err)
	}
	if err := f.Send(t.Context(), &Interrupt{}); err != nil {
		t.Errorf("the interrupt gave %v, want the signal's success", err)
	}
	if e := f.exited(); e.ExitCode == nil || *e.ExitCode != 0 {
		t.Errorf("SIGINT led to %+v, want exit code 0", e)
	}
	if err := <-stuck; err == nil || isRefusal(err) {
		t.Errorf("the prompt that was half written gave %v, want an error that is no refusal", err)
	}
}

func isRefusal(err error) bool {
	_, ok := errors.AsType[*protocol.Error](err)
	return ok
}

func TestA04_PartlyWrittenFrameEndsTheAgent(t *testing.T) {
	f := openFake(t, fakeOptions(t))
	f.prompt("deaf ;; hang")
	f.notice("system/init")
	err := f.sendPrompt(strings.Repeat("f", 256<<10), 500*time.Millisecond)
	if err == nil || isRefusal(err) {
		t.Errorf("the send gave %v, want an error that is no refusal", err)
	}
	if e := f.exited(); e.Signal != "SIGKILL" {
		t.Errorf("told %+v, want the agent killed", e)
	}
}

func TestA04_AnswersToADeafAgentAreBounded(t *testing.T) {
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("prompt:\n"+strings.Repeat("line {\"type\":\"ping\"}\n", 100_000)+"hang"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := openFake(t, fakeOptions(t, "FAKEAGENT_SCRIPT="+script))
	f.prompt("deaf")
	if e := f.exited(); e.Signal != "SIGKILL" {
		t.Errorf("told %+v, want the agent killed", e)
	}
}

func TestA05_StopSequence(t *testing.T) {
	if testing.Short() {
		t.Skip("takes the real 5 s of the stop sequence")
	}
	o := fakeOptions(t)
	o.Stop = StopOptions{}
	o.Ending = [][]byte{[]byte(`{"type":"control_request","request_id":"i","request":{"subtype":"interrupt"}}`)}
	f := openFake(t, o)
	f.prompt("stubborn")
	f.notice("system/init")
	begin := time.Now()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took < 4500*time.Millisecond || took > 6*time.Second {
		t.Errorf("Close took %v, want SIGKILL after 5s and an end within 6s", took)
	}
	if e := f.exited(); e.Signal != "SIGKILL" {
		t.Errorf("told %+v, want SIGKILL", e)
	}
	if s := f.process.State(); s != ProcessExited {
		t.Errorf("the state is %s", s)
	}
	if err := f.Close(); err != nil {
		t.Errorf("the second Close gave %v", err)
	}
}

func TestA05_TermIsEnoughForMost(t *testing.T) {
	f := openFake(t, fakeOptions(t))
	f.prompt("hang")
	f.notice("system/init")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if e := f.exited(); e.ExitCode == nil || *e.ExitCode != 143 {
		t.Errorf("told %+v, want exit code 143", e)
	}
}

// TestStdioCloseDuringFlood closes while everything is in motion.
func TestStdioCloseDuringFlood(t *testing.T) {
	before := openDescriptors(t)
	f := openFake(t, fakeOptions(t))
	f.prompt("flood 200000")
	f.notice("stream_event")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f.exited()
	runtime.GC()
	if after := openDescriptors(t); after > before {
		t.Errorf("%d descriptors are open, %d before", after, before)
	}
}

func openDescriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		optional.Missing(t, "there is no /proc, so descriptors cannot be counted")
	}
	return len(entries)
}

func TestUnparsedKeepsTheHashOfTheWholeLine(t *testing.T) {
	u := Unparsed([]byte(strings.Repeat("x", 300)), "why")
	if len(u.Sample) != 256 || u.Bytes != 300 || u.Error != "why" {
		t.Errorf("got %+v", u)
	}
	if b, err := hex.DecodeString(u.RawHash); err != nil || len(b) != 32 {
		t.Errorf("the hash is %s", u.RawHash)
	}
}

// BenchmarkStdioFlood measures what a line costs beyond the translator.
func BenchmarkStdioFlood(b *testing.B) {
	o := fakeOptions(b)
	o.Translator = countingTranslator{}
	s, err := OpenStdio(b.Context(), o)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	b.ReportAllocs()
	b.ResetTimer()
	err = s.Send(b.Context(), &Prompt{Content: []Content{{Part: protocol.TextPart("flood " + strconv.Itoa(b.N))}}})
	if err != nil {
		b.Fatal(err)
	}
	for seen := 0; seen < b.N; {
		batch, err := s.Recv()
		if err != nil {
			b.Fatal(err)
		}
		seen += len(batch)
	}
}

// countingTranslator does nothing with a frame.
type countingTranslator struct{ lineTranslator }

func (countingTranslator) Native([]byte) Output { return Output{Ready: true} }

package ws_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/rs/zerolog"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/mock"
	"github.com/towline-dev/towline/agents/terminal"
	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/session"
	"github.com/towline-dev/towline/session/store/sqlite"
	"github.com/towline-dev/towline/ws"
)

// serveTerminals starts a server whose agents are a shell (bash), one with
// little history (small), the mock, and others.
func serveTerminals(t testing.TB, change func(*ws.Options), others ...agents.Agent) *fixture {
	t.Helper()
	path, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal("bash is not on PATH")
	}
	home := t.TempDir()
	shell := func(name string, history int) agents.Agent {
		return terminal.New(terminal.Options{
			Name: name, Command: []string{path, "--norc", "--noprofile", "-i"}, History: history, Lease: time.Minute,
			Environ: func() []string { return []string{"PATH=/usr/bin:/bin", "HOME=" + home, "LANG=C.UTF-8", "PS1=$ "} },
			Pace:    terminal.Pace{Settle: 50 * time.Millisecond, Longest: time.Second, Done: 200 * time.Millisecond, Interrupted: time.Second},
		})
	}
	st, err := sqlite.Open(t.Context(), sqlite.Options{Path: t.TempDir() + "/towline.db"})
	if err != nil {
		t.Fatal(err)
	}
	m := session.NewManager(session.Options{
		Store: st, Agents: agents.NewRegistry(append(others, shell("bash", 0), shell("small", 4096), mock.New(mock.Options{}))...),
		Log: zerolog.Nop(), Directory: t.TempDir(),
	})
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(context.Background()); err != nil {
			t.Errorf("manager: %v", err)
		}
		if err := st.Close(); err != nil {
			t.Errorf("store: %v", err)
		}
	})
	return serve(t, func(o *ws.Options) {
		o.Manager = m
		if change != nil {
			change(o)
		}
	})
}

// screenClient is a client of a terminal.
type screenClient struct {
	*client
	hello protocol.TerminalFrame
	// seen is what came, next the offset behind it, and frames the other
	// messages that came.
	seen   bytes.Buffer
	next   int64
	frames []protocol.TerminalFrame
}

// watch opens a terminal's socket.
func (f *fixture) watch(session, query string, header http.Header) *screenClient {
	f.t.Helper()
	if header == nil {
		header = http.Header{"Authorization": {"Bearer " + token}}
	}
	c, res, err := f.tryDial("/v1/sessions/"+session+"/terminal"+query, header, protocol.SubprotocolTerminal)
	if err != nil {
		f.t.Fatalf("dial: %v (%v)", err, res)
	}
	if got := c.conn.Subprotocol(); got != protocol.SubprotocolTerminal {
		f.t.Fatalf("subprotocol %q", got)
	}
	s := &screenClient{client: c}
	s.hello = s.await(protocol.TerminalHello)
	s.next = s.hello.Offset
	return s
}

// take takes in one message.
func (s *screenClient) take() (protocol.TerminalFrame, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	kind, b, err := s.conn.Read(ctx)
	if err != nil {
		return protocol.TerminalFrame{}, err
	}
	if kind == websocket.MessageBinary {
		s.seen.Write(b)
		s.next += int64(len(b))
		return protocol.TerminalFrame{}, nil
	}
	var frame protocol.TerminalFrame
	if err := json.Unmarshal(b, &frame); err != nil {
		s.t.Fatalf("%v in %s", err, b)
	}
	if frame.Type == protocol.TerminalGap {
		s.next = frame.Offset
	}
	s.frames = append(s.frames, frame)
	return frame, nil
}

// await returns the next frame of a type.
func (s *screenClient) await(kind string) protocol.TerminalFrame {
	s.t.Helper()
	for {
		frame, err := s.take()
		if err != nil {
			s.t.Fatalf("no %s: %v", kind, err)
		}
		if frame.Type == kind {
			return frame
		}
	}
}

// see reads until the bytes hold a text.
func (s *screenClient) see(text string) {
	s.t.Helper()
	looked := 0
	for !bytes.Contains(s.seen.Bytes()[looked:], []byte(text)) {
		looked = max(0, s.seen.Len()-len(text))
		if _, err := s.take(); err != nil {
			s.t.Fatalf("%q did not come (%v); there is %q", text, err, s.seen.Bytes()[max(0, s.seen.Len()-300):])
		}
	}
}

// keys types.
func (s *screenClient) keys(keys string) {
	s.t.Helper()
	s.write(websocket.MessageBinary, []byte(keys))
}

// control sends a control.
func (s *screenClient) control(c protocol.TerminalControl) {
	s.t.Helper()
	b, err := json.Marshal(c)
	if err != nil {
		s.t.Fatal(err)
	}
	s.write(websocket.MessageText, b)
}

// createTerminal makes a session.
func (f *fixture) createTerminal(id, agent string) {
	f.t.Helper()
	f.call("POST", "/v1/sessions", map[string]any{"id": id, "agent": agent}, http.StatusCreated, nil)
}

func TestTerminal_TypeResizeExit(t *testing.T) {
	t.Parallel()
	f := serveTerminals(t, nil)
	f.createTerminal("s", "bash")
	c := f.watch("s", "?rows=31&cols=99", nil)
	if c.hello.Rows != 31 || c.hello.Cols != 99 || c.hello.Run == "" || c.hello.Offset != 0 || c.hello.HistoryBytes != 1<<20 {
		t.Errorf("hello: %+v", c.hello)
	}
	c.keys("stty size\r")
	c.see("31 99\r\n")
	c.control(protocol.TerminalControl{Type: protocol.ControlResize, Rows: 40, Cols: 120})
	if size := c.await(protocol.TerminalSize); size.Rows != 40 || size.Cols != 120 {
		t.Errorf("size: %+v", size)
	}
	c.keys("stty size\r")
	c.see("40 120\r\n")
	c.control(protocol.TerminalControl{Type: protocol.ControlScreen})
	if s := c.await(protocol.TerminalScreen).Screen; s == nil || !strings.Contains(strings.Join(s.Lines, "\n"), "40 120") {
		t.Errorf("screen: %+v", s)
	}
	// Who opens no socket gets the screen all the same.
	var shown protocol.TerminalFrame
	f.call("GET", "/v1/sessions/s/terminal", nil, http.StatusOK, &shown)
	if shown.Type != protocol.TerminalScreen || shown.Run != c.hello.Run || shown.Rows != 40 || !slices.Contains(shown.Screen.Lines, "40 120") ||
		shown.Lease.ClientID != c.hello.ClientID {
		t.Errorf("without a socket: %+v", shown)
	}
	c.keys("exit 7\r")
	if exit := c.await(protocol.TerminalExit); exit.ExitCode == nil || *exit.ExitCode != 7 {
		t.Errorf("exit: %+v", exit)
	}
	if bye := c.await(protocol.TerminalGoodbye); bye.Code != protocol.CodeAgentNotRunning || bye.After != c.next {
		t.Errorf("goodbye: %+v, have %d bytes", bye, c.next)
	}
	if _, err := c.take(); websocket.CloseStatus(err) != websocket.StatusNormalClosure {
		t.Errorf("closed by %v", err)
	}

	// Who comes back to the run that has ended is told of its end; who comes
	// anew gets a new one.
	again := f.watch("s", fmt.Sprintf("?run=%s&after=%d", c.hello.Run, c.next), nil)
	again.await(protocol.TerminalExit)
	if again.seen.Len() != 0 {
		t.Errorf("came twice: %q", again.seen.String())
	}
	if fresh := f.watch("s", "", nil); fresh.hello.Run == c.hello.Run {
		t.Error("the ended run was shown as a new one")
	}
}

func TestTerminal_ReplayAfterCuts(t *testing.T) {
	t.Parallel()
	f := serveTerminals(t, nil)
	f.createTerminal("s", "bash")
	whole := f.watch("s", "", nil)
	whole.keys("for i in {1..3000}; do echo \"line $i of all\"; done; echo th''e end\r")
	var parts bytes.Buffer
	run, next := "", int64(0)
	for !strings.Contains(parts.String(), "the end\r\n") {
		c := f.watch("s", fmt.Sprintf("?run=%s&after=%d", run, next), nil)
		before := parts.Len()
		for cuts := 0; cuts < 2 && !strings.Contains(parts.String(), "the end\r\n"); cuts++ {
			if _, err := c.take(); err != nil {
				t.Fatal(err)
			}
			parts.Truncate(before)
			parts.Write(c.seen.Bytes())
		}
		_ = c.conn.CloseNow()
		for _, frame := range c.frames {
			if frame.Type == protocol.TerminalGap {
				t.Fatalf("gap: %+v", frame)
			}
		}
		run, next = c.hello.Run, c.next
	}
	whole.see("the end\r\n")
	if n := min(parts.Len(), whole.seen.Len()); parts.String()[:n] != whole.seen.String()[:n] {
		t.Error("the pieces do not make the whole")
	}
	if int64(parts.Len()) != next {
		t.Errorf("%d bytes, but the cursor is %d", parts.Len(), next)
	}
}

func TestTerminal_GapIsSpoken(t *testing.T) {
	t.Parallel()
	f := serveTerminals(t, nil)
	f.createTerminal("s", "small")
	c := f.watch("s", "", nil)
	c.keys("for i in {1..3000}; do echo \"line $i of all\"; done; echo th''e end\r")
	c.see("the end\r\n")
	for name, test := range map[string]struct {
		query  string
		reason string
		offset func(protocol.TerminalFrame) bool
	}{
		"too old": {"?after=10&run=" + c.hello.Run, "history", func(g protocol.TerminalFrame) bool { return g.From == 10 && g.Offset > 4096 }},
		"ahead":   {"?after=999999999&run=" + c.hello.Run, "ahead", func(g protocol.TerminalFrame) bool { return g.From == 999999999 && g.Offset >= c.next }},
		"restart": {"?after=10&run=another", "run", func(g protocol.TerminalFrame) bool { return g.From == 10 }},
	} {
		t.Run(name, func(t *testing.T) {
			late := f.watch("s", test.query, nil)
			gap := late.await(protocol.TerminalGap)
			if gap.Reason != test.reason || gap.Run != c.hello.Run || !test.offset(gap) || late.hello.Offset != gap.Offset {
				t.Errorf("gap: %+v after hello at %d", gap, late.hello.Offset)
			}
		})
	}
}

func TestTerminal_TwoTypists(t *testing.T) {
	t.Parallel()
	f := serveTerminals(t, nil)
	f.createTerminal("s", "bash")
	ada, ben := f.watch("s", "", nil), f.watch("s", "", nil)
	ada.keys("echo a''da\r")
	ada.see("ada\r\n")
	if l := ben.await(protocol.TerminalLease).Lease; l.ClientID != ada.hello.ClientID || l.TTLMS != 60_000 {
		t.Errorf("lease: %+v", l)
	}
	ben.keys("echo b''en\r")
	if r := ben.await(protocol.TerminalRefused); r.Code != protocol.CodeBusy || r.Lease == nil || r.Lease.ClientID != ada.hello.ClientID {
		t.Errorf("refusal: %+v", r)
	}
	ben.control(protocol.TerminalControl{Type: protocol.ControlResize, Rows: 10, Cols: 10})
	if r := ben.await(protocol.TerminalRefused); r.Code != protocol.CodeBusy {
		t.Errorf("resize: %+v", r)
	}
	ben.control(protocol.TerminalControl{Type: protocol.ControlTake})
	if l := ben.await(protocol.TerminalLease).Lease; l.ClientID != ben.hello.ClientID {
		t.Errorf("taken over: %+v", l)
	}
	ben.keys("echo b''en\r")
	ben.see("ben\r\n")
	ada.keys("x")
	ada.await(protocol.TerminalRefused)
	if strings.Contains(ben.seen.String(), "x") {
		t.Errorf("typed over: %q", ben.seen.String())
	}
	// A closed socket leaves the line free.
	_ = ben.conn.CloseNow()
	for ada.await(protocol.TerminalLease).Lease.ClientID != "" {
	}
	ada.keys("echo ag''ain\r")
	ada.see("again\r\n")
}

func TestTerminal_Rights(t *testing.T) {
	t.Parallel()
	f := serveTerminals(t, nil)
	f.createTerminal("s", "bash")
	f.create("m")
	refused := func(path string, status int, protocols ...string) {
		t.Helper()
		_, res, err := f.tryDial(path, http.Header{"Authorization": {"Bearer " + token}}, protocols...)
		if err == nil || res == nil || res.StatusCode != status {
			t.Errorf("%s: %v, want status %d", path, res, status)
		}
	}
	refused("/v1/sessions/m/terminal", http.StatusBadRequest)
	refused("/v1/sessions/nobody/terminal", http.StatusNotFound)
	refused("/v1/sessions/s/terminal?after=-1", http.StatusBadRequest)
	refused("/v1/sessions/s/terminal?rows=1&cols=80", http.StatusBadRequest)
	refused("/v1/sessions/s/terminal", http.StatusBadRequest, protocol.SubprotocolJSON)

	// Who may only read starts nothing and types nothing, nor does who asks
	// for the screen alone.
	f.call("GET", "/v1/sessions/s/terminal", nil, http.StatusConflict, nil)
	f.call("GET", "/v1/sessions/m/terminal", nil, http.StatusBadRequest, nil)
	reader := func() string { return "?ticket=" + f.ticket("s", "read") }
	if _, res, err := f.tryDial("/v1/sessions/s/terminal"+reader(), nil); err == nil || res.StatusCode != http.StatusConflict {
		t.Errorf("a reader started the program: %v", res)
	}
	owner := f.watch("s", "", nil)
	watcher := f.watch("s", reader(), http.Header{})
	watcher.keys("echo x\r")
	if r := watcher.await(protocol.TerminalRefused); r.Code != protocol.CodeForbidden {
		t.Errorf("keys: %+v", r)
	}
	watcher.control(protocol.TerminalControl{Type: protocol.ControlTake})
	if r := watcher.await(protocol.TerminalRefused); r.Code != protocol.CodeForbidden {
		t.Errorf("lease: %+v", r)
	}
	owner.keys("echo f''or all\r")
	watcher.see("for all\r\n")

	owner.write(websocket.MessageText, []byte(`{"type":"dance"}`))
	if r := owner.await(protocol.TerminalRefused); r.Code != protocol.CodeUnknownType {
		t.Errorf("unknown type: %+v", r)
	}
	owner.write(websocket.MessageText, []byte{'"', 0xff, '"'})
	for {
		if _, err := owner.take(); err != nil {
			if websocket.CloseStatus(err) != websocket.StatusInvalidFramePayloadData {
				t.Errorf("bad UTF-8 was answered by %v", err)
			}
			break
		}
	}
}

func TestTerminal_EventsBesideTheScreen(t *testing.T) {
	t.Parallel()
	f := serveTerminals(t, nil)
	f.createTerminal("s", "bash")
	events := f.dial("/v1/sessions/s/ws")
	screen := f.watch("s", "", nil)
	if r := events.do(&protocol.Prompt{Text: "echo fr''om a prompt"}); !r.OK {
		t.Fatalf("prompt: %+v", r)
	}
	screen.see("from a prompt\r\n")
	// On a busy machine the shell may rest before it runs the command, and the
	// turn ends before what it prints is told.
	for told, over := false, false; !told || !over; {
		switch d := events.event().Data.(type) {
		case *protocol.ItemCompleted:
			var shown struct {
				Confidence float64
				Text       string
			}
			if err := json.Unmarshal(d.Item.Content[1].JSON, &shown); err != nil || shown.Confidence <= 0 || shown.Confidence > 1 {
				t.Errorf("item %+v: %v", d.Item, err)
			}
			told = told || strings.Contains(shown.Text, "\nfrom a prompt\n")
		case *protocol.TurnEnded:
			over = true
			if d.Outcome != protocol.OutcomeCompleted {
				t.Errorf("the turn: %+v", d)
			}
		}
	}
	// A prompt does not type over a person.
	screen.keys("echo half a li")
	screen.see("half a li")
	events.do(&protocol.Prompt{Text: "x"})
	ended := events.until(protocol.TypeTurnEnded)
	if e := ended[len(ended)-1].Data.(*protocol.TurnEnded); e.Outcome != protocol.OutcomeFailed || e.Error.Code != string(protocol.CodeBusy) {
		t.Errorf("a prompt into a typed line: %+v", e)
	}
	// The session's end is the terminal's.
	if r := events.do(&protocol.SessionEnd{}); !r.OK {
		t.Fatalf("end: %+v", r)
	}
	screen.await(protocol.TerminalExit)
	_, res, err := f.tryDial("/v1/sessions/s/terminal", http.Header{"Authorization": {"Bearer " + token}})
	if err != nil {
		t.Fatalf("the ended session's last screen is not shown: %v, %v", err, res)
	}
}

func TestT07_TerminalOfAPeerThatDoesNotRead(t *testing.T) {
	t.Parallel()
	f := serveTerminals(t, func(o *ws.Options) { o.Timeouts.Write = time.Second })
	f.createTerminal("s", "bash")
	reading := f.watch("s", "", nil)
	deaf := f.rawDial("/v1/sessions/s/terminal")
	reading.keys("yes 'a line that is long enough to fill buffers soon' | head -c 16000000; echo th''e end\r")
	// The peer does not read; the other one is not held up, and is told of
	// every byte or of a gap.
	reading.see("the end\r\n")
	got := int64(reading.seen.Len())
	for _, frame := range reading.frames {
		if frame.Type == protocol.TerminalGap {
			got += frame.Offset - frame.From
		}
	}
	if got != reading.next || got < 16_000_000 {
		t.Errorf("%d bytes and gaps, at offset %d", got, reading.next)
	}
	_ = deaf.conn.SetDeadline(time.Now().Add(patience)) // the output took its time
	if code := deaf.closeCode(); code != 1006 {
		t.Errorf("the deaf peer was closed with %d, not cut", code)
	}
}

// A large paste to a command that reads nothing is refused without holding up
// what comes behind it: a Ctrl-C reaches the command all the same, and what it
// has not read is not run.
func TestTerminal_PasteToACommandThatDoesNotRead(t *testing.T) {
	t.Parallel()
	f := serveTerminals(t, func(o *ws.Options) { o.Limits.FramesPerSecond = 1 << 20 })
	f.createTerminal("s", "bash")
	c := f.watch("s", "", nil)
	c.keys("echo go''ing; sleep 303\r")
	c.see("going\r\n")
	begin := time.Now()
	const messages = 40
	for range messages {
		c.keys(strings.Repeat("echo r''un\r", 800))
	}
	c.keys("\x03")
	c.keys("echo ba''ck\r")
	c.see("back\r\n")
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("the Ctrl-C took %v", took)
	}
	if strings.Contains(c.seen.String(), "run\r\n") {
		t.Error("what was not read was run")
	}
	refused := 0
	for _, frame := range c.frames {
		if frame.Type == protocol.TerminalRefused && frame.Code == protocol.CodeTimeout {
			refused++
		}
	}
	if refused < messages-10 || refused >= messages {
		t.Errorf("%d of %d messages were refused", refused, messages)
	}
}

// BenchmarkTerminalKey is how long a key takes to the program's terminal, and
// its echo back, over the socket.
func BenchmarkTerminalKey(b *testing.B) {
	path, err := exec.LookPath("cat")
	if err != nil {
		b.Fatal("cat is not on PATH")
	}
	f := serveTerminals(b, func(o *ws.Options) { o.Limits.FramesPerSecond = 1 << 20 },
		terminal.New(terminal.Options{Name: "cat", Command: []string{path}, Environ: func() []string { return nil }}))
	f.createTerminal("s", "cat")
	c := f.watch("s", "", nil)
	for b.Loop() {
		n := c.seen.Len()
		c.keys("x")
		for c.seen.Len() == n {
			if _, err := c.take(); err != nil {
				b.Fatal(err)
			}
		}
		if c.seen.Len()%1000 == 0 {
			c.keys("\x15") // the terminal holds a line of 4 KiB
		}
	}
}

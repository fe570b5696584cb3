package opencode

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/protocol"
)

// wire lies between the adapter and the server, and can cut the event stream.
type wire struct {
	*testing.T
	proxy  *httptest.Server
	target *url.URL

	mu sync.Mutex
	// cut ends the stream that is open.
	cut context.CancelFunc
	// held is closed when streams may be opened.
	held chan struct{}
	// every cuts a stream after so many frames; 0 never does.
	every int
	// opened counts streams.
	opened int
}

// wired puts a wire before the agent's server.
func wired(t *testing.T, r *real) *wire {
	t.Helper()
	w := &wire{T: t, held: make(chan struct{})}
	close(w.held)
	w.proxy = httptest.NewServer(w)
	t.Cleanup(func() {
		if err := r.Close(); err != nil { // nobody opens streams any more
			t.Error(err)
		}
		w.proxy.CloseClientConnections()
		w.proxy.Close()
	})
	r.via = func(base string) string {
		w.mu.Lock()
		defer w.mu.Unlock()
		target, err := url.Parse(base)
		if err != nil {
			panic(err)
		}
		w.target = target
		return w.proxy.URL
	}
	return w
}

func (w *wire) ServeHTTP(to http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	target, held := w.target, w.held
	w.mu.Unlock()
	if r.URL.Path != "/global/event" {
		httputil.NewSingleHostReverseProxy(target).ServeHTTP(to, r)
		return
	}
	select {
	case <-held:
	case <-r.Context().Done():
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	w.mu.Lock()
	w.cut, w.opened = cancel, w.opened+1
	every := w.every
	w.mu.Unlock()
	w.stream(ctx, to, r, every)
}

// stream hands the frames on, until it is cut.
func (w *wire) stream(ctx context.Context, to http.ResponseWriter, r *http.Request, every int) {
	req := r.Clone(ctx)
	req.RequestURI, req.URL.Scheme, req.URL.Host = "", w.target.Scheme, w.target.Host
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer func() { _ = resp.Body.Close() }()
	to.WriteHeader(resp.StatusCode)
	flush := http.NewResponseController(to).Flush
	_ = flush()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 16<<20)
	for frames := 0; lines.Scan(); {
		_, _ = to.Write(append(lines.Bytes(), '\n'))
		_ = flush()
		if strings.HasPrefix(lines.Text(), "data:") {
			frames++
		}
		if every > 0 && frames >= every {
			break
		}
	}
	panic(http.ErrAbortHandler)
}

// hold cuts the stream and lets none be opened until the function is called.
func (w *wire) hold() (release func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	held := make(chan struct{})
	w.held = held
	w.cut()
	return sync.OnceFunc(func() { close(held) })
}

// streams is how many streams were opened.
func (w *wire) streams() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.opened
}

// until asks the server itself until what it lists fits.
func (r *real) until(t *testing.T, path, dir string, fits func(string) bool) {
	t.Helper()
	l := r.server.running()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	limit := time.After(20 * time.Second)
	for {
		if b := l.client.get(t.Context(), path, dir); b != nil && fits(string(b)) {
			return
		}
		select {
		case <-look.C:
		case <-limit:
			t.Fatalf("%s never listed what it should", path)
		}
	}
}

func isIdle(s string) bool { return s == "{}" }

// told joins the deltas of each item, and counts what must come once.
func told(events []protocol.Data) (texts map[string]string, completed map[string]int, turns int) {
	texts, completed = map[string]string{}, map[string]int{}
	for _, d := range events {
		switch d := d.(type) {
		case *protocol.ItemDelta:
			texts[d.ItemID] += d.Text
		case *protocol.ItemCompleted:
			completed[d.Item.ID]++
		case *protocol.TurnEnded:
			turns++
		}
	}
	return texts, completed, turns
}

// once checks that items completed once and a turn ended once, and that the
// process is still the first one.
func (w *wire) once(r *real, k *talk) {
	w.Helper()
	_, completed, turns := told(k.events)
	for id, n := range completed {
		if n != 1 {
			w.Errorf("item %s completed %d times", id, n)
		}
	}
	if turns != 1 {
		w.Errorf("%d turns ended, want one", turns)
	}
	if p := r.Info(w.Context()).Process; p.Restarts != 0 || p.Status != statusRunning {
		w.Errorf("the process is %+v", p)
	}
	if w.Failed() {
		w.Log(ndjson(w.T, k.events))
	}
}

// Section 5: a stream that is cut in the middle of a text goes on, and the
// text's deltas make up the whole.
func TestRealSection5CutInText(t *testing.T) {
	r := newReal(t)
	w := wired(t, r)
	s := r.chat.On("s", agenttest.Play(agenttest.Block{Text: "One, two, three, four, five, six, seven and eight.", Chunks: 8, Hold: true}))
	dir := r.folder(t)
	k := r.open(t, agents.Start{SessionID: "s", Directory: dir})
	k.say(s.Marker())
	s.WaitHeld(t)
	k.await(protocol.TypeItemDelta, nil)
	release := w.hold()
	s.Release()
	r.until(t, "/session/status", dir, isIdle)
	release()
	if end := k.ended(); end.Outcome != protocol.OutcomeCompleted || end.Usage.OutputTokens == 0 {
		t.Errorf("the turn ended as %+v", end)
	}
	texts, _, _ := told(k.events)
	if len(texts) != 1 {
		t.Errorf("told %q", texts)
	}
	for _, text := range texts {
		if text != "One, two, three, four, five, six, seven and eight." {
			t.Errorf("told %q", text)
		}
	}
	w.once(r, k)
	k.say(r.chat.On("next", agenttest.Play(agenttest.Say("Going on."))).Marker())
	if end := k.ended(); end.Outcome != protocol.OutcomeCompleted {
		t.Errorf("the turn after it ended as %+v", end)
	}
}

// Section 5: what is asked for while the stream is cut is asked, once, and so
// is what waits since before.
func TestRealSection5CutBeforeAsk(t *testing.T) {
	r := newReal(t)
	w := wired(t, r)
	first := agenttest.Block{Text: "I shall run it.", Hold: true}
	s := r.chat.On("s", agenttest.Play(first, command("echo ran >out; echo ran")), agenttest.Play(agenttest.Say("It ran.")))
	dir := r.folder(t)
	k := r.open(t, agents.Start{SessionID: "s", Directory: dir})
	k.say(s.Marker())
	s.WaitHeld(t)
	release := w.hold()
	s.Release()
	r.until(t, "/permission", dir, func(s string) bool { return s != "[]" })
	release()
	p := k.asked()
	again := w.hold()
	again()
	for w.streams() < 3 {
		r.until(t, "/permission", dir, func(s string) bool { return s != "[]" })
	}
	k.send(&agents.Decide{PermissionID: p.PermissionID, Option: p.Options[0]})
	if end := k.ended(); end.Outcome != protocol.OutcomeCompleted {
		t.Errorf("the turn ended as %+v", end)
	}
	asks := 0
	for _, d := range k.events {
		if d.EventType() == protocol.TypePermissionRequested {
			asks++
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "out")); err != nil || asks != 1 {
		t.Errorf("asked %d times; %v", asks, err)
	}
	w.once(r, k)
}

// Section 5: a whole turn that nobody heard of is told when the stream is
// back: its steps, tools, plan and end; and an ask that another client has
// answered meanwhile is closed.
func TestRealSection5CutForAWholeTurn(t *testing.T) {
	r := newReal(t)
	w := wired(t, r)
	s := r.chat.On("s",
		agenttest.Play(agenttest.Think("Let me see."), agenttest.Say("First."), agenttest.Block{Do: &agenttest.Do{Kind: "todo", Options: []string{"this", "that"}}}),
		agenttest.Play(command("echo printed")), agenttest.Play(agenttest.Say("Last.")))
	dir := r.folder(t)
	k := r.open(t, agents.Start{SessionID: "s", Directory: dir})
	k.say(r.chat.On("before", agenttest.Play(agenttest.Say("Before."))).Marker())
	k.ended()
	k.events, k.at = nil, 0
	release := w.hold()
	k.say(s.Marker())
	asked := ""
	r.until(t, "/permission", dir, func(s string) bool {
		var asks []nativeAsk
		if json.Unmarshal([]byte(s), &asks) == nil && len(asks) > 0 {
			asked = asks[0].ID
		}
		return asked != ""
	})
	if a, err := r.server.running().client.do(t.Context(), replyRequest(asked, "once", ""), dir); err != nil || !a.ok() {
		t.Fatalf("answered %d, %v", a.Status, err)
	}
	r.until(t, "/session/status", dir, isIdle)
	release()
	if end := k.ended(); end.Outcome != protocol.OutcomeCompleted || end.Usage.OutputTokens == 0 {
		t.Errorf("the turn ended as %+v", end)
	}
	got := ndjson(t, k.events)
	for _, text := range []string{`"Let me see."`, `"First."`, `"plan.updated"`, `"output":"printed\n"`, `"exit_code":0`, `"Last."`} {
		if strings.Count(got, text) != 1 {
			t.Errorf("%s is told %d times", text, strings.Count(got, text))
		}
	}
	if strings.Contains(got, "Before.") || strings.Contains(got, "permission.requested") {
		t.Error("what was known, or is over, is told again")
	}
	w.once(r, k)
}

// Section 5: whatever is cut and however often, each thing is told once.
func TestRealSection5CutAgainAndAgain(t *testing.T) {
	for _, every := range []int{2, 11} {
		r := newReal(t)
		w := wired(t, r)
		s := r.chat.On("s",
			agenttest.Play(agenttest.Think("Let me think about it."), agenttest.Block{Text: "One two three four five six.", Chunks: 6, Delay: 20 * time.Millisecond}, command("echo a; sleep 0.2; echo b")),
			agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "subagent", Text: "Do it. " + agenttest.Marker("sub")}}),
			agenttest.Play(agenttest.Block{Text: "Seven eight nine ten.", Chunks: 6, Delay: 20 * time.Millisecond}))
		r.chat.On("sub", agenttest.Play(command("echo inner")), agenttest.Play(agenttest.Say("Reported.")))
		k := r.open(t, agents.Start{SessionID: "s", Directory: r.folder(t), PermissionMode: permitAll})
		w.mu.Lock()
		w.every = every
		w.cut()
		w.mu.Unlock()
		k.say(s.Marker())
		if end := k.ended(); end.Outcome != protocol.OutcomeCompleted {
			t.Errorf("every %d: the turn ended as %+v", every, end)
		}
		got := ndjson(t, k.events)
		for _, text := range []string{
			`[{"type":"text","text":"One two three four five six."}]`, `[{"type":"text","text":"Seven eight nine ten."}]`,
			`"output":"a\nb\n"`, `"output":"inner\n"`, `[{"type":"text","text":"Reported."}]`,
		} {
			if strings.Count(got, text) != 1 {
				t.Errorf("every %d: %s is told %d times", every, text, strings.Count(got, text))
			}
		}
		if w.streams() < 5 {
			t.Errorf("every %d: only %d streams were opened", every, w.streams())
		}
		w.once(r, k)
	}
}

// A server that stops answering is found in bounded time, in a turn and by a
// prompt; the session goes on in the next one. One whose stream only says
// nothing is not touched.
func TestRealServerStopsAnswering(t *testing.T) {
	r := newReal(t)
	r.quiet = 2 * time.Second // less than the heartbeat: the stream is opened anew all the time
	first := r.chat.On("first", agenttest.Play(agenttest.Say("I remember blue.")))
	slow := r.chat.On("slow", agenttest.Play(agenttest.Block{Text: "Slowly it begins.", Hold: true}))
	dir, native := r.folder(t), ""
	for _, when := range []string{"in a turn", "between turns"} {
		k := r.open(t, agents.Start{SessionID: "s", Directory: dir, Resume: native})
		native = k.native
		k.say(first.Marker())
		if end := k.ended(); end.Outcome != protocol.OutcomeCompleted {
			t.Errorf("the turn ended as %+v", end)
		}
		if when == "in a turn" {
			k.say(slow.Marker())
			slow.WaitHeld(t)
			k.await(protocol.TypeItemDelta, nil)
		}
		if err := syscall.Kill(r.Info(t.Context()).Process.PID, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		if when == "between turns" {
			err := k.Send(t.Context(), &agents.Prompt{PromptID: "m1", Content: textContentOf("Well?")})
			if code := protocol.CodeOf(err); code != protocol.CodeTimeout && code != protocol.CodeAgentNotRunning {
				t.Errorf("the prompt failed with %v", err)
			}
		}
		exit := k.await(protocol.TypeAgentExited, nil).(*protocol.AgentExited)
		if !strings.Contains(exit.Message, "did not answer any more") {
			t.Errorf("the session was told %+v", exit)
		}
	}
	k := r.open(t, agents.Start{SessionID: "s", Directory: dir, Resume: native})
	after := r.chat.On("after", agenttest.Play(agenttest.Say("It was blue.")))
	k.say(after.Marker())
	if end := k.ended(); end.Outcome != protocol.OutcomeCompleted || !strings.Contains(string(after.Requests()[0].Body), "I remember blue.") {
		t.Errorf("the turn after it ended as %+v", end)
	}
	if p := r.Info(t.Context()).Process; p.Restarts != 2 || p.Status != statusRunning {
		t.Errorf("the process is %+v", p)
	}
}

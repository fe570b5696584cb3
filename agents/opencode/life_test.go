package opencode

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest/captures"
	"github.com/towline-dev/towline/protocol"
)

// newStandIn is an agent whose server is played by this binary.
func newStandIn(t *testing.T, how string) *real {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	a := New(Options{
		Locator: &agents.Locator{Flags: map[string]string{name: self}},
		Environ: func() []string {
			return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "OPENCODE_API_KEY=" + how}
		},
		StateDir: t.TempDir(),
	})
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return &real{Agent: a}
}

// Sessions share one process; one that hears of a malformed event, of 1.2 MB
// or beyond any limit, says so and lives on.
func TestMalformedEvents(t *testing.T) {
	r := newStandIn(t, "")
	k := r.open(t, agents.Start{SessionID: "a", Directory: t.TempDir()})
	other := r.open(t, agents.Start{SessionID: "b", Directory: t.TempDir()})
	if err := k.Send(t.Context(), &agents.Prompt{PromptID: "m1", Content: textContentOf("garbage")}); err != nil {
		t.Fatal(err)
	}
	sizes := map[int]bool{}
	for over := false; !over; {
		for _, r := range <-k.reports {
			for _, d := range r.Events {
				switch d := d.(type) {
				case *protocol.AgentUnparsed:
					sizes[d.Bytes>>20] = true
					if d.Location != "sse" || len(d.Sample) > 256 || d.RawHash == "" {
						t.Errorf("unparsed as %+v", d)
					}
				case *protocol.TurnEnded:
					over = true
					if d.Outcome != protocol.OutcomeCompleted {
						t.Errorf("the turn ended as %+v", d)
					}
				case *protocol.AgentExited:
					t.Fatalf("the process ended: %+v", d)
				}
			}
		}
	}
	if !sizes[1] || !sizes[9] || !sizes[0] {
		t.Errorf("the malformed events were of %v MiB", sizes)
	}
	other.checked = recordings.Checker(t, captures.Exception{Rule: captures.FramesAreRead, Reason: "it heard of them, too"})
	other.say("hello")
	if e := other.ended(); e.Outcome != protocol.OutcomeCompleted {
		t.Errorf("the other session's turn ended as %+v", e)
	}
	if r.Info(t.Context()).Process.Restarts != 0 {
		t.Error("the process was started again")
	}
}

// A server that stops answering is found and ended; the prompt fails with a
// stable code, and the session goes on.
func TestServerStopsAnswering(t *testing.T) {
	r := newStandIn(t, "")
	dir := t.TempDir()
	k := r.open(t, agents.Start{SessionID: "a", Directory: dir})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err := k.Send(ctx, &agents.Prompt{PromptID: "m1", Content: textContentOf("hang")})
	if protocol.CodeOf(err) != protocol.CodeTimeout {
		t.Errorf("the prompt failed with %v", err)
	}
	exit := k.await(protocol.TypeAgentExited, nil).(*protocol.AgentExited)
	if !strings.Contains(exit.Message, "did not answer") {
		t.Errorf("the session was told %+v", exit)
	}
	again := r.open(t, agents.Start{SessionID: "a", Directory: dir, Resume: k.native})
	again.say("hello")
	if e := again.ended(); e.Outcome != protocol.OutcomeCompleted {
		t.Errorf("the turn after it ended as %+v", e)
	}
}

// When the server dies by itself every session hears its exit code, and the
// next one to need it waits for the back-off and starts it again.
func TestServerDies(t *testing.T) {
	r := newStandIn(t, "")
	dir := t.TempDir()
	for restarts := range 2 {
		k := r.open(t, agents.Start{SessionID: "a", Directory: dir})
		other := r.open(t, agents.Start{SessionID: "b", Directory: dir})
		_ = k.Send(t.Context(), &agents.Prompt{PromptID: "m1", Content: textContentOf("die")})
		for _, each := range []*talk{k, other} {
			if exit := each.await(protocol.TypeAgentExited, nil).(*protocol.AgentExited); exit.ExitCode == nil || *exit.ExitCode != 3 {
				t.Errorf("a session was told %+v", exit)
			}
		}
		if p := r.Info(t.Context()).Process; p.Restarts != restarts+1 || p.Status == statusRunning || !strings.Contains(p.LastError, "exit code 3") {
			t.Errorf("the process is %+v", p)
		}
	}
}

// A prompt that the server refuses opens no turn; one for a session that was
// deleted ends the connection.
func TestRefusals(t *testing.T) {
	r := newStandIn(t, "")
	k := r.open(t, agents.Start{SessionID: "a", Directory: t.TempDir()})
	err := k.Send(t.Context(), &agents.Prompt{PromptID: "m1", Content: textContentOf("refuse")})
	if protocol.CodeOf(err) != protocol.CodeNotFound || !strings.Contains(err.Error(), "Session not found") {
		t.Errorf("refused with %v", err)
	}
	k.say("hello")
	k.ended()
	k.say("gone")
	k.await(protocol.TypeAgentExited, nil)
	if err := k.Send(t.Context(), &agents.Interrupt{}); protocol.CodeOf(err) != protocol.CodeAgentNotRunning {
		t.Errorf("a command after the end: %v", err)
	}
}

// A server that does not start says why, and one whose password anybody could
// read is not used.
func TestServerDoesNotStart(t *testing.T) {
	for how, want := range map[string]string{"broken": "exit code 1", "leaky": "password would be visible"} {
		t.Run(how, func(t *testing.T) {
			r := newStandIn(t, how)
			_, err := r.Open(t.Context(), agents.Start{SessionID: "a", Directory: t.TempDir()})
			if protocol.CodeOf(err) != protocol.CodeAgentStartFailed || !strings.Contains(err.Error(), want) {
				t.Errorf("opening failed with %v", err)
			}
			if p := r.Info(t.Context()).Process; p.Status != statusBackoff || p.LastError == "" {
				t.Errorf("the process is %+v", p)
			}
		})
	}
}

// A start that failed is tried again only after a while, which grows.
func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		s := newServer(func(context.Context, func(*life, agents.Exit)) (*life, error) {
			tries++
			return nil, startFailed("it does not want to", nil)
		}, zerolog.Nop())
		begin := time.Now()
		for i := range 4 {
			if _, err := s.acquire(t.Context()); protocol.CodeOf(err) != protocol.CodeAgentStartFailed {
				t.Fatalf("try %d: %v", i, err)
			}
		}
		if took := time.Since(begin); tries != 4 || took != 3500*time.Millisecond { // 0 + 0.5 + 1 + 2 s
			t.Errorf("%d tries took %s", tries, took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := s.acquire(ctx); protocol.CodeOf(err) != protocol.CodeAgentStartFailed {
			t.Errorf("an impatient caller: %v", err)
		}
		if s.info().Status != statusBackoff {
			t.Errorf("status %s", s.info().Status)
		}
		if err := s.close(); err != nil || tries != 4 {
			t.Errorf("closing: %v after %d tries", err, tries)
		}
	})
}

// A stream that stands still ends with an error of its own.
func TestSilentStream(t *testing.T) {
	quiet := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("data: {\"a\":1}\n\n: comment\n\ndata:{\"b\":2}\n"))
		_ = http.NewResponseController(w).Flush()
		select {
		case <-quiet:
		case <-r.Context().Done():
		}
	}))
	defer s.Close()
	defer close(quiet)
	c := newClient(s.URL, "secret")
	defer c.close()
	st, err := openStream(t.Context(), c, 100*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	var frames []string
	err = st.read(func(data []byte, _ *agents.LongLine) { frames = append(frames, string(data)) })
	if !errors.Is(err, errSilent) || strings.Join(frames, " ") != `{"a":1} {"b":2}` {
		t.Errorf("read %q, then %v", frames, err)
	}
}

// What the client sends: the password, and the folder by query.
func TestClientRequests(t *testing.T) {
	var got []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(r.Header.Get("Authorization"), "Basic "))
		got = append(got, r.Method+" "+r.URL.String()+" "+string(user)+" "+r.Header.Get("Content-Type"))
	}))
	c := newClient(s.URL, "secret")
	a, err := c.do(t.Context(), request{Method: http.MethodPost, Path: "/session", Body: struct{}{}}, "/a b")
	if err != nil || !a.ok() || got[0] != "POST /session?directory=%2Fa+b opencode:secret application/json" {
		t.Errorf("sent %q (%v)", got, err)
	}
	s.Close()
	if _, err := c.do(t.Context(), request{Method: http.MethodGet, Path: "/x"}, ""); !errors.Is(err, errNotSent) {
		t.Errorf("without a server: %v", err)
	}
	c.close()
}

// A server that takes the stream's request and says nothing does not hold the
// start up beyond its time.
func TestStreamIsNotOpened(t *testing.T) {
	over := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over }))
	defer s.Close()
	defer close(over)
	c := newClient(s.URL, "secret")
	defer c.close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := openStream(ctx, c, time.Minute); err == nil {
		t.Error("the stream was opened")
	}
}

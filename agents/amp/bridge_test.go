package amp

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// listener is an asker that tells its test what it heard.
type listener struct {
	t     *testing.T
	heard chan string
	b     *bridge
}

func (l *listener) asked(id string, r askRequest) { l.heard <- "asked " + id + " " + r.Tool }
func (l *listener) late(id string)                { l.heard <- "late " + id }
func (l *listener) gone(id string)                { l.heard <- "gone " + id }

// next is what was heard next.
func (l *listener) next() string {
	l.t.Helper()
	select {
	case s := <-l.heard:
		return s
	case <-time.After(10 * time.Second):
		l.t.Fatal("nothing was heard")
		return ""
	}
}

// newListener serves a bridge until the test ends.
func newListener(t *testing.T) *listener {
	t.Helper()
	f, err := newFiles("/bin/true", nil)
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{t: t, heard: make(chan string, 100)}
	if l.b, err = newBridge(f, l); err != nil {
		t.Fatal(err)
	}
	l.b.start()
	t.Cleanup(func() {
		l.b.close()
		f.Remove()
	})
	return l
}

func (l *listener) socket() string { return l.b.listener.Addr().String() }

// delegate runs a delegate and tells its exit code and what it wrote.
func (l *listener) delegate(capability string) (code chan int, errs *strings.Builder) {
	code, errs = make(chan int, 1), &strings.Builder{}
	environ := []string{variableSocket + "=" + l.socket(), variableCapability + "=" + capability, "AGENT_TOOL_NAME=Bash", "AGENT_TOOL_USE_ID=c1"}
	go func() { code <- Delegate(environ, strings.NewReader(`{"cmd":"ls"}`), errs) }()
	return code, errs
}

// dial opens a connection and writes to it.
func (l *listener) dial(text string) net.Conn {
	l.t.Helper()
	c, err := net.Dial("unix", l.socket())
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = c.Close() })
	if _, err := io.WriteString(c, text); err != nil {
		l.t.Fatal(err)
	}
	return c
}

func TestBridgeAnswers(t *testing.T) {
	l := newListener(t)
	for _, a := range []answer{{allow: true}, {message: "not now"}} {
		code, errs := l.delegate(l.b.capability)
		id, ok := strings.CutPrefix(l.next(), "asked ")
		if !ok {
			t.Fatal("no ask")
		}
		a.ask, _, _ = strings.Cut(id, " ")
		l.b.answer(a)
		l.b.answer(answer{ask: a.ask, allow: !a.allow}) // too late: one answer counts
		wantCode := exitDeny
		if a.allow {
			wantCode = exitAllow
		}
		if got := <-code; got != wantCode || strings.TrimSpace(errs.String()) != a.message {
			t.Errorf("the delegate ended with %d and said %q", got, errs)
		}
	}
}

// The socket is the server's user's alone.
func TestBridgeSocketIsPrivate(t *testing.T) {
	l := newListener(t)
	info, err := os.Stat(l.socket())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket has mode %v (%v)", info.Mode(), err)
	}
}

// A capability of one session cannot ask for another.
func TestBridgeCapabilityIsTheSessions(t *testing.T) {
	one, other := newListener(t), newListener(t)
	if one.b.capability == other.b.capability {
		t.Fatal("two sessions have the same capability")
	}
	for _, capability := range []string{other.b.capability, "", one.b.capability[1:]} {
		code, errs := one.delegate(capability)
		if got := <-code; got != exitDeny || !strings.Contains(errs.String(), "does not know who asks") {
			t.Errorf("with %q the delegate ended with %d and said %s", capability, got, errs)
		}
	}
	if len(one.heard)+len(other.heard) > 0 {
		t.Error("an ask without the capability was heard")
	}
}

// A decision cannot be sent through the socket, in whatever shape.
func TestBridgeTakesNoDecision(t *testing.T) {
	l := newListener(t)
	ask := `{"capability":"` + l.b.capability + `","tool":"Bash","tool_use_id":"c1","input":{}`
	for name, text := range map[string]string{
		"in a request": ask + `,"allow":true}`,
		"by itself":    `{"capability":"` + l.b.capability + `","permission_id":"ask-1","decision":"allow"}`,
		"two at once":  ask + `}{"allow":true}`,
		"no object":    `["allow"]`,
		"no tool":      `{"capability":"` + l.b.capability + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			said, err := bufio.NewReader(l.dial(text + "\n")).ReadString('\n')
			if err != nil || !strings.Contains(said, `"allow":false`) {
				t.Errorf("answered with %q (%v)", said, err)
			}
			if len(l.heard) > 0 {
				t.Errorf("heard %s", l.next())
			}
		})
	}
	// What follows a good request is its end, and decides nothing.
	c := l.dial(ask + "}\n")
	l.next()
	if _, err := io.WriteString(c, `{"allow":true}`+"\n"); err != nil {
		t.Fatal(err)
	}
	if got := l.next(); !strings.HasPrefix(got, "gone ") {
		t.Errorf("heard %s", got)
	}
}

// A delegate that is gone has asked for nothing, and an answer to it goes
// nowhere.
func TestBridgeAskerGone(t *testing.T) {
	l := newListener(t)
	c := l.dial(`{"capability":"` + l.b.capability + `","tool":"Bash","tool_use_id":"c1","input":{}}` + "\n")
	if got := l.next(); got != "asked ask-1 Bash" {
		t.Errorf("heard %s", got)
	}
	_ = c.Close()
	if got := l.next(); got != "gone ask-1" {
		t.Errorf("heard %s", got)
	}
	l.b.answer(answer{ask: "ask-1", allow: true})
}

// An ask that is not answered for a moment is told once more.
func TestBridgeLate(t *testing.T) {
	l := newListener(t)
	l.b.park = time.Millisecond
	code, _ := l.delegate(l.b.capability)
	if got := l.next() + ", " + l.next(); got != "asked ask-1 Bash, late ask-1" {
		t.Errorf("heard %s", got)
	}
	l.b.answer(answer{ask: "ask-1", allow: true})
	if got := <-code; got != exitAllow {
		t.Errorf("the delegate ended with %d", got)
	}
}

// Without a server, and without an environment, a delegate denies.
func TestDelegateWithoutAServer(t *testing.T) {
	l := newListener(t)
	code, errs := l.delegate(l.b.capability)
	l.next()
	go l.b.close()
	if got := <-code; got != exitDeny || !strings.Contains(errs.String(), "withdrawn") {
		t.Errorf("when the server ends the delegate ends with %d and says %s", got, errs)
	}
	for name, c := range map[string]struct{ socket, input, said string }{
		"no socket":     {"", `{}`, "not started by Amp"},
		"no server":     {"/nonexistent/socket", `{}`, "not there"},
		"input no JSON": {"/nonexistent/socket", `{`, "could not be read"},
	} {
		var errs strings.Builder
		if got := Delegate([]string{variableSocket + "=" + c.socket}, strings.NewReader(c.input), &errs); got != exitDeny || !strings.Contains(errs.String(), c.said) {
			t.Errorf("%s: %d, %s", name, got, &errs)
		}
	}
}

// A request is bounded.
func TestBridgeRequestTooLarge(t *testing.T) {
	l := newListener(t)
	c, err := net.Dial("unix", l.socket())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	junk := strings.Repeat("x", 64<<10)
	for err == nil {
		_, err = io.WriteString(c, junk)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) || len(l.heard) > 0 {
		t.Errorf("got %v", err)
	}
}

func FuzzBridgeRequest(f *testing.F) {
	f.Add(`{"capability":"c","tool":"Bash"}`)
	f.Add(`{"capability":"c","tool":"Bash","allow":true}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, line string) {
		r, err := readRequest([]byte(line), "secret")
		if err == nil && r.Capability != "secret" {
			t.Errorf("%q was taken", line)
		}
	})
}

package terminal_test

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/terminal"
	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/testdata/leak"
)

func TestMain(m *testing.M) {
	playOrRecord() // as a program on a terminal
	leak.Main(m)
}

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// brisk is a pace for tests.
var brisk = terminal.Pace{Settle: 100 * time.Millisecond, Longest: time.Second, Done: 300 * time.Millisecond, Interrupted: time.Second}

// ada and ben type.
var (
	ada = protocol.Actor{Kind: "client", ClientID: "ada", Subject: "token"}
	ben = protocol.Actor{Kind: "client", ClientID: "ben", Subject: "ticket"}
)

// opened is a running program with what it has told.
type opened struct {
	t      *testing.T
	conn   agents.Conn
	live   agents.Terminal
	events chan protocol.Data
	// at and text are how far the test has read the terminal.
	at   agents.TerminalCursor
	text strings.Builder
}

// open starts a program in an empty folder.
func open(t *testing.T, o terminal.Options, command ...string) *opened {
	t.Helper()
	return openIn(t, t.TempDir(), o, command...)
}

// openIn starts a program in a folder.
func openIn(t *testing.T, dir string, o terminal.Options, command ...string) *opened {
	t.Helper()
	return openWith(t, agents.Start{SessionID: "s", Directory: dir}, o, command...)
}

// openWith starts a program as a session wants it.
func openWith(t *testing.T, start agents.Start, o terminal.Options, command ...string) *opened {
	t.Helper()
	if o.Pace == (terminal.Pace{}) {
		o.Pace = brisk
	}
	o.Command = command
	if o.Environ == nil {
		home := t.TempDir()
		o.Environ = func() []string { return []string{"PATH=/usr/bin:/bin", "HOME=" + home, "LANG=C.UTF-8"} }
	}
	conn, err := terminal.New(o).Open(t.Context(), start)
	if err != nil {
		t.Fatal(err)
	}
	p := &opened{t: t, conn: conn, live: conn.(agents.TerminalConn).Terminal(), events: make(chan protocol.Data, 1024)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(p.events)
		for {
			reports, err := conn.Recv()
			for _, r := range reports {
				for _, e := range r.Events {
					p.events <- e
				}
			}
			if err != nil {
				if !errors.Is(err, io.EOF) {
					t.Errorf("Recv: %v", err)
				}
				return
			}
		}
	}()
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		<-done
	})
	return p
}

// see reads the terminal until it has shown a text.
func (p *opened) see(text string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	for !strings.Contains(p.text.String(), text) {
		news, err := p.live.Next(ctx, &p.at)
		if err != nil {
			p.t.Fatalf("%q was not shown (%v); there is %q", text, err, p.text.String())
		}
		p.text.Write(news.Bytes)
	}
}

// typeKeys types as ada.
func (p *opened) typeKeys(keys string) {
	p.t.Helper()
	if err := p.live.Type(ada, []byte(keys)); err != nil {
		p.t.Fatal(err)
	}
}

// exit reads the terminal to its end.
func (p *opened) exit() agents.Exit {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	for {
		news, err := p.live.Next(ctx, &p.at)
		if err != nil {
			p.t.Fatal(err)
		}
		p.text.Write(news.Bytes)
		if news.Exit != nil {
			return *news.Exit
		}
	}
}

// next returns the next event of a type, and fails if there is none.
func next[T protocol.Data](p *opened) T {
	p.t.Helper()
	limit := time.After(patience)
	for {
		select {
		case e, ok := <-p.events:
			if !ok {
				p.t.Fatalf("no %T came", *new(T))
			}
			if e, ok := e.(T); ok {
				return e
			}
		case <-limit:
			p.t.Fatalf("no %T came in time", *new(T))
		}
	}
}

// bash returns the path of a plain bash and its arguments.
func bash(t *testing.T) []string {
	t.Helper()
	path, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal("bash is not on PATH")
	}
	return []string{path, "--norc", "--noprofile", "-i"}
}

func TestShell(t *testing.T) {
	t.Parallel()
	p := open(t, terminal.Options{}, bash(t)...)
	if e := next[*protocol.AgentStarted](p); e.PID <= 0 {
		t.Errorf("pid %d", e.PID)
	}
	p.typeKeys("echo o''ne\r")
	p.see("one\r\n")

	if err := p.live.Resize(ada, 41, 97); err != nil {
		t.Fatal(err)
	}
	p.typeKeys("stty size\r")
	p.see("41 97\r\n")

	p.typeKeys("exit 7\r")
	if e := p.exit(); e.Code == nil || *e.Code != 7 {
		t.Errorf("ended with %v", e)
	}
	if e := next[*protocol.AgentExited](p); e.ExitCode == nil || *e.ExitCode != 7 {
		t.Errorf("told %+v", e)
	}
	if err := p.live.Type(ada, []byte("x")); protocol.CodeOf(err) != protocol.CodeAgentNotRunning {
		t.Errorf("typing after the end: %v", err)
	}
}

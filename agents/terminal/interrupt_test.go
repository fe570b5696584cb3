package terminal_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/terminal"
	"github.com/towline-dev/towline/protocol"
)

// steer types a text into the open turn.
func (p *opened) steer(text string) error {
	return p.conn.Send(p.t.Context(), &agents.Prompt{PromptID: "m2", Steer: true, Content: []agents.Content{{Part: protocol.TextPart(text)}}})
}

// interrupted interrupts, and waits for the turn's end.
func (p *opened) interrupted() {
	p.t.Helper()
	if err := p.conn.Send(p.t.Context(), &agents.Interrupt{}); err != nil {
		p.t.Fatal(err)
	}
	if e := next[*protocol.TurnEnded](p); e.Outcome != protocol.OutcomeInterrupted {
		p.t.Errorf("ended as %+v", e)
	}
}

// isBack waits until the shell is back, which must not have run in the folder
// what the command before it did not read.
func (p *opened) isBack(dir string) {
	p.t.Helper()
	if err := p.prompt("echo ba''ck"); err != nil {
		p.t.Fatal(err)
	}
	p.see("back\r\n")
	if _, err := os.Stat(filepath.Join(dir, "made")); err == nil {
		p.t.Error("what the command did not read was run after it")
	}
}

// An interrupt reaches a command that reads nothing of what fills its terminal,
// and what it has not read is not run after it.
func TestInterruptOfAFullTerminal(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"full":           strings.Repeat("touch made\n", 11_000),
		"a line is left": "touch made",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			p := openIn(t, dir, terminal.Options{}, bash(t)...)
			if err := p.prompt("sleep 301"); err != nil {
				t.Fatal(err)
			}
			want := protocol.Code("")
			if len(text) > 64<<10 {
				want = protocol.CodeTimeout
			}
			if err := p.steer(text); protocol.CodeOf(err) != want {
				t.Errorf("steering: %v, want %q", err, want)
			}
			p.interrupted()
			p.isBack(dir)
		})
	}
}

// An interrupt stops a prompt that is being typed and finds no room, and reaches
// the command.
func TestInterruptWhileTheTerminalFills(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := openIn(t, dir, terminal.Options{}, bash(t)...)
	if err := p.prompt("sleep 301"); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancelCause(t.Context())
	sent := make(chan error, 1)
	text := strings.Repeat("touch made\n", 11_000)
	go func() {
		sent <- p.conn.Send(ctx, &agents.Prompt{PromptID: "m2", Steer: true, Content: []agents.Content{{Part: protocol.TextPart(text)}}})
	}()
	p.see("touch made\r\ntouch made\r\n")
	begin := time.Now()
	stop(protocol.Errorf(protocol.CodeBusy, "interrupted"))
	if err := <-sent; protocol.CodeOf(err) != protocol.CodeBusy || time.Since(begin) > 4*time.Second {
		t.Errorf("steering: %v, after %v", err, time.Since(begin))
	}
	p.interrupted()
	p.isBack(dir)
}

// The signal reaches a program of another user, too.
func TestInterruptOfAnotherUsersProgram(t *testing.T) {
	t.Parallel()
	p := openIn(t, "/", terminal.Options{User: anotherUser(t)}, "/bin/sh", "-c", "echo ready; exec sleep 301")
	p.see("ready")
	p.typeKeys("unread\r")
	if err := p.conn.Send(t.Context(), &agents.Interrupt{}); err != nil {
		t.Fatal(err)
	}
	if e := p.exit(); e.Signal != "SIGINT" {
		t.Errorf("ended with %+v", e)
	}
}

// What a program did not read of a prompt that was refused for that is not
// read later.
func TestRefusedPromptIsTakenBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := openIn(t, dir, terminal.Options{}, bash(t)...)
	if err := p.prompt("sleep 7; echo aw''ake"); err != nil {
		t.Fatal(err)
	}
	if err := p.steer(strings.Repeat("touch made\n", 11_000)); protocol.CodeOf(err) != protocol.CodeTimeout {
		t.Errorf("steering: %v", err)
	}
	p.see("awake\r\n")
	if err := p.prompt("echo ba''ck"); err != nil {
		t.Fatal(err)
	}
	p.see("back\r\n")
	if _, err := os.Stat(filepath.Join(dir, "made")); err == nil {
		t.Error("what was refused was run all the same")
	}
}

// A program that reads keys as they come gets no signals from its terminal;
// one that does not read them gets one all the same, where Ctrl-C is its habit.
func TestInterruptOfADeafProgram(t *testing.T) {
	t.Parallel()
	p := open(t, terminal.Options{}, bash(t)[0], "-c", `trap 'echo stopped; exit 3' INT; stty raw -echo; echo ready; while :; do sleep 0.1; done`)
	p.see("ready")
	if err := p.prompt("go"); err != nil {
		t.Fatal(err)
	}
	if err := p.live.Type(ada, make([]byte, 128<<10)); protocol.CodeOf(err) != protocol.CodeTimeout {
		t.Errorf("typed: %v", err)
	}
	if err := p.conn.Send(t.Context(), &agents.Interrupt{}); err != nil {
		t.Fatal(err)
	}
	if e := p.exit(); e.Code == nil || *e.Code != 3 {
		t.Errorf("ended with %+v", e)
	}
}

// A turn is told as interrupted once the program was, not before.
func TestInterruptIsToldWhenItIsDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, program := play(t, terminal.Options{})
		events := listen(conn)
		if err := <-sending(t, conn); err != nil {
			t.Fatal(err)
		}
		program.Job(true)
		time.Sleep(time.Minute)
		program.Deafen()
		program.Takes(agents.TerminalInput{}) // as if the key had room
		sent := make(chan error, 1)
		go func() { sent <- conn.Send(t.Context(), &agents.Interrupt{}) }()
		time.Sleep(400 * time.Millisecond)
		synctest.Wait()
		if _, ends := drain(events); len(ends) != 0 || program.Interrupts() != 0 {
			t.Errorf("while the key is typed: %+v, %d signals", ends, program.Interrupts())
		}
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		if _, ends := drain(events); len(ends) != 1 || ends[0].Outcome != protocol.OutcomeInterrupted || program.Interrupts() != 1 {
			t.Errorf("after the signal: %+v, %d signals", ends, program.Interrupts())
		}
		if err := <-sent; err != nil {
			t.Error(err)
		}
		program.End(0)
		for range events { // to its end
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
}

// An Esc leaves what was typed and not entered where it is, so that the next
// prompt would stand behind it: that is erased, and Esc pressed only if the
// program works.
func TestInterruptErasesWhatIsNotEntered(t *testing.T) {
	dir := t.TempDir()
	for name, test := range map[string]struct {
		program string
		works   bool
		typed   string
	}{
		"at rest":            {"codex", false, "one\rtwo\x15\x15\x15\x15"},
		"at work":            {"codex", true, "one\rtwo\x1b\x15\x15\x15\x15"},
		"no key to erase by": {"gemini", false, "one\rtwo\x1b"},
		"put back":           {"claude", true, "\x1b\x15\x15one\rtwo\x1b\x15\x15\x15\x15"},
		"a shell":            {"sh", false, "one\rtwo\x03"},
	} {
		path := filepath.Join(dir, test.program)
		if err := os.Symlink("/bin/sh", path); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn, program := play(t, terminal.Options{Command: []string{path}})
				if test.works {
					if err := <-sending(t, conn); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(10 * time.Second)
				program.Typed()
				if test.program == "claude" {
					if err := conn.Send(t.Context(), &agents.Interrupt{}); err != nil {
						t.Error(err)
					}
					time.Sleep(3 * time.Second)
				}
				ctx, stop := context.WithCancelCause(t.Context())
				sent := make(chan error, 1)
				go func() {
					sent <- conn.Send(ctx, &agents.Prompt{PromptID: "m2", Content: []agents.Content{{Part: protocol.TextPart("one\ntwo")}}})
				}()
				time.Sleep(time.Second)
				stop(protocol.Errorf(protocol.CodeBusy, "interrupted"))
				if err := <-sent; protocol.CodeOf(err) != protocol.CodeBusy {
					t.Errorf("the prompt: %v", err)
				}
				if err := conn.Send(t.Context(), &agents.Interrupt{}); err != nil {
					t.Error(err)
				}
				if typed := program.Typed(); typed != test.typed {
					t.Errorf("typed %q, want %q", typed, test.typed)
				}
				program.End(0)
				if err := conn.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

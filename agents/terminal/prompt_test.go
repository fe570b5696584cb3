package terminal_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/terminal"
	"github.com/towline-dev/towline/protocol"
)

// sending sends a prompt to a program that does not show what is typed, so
// that Enter follows after 2 s. It returns when the text was typed.
func sending(t *testing.T, conn agents.Conn) <-chan error {
	t.Helper()
	sent := make(chan error, 1)
	go func() {
		sent <- conn.Send(t.Context(), &agents.Prompt{PromptID: "m1", Content: []agents.Content{{Part: protocol.TextPart("a prompt")}}})
	}()
	time.Sleep(7 * time.Second) // 6 s for a program that never says that it is ready
	return sent
}

// Nobody types into a prompt while it is typed, nor does a prompt type into
// what a person types; and a person may take over.
func TestPromptHoldsTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, program := play(t, terminal.Options{})
		live := conn.(agents.TerminalConn).Terminal()
		sent := sending(t, conn)
		if err := live.Type(ada, []byte("X")); protocol.CodeOf(err) != protocol.CodeBusy {
			t.Errorf("ada types into a prompt: %v", err)
		}
		if holder := live.Snapshot().Lease.ClientID; holder != "prompt m1" {
			t.Errorf("%q types", holder)
		}
		if err := <-sent; err != nil {
			t.Errorf("the prompt: %v", err)
		}
		if err := live.Type(ada, []byte("b")); err != nil {
			t.Errorf("ada types behind it: %v", err)
		}
		if typed := program.Typed(); typed != "a prompt\rb" {
			t.Errorf("typed %q", typed)
		}
		program.End(0)
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestPromptIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, program := play(t, terminal.Options{})
		live := conn.(agents.TerminalConn).Terminal()
		sent := sending(t, conn)
		live.TakeLease(ada)
		if err := <-sent; protocol.CodeOf(err) != protocol.CodeBusy {
			t.Errorf("the prompt: %v", err)
		}
		if err := live.Type(ada, []byte("c")); err != nil {
			t.Errorf("ada types: %v", err)
		}
		if typed := program.Typed(); typed != "a promptc" {
			t.Errorf("typed %q, want no Enter by the prompt", typed)
		}
		program.End(0)
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A program that does not read what is typed fails the prompt in time. What a
// person has typed there is not the prompt's to drop.
func TestPromptToADeafProgram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, program := play(t, terminal.Options{})
		program.Deafen()
		sent := sending(t, conn)
		if err := <-sent; protocol.CodeOf(err) != protocol.CodeTimeout {
			t.Errorf("the prompt: %v", err)
		}
		if n := program.Discards(); n != 0 {
			t.Errorf("input was dropped %d times", n)
		}
		program.End(0)
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A turn goes on while a command of the program has the terminal, however long
// its output rests.
func TestTurnLastsAsLongAsItsCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, program := play(t, terminal.Options{})
		events := listen(conn)
		sent := sending(t, conn)
		program.Job(true)
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if _, ends := drain(events); len(ends) != 0 {
			t.Error("the turn ended while its command ran")
		}
		program.Job(false)
		time.Sleep(time.Second)
		program.Say("its last words, late\r\n$ ")
		time.Sleep(3 * time.Second)
		synctest.Wait()
		items, ends := drain(events)
		if len(ends) != 1 || len(items) != 1 || !strings.Contains(string(items[0].Content[1].JSON), "its last words") {
			t.Errorf("after its command the turn ended %d times, with %+v", len(ends), items)
		}
		program.End(0)
		for range events { // to its end
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Keys to a program that does not read are refused after 5 s, and then at once
// until it reads again: what waits behind them must not wait as long for each.
func TestKeysToADeafProgram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, program := play(t, terminal.Options{})
		live := conn.(agents.TerminalConn).Terminal()
		types := func(keys string, code protocol.Code, takes time.Duration) {
			t.Helper()
			begin := time.Now()
			if err := live.Type(ada, []byte(keys)); protocol.CodeOf(err) != code || time.Since(begin) != takes {
				t.Errorf("%q: %v after %v, want %q after %v", keys, err, time.Since(begin), code, takes)
			}
		}
		types("a", "", 0)
		program.Deafen()
		types("X", protocol.CodeTimeout, 5*time.Second)
		types("X", protocol.CodeTimeout, 0)
		types("\x03", protocol.CodeTimeout, 0) // a key like any other
		program.Hear()
		types("b", "", 0)
		program.Deafen()
		types("X", protocol.CodeTimeout, 5*time.Second)
		program.Takes(agents.TerminalInput{}) // it reads a little
		types("X", protocol.CodeTimeout, 500*time.Millisecond)
		program.Takes(agents.TerminalInput{Blocked: true, Signals: true})
		types("X\x03", protocol.CodeTimeout, 0)
		types("\x03", "", 0)
		if n := program.Interrupts(); n != 1 {
			t.Errorf("%d signals", n)
		}
		if typed := program.Typed(); typed != "ab" {
			t.Errorf("typed %q", typed)
		}
		program.End(0)
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A prompt is not typed behind what a person has begun and left.
func TestPromptBehindHalfALine(t *testing.T) {
	t.Parallel()
	p := open(t, terminal.Options{}, bash(t)...)
	if err := p.prompt("PS1='> '"); err != nil {
		t.Fatal(err)
	}
	next[*protocol.TurnEnded](p)
	p.typeKeys("rm -rf half")
	p.shows("> rm -rf half")
	p.live.ReleaseLease(ada)
	err := p.prompt("of it")
	if e := protocol.AsError(err); e == nil || e.Code != protocol.CodeBusy || !strings.Contains(e.Message, "ada has begun a line") {
		t.Errorf("behind half a line: %v", err)
	}
	p.typeKeys("\x15")
	p.asks(">")
	p.live.ReleaseLease(ada)
	if err := p.prompt("echo do''ne"); err != nil {
		t.Errorf("when it was erased: %v", err)
	}
	p.see("done\r\n")
}

package terminal_test

import (
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/terminal"
	"github.com/towline-dev/towline/agents/terminal/terminaltest"
	"github.com/towline-dev/towline/protocol"
)

// play opens a program that the test plays.
func play(t *testing.T, o terminal.Options) (agents.Conn, *terminaltest.Program) {
	t.Helper()
	program := terminaltest.New(24, 80)
	if o.Command == nil {
		o.Command = []string{"/bin/sh"}
	}
	o.Start = func(agents.ProcessOptions, int, int) (terminal.Program, error) { return program, nil }
	conn, err := terminal.New(o).Open(t.Context(), agents.Start{SessionID: "s", Directory: "/"})
	if err != nil {
		t.Fatal(err)
	}
	return conn, program
}

// listen passes on what a program's events are, until it has ended.
func listen(conn agents.Conn) <-chan protocol.Data {
	events := make(chan protocol.Data, 1024)
	go func() {
		defer close(events)
		for {
			reports, err := conn.Recv()
			for _, r := range reports {
				for _, e := range r.Events {
					events <- e
				}
			}
			if err != nil {
				return
			}
		}
	}()
	return events
}

// drain returns the screens and the ends of turns that were told.
func drain(events <-chan protocol.Data) (items []protocol.Item, ends []*protocol.TurnEnded) {
	for {
		select {
		case e := <-events:
			switch e := e.(type) {
			case *protocol.ItemCompleted:
				items = append(items, e.Item)
			case *protocol.TurnEnded:
				ends = append(ends, e)
			}
		default:
			return items, ends
		}
	}
}

// A program that writes a thousand lines a second for a minute makes an item
// every ten seconds, none larger than a screen, and one more when it rests.
func TestFloodMakesFewItems(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, program := play(t, terminal.Options{})
		events := listen(conn)
		go func() { // it is at its prompt, and then floods
			time.Sleep(time.Second)
			program.Say("$ ")
			time.Sleep(time.Second)
			for range 60_000 {
				program.Say("a line of the flood " + time.Now().String() + "\r\n")
				time.Sleep(time.Millisecond)
			}
		}()
		p := &agents.Prompt{PromptID: "m1", Content: []agents.Content{{Part: protocol.TextPart("yes")}}}
		if err := conn.Send(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Second)
		synctest.Wait()
		items, ends := drain(events)
		if len(ends) != 0 {
			t.Errorf("the turn ended in the flood: %+v", ends)
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		last, ends := drain(events)
		if items = append(items, last...); len(items) < 6 || len(items) > 9 {
			t.Errorf("%d items of 60,000 lines", len(items))
		}
		for i, item := range items {
			text := string(item.Content[1].JSON)
			flooding := i > 0 && i < len(items)-1
			if len(text) > 3000 || strings.Contains(text, `"confidence":0.5`) != flooding {
				t.Errorf("item %d: %.300s", i, text)
			}
		}
		if len(ends) != 1 || ends[0].Outcome != protocol.OutcomeCompleted {
			t.Errorf("the turn ended with %+v", ends)
		}
		program.End(0)
		for range events { // to its end
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A program that paints the same picture all the time is told once, and again
// when it rests; what it shows next is told, too.
func TestPictureThatStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, program := play(t, terminal.Options{})
		events := listen(conn)
		for range 350 {
			program.Say("\x1b[Hsame")
			time.Sleep(100 * time.Millisecond)
		}
		program.Say("\x1b[Hdone")
		time.Sleep(time.Second)
		synctest.Wait()
		items, _ := drain(events)
		var told []string
		for _, item := range items {
			told = append(told, item.Content[0].Detail)
		}
		if got := strings.Join(told, " "); got != "same done" {
			t.Errorf("told %s", got)
		}
		program.End(0)
		for range events { // to its end
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A real flood: the server keeps its megabyte of it, whoever does not read
// holds nothing up, and a person can stop it.
func TestFloodOfYes(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("yes")
	if err != nil {
		t.Fatal("yes is not on PATH")
	}
	p := open(t, terminal.Options{}, path, "a line that is long enough to fill a buffer soon")
	slow := agents.TerminalCursor{}
	if _, err := p.live.Next(t.Context(), &slow); err != nil {
		t.Fatal(err)
	}
	before := heap()
	for _, flood := 0, int64(16<<20); p.at.Offset < flood; {
		if _, err := p.live.Next(t.Context(), &p.at); err != nil {
			t.Fatal(err)
		}
	}
	if grown := heap() - before; grown > 8<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	p.typeKeys("\x03")
	if e := p.exit(); e.Signal != "SIGINT" {
		t.Errorf("ended with %+v", e)
	}
	at := p.live.Snapshot()
	if at.Offset-at.Oldest != 1<<20 {
		t.Errorf("%d bytes are kept", at.Offset-at.Oldest)
	}
	for slow.Version == 0 || slow.Offset < at.Oldest {
		if _, err := p.live.Next(t.Context(), &slow); err != nil {
			t.Fatal(err)
		}
	}
}

// Output that keeps the emulator busy for seconds holds nobody up who looks or
// types meanwhile.
func TestCostlyOutputIsTakenInPieces(t *testing.T) { // alone, for others look at the heap
	conn, program := play(t, terminal.Options{Rows: 300, Cols: 500})
	events := listen(conn)
	live := conn.(agents.TerminalConn).Terminal()
	flood := strings.Repeat("x\x1bc", 512)
	program.Say(flood)
	seen := map[int64]bool{}
	for at := int64(0); at < int64(len(flood)); at = live.Snapshot().Offset {
		seen[at] = true
		if err := live.Type(ada, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) < 10 {
		t.Errorf("who looked saw %d states of it", len(seen))
	}
	program.End(0)
	for range events { // to its end
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}

// heap is how much memory is in use. Other tests run at the same time, so it
// is right to some megabytes.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/terminal"
	"github.com/towline-dev/towline/agents/terminal/terminaltest"
	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/session/store/sqlite"
)

// ada and ben sit at terminals.
var (
	ada = protocol.Actor{Kind: "client", ClientID: "ada"}
	ben = protocol.Actor{Kind: "client", ClientID: "ben"}
)

// theater is a manager whose agent is a program that the test plays.
type theater struct {
	t *testing.T
	m *Manager
	s *Session
	// programs are those that were started; gate, if set, is waited for before.
	programs chan *terminaltest.Program
	gate     chan struct{}
	fail     error
}

// onStage runs a test in a bubble, with a session s1 of a played program.
func onStage(t *testing.T, f func(b *theater)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := &theater{t: t, programs: make(chan *terminaltest.Program, 16)}
		st, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(dir, "state", "towline.db")})
		if err != nil {
			t.Fatal(err)
		}
		a := terminal.New(terminal.Options{
			Command: []string{os.Args[0]}, Environ: func() []string { return nil }, History: 1 << 10,
			Start: func(_ agents.ProcessOptions, rows, cols int) (terminal.Program, error) {
				if b.gate != nil {
					<-b.gate
				}
				if b.fail != nil {
					return nil, b.fail
				}
				p := terminaltest.New(rows, cols)
				b.programs <- p
				return p, nil
			},
		})
		b.m = NewManager(Options{Store: st, Agents: agents.NewRegistry(a, newScripted()), Directory: dir})
		if err := b.m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.s = b.create("s1", "terminal")
		f(b)
		if err := b.m.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
}

func (b *theater) create(id, agent string) *Session {
	b.t.Helper()
	if _, err := b.m.Create(b.t.Context(), &protocol.SessionCreate{SessionID: id, Agent: agent}, ada); err != nil {
		b.t.Fatal(err)
	}
	s, err := b.m.Get(b.t.Context(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

// open returns the terminal and its program, which it starts.
func (b *theater) open() (agents.Terminal, *terminaltest.Program) {
	b.t.Helper()
	live, err := b.s.Terminal(b.t.Context(), TerminalRequest{Start: true})
	if err != nil {
		b.t.Fatal(err)
	}
	return live, <-b.programs
}

// watcher reads a terminal.
type watcher struct {
	t    *testing.T
	live agents.Terminal
	at   agents.TerminalCursor
	seen bytes.Buffer
	// lost counts the bytes that were forgotten before they were read.
	lost  int64
	sizes []string
	typed []string // who was told to type
	exit  *agents.Exit
}

// read reads all that there is.
func (w *watcher) read() {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	cancel()
	for {
		from := w.at.Offset
		news, err := w.live.Next(ctx, &w.at)
		if err != nil {
			if !errors.Is(err, context.Canceled) && !errors.Is(err, io.EOF) {
				w.t.Errorf("Next: %v", err)
			}
			return
		}
		switch {
		case news.Changed:
			w.sizes = append(w.sizes, fmt.Sprint(news.Rows, "x", news.Cols))
			w.typed = append(w.typed, news.Lease.ClientID)
		case news.Exit != nil:
			w.exit = news.Exit
		default:
			w.lost += news.At - from
			w.seen.Write(news.Bytes)
		}
	}
}

// Whoever is cut off goes on where it was, byte by byte, whatever the bytes
// are, as long as they are kept.
func TestTerminalReplaysByteExactly(t *testing.T) {
	onStage(t, func(b *theater) {
		live, p := b.open()
		random := rand.New(rand.NewPCG(1, 2))
		var all, pieces bytes.Buffer
		next := int64(0)
		for range 200 {
			chunk := make([]byte, random.IntN(300))
			for i := range chunk {
				chunk[i] = byte(random.Uint32())
			}
			p.Say(string(chunk))
			all.Write(chunk)
			synctest.Wait()
			// A connection of its own for each chunk.
			again, err := b.s.Terminal(b.t.Context(), TerminalRequest{Run: live.Run()})
			if err != nil {
				b.t.Fatal(err)
			}
			w := &watcher{t: b.t, live: again, at: agents.TerminalCursor{Offset: next}}
			w.read()
			if w.lost != 0 {
				b.t.Fatalf("%d bytes were lost", w.lost)
			}
			pieces.Write(w.seen.Bytes())
			next = w.at.Offset
		}
		if !bytes.Equal(pieces.Bytes(), all.Bytes()) {
			b.t.Error("the pieces do not make the whole")
		}
		late := &watcher{t: b.t, live: live}
		late.read()
		if kept := all.Bytes()[all.Len()-1<<10:]; !bytes.Equal(late.seen.Bytes(), kept) || late.lost != int64(all.Len()-1<<10) {
			b.t.Errorf("who comes late gets %d bytes and a gap of %d", late.seen.Len(), late.lost)
		}
	})
}

func TestTerminalLease(t *testing.T) {
	onStage(t, func(b *theater) {
		live, p := b.open()
		w := &watcher{t: b.t, live: live}
		types := func(who protocol.Actor, keys string, want protocol.Code) {
			b.t.Helper()
			if err := live.Type(who, []byte(keys)); protocol.CodeOf(err) != want {
				b.t.Errorf("%s types %q: %v, want %q", who.ClientID, keys, err, want)
			}
		}
		types(ada, "a", "")
		time.Sleep(4 * time.Second)
		types(ada, "b", "") // each key prolongs
		time.Sleep(5*time.Second - 1)
		types(ben, "X", protocol.CodeBusy)
		time.Sleep(1)
		types(ben, "c", "") // the lease has run out
		types(ada, "X", protocol.CodeBusy)
		live.TakeLease(ada) // taken over
		types(ben, "X", protocol.CodeBusy)
		types(ada, "d", "")
		live.ReleaseLease(ben) // not ben's to give back
		types(ben, "X", protocol.CodeBusy)
		live.ReleaseLease(ada)
		types(ben, "e", "")
		if typed := p.Typed(); typed != "abcde" {
			b.t.Errorf("typed %q", typed)
		}
		w.read()
		if len(w.typed) != 1 || w.typed[0] != "ben" {
			b.t.Errorf("a reader that comes late is told of the typists %q, want the newest alone", w.typed)
		}
		live.TakeLease(ada)
		w.read()
		if w.typed[1] != "ada" {
			b.t.Errorf("told of the typists %q", w.typed)
		}
	})
}

// While nobody types the last one who has a size wins; else who types.
func TestTerminalSize(t *testing.T) {
	onStage(t, func(b *theater) {
		live, p := b.open()
		w := &watcher{t: b.t, live: live}
		w.read()
		resizes := func(who protocol.Actor, rows, cols int, want protocol.Code) {
			b.t.Helper()
			if err := live.Resize(who, rows, cols); protocol.CodeOf(err) != want {
				b.t.Errorf("%s resizes: %v, want %q", who.ClientID, err, want)
			}
			w.read()
		}
		resizes(ada, 30, 100, "")
		resizes(ben, 31, 101, "")
		resizes(ben, 31, 101, "") // no news
		resizes(ada, 1, 100, protocol.CodeInvalidRequest)
		if err := live.Type(ada, []byte("x")); err != nil {
			b.t.Error(err)
		}
		resizes(ben, 20, 20, protocol.CodeBusy)
		resizes(ada, 32, 102, "")
		time.Sleep(5 * time.Second)
		resizes(ben, 33, 103, "")
		if got := strings.Join(w.sizes, " "); got != "24x80 30x100 31x101 31x101 32x102 33x103" {
			b.t.Errorf("the sizes told are %s", got)
		}
		if rows, cols := p.Size(); rows != 33 || cols != 103 || live.Snapshot().Rows != 33 || live.Snapshot().Screen.Cols != 103 {
			b.t.Errorf("the program has %d by %d, the screen %+v", rows, cols, live.Snapshot().Screen)
		}
	})
}

func TestTerminalOfAProgramThatEnds(t *testing.T) {
	onStage(t, func(b *theater) {
		live, p := b.open()
		p.Say("last words")
		p.End(7)
		synctest.Wait()
		w := &watcher{t: b.t, live: live}
		w.read()
		if w.seen.String() != "last words" || w.exit == nil || *w.exit.Code != 7 {
			b.t.Errorf("read %q, %+v", w.seen.String(), w.exit)
		}
		if err := live.Type(ada, []byte("x")); protocol.CodeOf(err) != protocol.CodeAgentNotRunning {
			b.t.Errorf("typing after the end: %v", err)
		}
		// Who has seen this run gets its end, and so does who may not start.
		for name, r := range map[string]TerminalRequest{"back": {Run: live.Run(), Start: true}, "reader": {}} {
			again, err := b.s.Terminal(b.t.Context(), r)
			if err != nil || again.Run() != live.Run() {
				b.t.Errorf("%s: %v, %v", name, again, err)
			}
		}
		if s := live.Snapshot(); s.Screen.Lines[0] != "last words" {
			b.t.Errorf("the last screen is %+v", s.Screen)
		}
		fresh, _ := b.open()
		if fresh.Run() == live.Run() {
			b.t.Error("a new run has the old one's name")
		}
		if again, err := b.s.Terminal(b.t.Context(), TerminalRequest{Run: live.Run()}); err != nil || again.Run() != fresh.Run() {
			b.t.Errorf("a run that is gone: %v", err)
		}
	})
}

// What a program has written is kept for some minutes after its end: then it
// is forgotten, but not by who reads it just then.
func TestTerminalIsForgotten(t *testing.T) {
	onStage(t, func(b *theater) {
		live, p := b.open()
		p.Say("last words")
		time.Sleep(time.Hour) // it runs
		back := TerminalRequest{Run: live.Run(), Start: true}
		refused := func(what string, r TerminalRequest, words string) {
			b.t.Helper()
			if _, err := b.s.Terminal(b.t.Context(), r); protocol.CodeOf(err) != protocol.CodeAgentNotRunning || !strings.Contains(fmt.Sprint(err), words) {
				b.t.Errorf("%s: %v", what, err)
			}
		}
		end := func(p *terminaltest.Program) {
			p.End(0)
			synctest.Wait()
			time.Sleep(terminalKept - 1)
		}
		end(p)
		again, err := b.s.Terminal(b.t.Context(), back)
		if err != nil || again.Run() != live.Run() {
			b.t.Fatalf("before it is forgotten: %v", err)
		}
		time.Sleep(1)
		synctest.Wait()
		refused("back", back, "has ended")
		refused("a reader", TerminalRequest{}, "does not run")
		if b.s.screen != nil {
			b.t.Error("the terminal is still there")
		}
		w := &watcher{t: b.t, live: again}
		if w.read(); w.seen.String() != "last words" || w.exit == nil {
			b.t.Errorf("who was there reads %q, %+v", w.seen.String(), w.exit)
		}

		// The next run is not forgotten with the one before.
		second, p := b.open()
		end(p)
		third, p := b.open()
		time.Sleep(time.Hour)
		if again, err = b.s.Terminal(b.t.Context(), TerminalRequest{Run: second.Run()}); err != nil || again.Run() != third.Run() {
			b.t.Errorf("a run that is gone, while another one runs: %v", err)
		}
		frame := protocol.ClientFrame{ID: "c1", Command: &protocol.SessionEnd{}}
		if r, err := b.s.Do(b.t.Context(), frame, ada); err != nil || !r.OK {
			b.t.Fatalf("end: %+v, %v", r, err)
		}
		end(p)
		if _, err := b.s.Terminal(b.t.Context(), TerminalRequest{Run: third.Run()}); err != nil {
			b.t.Errorf("an ended session's last screen: %v", err)
		}
		time.Sleep(1)
		synctest.Wait()
		refused("an ended session", TerminalRequest{Run: third.Run(), Start: true}, "the session has ended")
	})
}

// A reader that does not read holds up neither the program nor the others, and
// learns what it has missed.
func TestTerminalReaderThatDoesNotRead(t *testing.T) {
	onStage(t, func(b *theater) {
		live, p := b.open()
		deaf := &watcher{t: b.t, live: live}
		reading := &watcher{t: b.t, live: live}
		p.Say("first ")
		synctest.Wait()
		deaf.read()
		total := int64(len("first "))
		for i := range 10_000 {
			line := fmt.Sprintf("line %d\r\n", i)
			p.Say(line) // an unbuffered channel: it would hang here
			total += int64(len(line))
			if i%50 == 0 {
				reading.read()
			}
		}
		synctest.Wait()
		reading.read()
		if reading.lost != 0 || int64(reading.seen.Len()) != total || !strings.HasSuffix(reading.seen.String(), "line 9999\r\n") {
			b.t.Errorf("the reader has %d of %d bytes, a gap of %d", reading.seen.Len(), total, reading.lost)
		}
		deaf.read()
		if got := int64(deaf.seen.Len()) + deaf.lost; got != total || deaf.seen.Len() != 6+1<<10 {
			b.t.Errorf("the late one has %d bytes and a gap of %d, of %d", deaf.seen.Len(), deaf.lost, total)
		}
	})
}

func TestTerminalIsRefused(t *testing.T) {
	onStage(t, func(b *theater) {
		want := func(what string, s *Session, r TerminalRequest, code protocol.Code) {
			b.t.Helper()
			if _, err := s.Terminal(b.t.Context(), r); protocol.CodeOf(err) != code {
				b.t.Errorf("%s: %v, want %s", what, err, code)
			}
		}
		want("an agent without one", b.create("s2", "scripted"), TerminalRequest{Start: true}, protocol.CodeCapabilityMissing)
		want("one that may not start", b.s, TerminalRequest{}, protocol.CodeAgentNotRunning)
		b.fail = errors.New("no such terminal")
		want("a start that fails", b.s, TerminalRequest{Start: true}, protocol.CodeAgentStartFailed)
		b.fail = nil
		live, p := b.open() // the next try is not spoiled by it
		p.Say("here")
		synctest.Wait()
		frame := protocol.ClientFrame{ID: "c1", Command: &protocol.SessionEnd{}}
		if r, err := b.s.Do(b.t.Context(), frame, ada); err != nil || !r.OK {
			b.t.Fatalf("end: %+v, %v", r, err)
		}
		synctest.Wait()
		if again, err := b.s.Terminal(b.t.Context(), TerminalRequest{Start: true}); err != nil || again.Run() != live.Run() {
			b.t.Errorf("an ended session's last screen: %v", err)
		}
		ended := b.create("s3", "terminal")
		if r, err := ended.Do(b.t.Context(), frame, ada); err != nil || !r.OK {
			b.t.Fatalf("end: %+v, %v", r, err)
		}
		want("an ended session that never ran", ended, TerminalRequest{Start: true}, protocol.CodeAgentNotRunning)
	})
}

// However many come at once, one program is started; who loses patience goes.
func TestTerminalIsStartedOnce(t *testing.T) {
	onStage(t, func(b *theater) {
		b.gate = make(chan struct{})
		runs := make([]string, 8)
		var all sync.WaitGroup
		for i := range runs {
			all.Go(func() {
				live, err := b.s.Terminal(b.t.Context(), TerminalRequest{Start: true})
				if err != nil {
					b.t.Error(err)
					return
				}
				runs[i] = live.Run()
			})
		}
		hasty, cancel := context.WithTimeout(b.t.Context(), time.Second)
		defer cancel()
		if _, err := b.s.Terminal(hasty, TerminalRequest{Start: true}); !errors.Is(err, context.DeadlineExceeded) {
			b.t.Errorf("without patience: %v", err)
		}
		close(b.gate)
		all.Wait()
		for _, run := range runs {
			if run != runs[0] {
				b.t.Errorf("runs %q", runs)
			}
		}
		if len(b.programs) != 1 {
			b.t.Errorf("%d programs were started", len(b.programs))
		}
	})
}

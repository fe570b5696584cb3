package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/session/store"
)

// world is what TestModel knows: what clients were told, what the agent got,
// and what each reader saw.
type world struct {
	ctx  context.Context
	b    *bench
	fuse *fuse

	commands sync.WaitGroup // those under way
	conns    []*modelConn   // of the server that runs, the newest last
	views    []*view
	sent     []*sentCommand
	prompts  int
	natives  int // items and asks that the agent made up

	mu     sync.Mutex
	faults []string
	// got counts what reached the agent: prompts by id, decisions by native id.
	got map[string]int
}

// modelConn is one run of the agent.
type modelConn struct {
	*scriptedConn
	open  []string // native ids of open tool calls
	turn  bool
	ended bool
}

// sentCommand is a command of a client and what it was told.
type sentCommand struct {
	id      string
	command protocol.Command
	result  protocol.Result
	acked   bool
}

// view is a reader and what it saw.
type view struct {
	epoch  string
	events []string
}

func newWorld(t *testing.T, dir string) *world {
	w := &world{ctx: t.Context(), fuse: &fuse{}, views: []*view{{}, {}, {}}, got: map[string]int{}}
	w.b = &bench{t: w, dir: dir, agent: newScripted()}
	w.b.around = func(s store.Store) store.Store { return &fusedStore{Store: s, fuse: w.fuse} }
	w.b.agent.sending = w.received
	return w
}

// received sees each command just before it is the agent's.
func (w *world) received(c agents.Command) {
	switch c := c.(type) {
	case *agents.Prompt:
		w.reached(c.PromptID)
	case *agents.Decide:
		w.reached(c.PermissionID)
		rows, err := w.b.store.Decisions(w.ctx, "s1")
		if err != nil || len(rows) == 0 {
			w.faultf("the agent was told a decision that is not stored: %v", err)
		}
	}
}

// reached counts what the agent gets, which must be once.
func (w *world) reached(id string) {
	w.mu.Lock()
	w.got[id]++
	n := w.got[id]
	w.mu.Unlock()
	if n > 1 {
		w.faultf("%s reached the agent %d times", id, n)
	}
}

// reachedAll is what reached the agent so far.
func (w *world) reachedAll() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.got)
}

// do sends a command and does not wait.
func (w *world) do(id string, c protocol.Command) {
	s := w.b.get("s1")
	sent := &sentCommand{id: id, command: c}
	w.sent = append(w.sent, sent)
	w.commands.Go(func() { w.hear(s, sent) })
}

// hear runs a command and keeps what it was told. A command that was
// acknowledged before must be told the same again, as a duplicate.
func (w *world) hear(s *Session, sent *sentCommand) {
	w.mu.Lock()
	again := sent.acked
	w.mu.Unlock()
	r, err := s.Do(w.ctx, protocol.ClientFrame{ID: sent.id, Command: sent.command}, protocol.Actor{Kind: "client", ClientID: "model"})
	if err != nil {
		return
	}
	if !r.OK {
		if again && r.Error.Code != protocol.CodeDraining && r.Error.Code != protocol.CodeStoreFailed {
			w.faultf("command %s was acknowledged and, sent again, refused: %v", sent.id, r.Error)
		}
		return
	}
	w.mu.Lock()
	was, acked := sent.result, sent.acked
	sent.result, sent.acked = r, true
	w.mu.Unlock()
	if acked && string(was.Data) != string(r.Data) || again && !r.Duplicate {
		w.faultf("command %s was told %s and, sent again, %s", sent.id, was.Data, r.Data)
	}
}

func (w *world) prompt(a act) {
	w.prompts++
	p := &protocol.Prompt{Text: fmt.Sprintf("prompt %d", w.prompts)}
	switch a.Kind {
	case actSteer:
		p.Delivery = protocol.DeliverSteer
	case actCutIn:
		p.Delivery = protocol.DeliverInterrupt
	}
	w.do(fmt.Sprintf("c%d", len(w.sent)), p)
}

// resend repeats an earlier command under its id.
func (w *world) resend(n int) {
	if len(w.sent) == 0 {
		return
	}
	s, sent := w.b.get("s1"), w.sent[len(w.sent)-1-n%len(w.sent)]
	w.commands.Go(func() { w.hear(s, sent) })
}

func (w *world) withdraw(n int) {
	w.do(fmt.Sprintf("c%d", len(w.sent)), &protocol.PromptWithdraw{PromptID: fmt.Sprintf("m%d", 1+n)})
}

// decide has two clients race for the newest permission.
func (w *world) decide(n int) {
	st := w.b.get("s1").State()
	if len(st.Permissions) == 0 {
		return
	}
	p := st.Permissions[n%len(st.Permissions)]
	for _, d := range []protocol.Decision{protocol.Allow, protocol.Deny} {
		w.do(fmt.Sprintf("c%d", len(w.sent)), &protocol.PermissionDecide{PermissionID: p.PermissionID, Decision: d, InputSHA256: p.InputSHA256})
	}
}

func (w *world) interrupt() { w.do(fmt.Sprintf("c%d", len(w.sent)), &protocol.TurnInterrupt{}) }

// drain takes what reached the agent, and plays its part of it: a prompt opens
// its turn, an interrupt ends it.
func (w *world) drain() {
	for len(w.b.agent.conns) > 0 {
		w.conns = append(w.conns, &modelConn{scriptedConn: <-w.b.agent.conns})
	}
	for _, c := range w.conns {
		for len(c.commands) > 0 {
			switch (<-c.commands).(type) {
			case *agents.Prompt:
				c.turn = true
			case *agents.Interrupt:
				c.close(protocol.OutcomeInterrupted)
			}
		}
	}
}

// live is the agent's run with an open turn, or nil.
func (w *world) live() *modelConn {
	w.drain()
	if len(w.conns) == 0 {
		return nil
	}
	if c := w.conns[len(w.conns)-1]; c.turn && !c.ended {
		return c
	}
	return nil
}

// say has the agent begin a tool call, with a delta, or end one.
func (w *world) say(n int) {
	c := w.live()
	switch {
	case c == nil:
	case n%2 == 0 && len(c.open) > 0:
		c.say(&protocol.ItemCompleted{Item: tool(c.open[0], protocol.ItemDone)})
		c.open = c.open[1:]
	default:
		w.natives++
		id := fmt.Sprintf("n%d", w.natives)
		c.open = append(c.open, id)
		c.say(&protocol.ItemStarted{Item: tool(id, "")}, &protocol.ItemDelta{ItemID: id, Kind: protocol.DeltaToolOutput, Text: "out"})
	}
}

func tool(id string, status protocol.ItemStatus) protocol.Item {
	return protocol.Item{ID: id, Kind: protocol.KindToolCall, Status: status, Tool: &protocol.Tool{Name: "Bash", Kind: protocol.ToolExecute}}
}

func (w *world) ask() {
	if c := w.live(); c != nil {
		w.natives++
		c.say(&protocol.PermissionRequested{Permission: bash(fmt.Sprintf("n%d", w.natives))})
	}
}

func (w *world) endTurn() {
	if c := w.live(); c != nil {
		c.close(protocol.OutcomeCompleted)
	}
}

// close ends the agent's turn; what it left open the session closes.
func (c *modelConn) close(o protocol.Outcome) {
	if c.turn && !c.ended {
		c.turn, c.open = false, nil
		c.say(&protocol.TurnEnded{Outcome: o})
	}
}

// die ends the agent's process, in a turn or between two.
func (w *world) die(n int) {
	w.drain()
	if len(w.conns) == 0 {
		return
	}
	if c := w.conns[len(w.conns)-1]; !c.ended {
		c.ended, c.turn = true, false
		c.exit(n)
	}
}

// read lets a reader go on from where it was until nothing more comes.
func (w *world) read(n int) {
	v := w.views[n]
	s := w.b.get("s1")
	r := s.Read(protocol.Cursor{After: uint64(len(v.events))}, v.epoch, ReadOptions{NoAsks: true})
	v.epoch = s.Info().Epoch
	ctx, cancel := context.WithTimeout(w.ctx, time.Millisecond) // of the bubble's clock
	defer cancel()
	for {
		d, err := r.Next(ctx)
		if err != nil {
			return
		}
		if d.Kind == protocol.FrameGap {
			w.faultf("a reader got the gap %+v", d.Gap)
		}
		for _, bl := range d.Blocks {
			_ = bl.Each(func(_ uint64, raw []byte) bool {
				v.events = append(v.events, string(raw))
				return true
			})
		}
	}
}

// keepFiles reads the store's files. What it returns puts them back.
func (w *world) keepFiles() (putBack func()) {
	path := filepath.Join(w.b.dir, "state", "towline.db")
	kept := map[string][]byte{}
	for _, suffix := range []string{"", "-wal", ".journal"} {
		b, err := os.ReadFile(path + suffix)
		if err != nil {
			w.faultf("the store's file %s cannot be kept: %v", suffix, err)
			return func() {}
		}
		kept[suffix] = b
	}
	return func() {
		_ = os.Remove(path + "-shm")
		for suffix, b := range kept {
			if err := os.WriteFile(path+suffix, b, 0o600); err != nil {
				w.faultf("the store's file %s cannot be put back: %v", suffix, err)
			}
		}
	}
}

// fuse kills the store after some commits.
type fuse struct {
	mu    sync.Mutex
	lit   bool
	left  int
	after bool // the last commit is still written
	dead  bool
}

func (f *fuse) light(n int, after bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lit, f.left, f.after = true, n, after
}

func (f *fuse) blow() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dead = true
}

func (f *fuse) blown() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dead
}

func (f *fuse) mend() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lit, f.dead = false, false
}

// burn tells whether the next commit is written, and whether anybody hears of
// it.
func (f *fuse) burn() (write, hear bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.dead:
		return false, false
	case !f.lit:
		return true, true
	case f.left > 0:
		f.left--
		return true, true
	}
	f.dead = true
	return f.after, false
}

// fusedStore is a store whose server is killed by a fuse.
type fusedStore struct {
	store.Store
	fuse *fuse
}

var errKilled = errors.New("the server was killed")

func (s *fusedStore) Commit(ctx context.Context, b *store.Batch) error {
	write, hear := s.fuse.burn()
	if write {
		if err := s.Store.Commit(ctx, b); err != nil {
			return err
		}
	}
	if !hear {
		return errKilled
	}
	return nil
}

// The world is its bench's tester: a fault is noted, a fatal one ends the run.

func (w *world) Helper()                   {}
func (w *world) Context() context.Context  { return w.ctx }
func (w *world) Error(args ...any)         { w.faultf("%s", fmt.Sprint(args...)) }
func (w *world) Errorf(f string, a ...any) { w.faultf(f, a...) }
func (w *world) Fatal(args ...any)         { w.Error(args...); runtime.Goexit() }
func (w *world) Fatalf(f string, a ...any) { w.faultf(f, a...); runtime.Goexit() }

func (w *world) faultf(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}

// check compares the log with what clients and the agent know.
func (w *world) check() {
	for n := range w.views {
		w.read(n)
	}
	whole := w.views[0].events
	for n, v := range w.views[1:] {
		for i := range min(len(whole), len(v.events)) {
			if whole[i] != v.events[i] {
				w.faultf("event %d was %s to reader %d and %s to reader 0", i+1, v.events[i], n+1, whole[i])
			}
		}
	}
	c := newLogCheck(w)
	for i, raw := range w.fromStart() {
		if i < len(whole) && raw != whole[i] {
			w.faultf("event %d was seen as %s and is %s", i+1, whole[i], raw)
		}
		var e protocol.Event
		if err := json.Unmarshal([]byte(raw), &e); err != nil {
			w.Fatal(err)
		}
		c.see(i, &e)
	}
	c.acknowledged()
}

// fromStart reads the whole log.
func (w *world) fromStart() []string {
	w.views = append(w.views, &view{})
	n := len(w.views) - 1
	w.read(n)
	all := w.views[n].events
	w.views = w.views[:n]
	return all
}

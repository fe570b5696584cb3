package session

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/session/store"
	"github.com/towline-dev/towline/session/store/sqlite"
	"github.com/towline-dev/towline/testdata/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

// scripted is an agent whose every report the test makes, and whose every
// command the test sees.
type scripted struct {
	caps  protocol.Capabilities
	conns chan *scriptedConn
	fail  error
	// sending is given to each connection.
	sending func(agents.Command)

	mu     sync.Mutex
	starts []agents.Start
}

func newScripted() *scripted {
	return &scripted{
		caps:  protocol.Capabilities{Steer: true, Fork: true, Permissions: true},
		conns: make(chan *scriptedConn, 16),
	}
}

func (a *scripted) Name() string                        { return "scripted" }
func (a *scripted) Capabilities() protocol.Capabilities { return a.caps }
func (a *scripted) Info(context.Context) protocol.AgentInfo {
	return protocol.AgentInfo{Name: "scripted"}
}

func (a *scripted) Open(_ context.Context, st agents.Start) (agents.Conn, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.starts = append(a.starts, st)
	if a.fail != nil {
		return nil, a.fail
	}
	c := &scriptedConn{reports: make(chan []agents.Report, 1024), commands: make(chan agents.Command, 1024), closed: make(chan struct{}), sending: a.sending}
	c.say(&protocol.AgentStarted{PID: 4242, Version: "1.0"})
	a.conns <- c
	return c, nil
}

// lastStart returns how the agent was last opened.
func (a *scripted) lastStart() agents.Start {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.starts[len(a.starts)-1]
}

// scriptedConn is one run of it.
type scriptedConn struct {
	reports  chan []agents.Report
	commands chan agents.Command
	closed   chan struct{}
	once     sync.Once
	sendErr  error
	sending  func(agents.Command) // if set, sees each command before it is sent
}

func (c *scriptedConn) Send(_ context.Context, cmd agents.Command) error {
	if c.sendErr != nil {
		return c.sendErr
	}
	if c.sending != nil {
		c.sending(cmd)
	}
	c.commands <- cmd
	return nil
}

func (c *scriptedConn) Recv() ([]agents.Report, error) {
	select {
	case r := <-c.reports:
		return r, nil
	default:
	}
	select {
	case r := <-c.reports:
		return r, nil
	case <-c.closed:
		return nil, io.EOF
	}
}

func (c *scriptedConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

// say reports events.
func (c *scriptedConn) say(events ...protocol.Data) {
	c.reports <- []agents.Report{{Events: events}}
}

// exit ends the agent's process.
func (c *scriptedConn) exit(code int) {
	c.say(&protocol.AgentExited{ExitCode: &code})
	_ = c.Close()
}

// tester is what a bench wants of its test.
type tester interface {
	Helper()
	Context() context.Context
	Error(args ...any)
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// bench is a manager on a real store, with a scripted agent.
type bench struct {
	t     tester
	dir   string
	agent *scripted
	store store.Store
	m     *Manager
	// around, if set, stands between the manager and its store.
	around func(store.Store) store.Store
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir(), agent: newScripted()}
	b.start()
	t.Cleanup(b.stop)
	return b
}

func (b *bench) start() {
	b.t.Helper()
	st, err := sqlite.Open(b.t.Context(), sqlite.Options{Path: filepath.Join(b.dir, "state", "towline.db")})
	if err != nil {
		b.t.Fatal(err)
	}
	b.store = st
	if b.around != nil {
		b.store = b.around(st)
	}
	b.m = NewManager(Options{Store: b.store, Agents: agents.NewRegistry(b.agent), Directory: b.dir})
	if err := b.m.Start(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) stop() {
	if b.m == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := b.m.Close(ctx); err != nil {
		b.t.Error(err)
	}
	if err := b.store.Close(); err != nil {
		b.t.Error(err)
	}
	b.m = nil
}

// crash stops the server as SIGKILL would: nothing more is written, no agent
// is asked to stop in order.
func (b *bench) crash() {
	b.t.Helper()
	b.m.committer.mu.Lock()
	b.m.committer.failed = fmt.Errorf("the server was killed")
	b.m.committer.mu.Unlock()
	b.stop()
}

func (b *bench) create(id string) *Session {
	b.t.Helper()
	if _, err := b.m.Create(b.t.Context(), &protocol.SessionCreate{SessionID: id, Agent: "scripted"}, protocol.Actor{Kind: "client"}); err != nil {
		b.t.Fatal(err)
	}
	return b.get(id)
}

// running makes a session whose agent has its first prompt.
func (b *bench) running() (*Session, *scriptedConn) {
	b.t.Helper()
	s := b.create("s1")
	b.do(s, "c1", &protocol.Prompt{Text: "go"})
	c := b.conn()
	command[*agents.Prompt](b, c)
	return s, c
}

func (b *bench) get(id string) *Session {
	b.t.Helper()
	s, err := b.m.Get(b.t.Context(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

// do runs a command and wants it to succeed.
func (b *bench) do(s *Session, id string, c protocol.Command) protocol.Result {
	b.t.Helper()
	r := b.try(s, id, c)
	if !r.OK {
		b.t.Fatalf("%s %s: %v", c.FrameType(), id, r.Error)
	}
	return r
}

func (b *bench) try(s *Session, id string, c protocol.Command) protocol.Result {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 20*time.Second)
	defer cancel()
	r, err := s.Do(ctx, protocol.ClientFrame{ID: id, Command: c}, protocol.Actor{Kind: "client", ClientID: "c-" + id})
	if err != nil {
		b.t.Fatalf("%s %s: %v", c.FrameType(), id, err)
	}
	return r
}

// conn waits for the agent to be opened.
func (b *bench) conn() *scriptedConn {
	b.t.Helper()
	select {
	case c := <-b.agent.conns:
		return c
	case <-time.After(10 * time.Second):
		b.t.Fatal("the agent was not started")
		return nil
	}
}

// command waits for a command of one kind at the agent.
func command[C agents.Command](b *bench, c *scriptedConn) C {
	b.t.Helper()
	select {
	case got := <-c.commands:
		want, ok := got.(C)
		if !ok {
			b.t.Fatalf("the agent got %T", got)
		}
		return want
	case <-time.After(10 * time.Second):
		b.t.Fatal("the agent got no command")
		panic("unreachable")
	}
}

// until reads a session's events from the beginning up to the first that f
// likes.
func (b *bench) until(s *Session, f func(protocol.Event) bool) []protocol.Event {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 20*time.Second)
	defer cancel()
	r := s.Read(protocol.Cursor{}, "", ReadOptions{NoAsks: true})
	var all []protocol.Event
	for {
		d, err := r.Next(ctx)
		if err != nil {
			b.t.Fatalf("%v after %s", err, names(all))
		}
		for _, e := range b.decode(d) {
			all = append(all, e)
			if f(e) {
				return all
			}
		}
	}
}

func (b *bench) decode(d Delivery) []protocol.Event {
	b.t.Helper()
	var all []protocol.Event
	for _, bl := range d.Blocks {
		err := bl.Each(func(_ uint64, raw []byte) bool {
			var e protocol.Event
			if err := e.UnmarshalJSON(raw); err != nil {
				b.t.Fatalf("cannot decode %s: %v", raw, err)
			}
			all = append(all, e)
			return true
		})
		if err != nil {
			b.t.Fatal(err)
		}
	}
	return all
}

// is matches events of one type.
func is(t protocol.EventType) func(protocol.Event) bool {
	return func(e protocol.Event) bool { return e.Data.EventType() == t }
}

// nth matches the nth event of one type.
func nth(n int, t protocol.EventType) func(protocol.Event) bool {
	return func(e protocol.Event) bool {
		if e.Data.EventType() == t {
			n--
		}
		return n == 0
	}
}

func names(events []protocol.Event) []string {
	out := make([]string, len(events))
	for i, e := range events {
		out[i] = string(e.Data.EventType())
	}
	return out
}

// wantTypes compares the types of events, session.updated left out.
func wantTypes(t *testing.T, events []protocol.Event, want ...string) {
	t.Helper()
	var got []string
	for i, e := range events {
		if e.Seq != uint64(i+1) {
			t.Errorf("event %d has seq %d", i+1, e.Seq)
		}
		if e.Data.EventType() != protocol.TypeSessionUpdated {
			got = append(got, string(e.Data.EventType()))
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("event types (-want +got):\n%s", d)
	}
}

// last returns the last event of a type.
func last[D protocol.Data](t *testing.T, events []protocol.Event) D {
	t.Helper()
	for i := len(events) - 1; i >= 0; i-- {
		if d, ok := events[i].Data.(D); ok {
			return d
		}
	}
	var none D
	t.Fatalf("no %T in %s", none, names(events))
	return none
}

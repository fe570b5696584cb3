package opencode

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

const (
	// startTime bounds a start: 2 s where nothing else runs (section 11).
	startTime = 40 * time.Second
	// healthTime is how long a server that is suspected has to answer.
	healthTime = 5 * time.Second
	// factsTime is how long listings are taken for true.
	factsTime = 30 * time.Second
)

// life is one run of the server: its process, its stream and the conns that
// live on it.
type life struct {
	process *agents.Process
	client  *client
	routes  routes
	version string
	// quiet is how long the stream may say nothing.
	quiet time.Duration
	// tasks are the goroutines that read the process's output and stream.
	tasks sync.WaitGroup
	// ended is closed when the process is gone and every conn was told.
	ended chan struct{}

	suspected atomic.Bool
	// why says what made us end the process; empty if it ended by itself.
	why atomic.Pointer[string]

	mu    sync.Mutex
	facts map[string]knownFacts
	// over tells that no task may begin any more.
	over bool
}

// knownFacts are the facts of a folder, and when they were asked for.
type knownFacts struct {
	facts facts
	at    time.Time
}

// launch says what to start.
type launch struct {
	executable agents.Executable
	version    string
	folders    folders
	environ    []string
	stateDir   string
	// via, if set, is what lies between us and the server's address.
	via func(base string) string
	// quiet is how long the stream may say nothing.
	quiet time.Duration
}

// begin starts the process and returns when it takes sessions: its stream is
// open and the guard is in place. ended is called when it is over.
func begin(ctx context.Context, w launch, ended func(*life, agents.Exit)) (*life, error) {
	if err := w.folders.seed(w.version, w.environ); err != nil {
		return nil, err
	}
	password := rand.Text()
	process, err := agents.StartProcess(agents.ProcessOptions{
		Path: w.executable.Path, Args: []string{"serve", "--hostname", "127.0.0.1", "--port", "0"},
		Dir: w.folders.run, Env: w.folders.environment(w.environ, password), StateDir: w.stateDir,
	})
	if err != nil {
		return nil, startFailed("its executable cannot be started; check its path", nil)
	}
	l := &life{process: process, version: w.version, quiet: w.quiet, ended: make(chan struct{}), facts: map[string]knownFacts{}}
	address := make(chan string, 1)
	l.tasks.Go(func() { readOutput(process.Stdout(), address) })
	s, err := l.connect(ctx, w, address, password)
	if err != nil {
		_ = process.Stop(quickStop)
		l.tasks.Wait()
		return nil, err
	}
	go l.run(s, ended)
	return l, nil
}

// quickStop ends a process that does not end by itself when its input closes.
var quickStop = agents.StopOptions{TermAfter: time.Millisecond, KillAfter: 2 * time.Second}

// startFailed is the error that clients see.
func startFailed(what string, stderr *protocol.Stderr) *protocol.Error {
	e := protocol.Errorf(protocol.CodeAgentStartFailed, "OpenCode's server did not start: %s", what)
	if stderr != nil {
		return e.WithDetails(map[string]any{"stderr": stderr})
	}
	return e
}

// listening is how the server says where it listens (section 3).
const listening = "opencode server listening on "

// readOutput reads the process's output to its end, and hands over where the
// server listens.
func readOutput(out io.Reader, address chan<- string) {
	defer close(address)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if at, ok := strings.CutPrefix(lines.Text(), listening); ok {
			select {
			case address <- strings.TrimSpace(at):
			default:
			}
		}
	}
	_, _ = io.Copy(io.Discard, out) // a line that was too long ends the scan
}

// connect waits for the server, opens its stream and lets the guard in.
func (l *life) connect(ctx context.Context, w launch, address <-chan string, password string) (*stream, error) {
	base, err := l.await(ctx, address)
	if err != nil {
		return nil, err
	}
	if w.via != nil {
		base = w.via(base)
	}
	l.client = newClient(base, password)
	s, err := openStream(ctx, l.client, l.quiet)
	if err != nil {
		return nil, startFailed("its event stream cannot be opened", l.process.Stderr())
	}
	// The first request about a folder loads the guard. Nothing of a session
	// runs before.
	if l.client.get(ctx, "/config", w.folders.run) == nil {
		s.close()
		return nil, startFailed("it does not answer", l.process.Stderr())
	}
	if exposed(l.process.PID(), password) {
		s.close()
		return nil, startFailed("its password would be visible to the agent's tools, so the agent could approve its own requests; install the pinned version", nil)
	}
	return s, nil
}

// await waits until the server tells where it listens.
func (l *life) await(ctx context.Context, address <-chan string) (string, error) {
	select {
	case base, ok := <-address:
		u, err := url.Parse(base)
		if !ok || err != nil {
			return "", startFailed("it ended ("+l.process.Wait().String()+"); see details.stderr", l.process.Stderr())
		}
		if ip := net.ParseIP(u.Hostname()); ip == nil || !ip.IsLoopback() {
			return "", startFailed("it listens on "+u.Host+", which is not on loopback", nil)
		}
		return base, nil
	case <-ctx.Done():
		return "", startFailed("it was not ready in time", l.process.Stderr())
	}
}

// exposed tells whether a process's environment, as the system shows it to
// others of its user, still holds the password. Where the system shows none,
// or refuses to, it does not.
func exposed(pid int, password string) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	return err == nil && strings.Contains(string(b), password)
}

// run reads the stream until there is none any more, then ends what is left of
// the process: without the stream nothing can be known of it.
func (l *life) run(s *stream, ended func(*life, agents.Exit)) {
	defer close(l.ended)
	err := l.follow(s)
	select {
	case <-l.process.Exited():
	case <-time.After(time.Second): // a broken stream is mostly the end
		if errors.Is(err, errSilent) {
			l.blame("OpenCode's server did not answer any more and was ended")
		} else {
			l.blame("OpenCode's event stream broke and could not be opened again, so its server was ended")
		}
	}
	_ = l.process.Stop(quickStop)
	exit := l.process.Wait()
	l.mu.Lock()
	l.over = true
	l.mu.Unlock()
	l.tasks.Wait()
	l.client.close()
	ended(l, exit)
	for _, c := range l.routes.all() {
		c.exited(&protocol.AgentExited{ExitCode: exit.Code, Signal: exit.Signal, Stderr: exit.Stderr, Message: l.reason()})
	}
}

// blame notes why we end the process; the first reason counts.
func (l *life) blame(why string) { l.why.CompareAndSwap(nil, &why) }

// reason is why we ended the process; empty if we did not.
func (l *life) reason() string {
	if why := l.why.Load(); why != nil {
		return *why
	}
	return ""
}

// stop ends the process and waits for everything of it. Instances are closed
// first, so that tools do not outlive it (section 8.3).
func (l *life) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	l.blame("OpenCode's server was stopped")
	_, _ = l.client.do(ctx, request{Method: http.MethodPost, Path: "/global/dispose"}, "")
	err := l.process.Stop(quickStop)
	<-l.ended
	return err
}

// suspect looks whether the server still answers, and ends it if not. Requests
// that time out call it; one look at a time is enough.
func (l *life) suspect() {
	if !l.suspected.CompareAndSwap(false, true) {
		return
	}
	l.background(func() {
		defer l.suspected.Store(false)
		if l.answers() {
			return
		}
		select {
		case <-l.process.Exited(): // it tells itself how it ended
			return
		case <-time.After(time.Second):
		}
		l.blame("OpenCode's server did not answer any more and was ended")
		_ = l.process.Stop(quickStop)
	})
}

// background runs a task that the life waits for at its end; nothing, if it is
// over.
func (l *life) background(task func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.over {
		l.tasks.Go(task)
	}
}

// answers tells whether the server answers at all.
func (l *life) answers() bool {
	ctx, cancel := context.WithTimeout(context.Background(), healthTime)
	defer cancel()
	a, err := l.client.do(ctx, request{Method: http.MethodGet, Path: "/global/health"}, "")
	return err == nil && a.ok()
}

// learn returns what the server lists of a folder. Only the newest few folders
// are remembered.
func (l *life) learn(ctx context.Context, directory string) facts {
	l.mu.Lock()
	known, ok := l.facts[directory]
	l.mu.Unlock()
	if ok && time.Since(known.at) < factsTime {
		return known.facts
	}
	get := func(path string) []byte { return l.client.get(ctx, path, directory) }
	f := facts{
		Models: readModels(get("/config/providers"), readChosen(get("/config"))),
		Agents: readAgents(get("/agent")), Commands: readCommands(get("/command")), Servers: readServers(get("/mcp")),
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.facts) >= 64 {
		clear(l.facts)
	}
	l.facts[directory] = knownFacts{facts: f, at: time.Now()}
	return f
}

// forget drops the facts of a folder, which have changed.
func (l *life) forget(directory string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.facts, directory)
}

// do performs a request that opening a session needs.
func (l *life) do(ctx context.Context, r request, directory string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	a, err := l.client.do(ctx, r, directory)
	if err != nil {
		l.suspect()
		return answer{}, fmt.Errorf("cannot open a session of OpenCode: %w",
			protocol.Errorf(protocol.CodeAgentStartFailed, "OpenCode's server does not answer; it is looked after, send the prompt again in a minute"))
	}
	return a, nil
}

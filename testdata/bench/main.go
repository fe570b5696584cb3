// Command bench measures what Towline costs and how fast it is, on this
// machine, beside a bare relay: a program that reads a line from a pipe and
// writes it to a WebSocket, with no parsing and no store. Rounds of the two
// are interleaved, so that a busy machine slows both.
//
// The server is the real binary, the agent is testdata/fakeagent, and both
// are processes of their own, so that their CPU and memory are theirs alone.
// A figure that misses its bar is marked; it does not fail the run. A lost or
// doubled event does.
//
//	go run ./testdata/bench [-quick] [-only NAME] [-server PATH]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

// The roles that this program plays beside its own, by its first argument: the
// bare relay, an agent that is tapped, and the process beside that one.
const (
	relayRole = "relay"
	tapRole   = "tap"
	stampRole = "stamp"
)

// bench is one run: the programs under test and how much to ask of them.
type bench struct {
	// dir holds everything that the run makes.
	dir    string
	server string
	agent  string
	self   string
	size   sizes
}

// sizes says how large the measurements are.
type sizes struct {
	rounds    int
	latency   int // deltas per latency round, at rate per second
	rate      int
	deltas    int // deltas of a throughput round
	fan       int // deltas of a fan-out round
	subs      int // subscribers of a fan-out round
	sessions  int // sessions without an agent
	sockets   int // idle sockets
	stored    int // events stored before a start
	approvals int
}

var (
	fullSizes  = sizes{rounds: 5, latency: 500, rate: 100, deltas: 100_000, fan: 20_000, subs: 100, sessions: 1000, sockets: 2000, stored: 10_000, approvals: 500}
	quickSizes = sizes{rounds: 2, latency: 100, rate: 100, deltas: 20_000, fan: 4_000, subs: 100, sessions: 200, sockets: 400, stored: 10_000, approvals: 60}
)

// measurement is one part of the run; it gives rows of the table.
type measurement struct {
	name    string
	measure func(context.Context, *bench) ([]row, error)
}

// measurements are all parts, in the order of the table.
func measurements() []measurement {
	return []measurement{
		{"latency", latency},
		{"throughput", throughput},
		{"fanout", fanOut},
		{"replay", replay},
		{"sessions", idleSessions},
		{"sockets", idleSockets},
		{"start", start},
		{"approval", approval},
	}
}

func main() {
	if played, err := playRole(os.Args[1:]); played {
		exitOn(err)
		return
	}
	quick := flag.Bool("quick", false, "a short run, for a look; its figures are rougher")
	only := flag.String("only", "", "measure only these, by name, with commas between them")
	server := flag.String("server", "", "the towline binary; empty builds ./cmd/towline")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	exitOn(run(ctx, *quick, *only, *server))
}

// playRole plays one of the roles, if the arguments ask for one.
func playRole(args []string) (played bool, err error) {
	switch {
	case len(args) == 3 && args[0] == relayRole:
		return true, runRelay(args[1], args[2])
	case len(args) > 2 && args[0] == tapRole:
		return true, runTap(args[1], args[2], args[3:])
	case len(args) == 2 && args[0] == stampRole:
		return true, runStamp(args[1])
	}
	return false, nil
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run builds the programs, measures and prints the table.
func run(ctx context.Context, quick bool, only, server string) error {
	dir, err := os.MkdirTemp("", "towline-bench-")
	if err != nil {
		return fmt.Errorf("cannot make a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := &bench{dir: dir, server: server, size: fullSizes}
	if quick {
		b.size = quickSizes
	}
	if err := b.build(ctx); err != nil {
		return err
	}
	begin := time.Now()
	var rows []row
	var failed []error
	for _, m := range measurements() {
		if only != "" && !strings.Contains(","+only+",", ","+m.name+",") {
			continue
		}
		fmt.Fprintf(os.Stderr, "measuring %s ...\n", m.name)
		got, err := m.measure(ctx, b)
		if err != nil {
			failed = append(failed, fmt.Errorf("cannot measure %s: %w", m.name, err))
			continue
		}
		rows = append(rows, got...)
	}
	fmt.Print(table(rows))
	fmt.Printf("\n%s; the run took %s.\n", machine(), time.Since(begin).Round(time.Second))
	return errors.Join(failed...)
}

// build makes the server, unless one is given, and the agent.
func (b *bench) build(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("cannot find this program: %w", err)
	}
	b.self = self
	b.agent = filepath.Join(b.dir, "fakeagent")
	builds := map[string]string{b.agent: "./testdata/fakeagent"}
	if b.server == "" {
		b.server = filepath.Join(b.dir, "towline")
		builds[b.server] = "./cmd/towline"
	}
	for out, pkg := range builds {
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("cannot build %s (run this from the module's folder): %w", pkg, err)
		}
	}
	return nil
}

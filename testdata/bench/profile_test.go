package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/claude"
	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/session"
	"github.com/towline-dev/towline/session/store/sqlite"
	"github.com/towline-dev/towline/ws"
)

// serveHere starts a server within this process, so that a profile of the
// benchmark is one of the server. Only the agent is a process of its own.
func serveHere(b *testing.B) *server {
	b.Helper()
	dir := b.TempDir()
	agent := filepath.Join(dir, "fakeagent")
	if out, err := exec.Command("go", "build", "-o", agent, "../fakeagent").CombinedOutput(); err != nil {
		b.Fatalf("cannot build the agent: %v\n%s", err, out)
	}
	ctx := context.Background()
	st, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(dir, "state", "towline.db")})
	if err != nil {
		b.Fatal(err)
	}
	registry := agents.NewRegistry(claude.New(claude.Options{
		Locator: &agents.Locator{Flags: map[string]string{"claude": agent}},
		Environ: func() []string {
			return []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "ANTHROPIC_API_KEY=bench", "ANTHROPIC_BASE_URL=http://127.0.0.1:9"}
		},
	}))
	m := session.NewManager(session.Options{Store: st, Agents: registry, Log: zerolog.Nop()})
	if err := m.Start(ctx); err != nil {
		b.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	serving, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	edge := ws.New(ws.Options{Manager: m, Token: []byte(token), Log: zerolog.Nop()})
	go func() { done <- edge.Serve(serving, ln) }()
	b.Cleanup(func() {
		stop()
		for what, err := range map[string]error{"edge": <-done, "manager": m.Close(ctx), "store": st.Close()} {
			if err != nil {
				b.Errorf("%s: %v", what, err)
			}
		}
	})
	return &server{url: "http://" + ln.Addr().String(), dir: dir}
}

// cpuHere returns the CPU time of this process.
func cpuHere(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkDelta is the way of one delta from the agent's line to a client,
// with the client's cost in it, as in a flood. To see where the time goes:
//
//	go test ./testdata/bench -run '^$' -bench Delta -benchtime 200000x -cpuprofile cpu.prof
func BenchmarkDelta(b *testing.B) {
	srv := serveHere(b)
	sock, err := srv.warm(b.Context(), "profile")
	if err != nil {
		b.Fatal(err)
	}
	defer sock.close()
	before := cpuHere(b)
	b.ResetTimer()
	if err := sock.play(b.Context(), fmt.Sprintf("flood %d", b.N), b.N, &stream{mark: eventDelta}); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(cpuHere(b)-before)/float64(b.N), "cpu-ns/op")
}

// BenchmarkLoneDelta is the same at 500 deltas a second: each takes the whole
// way alone, with a commit of its own.
func BenchmarkLoneDelta(b *testing.B) {
	srv := serveHere(b)
	sock, err := srv.warm(b.Context(), "profile")
	if err != nil {
		b.Fatal(err)
	}
	defer sock.close()
	st := &stream{mark: eventDelta, keep: true}
	before := cpuHere(b)
	b.ResetTimer()
	if err := sock.play(b.Context(), fmt.Sprintf("deltas %d rate 500", b.N), b.N, st); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(cpuHere(b)-before)/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(quantile(st.delays, 0.5)), "p50-ns")
	b.ReportMetric(float64(quantile(st.delays, 0.99)), "p99-ns")
}

// BenchmarkApproval is one loop of an approval: decision, fsync, agent, ask.
func BenchmarkApproval(b *testing.B) {
	srv := serveHere(b)
	sock, err := srv.warm(b.Context(), "profile")
	if err != nil {
		b.Fatal(err)
	}
	defer sock.close()
	if err := sock.send(b.Context(), &protocol.Prompt{Text: askScript(b.N)}); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	loops, err := sock.approve(b.Context(), b.N)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(quantile(loops, 0.5)), "p50-ns")
}

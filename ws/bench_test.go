package ws_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/towline-dev/towline/agents/agenttest/optional"
	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/ws"
)

// BenchmarkIdleSockets reports the memory of an idle socket. Both ends are in
// this process; the client's share is measured by bare TCP clients, which cost
// next to nothing.
func BenchmarkIdleSockets(b *testing.B) {
	const sockets = 1000
	for b.Loop() {
		f := serve(b, func(o *ws.Options) { o.Limits.SocketsPerSession = sockets })
		f.create("s")
		before := residentKiB(b)
		for range sockets {
			s := f.rawDial("/v1/sessions/s/ws?after=head")
			s.r = nil
		}
		b.ReportMetric((residentKiB(b)-before)/sockets, "KiB/socket")
		f.stop()
	}
}

// residentKiB returns what the process holds, after a collection.
func residentKiB(b *testing.B) float64 {
	b.Helper()
	runtime.GC()
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		optional.Missing(b, "there is no /proc, so memory cannot be measured")
	}
	for line := range strings.Lines(string(text)) {
		var kib float64
		if n, _ := fmt.Sscanf(line, "VmRSS: %f kB", &kib); n == 1 {
			return kib
		}
	}
	b.Fatal("no VmRSS")
	return 0
}

// BenchmarkReplay reads a session of 20,000 events from the start, by one or
// many clients that do not decode.
func BenchmarkReplay(b *testing.B) {
	const events = 20_000
	f := serve(b, func(o *ws.Options) { o.Limits.SocketsPerSession = 1000 })
	f.create("s")
	c := f.dial("/v1/sessions/s/ws")
	c.do(&protocol.Prompt{Text: fmt.Sprintf("flood %d", events)})
	c.until(protocol.TypeTurnEnded)
	_ = c.conn.CloseNow()
	for _, clients := range []int{1, 10, 100} {
		for _, sub := range []string{protocol.SubprotocolJSON, protocol.SubprotocolMsgpack} {
			b.Run(fmt.Sprintf("%s/clients=%d", sub, clients), func(b *testing.B) {
				start := cpu(b)
				for b.Loop() {
					var wg sync.WaitGroup
					for range clients {
						wg.Go(func() { f.replay(b, sub) })
					}
					wg.Wait()
				}
				b.ReportMetric((cpu(b)-start).Seconds()*1e9/float64(b.N*clients*events), "cpu-ns/event")
			})
		}
	}
}

// cpu returns the processor time that the process has used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// replay reads all events up to live, without decoding them.
func (f *fixture) replay(b *testing.B, sub string) {
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, "ws://"+f.addr+"/v1/sessions/s/ws", &websocket.DialOptions{
		HTTPHeader: http.Header{"Authorization": {"Bearer " + token}}, Subprotocols: []string{sub},
	})
	if err != nil {
		b.Error(err)
		return
	}
	defer conn.CloseNow()
	conn.SetReadLimit(4 << 20)
	for {
		_, frame, err := conn.Read(ctx)
		if err != nil {
			b.Error(err)
			return
		}
		if len(frame) < 100 && strings.Contains(string(frame), "live") {
			return
		}
	}
}

// BenchmarkFanOut sends 20,000 live events to one or many clients that do not
// decode. The clients' own cost is in the figure.
func BenchmarkFanOut(b *testing.B) {
	const events = 20_000
	for _, clients := range []int{1, 100} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			f := serve(b, func(o *ws.Options) { o.Limits.SocketsPerSession = 1000 })
			f.create("s")
			var used time.Duration
			round := 0
			for b.Loop() {
				round++
				var wg sync.WaitGroup
				for range clients {
					s := f.rawDial("/v1/sessions/s/ws?after=head")
					wg.Go(func() { s.drain(b) })
				}
				start := cpu(b)
				f.call("POST", "/v1/sessions/s/commands", fmt.Sprintf(`{"type":"prompt","id":"r%d","text":"flood %d"}`, round, events), http.StatusOK, nil)
				wg.Wait()
				used += cpu(b) - start
			}
			b.ReportMetric(float64(used)/float64(b.N*events), "cpu-ns/event")
		})
	}
}

// drain reads events up to the end of a turn, without decoding them.
func (s *rawSocket) drain(b *testing.B) {
	for {
		op, frame, err := s.read()
		if err != nil {
			b.Error(err)
			return
		}
		if op == opText && strings.Contains(string(frame[max(0, len(frame)-2000):]), "turn.ended") {
			return
		}
	}
}

package conformance_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/clientlib"
	"github.com/towline-dev/towline/cmd/towline/conformance"
	"github.com/towline-dev/towline/protocol"
)

// What a round of the latency's measurement is: so many deltas, one after the
// other in the time of pace.
const (
	latencyRounds = 5
	latencyDeltas = 250
	latencyPace   = 20 * time.Millisecond
)

// BenchmarkSharedLatency is our part of a delta's way, from the frame that the
// real agent wrote to the event that a client took off a WebSocket: read,
// translated, committed and sent. A process between the agent and us notes when
// it hands a frame over (testdata/bench).
func BenchmarkSharedLatency(b *testing.B) {
	for _, agent := range []string{"codex", "opencode"} {
		b.Run(agent, func(b *testing.B) {
			tap := newTap(b)
			adapter, _ := conformance.Find(agent)
			p := adapter.Place(b, tap.locate(b, agent))
			s := conformance.Serve(b, p.Agent)
			socket := openSocket(b, s.Client, s.Create(p, protocol.SessionCreate{}))
			var p50, p99 []time.Duration
			turns := 0
			turn := func() map[string]time.Time { turns++; return play(b, socket, p, turns) }
			turn() // it starts the agent
			for b.Loop() {
				for range latencyRounds {
					took := tap.delays(b, turn())
					p50, p99 = append(p50, took[len(took)/2]), append(p99, took[len(took)*99/100])
				}
			}
			report(b, "p50", p50)
			report(b, "p99", p99)
			b.ReportMetric(latencyDeltas, "deltas/round")
		})
	}
}

// report reports the median of the rounds, with the least and the most.
func report(b *testing.B, what string, rounds []time.Duration) {
	b.Helper()
	slices.Sort(rounds)
	for name, d := range map[string]time.Duration{"": rounds[len(rounds)/2], "-least": rounds[0], "-most": rounds[len(rounds)-1]} {
		b.ReportMetric(float64(d.Microseconds()), what+name+"-us")
	}
}

// openSocket opens a socket as thin as testdata/bench's, so that the client's
// own work is not measured.
func openSocket(b *testing.B, c *clientlib.Client, session string) *websocket.Conn {
	b.Helper()
	t, err := c.Ticket(b.Context(), clientlib.TicketRequest{SessionID: session, Scopes: []string{"read", "prompt"}})
	ok(b, err)
	at := "ws" + strings.TrimPrefix(c.URL(), "http") + "/v1/sessions/" + session + "/ws?ticket=" + t.Ticket
	socket, _, err := websocket.Dial(b.Context(), at, &websocket.DialOptions{Subprotocols: []string{protocol.SubprotocolJSON}})
	ok(b, err)
	socket.SetReadLimit(-1)
	b.Cleanup(func() { _ = socket.CloseNow() })
	return socket
}

// play plays a turn of deltas with marks, and returns when the frame of each
// was there.
func play(b *testing.B, socket *websocket.Conn, p *conformance.Place, round int) map[string]time.Time {
	b.Helper()
	var text strings.Builder
	for i := range latencyDeltas {
		fmt.Fprintf(&text, "#%d.%04d# and ", round, i)
	}
	say := agenttest.Say(text.String())
	say.Chunks, say.Delay = latencyDeltas, latencyPace
	name := fmt.Sprintf("round-%d", round)
	script := p.Model.On(name, agenttest.Play(say))
	frame, err := protocol.EncodeClientFrame(protocol.FormatJSON, protocol.ClientFrame{ID: name, Command: &protocol.Prompt{Text: script.Marker()}})
	ok(b, err)
	ok(b, socket.Write(b.Context(), websocket.MessageText, frame))
	came := map[string]time.Time{}
	for !take(b, socket, came) {
	}
	if len(came) != latencyDeltas {
		b.Fatalf("%d of %d deltas came", len(came), latencyDeltas)
	}
	return came
}

// take takes one frame, and tells whether it ended the turn.
func take(b *testing.B, socket *websocket.Conn, came map[string]time.Time) (ended bool) {
	b.Helper()
	_, frame, err := socket.Read(b.Context())
	ok(b, err)
	now := time.Now()
	_, body, err := protocol.DecodeServerFrame(protocol.FormatJSON, frame)
	ok(b, err)
	if result, is := body.(*protocol.Result); is && !result.OK {
		b.Fatalf("the prompt was refused: %v", result.Error)
	}
	events, is := body.(*protocol.Events)
	if !is {
		return false
	}
	for _, e := range events.Events {
		switch d := e.Data.(type) {
		case *protocol.ItemDelta:
			for _, mark := range mark.FindAllString(d.Text, -1) {
				came[mark] = now
			}
		case *protocol.TurnEnded:
			ended = true
			if d.Outcome != protocol.OutcomeCompleted {
				b.Fatalf("the turn was %s: %+v", d.Outcome, d.Error)
			}
		}
	}
	return ended
}

// mark is what the tap looks for.
var mark = regexp.MustCompile(`#\d+\.\d+#`)

// tap makes taps of agents, which all write into one file of notes.
type tap struct{ program, notes string }

// newTap builds the program.
func newTap(b *testing.B) tap {
	b.Helper()
	dir := b.TempDir()
	t := tap{program: filepath.Join(dir, "bench"), notes: filepath.Join(dir, "notes")}
	build := exec.CommandContext(b.Context(), "go", "build", "-o", t.program, "github.com/towline-dev/towline/testdata/bench")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("cannot build the tap: %v\n%s", err, out)
	}
	return t
}

// locate finds the agent behind a tap.
func (t tap) locate(b *testing.B, agent string) *agents.Locator {
	b.Helper()
	path := filepath.Join(b.TempDir(), agent)
	script := fmt.Sprintf("#!/bin/sh\nexec '%s' tap '%s' '%s' \"$@\"\n", t.program, t.notes, executable(b, agent))
	ok(b, os.WriteFile(path, []byte(script), 0o700))
	return &agents.Locator{Flags: map[string]string{agent: path}}
}

// delays are how long the marks took from the tap to the client, sorted. What
// came without a note would be a hole in the tap.
func (t tap) delays(b *testing.B, came map[string]time.Time) []time.Duration {
	b.Helper()
	f, err := os.Open(t.notes)
	ok(b, err)
	defer f.Close()
	var delays []time.Duration
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var at int64
		var mark string
		_, err := fmt.Sscan(lines.Text(), &at, &mark)
		ok(b, err)
		if then, is := came[mark]; is { // later ones are in the completed text
			delays = append(delays, then.Sub(time.Unix(0, at)))
			delete(came, mark)
		}
	}
	if len(came) > 0 {
		b.Fatalf("the tap noted %d frames too few", len(came))
	}
	slices.Sort(delays)
	return delays
}

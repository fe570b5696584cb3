package conformance_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/clientlib"
	"github.com/towline-dev/towline/protocol"
)

// floodLines is how many lines the agent writes as fast as it can.
const floodLines = 1_000_000

// an agent floods one session while one client reads, one never reads,
// and people decide in another session. Everything is stored in order, the
// reader gets all of it, the server stays small, and the decisions go through.
func TestA03_Flood(t *testing.T) {
	if testing.Short() {
		t.Skip("a million lines take a while")
	}
	agent := filepath.Join(t.TempDir(), "fakeagent")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", agent, "github.com/towline-dev/towline/testdata/fakeagent").CombinedOutput(); err != nil {
		t.Fatalf("cannot build the agent: %v: %s", err, out)
	}
	s := startServed(t, agent, agenttest.NewHome(t, "http://127.0.0.1:1"))
	client := s.client()
	for _, id := range []string{"flood", "asks"} {
		_, err := client.CreateSession(t.Context(), protocol.SessionCreate{SessionID: id, Agent: "claude", Directory: s.home.Dir})
		ok(t, err)
	}
	stalled := s.dial("flood")
	defer func() { _ = stalled.CloseNow() }()
	reader := s.dial("flood")
	defer func() { _ = reader.CloseNow() }()

	_, err := client.Command(t.Context(), "flood", "go", &protocol.Prompt{Text: fmt.Sprintf("flood %d size 16", floodLines)})
	ok(t, err)
	flooding, stop := context.WithCancel(t.Context())
	loops := make(chan []time.Duration, 1)
	go func() { loops <- s.decisions(flooding, client) }()

	deltas, ended := countDeltas(t, reader)
	stop()
	took := <-loops
	if deltas != floodLines {
		t.Errorf("the reader got %d deltas of %d", deltas, floodLines)
	}
	if ended != protocol.OutcomeCompleted {
		t.Errorf("the turn ended %s", ended)
	}
	if rss := s.memory(t); rss > 128<<20 {
		t.Errorf("the server's memory reached %d MiB", rss>>20)
	} else {
		t.Logf("the server's memory reached %d MiB", rss>>20)
	}
	if len(took) == 0 {
		t.Fatal("no decision went through while the agent flooded")
	}
	slices.Sort(took)
	p99 := took[len(took)*99/100]
	t.Logf("%d decisions meanwhile: p50 %v, p99 %v (aim 50 ms on a quiet machine)", len(took), took[len(took)/2], p99)
	if p99 > 2*time.Second {
		t.Errorf("a decision took %v", p99)
	}
}

// dial opens a socket that the test reads by itself, or does not read.
func (s *served) dial(session string) *websocket.Conn {
	s.t.Helper()
	token, err := os.ReadFile(filepath.Join(s.state, "token"))
	ok(s.t, err)
	c, _, err := websocket.Dial(s.t.Context(), "ws://"+s.address+"/v1/sessions/"+session+"/ws", &websocket.DialOptions{
		Subprotocols: []string{protocol.SubprotocolJSON},
		HTTPHeader:   http.Header{"Authorization": {"Bearer " + strings.TrimSpace(string(token))}},
	})
	ok(s.t, err)
	c.SetReadLimit(2 << 20)
	return c
}

// countDeltas reads a socket to the end of the first turn. Every event must
// follow the one before.
func countDeltas(t *testing.T, c *websocket.Conn) (deltas int, ended protocol.Outcome) {
	t.Helper()
	last := uint64(0)
	for {
		_, b, err := c.Read(t.Context())
		ok(t, err)
		var frame struct {
			Type   protocol.FrameType `json:"type"`
			Events json.RawMessage    `json:"events"`
		}
		ok(t, json.Unmarshal(b, &frame))
		switch frame.Type {
		case protocol.FrameGap, protocol.FrameGoodbye:
			t.Fatalf("the server sent %s", b)
		case protocol.FrameEvents:
		default:
			continue
		}
		events, err := protocol.SplitArray(frame.Events)
		ok(t, err)
		for _, raw := range events {
			seq, kind, err := protocol.EventHead(raw)
			ok(t, err)
			if seq != last+1 {
				t.Fatalf("event %d follows %d", seq, last)
			}
			last = seq
			switch kind {
			case protocol.TypeItemDelta:
				deltas++
			case protocol.TypeTurnEnded:
				var e protocol.Event
				ok(t, e.UnmarshalJSON(raw))
				return deltas, e.Data.(*protocol.TurnEnded).Outcome
			default:
			}
		}
	}
}

// decisions lets the agent of another session ask, and decides, until ctx
// ends. It returns how long each decision took to be durable and answered.
func (s *served) decisions(ctx context.Context, client *clientlib.Client) (took []time.Duration) {
	for n := 1; ctx.Err() == nil; n++ {
		id := strconv.Itoa(n)
		if _, err := client.Command(ctx, "asks", "ask"+id, &protocol.Prompt{Text: `ask Bash {"command":"ls"}`}); err != nil {
			return took
		}
		for {
			state, err := client.State(ctx, "asks")
			if err != nil {
				return took
			}
			if len(state.Permissions) == 0 {
				continue
			}
			from := time.Now()
			_, err = client.Command(ctx, "asks", "decide"+id, &protocol.PermissionDecide{
				PermissionID: state.Permissions[0].PermissionID, Decision: protocol.Allow,
			})
			if err != nil {
				return took
			}
			took = append(took, time.Since(from))
			break
		}
	}
	return took
}

// memory returns the most resident memory that the server has had, in bytes.
func (s *served) memory(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/" + strconv.Itoa(s.cmd.Process.Pid) + "/status")
	ok(t, err)
	for line := range strings.Lines(string(status)) {
		if v, found := strings.CutPrefix(line, "VmHWM:"); found {
			kb, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(v), "kB")))
			ok(t, err)
			return kb << 10
		}
	}
	t.Fatal("the server's memory is not known")
	return 0
}

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/testdata/leak"
)

func TestMain(m *testing.M) {
	if played, err := playRole(os.Args[1:]); played {
		exitOn(err)
		return
	}
	leak.Main(m)
}

func TestQuantile(t *testing.T) {
	values := []float64{5, 1, 4, 2, 3}
	for q, want := range map[float64]float64{0: 1, 0.5: 3, 1: 5} {
		if got := quantile(values, q); got != want {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if got := spread([]time.Duration{3000, 1000, 2000}, micros); got != "2 us [1 us..3 us]" {
		t.Errorf("spread %q", got)
	}
}

func TestTableMarksMisses(t *testing.T) {
	got := table([]row{{"a", "1", "2", "", false}, {"b", "3", "", "at most 4", true}, {"c", "5", "", "at most 4", false}})
	want := "| a | 1 | 2 |  |  |\n| b | 3 |  | at most 4 | pass |\n| c | 5 |  | at most 4 | **miss** |\n"
	if !strings.HasSuffix(got, want) {
		t.Errorf("table:\n%s\nwant it to end in\n%s", got, want)
	}
}

// deltaFrame is an events frame as the server encodes it.
func deltaFrame(t *testing.T, seq uint64, texts ...string) []byte {
	t.Helper()
	var events []protocol.Event
	for i, text := range texts {
		events = append(events, protocol.Event{
			Seq: seq + uint64(i), SessionID: "s1", Source: protocol.SourceAgent,
			Data: &protocol.ItemDelta{ItemID: "i1", Kind: protocol.DeltaText, Text: text},
		})
	}
	frame, err := protocol.AppendFrame(nil, protocol.FormatJSON, protocol.FrameEvents, &protocol.Events{Last: seq + uint64(len(texts)) - 1, Events: events})
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

func TestHolesAreSeen(t *testing.T) {
	tests := []struct {
		name   string
		frames [][]byte
		ok     bool
	}{
		{"dense", [][]byte{deltaFrame(t, 7, "1 0 x ", "1 1 x "), deltaFrame(t, 9, "1 2 x ")}, true},
		{"a missing event", [][]byte{deltaFrame(t, 7, "1 0 x "), deltaFrame(t, 9, "1 1 x ")}, false},
		{"a missing delta", [][]byte{deltaFrame(t, 7, "1 0 x "), deltaFrame(t, 8, "1 2 x ")}, false},
		{"a delta twice", [][]byte{deltaFrame(t, 7, "1 0 x "), deltaFrame(t, 8, "1 0 x ")}, false},
		{"a refusal", [][]byte{[]byte(`{"type":"result","id":"1","ok":false,"error":{"code":"busy"}}`)}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, st := &socket{}, &stream{mark: eventDelta, keep: true}
			var err error
			for _, frame := range tt.frames {
				if err == nil {
					err = s.checkFrame(frame)
				}
				if err == nil {
					err = st.take(frame, time.Unix(0, 1001))
				}
			}
			if (err == nil) != tt.ok {
				t.Errorf("got %v", err)
			}
			if tt.ok && (st.complete(3) != nil || st.delays[0] != 1000) {
				t.Errorf("stream %+v", st)
			}
		})
	}
}

func TestRelayLosesNothing(t *testing.T) {
	dir := t.TempDir()
	b := &bench{dir: dir, self: os.Args[0], agent: filepath.Join(dir, "fakeagent")}
	if out, err := exec.Command("go", "build", "-o", b.agent, "../fakeagent").CombinedOutput(); err != nil {
		t.Fatalf("cannot build the agent: %v\n%s", err, out)
	}
	st := &stream{mark: nativeDelta, keep: true}
	if _, err := b.playRelay(t.Context(), "flood 5000", 5000, st); err != nil {
		t.Fatal(err)
	}
	if d := quantile(st.delays, 0.5); d <= 0 {
		t.Errorf("the median delay is %v", d)
	}
}

package protocol_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/towline-dev/towline/agents/agenttest/golden"
	. "github.com/towline-dev/towline/protocol"
)

// compare compares lines of JSON, and their msgpack forms, with the files kept
// in testdata/protocol. Clients in other languages test against them too.
func compare(t *testing.T, name string, lines [][]byte) {
	t.Helper()
	var packed [][]byte
	for _, line := range lines {
		b, err := AppendMsgpack(nil, line)
		if err != nil {
			t.Fatal(err)
		}
		packed = append(packed, []byte(hex.EncodeToString(b)))
	}
	for ext, want := range map[string][][]byte{".ndjson": lines, ".msgpack.hex": packed} {
		golden.Compare(t, filepath.Join("..", "testdata", "protocol", name+ext), append(bytes.Join(want, []byte("\n")), '\n'))
	}
}

func TestGoldenEvents(t *testing.T) {
	var lines [][]byte
	for _, e := range sampleEvents() {
		line, err := AppendEvent(nil, &e)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	compare(t, "events", lines)
}

func TestGoldenServerFrames(t *testing.T) {
	frames := sampleServerFrames()
	var types []FrameType
	for ft := range frames {
		types = append(types, ft)
	}
	slices.Sort(types)
	var lines [][]byte
	for _, ft := range types {
		line, err := AppendFrame(nil, FormatJSON, ft, frames[ft])
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	compare(t, "server-frames", lines)
}

func TestGoldenClientFrames(t *testing.T) {
	var lines [][]byte
	for _, c := range sampleCommands() {
		line, err := EncodeClientFrame(FormatJSON, ClientFrame{ID: "cmd-" + string(c.FrameType()), Command: c})
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	compare(t, "client-frames", lines)
}

// TestEveryTypeHasASample keeps the samples complete: a type added without one
// would be tested nowhere.
func TestEveryTypeHasASample(t *testing.T) {
	var events []EventType
	for _, d := range sampleData() {
		events = append(events, d.EventType())
	}
	want := EventTypes()
	slices.Sort(events)
	slices.Sort(want)
	if diff := cmp.Diff(want, events); diff != "" {
		t.Errorf("event types (-known +sampled):\n%s", diff)
	}
	var frames []FrameType
	for _, c := range sampleCommands() {
		frames = append(frames, c.FrameType())
	}
	for ft := range sampleServerFrames() {
		frames = append(frames, ft)
	}
	known := FrameTypes()
	slices.Sort(frames)
	slices.Sort(known)
	if diff := cmp.Diff(known, frames); diff != "" {
		t.Errorf("frame types (-known +sampled):\n%s", diff)
	}
}

func TestEventsSurviveBothCodecs(t *testing.T) {
	for _, e := range sampleEvents() {
		t.Run(string(e.Data.EventType()), func(t *testing.T) {
			for _, raw := range []json.RawMessage{nil, json.RawMessage(`{"native":1}`)} {
				e.Raw = raw
				line, err := AppendEvent(nil, &e)
				if err != nil {
					t.Fatal(err)
				}
				packed, err := AppendMsgpack(nil, line)
				if err != nil {
					t.Fatal(err)
				}
				back, err := AppendJSON(nil, packed)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(line), string(back)); diff != "" {
					t.Errorf("after msgpack (-want +got):\n%s", diff)
				}
				var got Event
				if err := json.Unmarshal(back, &got); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(e, got); diff != "" {
					t.Errorf("after decoding (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestServerFramesSurviveBothCodecs(t *testing.T) {
	for ft, body := range sampleServerFrames() {
		for _, format := range []Format{FormatJSON, FormatMsgpack} {
			t.Run(string(ft)+"/"+format.String(), func(t *testing.T) {
				b, err := AppendFrame([]byte("x"), format, ft, body)
				if err != nil {
					t.Fatal(err)
				}
				gotType, got, err := DecodeServerFrame(format, b[1:])
				if err != nil {
					t.Fatal(err)
				}
				if gotType != ft {
					t.Errorf("type %s, want %s", gotType, ft)
				}
				if diff := cmp.Diff(body, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestClientFramesSurviveBothCodecs(t *testing.T) {
	for _, c := range sampleCommands() {
		var hashes [][32]byte
		for _, format := range []Format{FormatJSON, FormatMsgpack} {
			t.Run(string(c.FrameType())+"/"+format.String(), func(t *testing.T) {
				want := ClientFrame{ID: "a.b_c:d-9", Command: c}
				b, err := EncodeClientFrame(format, want)
				if err != nil {
					t.Fatal(err)
				}
				got, err := DecodeClientFrame(format, b)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				hashes = append(hashes, CommandHash(got.Command))
			})
		}
		if len(hashes) == 2 && hashes[0] != hashes[1] {
			t.Errorf("%s hashes differently in msgpack", c.FrameType())
		}
	}
}

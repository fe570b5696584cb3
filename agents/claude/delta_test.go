package claude

import (
	"encoding/json"
	"strconv"
	"syscall"
	"testing"
)

// slowDelta reads a delta the general way.
func slowDelta(frame []byte) (streamDelta, bool) {
	var f struct {
		Type   string `json:"type"`
		Parent string `json:"parent_tool_use_id"`
		Event  struct {
			Type  string `json:"type"`
			Index int    `json:"index"`
			Delta struct {
				Type     string `json:"type"`
				Text     string `json:"text"`
				Thinking string `json:"thinking"`
				JSON     string `json:"partial_json"`
			} `json:"delta"`
		} `json:"event"`
	}
	if json.Unmarshal(frame, &f) != nil || f.Type != "stream_event" || f.Event.Type != "content_block_delta" {
		return streamDelta{}, false
	}
	d := f.Event.Delta
	return streamDelta{f.Parent, f.Event.Index, d.Type, d.Text + d.Thinking + d.JSON}, true
}

// The quick way and the general way read the same of every recorded delta.
func TestScanDeltaOfCaptures(t *testing.T) {
	quick := 0
	for name, lines := range recordings.Lines(t) {
		for _, line := range lines {
			var l struct {
				Frame json.RawMessage `json:"frame"`
			}
			if err := json.Unmarshal(line, &l); err != nil {
				t.Fatal(err)
			}
			got, ok := scanDelta(l.Frame)
			if !ok {
				continue
			}
			quick++
			if want, is := slowDelta(l.Frame); !is || got != want {
				t.Errorf("%s: %s gives %+v, want %+v", name, l.Frame, got, want)
			}
		}
	}
	if quick != 287 {
		t.Errorf("%d deltas were read the quick way, want 287 of 288 (a signature goes the general way)", quick)
	}
}

// What the quick way takes is valid JSON.
func FuzzScanDelta(f *testing.F) {
	f.Add([]byte(deltaLine(3)))
	f.Add([]byte(`{"type":"stream_event","event":{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\u00e9\ud83d"}},"x":[1,{"a":null}]}`))
	f.Add([]byte(`{"type":"stream_event","event":{"index":01,"type":"content_block_delta","delta":{"type":"text_delta","text":null}}}`))
	f.Fuzz(func(t *testing.T, frame []byte) {
		if _, ok := scanDelta(frame); ok && !json.Valid(frame) {
			t.Fatalf("took invalid JSON: %q", frame)
		}
	})
}

// FuzzNative feeds lines to a translator in the middle of a turn: it never
// panics, and what it makes of a line is bounded by the line.
func FuzzNative(f *testing.F) {
	for _, seed := range []string{initFrame, doneFrame, bashWhole, bashAsk, suggestions, question, textDelta("x"), editResult(`{"type":"create","filePath":"f","content":"a"}`)} {
		f.Add([]byte(seed + "\n" + startFrame))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		tr := newTranslator(setup{SessionID: "s"})
		tr.Open()
		for _, frame := range []string{answerTo("towline-1", `{}`), initFrame, startFrame, textStart, textDelta("a"), bashWhole, bashAsk} {
			tr.Native([]byte(frame))
		}
		lines := splitLines(data)
		for _, line := range lines {
			out := tr.Native(line)
			size := len(ndjson(t, out.Events))
			for _, frame := range out.Frames {
				size += len(frame)
				if !json.Valid(frame) {
					t.Fatalf("an invalid frame would be written: %q", frame)
				}
			}
			if size > 64<<10+200*len(data) {
				t.Fatalf("%d bytes of a line of %d", size, len(line))
			}
		}
	})
}

func splitLines(data []byte) [][]byte {
	var lines [][]byte
	start := 0
	for i, c := range data {
		if c == '\n' {
			lines = append(lines, data[start:i])
			start = i + 1
		}
	}
	return append(lines, data[start:])
}

// deltaLine is a text delta as the CLI writes it, about 300 bytes.
func deltaLine(i int) string {
	return `{"type":"stream_event","event":{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"word ` + strconv.Itoa(i) +
		` "}},"session_id":"b29ea096-883e-451d-803f-3e568d23314a","parent_tool_use_id":null,"uuid":"0443c5e2-889b-4768-89ec-bf49846affc9","api_message_id":"msg_fake0001"}`
}

// processorTime is what this process has computed so far, in nanoseconds. On a
// busy machine it tells more than the clock.
func processorTime() int64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // it cannot fail for the own process
	return u.Utime.Nano() + u.Stime.Nano()
}

// BenchmarkDeltas translates 100,000 text deltas; the budget is 4 us each.
func BenchmarkDeltas(b *testing.B) {
	const n = 100_000
	lines := make([][]byte, n)
	bytes := 0
	for i := range lines {
		lines[i] = []byte(deltaLine(i))
		bytes += len(lines[i])
	}
	b.SetBytes(int64(bytes))
	b.ReportAllocs()
	begin := processorTime()
	for b.Loop() {
		tr := newTranslator(setup{SessionID: "s"})
		tr.Native([]byte(initFrame))
		tr.Native([]byte(startFrame))
		tr.Native([]byte(textStart))
		for _, line := range lines {
			if len(tr.Native(line).Events) != 1 {
				b.Fatal("a delta was lost")
			}
		}
	}
	b.ReportMetric(float64(processorTime()-begin)/float64(b.N)/n, "cpu-ns/delta")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/delta")
}

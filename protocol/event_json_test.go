package protocol_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	. "github.com/towline-dev/towline/protocol"
	"pgregory.net/rapid"
)

func benchmarkDelta() *Event {
	return &Event{
		Seq: 123_456, SessionID: "01J8Z3V9Q4T5W6X7Y8Z9", Time: at(7), TurnID: "t12", Source: SourceAgent,
		Data: &ItemDelta{ItemID: "i34", Kind: DeltaText, Text: strings.Repeat("it keeps the last line ", 7)},
	}
}

// plainJSON is what encoding/json writes without HTML escaping.
func plainJSON(t interface{ Fatal(...any) }, v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func TestAppendStringIsEncodingJSONs(t *testing.T) {
	check := func(t interface {
		Fatal(...any)
		Errorf(string, ...any)
	}, s string,
	) {
		got := AppendString([]byte("kept"), s)
		// encoding/json has two spellings of U+FFFD, by how it was built.
		want := "kept" + strings.ReplaceAll(string(plainJSON(t, s)), "\uFFFD", `\ufffd`)
		if norm := strings.ReplaceAll(string(got), "\uFFFD", `\ufffd`); norm != want || !utf8.Valid(got) {
			t.Errorf("%q: got %s, want %s", s, got, want)
		}
	}
	for _, s := range []string{"", "a", "\xff", "a\xc3", "\xed\xa0\x80z", "\u2028\u2029\uFFFD", "<&>", "\x00\x1f\x7f\b\f\n\r\t\"\\/", "日本語😀"} {
		check(t, s)
	}
	rapid.Check(t, func(t *rapid.T) { check(t, string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))) })
}

func TestDeltaFastPathIsEncodingJSONs(t *testing.T) {
	for _, d := range []*ItemDelta{{}, {ItemID: "i1", Index: -3, Kind: DeltaToolOutput, Text: "<\x01\xff>"}} {
		line, err := AppendEvent(nil, &Event{Data: d})
		if err != nil {
			t.Fatal(err)
		}
		spell := func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\uFFFD"), []byte(`\ufffd`)) }
		if want := spell(plainJSON(t, d)); !bytes.HasSuffix(spell(line), append(append([]byte(`"data":`), want...), '}')) {
			t.Errorf("got %s, want data %s", line, want)
		}
	}
}

func TestAppendEventErrors(t *testing.T) {
	for name, e := range map[string]Event{
		"no data":  {},
		"bad tool": {Data: &ItemStarted{Item: Item{Tool: &Tool{Input: json.RawMessage(`{"a":`)}}}},
		"bad raw":  {Data: &TurnEnded{}, Raw: json.RawMessage(`nope`)},
	} {
		if got, err := AppendEvent([]byte("kept"), &e); err == nil || string(got) != "kept" {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

func TestAppendEventIsAlwaysUTF8(t *testing.T) {
	bad := json.RawMessage("\"a\xffb\"")
	line, err := AppendEvent(nil, &Event{Data: &ItemStarted{Item: Item{Tool: &Tool{Input: bad}}}, Raw: bad})
	if err != nil {
		t.Fatal(err)
	}
	if !utf8.Valid(line) || strings.Count(string(line), "a\uFFFDb") != 2 {
		t.Errorf("got %q", line)
	}
	var e Event
	if err := json.Unmarshal(line, &e); err != nil {
		t.Error(err)
	}
}

func TestUnknownDataWithoutBytesIsNull(t *testing.T) {
	line, err := AppendEvent(nil, &Event{Data: &UnknownData{Type: "x"}})
	if err != nil || !bytes.HasSuffix(line, []byte(`"data":null}`)) {
		t.Errorf("got %s, %v", line, err)
	}
}

func TestUnmarshalEventErrors(t *testing.T) {
	for _, text := range []string{`{}`, `{"seq":1}`, `[]`, `{"type":"turn.started","data":7}`, `{"type":"notice","seq":"1"}`} {
		var e Event
		if err := json.Unmarshal([]byte(text), &e); err == nil {
			t.Errorf("%s was taken", text)
		}
	}
	var e Event
	if err := json.Unmarshal([]byte(`{"type":"turn.ended"}`), &e); err != nil || e.Data.EventType() != TypeTurnEnded {
		t.Errorf("without data: %+v, %v", e, err)
	}
}

func TestEventHeadRefusesOthers(t *testing.T) {
	line, err := AppendEvent(nil, benchmarkDelta())
	if err != nil {
		t.Fatal(err)
	}
	for n := range bytes.Index(line, []byte(`,"turn_id"`)) {
		if _, _, err := EventHead(line[:n]); err == nil {
			t.Errorf("took %s", line[:n])
		}
	}
	if _, _, err := EventHead([]byte(`{"type":"notice","seq":1}`)); err == nil {
		t.Error("took another order of keys")
	}
}

func TestSplitArray(t *testing.T) {
	for text, want := range map[string][]string{
		`[]`:                         nil,
		` [ ] `:                      nil,
		`[1]`:                        {"1"},
		`[1, "a,]\"[", {"b":[2,3]}]`: {"1", `"a,]\"["`, `{"b":[2,3]}`},
		`["\\","\\\""]`:              {`"\\"`, `"\\\""`},
		`[[],{},null]`:               {"[]", "{}", "null"},
	} {
		got, err := SplitArray([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		var parts []string
		for _, p := range got {
			parts = append(parts, string(p))
		}
		if diff := cmp.Diff(want, parts); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
	for _, text := range []string{``, `[`, `{}`, `[1`, `1]`, `["a]`, `["a\"]`, `[[]`, `[{]`, `[]]`} {
		if got, err := SplitArray([]byte(text)); err == nil {
			t.Errorf("%s was split: %q", text, got)
		}
	}
}

func BenchmarkAppendEvent(b *testing.B) {
	item := &Event{Seq: 1, SessionID: "s", Time: at(1), Source: SourceAgent, Data: &ItemCompleted{Item: sampleItem(ItemDone)}}
	for name, e := range map[string]*Event{"delta": benchmarkDelta(), "item": item} {
		b.Run(name, func(b *testing.B) {
			var dst []byte
			var err error
			b.ReportAllocs()
			for b.Loop() {
				if dst, err = AppendEvent(dst[:0], e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSplitArray(b *testing.B) {
	line, err := AppendEvent(nil, benchmarkDelta())
	if err != nil {
		b.Fatal(err)
	}
	chunk := append([]byte{'['}, bytes.Repeat(append(line, ','), 127)...)
	chunk = append(append(chunk, line...), ']')
	b.SetBytes(int64(len(chunk)))
	b.ReportAllocs()
	for b.Loop() {
		if parts, err := SplitArray(chunk); err != nil || len(parts) != 128 {
			b.Fatal(len(parts), err)
		}
	}
}

func BenchmarkDecodeEventsFrame(b *testing.B) {
	line, err := AppendEvent(nil, benchmarkDelta())
	if err != nil {
		b.Fatal(err)
	}
	blocks := make([][]byte, 128)
	for i := range blocks {
		blocks[i] = line
	}
	frame := AppendEventsFrame(nil, FormatJSON, 1, len(blocks), blocks...)
	b.SetBytes(int64(len(frame)))
	for b.Loop() {
		if _, _, err := DecodeServerFrame(FormatJSON, frame); err != nil {
			b.Fatal(err)
		}
	}
}

func TestEventsFrameOfOtherMakers(t *testing.T) {
	for text, want := range map[string]int{
		`{"type":"events","last":3,"events":[]}`:   0,
		`{"events":null,"last":3,"type":"events"}`: 0,
		`{"type":"events","x":[{"events":[1]}],"last":3,"events":[ {"type":"ping"} , {"data":{},"x":[],"type":"turn.ended","turn_id":null} ]}`: 2,
	} {
		_, body, err := DecodeServerFrame(FormatJSON, []byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if f := body.(*Events); f.Last != 3 || len(f.Events) != want {
			t.Errorf("%s: got %+v", text, f)
		}
	}
	for _, text := range []string{
		`{"type":"events","last":3,"events":[{"type":"ping"},]}`, `{"type":"events","last":3,"events":[{"type":"ping"} {"type":"ping"}]}`,
		`{"type":"events","last":-3,"events":[]}`, `{"type":"events","last":3,"events":{}}`, `{"type":"events","last":3,"events":[]}x`,
		`{"type":"events","last":3,"events":[1]}`, `{"type":"events","last":3,"events":[`, `{"type":"events","last"`, `{"type":"events","last":}`,
	} {
		if _, _, err := DecodeServerFrame(FormatJSON, []byte(text)); err == nil {
			t.Errorf("%s was taken", text)
		}
	}
	var e Event
	if err := e.UnmarshalJSON([]byte(`{"type":"ping"} x`)); err == nil {
		t.Error("an event with something behind it was taken")
	}
}

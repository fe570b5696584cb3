package protocol_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	. "github.com/towline-dev/towline/protocol"
	"github.com/vmihailenco/msgpack/v5"
)

// seedFrames feeds the golden client frames and some broken ones.
func seedFrames(f *testing.F, format Format) {
	f.Helper()
	b, err := os.ReadFile(filepath.Join("..", "testdata", "protocol", "client-frames.ndjson"))
	if err != nil {
		f.Fatal(err)
	}
	lines := append(strings.Split(strings.TrimSpace(string(b)), "\n"),
		`{"type":"ping","id":"a","x":[1,-2.5e3,true,null,"\ud83d\ude00"]}`, `{"a":1,"a":2}`, `[[[[]]]]`, `{"\u0000":"\ud83d"}`, `1e400`, "\xef\xbb\xbf{}")
	for _, line := range lines {
		if format == FormatJSON {
			f.Add([]byte(line))
		} else if packed, err := AppendMsgpack(nil, []byte(line)); err == nil {
			f.Add(packed)
		}
	}
}

// withinBounds fails if decoding allocates more than 16 times the frame, plus
// what the decoders need for any frame.
func withinBounds(t *testing.T, frame []byte, decode func()) {
	t.Helper()
	const fixed = 64 << 10
	if bytes, _ := allocated(decode); bytes > uint64(16*len(frame)+fixed) {
		// Other goroutines of the fuzzer allocate too: only what repeats counts.
		if again, _ := allocated(decode); again > uint64(16*len(frame)+fixed) {
			t.Errorf("%d bytes allocated for a frame of %d", again, len(frame))
		}
	}
}

func FuzzEnvelopeJSON(f *testing.F) {
	seedFrames(f, FormatJSON)
	f.Fuzz(func(t *testing.T, frame []byte) {
		_, err := DecodeClientFrame(FormatJSON, frame)
		guard := (GuardLimits{}).CheckJSON(frame)
		if _, refused := errors.AsType[*GuardError](err); refused != (guard != nil) {
			t.Fatalf("guard: %v, decoder: %v", guard, err)
		}
		packed, packErr := AppendMsgpack(nil, frame)
		if guard != nil {
			return
		}
		if !json.Valid(frame) {
			t.Fatal("the guard took what is no JSON")
		}
		withinBounds(t, frame, func() { _, _ = DecodeClientFrame(FormatJSON, frame) })
		if packErr != nil {
			t.Fatalf("the guard took it, the transcoder did not: %v", packErr)
		}
		back, err := AppendJSON(nil, packed)
		if err != nil {
			t.Fatal(err)
		}
		var want, got any
		if err := errors.Join(json.Unmarshal(frame, &want), json.Unmarshal(back, &got)); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(want, got) {
			t.Fatalf("%s became %s", frame, back)
		}
	})
}

func FuzzEnvelopeMsgpack(f *testing.F) {
	seedFrames(f, FormatMsgpack)
	f.Add([]byte("\x81\xa7content\xdd\xff\xff\xff\xff\xc0\xc0\xc0\xc0"))
	f.Add([]byte("\x92\xc4\x01\xff\xca\x3f\x80\x00\x00"))
	f.Add([]byte("\xc7\x01\x05x"))
	f.Fuzz(func(t *testing.T, frame []byte) {
		_, err := DecodeClientFrame(FormatMsgpack, frame)
		guard := (GuardLimits{}).CheckMsgpack(frame)
		if _, refused := errors.AsType[*GuardError](err); refused != (guard != nil) {
			t.Fatalf("guard: %v, decoder: %v", guard, err)
		}
		text, textErr := AppendJSON(nil, frame)
		if guard != nil {
			return
		}
		if textErr != nil {
			t.Fatalf("the guard took it, the transcoder did not: %v", textErr)
		}
		withinBounds(t, frame, func() { _, _ = DecodeClientFrame(FormatMsgpack, frame) })
		withinBounds(t, frame, func() {
			var v any
			if err := msgpack.Unmarshal(frame, &v); err != nil {
				t.Errorf("the guard took it, the library does not: %v", err)
			}
		})
		if !json.Valid(text) {
			t.Fatalf("the transcoder made %q", text)
		}
		packed, err := AppendMsgpack(nil, text)
		if err != nil {
			t.Fatal(err)
		}
		again, err := AppendJSON(nil, packed)
		if err != nil || string(again) != string(text) {
			t.Fatalf("%s became %s, %v", text, again, err)
		}
	})
}

func FuzzSplitArray(f *testing.F) {
	for _, s := range []string{`[]`, `[1,"a,]",{"b":[2]}]`, `["\\",[`, `]`, `["`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, array []byte) {
		parts, err := SplitArray(array)
		var want []json.RawMessage
		if json.Unmarshal(array, &want) != nil || want == nil {
			return // it promises only not to panic
		}
		if err != nil || len(parts) != len(want) {
			t.Fatalf("%d parts, %v; want %d", len(parts), err, len(want))
		}
		for i := range want {
			if string(parts[i]) != string(want[i]) {
				t.Fatalf("part %d is %s, want %s", i, parts[i], want[i])
			}
		}
	})
}

func FuzzEventHead(f *testing.F) {
	for _, e := range sampleEvents() {
		line, err := AppendEvent(nil, &e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, event []byte) {
		_, et, err := EventHead(event)
		if err != nil && et != "" {
			t.Fatalf("%q beside %v", et, err)
		}
	})
}

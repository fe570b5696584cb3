package protocol_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	. "github.com/towline-dev/towline/protocol"
	"github.com/vmihailenco/msgpack/v5"
	"pgregory.net/rapid"
)

// anyNumber draws numbers that both encodings hold exactly.
func anyNumber(t *rapid.T) json.Number {
	switch rapid.IntRange(0, 3).Draw(t, "number") {
	case 0:
		return json.Number(strconv.FormatInt(rapid.Int64().Draw(t, "int"), 10))
	case 1:
		return json.Number(strconv.FormatUint(rapid.Uint64().Draw(t, "uint"), 10))
	case 2:
		return json.Number(strconv.Itoa(rapid.IntRange(-70000, 70000).Draw(t, "small")))
	default:
		f := rapid.Float64().Filter(func(f float64) bool { return f != math.Trunc(f) || math.Abs(f) >= 1e21 }).Draw(t, "float")
		b, _ := json.Marshal(f)
		return json.Number(b)
	}
}

// anyValue draws a JSON value as encoding/json decodes it with UseNumber.
func anyValue(t *rapid.T, depth int) any {
	kinds := 6
	if depth == 0 {
		kinds = 4
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return nil
	case 1:
		return rapid.Bool().Draw(t, "bool")
	case 2:
		return anyNumber(t)
	case 3:
		return rapid.String().Draw(t, "string")
	case 4:
		list := make([]any, rapid.IntRange(0, 20).Draw(t, "len"))
		for i := range list {
			list[i] = anyValue(t, depth-1)
		}
		return list
	default:
		fields := make(map[string]any)
		for range rapid.IntRange(0, 20).Draw(t, "len") {
			fields[rapid.String().Draw(t, "key")] = anyValue(t, depth-1)
		}
		return fields
	}
}

func readAny(t interface{ Fatal(...any) }, text []byte) any {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestMsgpackIdentityOfValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := anyValue(t, 3)
		text, err := json.Marshal(want) // escapes for HTML, so escapes are covered
		if err != nil {
			t.Fatal(err)
		}
		if err := (GuardLimits{}).CheckJSON(text); err != nil && !strings.Contains(err.Error(), "values") {
			t.Fatal(err)
		}
		packed, err := AppendMsgpack(nil, text)
		if err != nil {
			t.Fatal(err)
		}
		if err := (GuardLimits{}).CheckMsgpack(packed); err != nil && !strings.Contains(err.Error(), "values") {
			t.Fatal(err)
		}
		back, err := AppendJSON(nil, packed)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, readAny(t, back)); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		var library any
		if err := msgpack.Unmarshal(packed, &library); err != nil {
			t.Fatalf("the library cannot read it: %v", err)
		}
	})
}

// encodeWithLibrary writes a value with the library's primitives, keys sorted.
func encodeWithLibrary(enc *msgpack.Encoder, v any) error {
	switch v := v.(type) {
	case nil:
		return enc.EncodeNil()
	case bool:
		return enc.EncodeBool(v)
	case string:
		return enc.EncodeString(v)
	case json.Number:
		if n, err := strconv.ParseUint(string(v), 10, 64); err == nil {
			return enc.EncodeUint(n)
		}
		if n, err := strconv.ParseInt(string(v), 10, 64); err == nil && n != 0 {
			return enc.EncodeInt(n)
		}
		f, err := v.Float64()
		if err != nil {
			return err
		}
		return enc.EncodeFloat64(f)
	case []any:
		if err := enc.EncodeArrayLen(len(v)); err != nil {
			return err
		}
		for _, e := range v {
			if err := encodeWithLibrary(enc, e); err != nil {
				return err
			}
		}
		return nil
	default:
		fields := v.(map[string]any)
		if err := enc.EncodeMapLen(len(fields)); err != nil {
			return err
		}
		for _, k := range slices.Sorted(maps.Keys(fields)) {
			if err := enc.EncodeString(k); err != nil {
				return err
			}
			if err := encodeWithLibrary(enc, fields[k]); err != nil {
				return err
			}
		}
		return nil
	}
}

func packWithLibrary(t interface{ Fatal(...any) }, v any) []byte {
	var b bytes.Buffer
	if err := encodeWithLibrary(msgpack.NewEncoder(&b), v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestMsgpackBytesAreTheLibrarys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := anyValue(t, 3)
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		got, err := AppendMsgpack(nil, text)
		if err != nil {
			t.Fatal(err)
		}
		if want := packWithLibrary(t, v); !bytes.Equal(want, got) {
			t.Fatalf("%s:\nwant %x\ngot  %x", text, want, got)
		}
	})
	for _, n := range []int{15, 16, 31, 32, 255, 256, 65_535, 65_536} {
		list := make([]any, n)
		fields := make(map[string]any)
		for i := range n {
			fields[strconv.Itoa(i)] = json.Number(strconv.Itoa(i - 40_000))
		}
		for _, v := range []any{strings.Repeat("a", n), strings.Repeat("\n", n), list, fields, []any{list, fields, "end"}} {
			text, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			got, err := AppendMsgpack([]byte("kept"), text)
			if err != nil {
				t.Fatal(err)
			}
			if want := append([]byte("kept"), packWithLibrary(t, v)...); !bytes.Equal(want, got) {
				t.Errorf("%T of %d differs from the library's", v, n)
			}
		}
	}
}

func TestMsgpackNumbers(t *testing.T) {
	for in, want := range map[string]string{
		"0": "0", "-0": "-0", "1.0": "1", "1e3": "1000", "-1E2": "-100", "0.1": "0.1", "1e-7": "1e-7",
		"9223372036854775807": "9223372036854775807", "-9223372036854775808": "-9223372036854775808",
		"18446744073709551615": "18446744073709551615", "18446744073709551616": "18446744073709552000",
		"-9223372036854775809": "-9223372036854775808", "123456789012345678901234567890": "1.2345678901234568e+29",
		"0.1000000000000000055511151231257827": "0.1", "1e-400": "0", "-1e-400": "-0",
	} {
		packed, err := AppendMsgpack(nil, []byte(in))
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		got, err := AppendJSON(nil, packed)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		a, _ := strconv.ParseFloat(want, 64)
		b, _ := strconv.ParseFloat(string(got), 64)
		if a != b || math.Signbit(a) != math.Signbit(b) || (!strings.Contains(want, "e") && len(want) < 20 && want[0] != '-' && string(got) != want) {
			t.Errorf("%s became %s, want %s", in, got, want)
		}
	}
	if _, err := AppendMsgpack(nil, []byte("1e400")); err == nil {
		t.Error("1e400 was taken")
	}
}

func TestMsgpackFromOtherEncoders(t *testing.T) {
	for _, c := range []struct{ name, packed, want string }{
		{"binary", "\xc4\x03\x00\xff\x10", `"AP8Q"`},
		{"a wide integer", "\xd3\x00\x00\x00\x00\x00\x00\x00\x05", "5"},
		{"a wide negative", "\xd1\xff\xff", "-1"},
		{"int8", "\xd0\x80", "-128"},
		{"uint64", "\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709551615"},
		{"a float as count", "\xcb\x41\x70\x00\x00\x00\x00\x00\x00", "16777216"},
		{"a small float", "\xca\x3f\x00\x00\x00", "0.5"},
		{"a wide string", "\xdb\x00\x00\x00\x01a", `"a"`},
		{"wide containers", "\xdf\x00\x00\x00\x01\xa1a\xdd\x00\x00\x00\x00", `{"a":[]}`},
		{"nested", "\x82\xa1a\x92\x01\x80\xa1b\xc2", `{"a":[1,{}],"b":false}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := (GuardLimits{}).CheckMsgpack([]byte(c.packed)); err != nil {
				t.Error(err)
			}
			got, err := AppendJSON([]byte("kept"), []byte(c.packed))
			if err != nil || string(got) != "kept"+c.want {
				t.Errorf("got %s, %v; want %s", got, err, c.want)
			}
		})
	}
}

func TestMsgpackReplacesHalfPairs(t *testing.T) {
	packed, err := AppendMsgpack(nil, []byte(`"a\ud83db"`))
	if err != nil || string(packed) != "\xa5a\uFFFDb" {
		t.Errorf("got %q, %v", packed, err)
	}
}

func TestTranscodersKeepDstOnErrors(t *testing.T) {
	if got, err := AppendMsgpack([]byte("kept"), []byte(`[1,`)); err == nil || string(got) != "kept" {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := AppendJSON([]byte("kept"), []byte("\x92\x01")); err == nil || string(got) != "kept" {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestRandomFramesSurvive sends random events, commands and frames through
// both codecs.
func TestRandomFramesSurvive(t *testing.T) {
	text := rapid.String()
	rapid.Check(t, func(t *rapid.T) {
		item := sampleItem(ItemInProgress)
		item.ID, item.Content[0].Text = text.Draw(t, "id"), text.Draw(t, "text")
		item.Tool.Input, _ = json.Marshal(anyValue(t, 2))
		datas := append(sampleData(),
			&ItemDelta{ItemID: text.Draw(t, "item"), Kind: DeltaKind(text.Draw(t, "kind")), Index: rapid.Int().Draw(t, "index"), Text: text.Draw(t, "delta")},
			&ItemStarted{Item: item},
			&AgentUnparsed{Sample: rapid.SliceOfN(rapid.Byte(), 1, 256).Draw(t, "sample"), Bytes: rapid.Int().Draw(t, "bytes")},
			&UnknownData{Type: "x." + EventType(text.Draw(t, "type")), JSON: item.Tool.Input},
		)
		e := Event{
			Seq: rapid.Uint64().Draw(t, "seq"), SessionID: text.Draw(t, "session"), Time: at(rapid.IntRange(0, 1<<30).Draw(t, "ms")),
			TurnID: text.Draw(t, "turn"), Source: Source(text.Draw(t, "source")), Data: rapid.SampledFrom(datas).Draw(t, "data"),
		}
		line, err := AppendEvent(nil, &e)
		if err != nil {
			t.Fatal(err)
		}
		seq, et, err := EventHead(line)
		if err != nil || seq != e.Seq || !strings.HasPrefix(string(et), "x.") && et != e.Data.EventType() {
			t.Fatalf("head %d %q, %v", seq, et, err)
		}
		packed, err := AppendMsgpack(nil, line)
		if err != nil {
			t.Fatal(err)
		}
		for format, block := range map[Format][]byte{FormatJSON: line, FormatMsgpack: packed} {
			frame := AppendEventsFrame(nil, format, e.Seq, 1, block)
			_, body, err := DecodeServerFrame(format, frame)
			if err != nil {
				t.Fatal(err)
			}
			again, err := AppendEvent(nil, &body.(*Events).Events[0])
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(readAny(t, line), readAny(t, again)); diff != "" {
				t.Fatalf("%s (-want +got):\n%s", format, diff)
			}
		}
	})
}

func BenchmarkAppendMsgpack(b *testing.B) {
	line, err := AppendEvent(nil, benchmarkDelta())
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	var dst []byte
	for b.Loop() {
		if dst, err = AppendMsgpack(dst[:0], line); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	line, err := AppendEvent(nil, benchmarkDelta())
	if err != nil {
		b.Fatal(err)
	}
	packed, err := AppendMsgpack(nil, line)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var dst []byte
	for b.Loop() {
		if dst, err = AppendJSON(dst[:0], packed); err != nil {
			b.Fatal(err)
		}
	}
}

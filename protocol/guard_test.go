package protocol_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	. "github.com/towline-dev/towline/protocol"
	"github.com/vmihailenco/msgpack/v5"
)

// allocated returns the bytes that f allocates, and how long it takes.
func allocated(f func()) (uint64, time.Duration) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	f()
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc, took
}

// mustRefuse fails unless err is the guard's with the code.
func mustRefuse(t *testing.T, err error, code Code) {
	t.Helper()
	if _, ok := errors.AsType[*GuardError](err); !ok || CodeOf(err) != code {
		t.Errorf("got %v, want a guard's %s", err, code)
	}
}

// lengthHeads are the msgpack codes that announce a length, with its width.
var lengthHeads = []struct {
	name  string
	code  byte
	width int
}{
	{"array16", 0xdc, 2},
	{"array32", 0xdd, 4},
	{"map16", 0xde, 2},
	{"map32", 0xdf, 4},
	{"str8", 0xd9, 1},
	{"str16", 0xda, 2},
	{"str32", 0xdb, 4},
	{"bin8", 0xc4, 1},
	{"bin16", 0xc5, 2},
	{"bin32", 0xc6, 4},
	{"ext8", 0xc7, 1},
	{"ext16", 0xc8, 2},
	{"ext32", 0xc9, 4},
}

// positions put a bomb at each place of a frame where a value can stand.
func positions(t *testing.T) map[string]func(bomb []byte) []byte {
	t.Helper()
	places := map[string]func([]byte) []byte{
		"whole frame": func(bomb []byte) []byte { return bomb },
		"a key":       func(bomb []byte) []byte { return append([]byte{0x81}, bomb...) },
	}
	for _, field := range []string{"type", "id", "text", "content", "delivery", "input", "unknown"} {
		places[field] = func(bomb []byte) []byte {
			var b bytes.Buffer
			enc := msgpack.NewEncoder(&b)
			for _, err := range []error{
				enc.EncodeMapLen(3), enc.EncodeString("other"), enc.EncodeInt(1), enc.EncodeString("more"), enc.EncodeArrayLen(0), enc.EncodeString(field),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
			return append(b.Bytes(), bomb...)
		}
	}
	return places
}

func TestB01_MsgpackLengths(t *testing.T) {
	for place, put := range positions(t) {
		for _, head := range lengthHeads {
			for _, announced := range []uint64{1<<8 - 1, 1<<16 - 1, 1<<31 - 1, 1<<32 - 1} {
				if announced >= 1<<(8*head.width) {
					continue
				}
				for body := range 4 {
					length := binary.BigEndian.AppendUint64(nil, announced)[8-head.width:]
					frame := put(append(append([]byte{head.code}, length...), make([]byte, body)...))
					name := fmt.Sprintf("%s/%s/%d/%d", place, head.name, announced, body)
					var err error
					decode := func() { _, err = DecodeClientFrame(FormatMsgpack, frame) }
					bytes, took := allocated(decode)
					if took > 200*time.Millisecond { // 1 ms is the aim; shared machines stall, but not twice
						_, took = allocated(decode)
					}
					if _, ok := errors.AsType[*GuardError](err); !ok {
						t.Errorf("%s: got %v, want a guard's refusal", name, err)
					}
					if bytes >= 1<<20 {
						t.Errorf("%s: %d bytes allocated", name, bytes)
					}
					if took > 200*time.Millisecond {
						t.Errorf("%s: took %v", name, took)
					}
					if _, err := AppendJSON(nil, frame); err == nil {
						t.Errorf("%s: the transcoder took it", name)
					}
				}
			}
		}
	}
}

func TestB01_TheFrameThatKillsTheLibrary(t *testing.T) {
	frame := append([]byte("\x81\xa7content\xdd\xff\xff\xff\xff"), 0xc0, 0xc0, 0xc0, 0xc0)
	_, err := DecodeClientFrame(FormatMsgpack, frame)
	mustRefuse(t, err, CodeInvalidRequest)
}

func TestB02_Depth(t *testing.T) {
	for _, depth := range []int{31, 32, 33, 100_000, 500_000, 1_000_000} {
		texts := map[string][2][]byte{
			"json arrays":  {[]byte(strings.Repeat("[", depth) + strings.Repeat("]", depth))},
			"json objects": {[]byte(strings.Repeat(`{"":`, depth) + "1" + strings.Repeat("}", depth))},
			"json open":    {[]byte(strings.Repeat("[", depth))},
			"msgpack":      {nil, append(bytes.Repeat([]byte{0x91}, depth), 0xc0)},
			"msgpack maps": {nil, append(bytes.Repeat([]byte{0x81, 0xa0}, depth), 0xc0)},
		}
		for name, text := range texts {
			t.Run(name+"/"+strconv.Itoa(depth), func(t *testing.T) {
				check := func() error { return (GuardLimits{}).CheckJSON(text[0]) }
				if text[0] == nil {
					check = func() error { return (GuardLimits{}).CheckMsgpack(text[1]) }
				}
				var err error
				bytes, _ := allocated(func() { err = check() })
				if depth <= 32 && name != "json open" {
					if err != nil {
						t.Errorf("refused: %v", err)
					}
				} else if _, ok := errors.AsType[*GuardError](err); !ok {
					t.Errorf("got %v, want a refusal", err)
				}
				if bytes >= 1<<20 {
					t.Errorf("%d bytes allocated", bytes)
				}
			})
		}
	}
}

func TestB02_TranscodersDoNotRecurse(t *testing.T) {
	for _, depth := range []int{9_999, 100_000, 1_000_000} {
		_, err := AppendMsgpack(nil, []byte(strings.Repeat("[", depth)+strings.Repeat("]", depth)))
		if (err == nil) != (depth < 10_000) {
			t.Errorf("JSON of depth %d: %v", depth, err)
		}
		_, err = AppendJSON(nil, append(bytes.Repeat([]byte{0x91}, depth), 0xc0))
		if (err == nil) != (depth < 10_000) {
			t.Errorf("msgpack of depth %d: %v", depth, err)
		}
	}
}

func TestGuardRefusesJSON(t *testing.T) {
	for name, text := range map[string]string{
		"only white space":          " \n",
		"two values":                `{} {}`,
		"rubbish after":             `{}x`,
		"cut object":                `{"a":1`,
		"cut string":                `{"a":"b`,
		"wrong bracket":             `{"a":[1}`,
		"trailing comma in object":  `{"a":1,}`,
		"trailing comma in array":   `[1,]`,
		"no colon":                  `{"a" 1}`,
		"bare key":                  `{a:1}`,
		"single quotes":             `{'a':1}`,
		"a comment":                 `{/**/}`,
		"the same key":              `{"a":1,"b":2,"a":3}`,
		"the same key, escaped":     `{"type":1,"typ\u0065":2}`,
		"the same key, deep":        `{"a":[{"b":{"c":1,"c":2}}]}`,
		"invalid UTF-8":             "{\"a\":\"\xff\"}",
		"overlong UTF-8":            "{\"a\":\"\xc0\xaf\"}",
		"a surrogate in UTF-8":      "{\"a\":\"\xed\xa0\x80\"}",
		"invalid UTF-8 in key":      "{\"\x80\":1}",
		"a byte order mark":         "\xef\xbb\xbf{}",
		"half a pair":               `{"a":"\ud83d"}`,
		"the other half":            `{"a":"\ude00"}`,
		"a pair the wrong way":      `{"a":"\ude00\ud83d"}`,
		"half a pair in key":        `{"\ud83d":1}`,
		"an unknown escape":         `{"a":"\x41"}`,
		"a short escape":            `{"a":"\u12"}`,
		"a raw control character":   "{\"a\":\"\n\"}",
		"NUL":                       "{\"a\":\"\x00\"}",
		"a leading zero":            `[01]`,
		"a plus":                    `[+1]`,
		"a bare minus":              `[-]`,
		"a bare point":              `[1.]`,
		"no digit before the point": `[.5]`,
		"an empty exponent":         `[1e]`,
		"infinity by exponent":      `[1e400]`,
		"infinity by digits":        "[" + strings.Repeat("9", 400) + "]",
		"NaN":                       `[NaN]`,
		"Infinity":                  `[-Infinity]`,
		"a word":                    `[nul]`,
		"a form feed":               "\f{}",
	} {
		t.Run(name, func(t *testing.T) {
			mustRefuse(t, (GuardLimits{}).CheckJSON([]byte(text)), CodeInvalidRequest)
		})
	}
}

func TestGuardTakesJSON(t *testing.T) {
	for _, text := range []string{
		`{}`, `[]`, `"x"`, `0`, `-0`, `-1.5e-3`, `1E5`, `true`, `false`, `null`, " \t\r\n{ \"a\" : [ 1 , 2 ] } ",
		`{"a":1,"A":2}`, `{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}`, `"\ud83d\ude00 \u0041 \"\\\/\b\f\n\r\t"`, `"日本語 😀"`,
		`18446744073709551616`, `1e308`, `{"":0}`,
	} {
		if err := (GuardLimits{}).CheckJSON([]byte(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestGuardRefusesMsgpack(t *testing.T) {
	float := func(f float64) string {
		return "\xcb" + string(binary.BigEndian.AppendUint64(nil, math.Float64bits(f)))
	}
	for name, packed := range map[string]string{
		"two values":             "\xc0\xc0",
		"the unused code":        "\xc1",
		"a number as key":        "\x81\x01\x01",
		"nil as key":             "\x81\xc0\x01",
		"binary as key":          "\x81\xc4\x01a\x01",
		"a map as key":           "\x81\x80\x01",
		"the same key":           "\x82\xa1a\x01\xa1a\x02",
		"the same key, other":    "\x82\xa1a\x01\xd9\x01a\x02",
		"invalid UTF-8":          "\xa1\xff",
		"invalid UTF-8 in key":   "\x81\xa1\xff\x01",
		"a fixed extension":      "\xd4\x01\x00",
		"a time":                 "\xd6\xff\x00\x00\x00\x00",
		"an extension":           "\xc7\x01\x05x",
		"NaN":                    float(math.NaN()),
		"infinity":               float(math.Inf(1)),
		"a small NaN":            "\xca\x7f\xc0\x00\x00",
		"a cut number":           "\xcf\x00",
		"a map without a value":  "\x81\xa1a",
		"an array without value": "\x91",
		"a value too few":        "\x92\x01",
	} {
		t.Run(name, func(t *testing.T) {
			mustRefuse(t, (GuardLimits{}).CheckMsgpack([]byte(packed)), CodeInvalidRequest)
			if strings.HasPrefix(name, "the same key") {
				return // the transcoder does not look for those
			}
			if _, err := AppendJSON(nil, []byte(packed)); err == nil {
				t.Error("the transcoder took it")
			}
		})
	}
}

func TestGuardLimits(t *testing.T) {
	tight := GuardLimits{Bytes: 100, Depth: 3, Elements: 5, String: 10}
	for name, c := range map[string]struct {
		text string
		code Code
	}{
		"empty":           {"", CodeInvalidRequest},
		"bytes, ok":       {strings.Repeat(" ", 98) + "{}", ""},
		"bytes":           {strings.Repeat(" ", 99) + "{}", CodeTooLarge},
		"depth, ok":       {`[[[]]]`, ""},
		"depth":           {`[[[[]]]]`, CodeInvalidRequest},
		"elements, ok":    {`{"a":[1,2,3],"b":4}`, ""},
		"elements":        {`{"a":[1,2,3],"b":[4]}`, CodeInvalidRequest},
		"string, ok":      {`["0123456789"]`, ""},
		"string":          {`["0123456789a"]`, CodeInvalidRequest},
		"string as a key": {`{"0123456789a":1}`, CodeInvalidRequest},
	} {
		t.Run(name, func(t *testing.T) {
			errs := []error{tight.CheckJSON([]byte(c.text))}
			if !strings.HasPrefix(name, "bytes") && c.text != "" {
				packed, err := AppendMsgpack(nil, []byte(c.text))
				if err != nil {
					t.Fatal(err)
				}
				errs = append(errs, tight.CheckMsgpack(packed))
			}
			for _, err := range errs {
				if CodeOf(err) != c.code {
					t.Errorf("got %v, want code %q", err, c.code)
				}
			}
		})
	}
	mustRefuse(t, tight.CheckMsgpack(make([]byte, 101)), CodeTooLarge)
	mustRefuse(t, tight.CheckMsgpack(nil), CodeInvalidRequest)
}

// manyKeys returns an object of n different keys, and one key more.
func manyKeys(n int, last string) []byte {
	b := []byte{'{'}
	for i := range n {
		b = fmt.Appendf(b, `"key%d":0,`, i)
	}
	return append(AppendString(b, last), `:0}`...)
}

func TestGuardFindsDuplicatesAmongManyKeys(t *testing.T) {
	for _, n := range []int{1, 15, 16, 17, 100, 9_999} {
		for last, twice := range map[string]bool{"other": false, "key0": true, "key" + strconv.Itoa(n-1): true} {
			text := manyKeys(n, last)
			packed, err := AppendMsgpack(nil, text)
			if err != nil {
				t.Fatal(err)
			}
			for format, err := range map[Format]error{
				FormatJSON: (GuardLimits{}).CheckJSON(text), FormatMsgpack: (GuardLimits{}).CheckMsgpack(packed),
			} {
				if (err != nil) != twice {
					t.Errorf("%s, %d keys and %q: %v", format, n, last, err)
				}
			}
		}
	}
}

func BenchmarkGuardManyKeys(b *testing.B) {
	text := manyKeys(9_999, "other")
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if err := (GuardLimits{}).CheckJSON(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeClientFrame(b *testing.B) {
	for _, format := range []Format{FormatJSON, FormatMsgpack} {
		b.Run(format.String(), func(b *testing.B) {
			frame, err := EncodeClientFrame(format, ClientFrame{ID: "cmd-1", Command: &Prompt{Text: strings.Repeat("fix it ", 30)}})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := DecodeClientFrame(format, frame); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

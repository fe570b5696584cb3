package protocol_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	. "github.com/towline-dev/towline/protocol"
)

func TestParseCursor(t *testing.T) {
	for in, want := range map[string]Cursor{
		"": {}, "0": {}, "7": {After: 7}, "007": {After: 7}, "head": {Head: true}, "9223372036854775807": {After: math.MaxInt64},
	} {
		if got, err := ParseCursor(in); err != nil || got != want {
			t.Errorf("%q: got %v, %v", in, got, err)
		}
	}
	for _, in := range []string{"-1", "+1", "1.5", "1e3", " 1", "1 ", "0x1", "1_000", "HEAD", "tail", "9223372036854775808", "18446744073709551616", "١", strings.Repeat("9", 100_000)} {
		_, err := ParseCursor(in)
		if CodeOf(err) != CodeInvalidCursor || len(err.Error()) > 300 {
			t.Errorf("%.30q: got %.300v", in, err)
		}
	}
}

func TestCursorJSON(t *testing.T) {
	for in, want := range map[string]Cursor{`0`: {}, `7`: {After: 7}, `"7"`: {After: 7}, `"head"`: {Head: true}} {
		var got Cursor
		if err := json.Unmarshal([]byte(in), &got); err != nil || got != want {
			t.Errorf("%s: got %v, %v", in, got, err)
		}
		b, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &got); err != nil || got != want {
			t.Errorf("%s, written as %s: got %v, %v", in, b, got, err)
		}
	}
	for _, in := range []string{`-1`, `1.5`, `true`, `{}`, `[]`, `"x"`, `""`, `1e2`} {
		var c Cursor
		if err := json.Unmarshal([]byte(in), &c); CodeOf(err) != CodeInvalidCursor {
			t.Errorf("%s: got %v", in, err)
		}
	}
}

func FuzzCursor(f *testing.F) {
	for _, s := range []string{"", "0", "head", "12345", "-1", "+1", "9223372036854775808", "1e3", "\x00", "007"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseCursor(s)
		if err != nil {
			if CodeOf(err) != CodeInvalidCursor || c != (Cursor{}) {
				t.Fatalf("got %v, %v", c, err)
			}
			return
		}
		if c.After > math.MaxInt64 || c.Head && c.After != 0 {
			t.Fatalf("got %+v", c)
		}
		if again, err := ParseCursor(c.String()); err != nil || again != c {
			t.Fatalf("%q became %v, %v", c.String(), again, err)
		}
	})
}

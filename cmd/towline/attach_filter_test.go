package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestScreenFilter(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ output, want string }{
		"text":                  {"plain ä 日\r\n\t\b\a", "plain ä 日\r\n\t\b\a"},
		"colours":               {"\x1b[1;38:5:1mred\x1b[0m", "\x1b[1;38:5:1mred\x1b[0m"},
		"cursor and screen":     {"\x1b[2;3H\x1b[2J\x1b[K\x1b7\x1b8\x1b[s\x1b[u\x1bM", "\x1b[2;3H\x1b[2J\x1b[K\x1b7\x1b8\x1b[s\x1b[u\x1bM"},
		"modes and character":   {"\x1b[?1049h\x1b[?2004h\x1b[>4;2m\x1b[>7u\x1b[<u\x1b[=1;2u\x1b[2 q\x1b(B\x1b=", "\x1b[?1049h\x1b[?2004h\x1b[>4;2m\x1b[>7u\x1b[<u\x1b[=1;2u\x1b[2 q\x1b(B\x1b="},
		"modes of nobody":       {"a\x1b[?12;25h\x1b[?5h\x1b[2;4h\x1b[20h\x1b[?69;1049;6l\x1b[?1000s\x1b[?1000r\x1b[?hb", "a\x1b[?25h\x1b[4h\x1b[?1049lb"},
		"character sets":        {"a\x1b%@\x1b%G\x1b(0\x1b)B\x1b(K\x1b*0\x1bn\x1b~b", "a\x1b(0\x1b)Bb"},
		"what cannot be undone": {"a\x1bH\x1b[3g\x1b#8\x1b F\x1bl\x1b[>1;2m\x1b[>m\x1b[>nb", "ab"},
		"titles":                {"a\x1b]0;t\x07b\x1b]2;t\x1b\\c\x1bkt\x1b\\d", "abcd"},
		"clipboard":             {"a\x1b]52;c;ZXZpbA==\x07b", "ab"},
		"links and pictures":    {"\x1b]8;;http://x\x07a\x1b]8;;\x07\x1bPq#0\x1b\\\x1b_Gx\x1b\\\x1b^x\x1b\\\x1bXx\x1b\\b", "ab"},
		"questions":             {"a\x1b[6n\x1b[?6n\x1b[c\x1b[>c\x1b[=c\x1b[?u\x1b[>q\x1b[?2004$p\x1b[?4m\x1b[x\x1bZ\x05b", "ab"},
		"window and printer":    {"a\x1b[21t\x1b[8;9;9t\x1b[5i\x1b[?5ib", "ab"},
		"controls of 8 bits":    {"a\u009b6n\u009d0;t\x07b\x9b\x85c", "a6n0;t\x07b\ufffd\ufffdc"},
		"a string that is cut":  {"a\x1b]0;t|\x18b\x1b]0;t|\x1b[1mc", "ab\x1b[1mc"},
		"in pieces":             {"a\x1b|[|6|n\x1b]|0;|t\x1b|\\\xc3|\xa4\x1b[3|1mb", "aä\x1b[31mb"},
		"a sequence broken off": {"a\x1b[3\x1b[31mb\x1b\x1b[6nc\x1b[5\nd", "a\x1b[31mbc\nd"},
		"long, but whole":       {"a\x1b[" + strings.Repeat("1;", 62) + "1mb", "a\x1b[" + strings.Repeat("1;", 62) + "1mb"},
		"too long in one piece": {"a\x1b[" + strings.Repeat("1;", 63) + "mb\x1b" + strings.Repeat("(", 200) + "0c", "abc"},
		"too long":              {"a\x1b[" + strings.Repeat("1", 300) + "|" + strings.Repeat("1;", 300) + "mb", "ab"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var f screenFilter
			var got strings.Builder
			for piece := range strings.SplitSeq(test.output, "|") {
				got.Write(f.pass([]byte(piece)))
			}
			if got.String() != test.want {
				t.Errorf("%q passes, want %q", got.String(), test.want)
			}
		})
	}
}

// FuzzScreenFilter: what passed once passes again, where the output is cut
// plays no part, and no string or question passes.
func FuzzScreenFilter(f *testing.F) {
	for _, seed := range []string{"plain", "\x1b]0;t\x07", "\x1b[6n\x1b[31m", "\x1b[\x1b]52;c;x\x1b\\", "\xe6\x97\xa5\xff", "\u009b6n", "\x1bPq\x18", "\x1b(\x1b("} {
		f.Add([]byte(seed), 3)
	}
	f.Fuzz(func(t *testing.T, output []byte, cut int) {
		var whole, pieces, again screenFilter
		passed := whole.pass(bytes.Clone(output))
		cut = min(max(cut, 0), len(output))
		if parts := append(pieces.pass(bytes.Clone(output[:cut])), pieces.pass(bytes.Clone(output[cut:]))...); !bytes.Equal(parts, passed) {
			t.Fatalf("in pieces %q passes, else %q", parts, passed)
		}
		if twice := again.pass(bytes.Clone(passed)); !bytes.Equal(twice, passed) {
			t.Fatalf("%q passes, and of that %q", passed, twice)
		}
		if !utf8.Valid(passed) || bytes.Contains(passed, []byte("\x1b]")) || bytes.Contains(passed, []byte("\x1bP")) || bytes.Contains(passed, []byte("\x1b[6n")) {
			t.Fatalf("%q passes", passed)
		}
		if len(whole.rest) > maxSequence {
			t.Fatalf("%d bytes are held back", len(whole.rest))
		}
	})
}

package terminal

import (
	"strings"
	"testing"

	"github.com/towline-dev/towline/protocol"
)

func TestLineThatStands(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		before string
		keys   []string
		now    string
		stands bool
	}{
		"half a line":                   {"$ ", []string{"rm -rf ", "half"}, "$ rm -rf half", true},
		"its end is blank":              {"$ ", []string{"rm -rf "}, "$ rm -rf ", true},
		"completed by the program":      {"$ ", []string{"cat fi\t"}, "$ cat file.txt ", true},
		"an earlier one":                {"$ ", []string{"\x1b[A"}, "$ make", true},
		"pasted":                        {"$ ", []string{"\x1b[200~two words\x1b[201~"}, "$ two words", true},
		"two lines pasted":              {"$ ", []string{"\x1b[200~one\ntwo words\x1b[201~"}, "> two words", true},
		"behind another one":            {"$ ", []string{"make\rec", "ho"}, "$ echo", true},
		"much pasted":                   {"", []string{strings.Repeat("word ", 5000), "end"}, "word word end", true},
		"wrapped":                       {"", []string{"a line that goes on"}, "goes on", true},
		"typed with mistakes":           {"", []string{"ecco\b\bho\x7f\x7fho"}, "echo", true},
		"entered":                       {"$ ", []string{"make\r"}, "$ ", false},
		"entered, and the program asks": {"$ ", []string{"make\r"}, "$ really? ", false},
		"given up":                      {"$ ", []string{"make\x03"}, "$ ", false},
		"erased":                        {"$ ", []string{"make\x15"}, "$ ", false},
		"a password":                    {"Password: ", []string{"secret"}, "Password: ", false},
		"an answer by one key":          {"Do it? ", []string{"y"}, "$ ", false},
		"a key that ends a pager":       {":", []string{"q"}, "$ ", false},
		"nothing":                       {"$ ", nil, "$ something", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var l line
			for _, keys := range test.keys {
				l.typed("ada", keys, func() string { return test.before })
			}
			if got := l.stands(test.now); got != test.stands {
				t.Errorf("stands %v, of %+v", got, l)
			}
		})
	}
}

func TestBeforeCursor(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		lines    []string
		row, col int
		want     string
	}{
		{[]string{"one", "$ two three"}, 1, 5, "$ two"},
		{[]string{"日本語"}, 0, 4, "日本"},
		{[]string{"$"}, 0, 2, "$"},
		{[]string{"$"}, 1, 0, ""},
		{nil, 0, 0, ""},
	} {
		s := protocol.Screen{Lines: test.lines, CursorRow: test.row, CursorCol: test.col}
		if got := beforeCursor(s); got != test.want {
			t.Errorf("%+v: %q", test, got)
		}
	}
}

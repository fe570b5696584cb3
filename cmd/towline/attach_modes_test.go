package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// page is what each of a terminal's two screens has of its own.
type page struct {
	x, y    int
	margins string
	// keys is kitty's stack of key modes; the last one counts.
	keys  []int
	saved *saved
}

// saved is what a terminal saves with its cursor.
type saved struct {
	x, y int
	pen
}

// pen is how a terminal writes.
type pen struct {
	coloured, shifted bool
	charsets          string // of G0 and G1
}

// personsTerminal knows what a terminal's output has changed in it beside its
// text, as xterm and kitty understand it.
type personsTerminal struct {
	pen
	pages [2]page
	at    int // the page that is shown
	// modes are those that are not as at the beginning; 7 and 25 are set then.
	modes     map[string]bool
	otherKeys string
	keypad    bool
	shape     string
	// odd is what cannot be undone, or is not known.
	odd []string
}

// standard are the modes that a terminal of this test has, all reset but two.
var standard = map[string]bool{
	"4": false, "20": false, "?1": false, "?5": false, "?7": true, "?25": true, "?66": false, "?69": false, "?1000": false, "?1002": false, "?1003": false, "?1004": false,
	"?1005": false, "?1006": false, "?1015": false, "?1016": false, "?2004": false, "?2026": false,
}

func newPersonsTerminal() *personsTerminal {
	return &personsTerminal{pen: pen{charsets: "BB"}, pages: [2]page{{keys: []int{0}}, {keys: []int{0}}}, modes: map[string]bool{}}
}

// sequenceOf finds what a terminal takes as one: a string, a control sequence,
// another escape sequence, or a character.
var sequenceOf = regexp.MustCompile(`(?s)\A(?:\x1b[\]P_^Xk][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-OQ-WYZ\\\x60a-jl-~]|\x1b[ -/]+[0-~]|[^\x1b])`)

// show takes output.
func (p *personsTerminal) show(output string) {
	for output != "" {
		s := sequenceOf.FindString(output)
		if s == "" {
			p.odd = append(p.odd, "cut: "+output)
			return
		}
		output = output[len(s):]
		switch {
		case strings.HasPrefix(s, "\x1b["):
			p.control(s, s[2:len(s)-1], s[len(s)-1])
		case len(s) > 2 && strings.IndexByte("]P_^Xk", s[1]) >= 0: // a title, or the like
		case s[0] == 0x1b:
			p.escape(s)
		default:
			p.character(s[0])
		}
	}
}

func (p *personsTerminal) character(c byte) {
	at := &p.pages[p.at]
	switch {
	case c == '\r':
		at.x = 0
	case c == '\n':
		at.y++
	case c == 0x0e || c == 0x0f:
		p.shifted = c == 0x0e
	case c == 0x05:
		p.odd = append(p.odd, "ENQ")
	case c >= ' ' && c < 0x80:
		at.x++
	}
}

func (p *personsTerminal) escape(s string) {
	at := &p.pages[p.at]
	switch s[1:] {
	case "7":
		at.saved = &saved{at.x, at.y, p.pen}
	case "8":
		p.restore()
	case "=", ">":
		p.keypad = s[1] == '='
	case "(0", "(B":
		p.charsets = s[2:] + p.charsets[1:]
	case ")0", ")B":
		p.charsets = p.charsets[:1] + s[2:]
	case "c":
		odd := p.odd
		*p = *newPersonsTerminal()
		p.odd = odd
	case "D", "E", "M", "\\": // they move, or end
	default:
		p.odd = append(p.odd, s)
	}
}

// restore does DECRC: without a cursor that was saved it goes home.
func (p *personsTerminal) restore() {
	at := &p.pages[p.at]
	from := at.saved
	if from == nil {
		from = &saved{pen: pen{charsets: "BB"}}
	}
	at.x, at.y, p.pen = from.x, from.y, from.pen
}

func (p *personsTerminal) control(s, parameters string, end byte) {
	at := &p.pages[p.at]
	number := func(after string) int {
		n, _, _ := strings.Cut(strings.TrimPrefix(parameters, after), ";")
		v, _ := strconv.Atoi(n)
		return v
	}
	private := ""
	if parameters != "" && strings.IndexByte("?>=<", parameters[0]) >= 0 {
		private = parameters[:1]
	}
	intermediate := strings.TrimLeft(parameters, "?>=<0123456789;:")
	switch private + intermediate + string(end) {
	case "H", "f":
		at.y, at.x = max(number("")-1, 0), 0
		if _, column, ok := strings.Cut(parameters, ";"); ok {
			v, _ := strconv.Atoi(column)
			at.x = max(v-1, 0)
		}
	case "r":
		at.margins, at.x, at.y = parameters, 0, 0
	case "s":
		at.saved = &saved{at.x, at.y, p.pen}
	case "u":
		p.restore()
	case "m":
		p.coloured = parameters != "" && parameters != "0"
	case "h", "l", "?h", "?l":
		for n := range strings.SplitSeq(strings.TrimPrefix(parameters, "?"), ";") {
			p.mode(private+n, end == 'h')
		}
	case ">m":
		if p.otherKeys = strings.TrimPrefix(parameters, ">"); p.otherKeys == "4" {
			p.otherKeys = ""
		}
	case ">n":
		p.otherKeys = "off"
	case ">u":
		at.keys = append(at.keys, number(">"))
	case "<u":
		if n := max(number("<"), 1); n < len(at.keys) {
			at.keys = at.keys[:len(at.keys)-n]
		} else {
			at.keys = []int{0}
		}
	case "=u":
		at.keys[len(at.keys)-1] = number("=")
	case " q":
		p.shape = strings.TrimPrefix(parameters[:len(parameters)-1], "0")
	case "!p":
		at.margins, at.saved, p.pen, p.keypad = "", nil, pen{charsets: "BB"}, false
		for _, m := range []string{"4", "?1", "?7", "?25", "?66"} {
			delete(p.modes, m)
		}
	case "@", "A", "B", "C", "D", "E", "F", "G", "I", "J", "K", "L", "M", "P", "S", "T", "X", "Z", "`", "a", "b", "d", "e", "?J", "?K":
		// They move and erase.
	default:
		p.odd = append(p.odd, s)
	}
}

func (p *personsTerminal) mode(m string, set bool) {
	main := &p.pages[0]
	switch m {
	case "?1049":
		if set && p.at == 0 {
			main.saved = &saved{main.x, main.y, p.pen}
		}
		if p.at = 1; !set {
			p.at = 0
			p.restore()
		}
	case "?47", "?1047":
		if p.at = 0; set {
			p.at = 1
		}
	case "?1048":
		if set {
			p.pages[p.at].saved = &saved{p.pages[p.at].x, p.pages[p.at].y, p.pen}
		} else {
			p.restore()
		}
	default:
		usual, known := standard[m]
		switch {
		case !known:
			p.odd = append(p.odd, fmt.Sprint("mode ", m, " ", set))
		case set == usual:
			delete(p.modes, m)
		default:
			p.modes[m] = set
		}
	}
}

// changed tells what is not as a person's terminal was at the beginning.
func (p *personsTerminal) changed() (all []string) {
	all = append(all, p.odd...)
	for _, m := range slices.Sorted(maps.Keys(p.modes)) {
		all = append(all, fmt.Sprint("mode ", m, " is ", p.modes[m]))
	}
	for i, s := range p.pages {
		if s.margins != "" || len(s.keys) != 1 || s.keys[0] != 0 {
			all = append(all, fmt.Sprintf("screen %d has margins %q and key modes %d", i, s.margins, s.keys))
		}
	}
	if p.at != 0 || p.coloured || p.shifted || p.charsets != "BB" || p.otherKeys != "" || p.keypad || p.shape != "" {
		all = append(all, fmt.Sprintf("screen %d, %+v, keys %q, keypad %v, cursor %q", p.at, p.pen, p.otherKeys, p.keypad, p.shape))
	}
	return all
}

// vim is how vim 9 begins in a terminal of 24 by 80.
const vim = "\x1b[?1006;1000h\x1b[?1002h\x1b[?1049h\x1b[22;0;0t\x1b[>4;2m\x1b[?1h\x1b=\x1b[?2004h\x1b[?1004h\x1b[1;24r\x1b[?12h\x1b[?12l\x1b[22;2t\x1b[22;1t" +
	"\x1b[27m\x1b[23m\x1b[29m\x1b[m\x1b[H\x1b[2J\x1b[?25l\x1b[24;1H\"f\" 1L, 10B\x1b[2;1H\xe2\x96\xbd\x1b[6n\x1b[2;1H  \x1b[3;1H\x1bPzz\x1b\\\x1b[0%m\x1b[6n\x1b[3;1H" +
	"\x1b[1;1H\x1b[>c\x1b]10;?\x07\x1b]11;?\x07\x1b[1;1Hsome text\r\n\x1b[94m~\x1b[1;1H\x1b[?25h\x1b[?4m\x1bP+q436f\x1b\\\x1b[1;23r"

// wild is whatever else programs have set, and some that none should.
const wild = "\x1b[?25l\x1b[2 q\x1b(0\x1b)0\x0e\x1b[?7l\x1b[4h\x1b[>1u\x1b[>15u\x1b[=5u\x1b[?66h\x1b[?1003;1015;1016;1005h\x1b[?2026h\x1b[>4n\x1b[?69h\x1b[5;20s\x1b[?5h\x1b[20h"

// locked is what nobody can undo.
const locked = "\x1b%@\x1b*0\x1b+0\x1bn\x1b~\x1b[2h\x1b[12l\x1b[?6h\x1b[?3;38h\x1b[?8l\x1b[?67h\x1b[?9h\x1b[?1001h\x1b[?1007h\x1b[?1034l\x1b[?2031h\x1b[?2048h" +
	"\x1b[3g\x1bH\x1b#8\x1b#6\x1b F\x1bV\x1bl\x1b[>1;2m\x1b[>2n\x1b[?1000s\x1b[?1000r\x1b[1\"q"

// Whatever a program has done to the person's terminal is undone when the
// person leaves, is ended, or the server is gone.
func TestAttachedTerminalIsLeftAsItWas(t *testing.T) {
	for name, leave := range map[string]func(s *screen, killServer func()){
		"left":   func(s *screen, _ func()) { s.press("\x1dq") },
		"ended":  func(s *screen, _ func()) { _ = s.cmd.Process.Signal(syscall.SIGTERM) },
		"killed": func(s *screen, killServer func()) { killServer(); s.press("\x1dq") },
	} {
		t.Run(name, func(t *testing.T) {
			home, _, killed := serveShellAt(t)
			stream := filepath.Join(home, "stream")
			if err := os.WriteFile(stream, []byte(wild+locked+vim+wild+locked+"\x1b[12;7HTHE-END"), 0o600); err != nil {
				t.Fatal(err)
			}
			s := onScreen(t, home, "attach", "--terminal", "s1")
			s.await("bash-")
			s.press("cat stream\r")
			s.await("THE-END")
			leave(s, func() {
				f, err := readServerFile(filepath.Join(home, ".state"))
				if err != nil {
					t.Fatal(err)
				}
				if err := syscall.Kill(f.PID, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
				killed()
			})
			s.exit()
			p := newPersonsTerminal()
			p.show(s.seen.String())
			if left := p.changed(); len(left) > 0 {
				t.Errorf("left behind:\n%s", strings.Join(left, "\n"))
			}
			if !strings.Contains(s.seen.String(), "\x1b[>4;2m") || !strings.Contains(s.seen.String(), "\x1b[1;23r") {
				t.Error("what vim needs did not pass")
			}
		})
	}
}

// await reads until the text stands on the screen, and keeps all.
func (s *screen) await(text string) {
	s.t.Helper()
	buf := make([]byte, 4096)
	for !strings.Contains(s.seen.String(), text) {
		n, err := s.tty.Read(buf)
		s.seen.Write(buf[:n])
		if err != nil && n == 0 {
			s.t.Fatalf("the screen ended without %q: %v\n%s", text, err, s.seen.String())
		}
	}
}

// No sequence and no mode passes that is not undone.
func TestWhatPassesIsUndone(t *testing.T) {
	t.Parallel()
	var all []string
	for n := range 10_000 {
		for _, form := range []string{"\x1b[%dh", "\x1b[%dl", "\x1b[?%dh", "\x1b[?%dl", "\x1b[?7;%d;25l"} {
			all = append(all, fmt.Sprintf(form, n))
		}
	}
	for last := byte('0'); last <= '~'; last++ {
		for _, before := range []string{"\x1b", "\x1b ", "\x1b#", "\x1b%", "\x1b(", "\x1b)", "\x1b*", "\x1b+", "\x1b-", "\x1b.", "\x1b/", "\x1b(%"} {
			all = append(all, before+string(last))
		}
		if last < '@' {
			continue
		}
		for _, private := range []string{"", "?", ">", "=", "<", "!"} {
			for _, parameters := range []string{"", "0", "1", "2", "4", "5", "4;2", "3;9", "38:5:1"} {
				for _, between := range []string{"", " ", "!", "\"", "$", "'", "*"} {
					all = append(all, "\x1b["+private+parameters+between+string(last))
				}
			}
		}
	}
	for _, sequence := range all {
		for _, screen := range []string{"", "\x1b[?1049h"} {
			passed := passes(screen + sequence + "text")
			if passed == screen+"text" {
				continue
			}
			p := newPersonsTerminal()
			p.show(passed + plainScreen)
			if left := p.changed(); len(left) > 0 {
				t.Errorf("%q passes and leaves %q", sequence, left)
			}
		}
	}
}

// Also what passes with --raw alone is undone, as far as it can be, and the
// person's cursor is where it was.
func TestPlainScreen(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		output string
		x, y   int
	}{
		"nothing":         {"", 3, 2},
		"a shell":         {"\x1b[12;7Htext", 10, 11},
		"margins":         {"\x1b[5;20r\x1b[12;7Htext\x1b7\x1b[9;9H", 8, 8},
		"vim":             {passes(vim), 3, 2},
		"wild":            {wild + "\x1b[12;7H", 6, 11},
		"wild behind vim": {wild + "\x1b[12;7H" + passes(vim) + wild + "\x1b[9;9H", 6, 11},
		"vim and saved":   {passes(vim) + "\x1b7\x1b[9;9H\x1b8", 3, 2},
		"cut in a string": {passes(vim) + "\x1b]0;title", 3, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPersonsTerminal()
			p.show("\x1b[3;4H")
			p.show(test.output + plainScreen)
			if left := p.changed(); len(left) > 0 {
				t.Errorf("left behind:\n%s", strings.Join(left, "\n"))
			}
			if at := p.pages[0]; at.x != test.x || at.y != test.y {
				t.Errorf("the cursor is at %d,%d, want %d,%d", at.x, at.y, test.x, test.y)
			}
		})
	}
}

// passes is what the filter lets through.
func passes(output string) string {
	var f screenFilter
	return string(f.pass([]byte(output)))
}

package terminal

import (
	"bytes"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// feed writes output to its end.
func feed(s *screen, output string) (answers string) {
	for p := []byte(output); len(p) > 0; {
		n, more := s.write(p)
		answers += string(more)
		p = p[n:]
	}
	return answers
}

func TestScreen_Shows(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		output, want string
		answers      string
	}{
		"plain":                     {"one\r\ntwo", "one\ntwo", ""},
		"cursor":                    {"\x1b[2;3Hx", "\n  x", ""},
		"cleared":                   {"old\x1b[2J\x1b[Hnew", "new", ""},
		"reset":                     {"old text that is long\x1bcnew", "new", ""},
		"title is no text":          {"\x1b]0;title\x07text", "text", ""},
		"link is no text":           {"\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\", "link", ""},
		"colours with colons":       {"\x1b[38:5:1mred\x1b[0m", "red", ""},
		"key modes move nothing":    {"ab\x1b[>1u\x1b[<u\x1b[?u\x1b[=1;2uc", "abc", ""},
		"cursor style":              {"ab\x1b[2 qc", "abc", ""},
		"half a character":          {"\xc3|\xa4", "ä", ""},
		"half a sequence":           {"\x1b|[2|;3H|x", "\n  x", ""},
		"half a string":             {"\x1b]0;ti|tle\x1b|\\x", "x", ""},
		"a string that is cut":      {"\x1b]0;ti\x18one\r\n\x1bPq\x1atwo|\r\n\x1b]0;ti|tle\x18three", "one\ntwo\nthree", ""},
		"a sequence that is cut":    {"\x1b[3\x18one\r\n\x1b[2|\x1atwo\r\n\x1b(\x18three\x1b\x18 four", "one\ntwo\nthree four", ""},
		"other character sets":      {"\x1b%G\x1b)0\x1b*|B\x1b F\x1b#3a\x1b(0q\x1b(Bq", "a─q", ""},
		"bad characters":            {"a\xff\xfeb", "ab", ""},
		"half characters":           {"a\xcb\x1b[?u\xb4b\xe6\x97\x1b[>1u\xa5c", "abc", ""},
		"where is the cursor":       {"ab\x1b[6n", "ab", "\x1b[1;3R"},
		"who are you":               {"\x1b[c\x1b[0c\x1b[>c", "", deviceAttributes + deviceAttributes},
		"which background":          {"\x1b]11;?\x07", "", colours["11;?"]},
		"a count without end":       {"\x1b[999999999999999999Ix", strings.Repeat(" ", 19) + "x", ""},
		"a negative count":          {"ab\x1b[-5@\x1b[-5Pc", "abc", ""},
		"asked a thousand times":    {strings.Repeat("\x1b[c", 1000), "", strings.Repeat(deviceAttributes, maxAnswers/len(deviceAttributes))},
		"hidden by a bad character": {"\x1b\xc1[999999999999Ix", "[999999999999Ix", ""},
		"hidden by a control code":  {"\x1b\x00[999999999999Ix", "[999999999999Ix", ""},
		"wide characters":           {"日本|x\x1b[6n", "日本x", "\x1b[1;6R"},
		"wide ones at the margin":   {"\x1b[1;20H日\x1b[2;19H本語", "\n日                本\n語", ""},
		"half of one overwritten":   {"日本\x1b[1;2Hx\x1b[1;3Hy", " xy", ""},
		"marks have no column":      {"e\u0301|x\u200d\ufe0fy\x1b[6n", "exy", "\x1b[1;4R"},
		"another screen":            {"main\x1b[?1049h\x1b[Hother\x1b[?1049l", "main", ""},
		"on another screen":         {"main\x1b[?1049h\x1b[2J\x1b[Hother", "other", ""},
		"control codes of 8 bits":   {"a\u009b31mb\u0085c", "a 31mb c", ""},
		"too long for a sequence":   {"\x1b[" + strings.Repeat("1", 1000) + "mx", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScreen(5, 20)
			var answers strings.Builder
			for piece := range strings.SplitSeq(test.output, "|") {
				answers.WriteString(feed(s, piece))
			}
			shown := s.show()
			if name == "too long for a sequence" {
				if s.failed {
					t.Error("the emulator failed")
				}
				return // what a terminal shows of it is its own affair
			}
			if got := strings.Join(shown.Lines, "\n"); got != test.want || shown.Confidence != confident {
				t.Errorf("shows %q (%v), want %q", got, shown.Confidence, test.want)
			}
			if answers.String() != test.answers {
				t.Errorf("answers %q, want %q", answers.String(), test.answers)
			}
		})
	}
}

func TestScreen_FollowsTitleSizeAndPaste(t *testing.T) {
	t.Parallel()
	s := newScreen(5, 20)
	feed(s, "\x1b]2;hel\rlo 日\x07\x1b[?2004h\x1b[?25l")
	s.resize(7, 30)
	shown := s.show()
	if shown.Title != "hel lo 日" || shown.Rows != 7 || shown.Cols != 30 || shown.CursorVisible || !s.sequences.pasting {
		t.Errorf("%+v, pasting: %v", shown, s.sequences.pasting)
	}
}

func TestScreen_TakesNotifications(t *testing.T) {
	t.Parallel()
	s := newScreen(5, 20)
	feed(s, "\x1b]0;cut\x18\x1b]9;cut\x1a\x1b]9;build \x1b\\\x1b]9;4;1;50\x07\x1b]777;notify;Codex;needs\tyou\x07\x1b]777;other\x07\x1b]9;\x07\x1b]9;one\x07\x1b]9;two\x07\x1b]9;too many\x07")
	if got := strings.Join(s.sequences.notes, "|"); got != "build|Codex: needs you|one|two" {
		t.Errorf("notes %q", got)
	}
	if s.sequences.title != "" {
		t.Errorf("a string that was cut became the title %q", s.sequences.title)
	}
	if s.sequences.rang {
		t.Error("the end of a notification rang the bell")
	}
	if feed(s, "done\x07"); !s.sequences.rang {
		t.Error("the bell did not ring")
	}
}

// Notifications in the words of kitty may come in pieces and encoded; its
// questions, icons and buttons are none.
func TestScreen_TakesKittyNotifications(t *testing.T) {
	t.Parallel()
	for output, want := range map[string]string{
		"\x1b]99;;Hello\x1b\\": "Hello",
		"\x1b]99;i=1:d=0:p=title;Done\x07\x1b]99;i=1:p=body;it; works\x07":             "Done|it; works",
		"\x1b]99;e=1;aGVsbG8NCg==\x07\x1b]99;e=1;no base64!\x07":                       "hello",
		"\x1b]99;i=1:p=?;\x07\x1b]99;p=icon;x\x07\x1b]99;i=1:p=close;\x07\x1b]99;\x07": "",
	} {
		s := newScreen(5, 20)
		feed(s, output)
		if got := strings.Join(s.sequences.notes, "|"); got != want {
			t.Errorf("%q: notes %q, want %q", output, got, want)
		}
	}
}

func TestScreen_StaysWithoutItsEmulator(t *testing.T) {
	t.Parallel()
	s := newScreen(5, 20)
	feed(s, "\x1b]0;title\x07last\r\nwords\x1b[?25l\x1b]9;note\x07\x1b[?2004h")
	before := s.show()
	s.freeze()
	if after := s.show(); s.emulator != nil || !reflect.DeepEqual(after, before) || after.Lines[1] != "words" {
		t.Errorf("shows %+v, before %+v", after, before)
	}
	if len(s.sequences.notes) != 1 || !s.sequences.pasting {
		t.Errorf("what it has not told yet is %+v", s.sequences)
	}
}

// panicking is an emulator that fails at every write.
type panicking struct{ emulator }

func (panicking) Write([]byte) (int, error) { panic("out of range") }

func TestScreen_SurvivesItsEmulator(t *testing.T) {
	t.Parallel()
	s := newScreen(5, 20)
	s.emulator = panicking{newVT(5, 20, io.Discard)}
	feed(s, "one")
	if shown := s.show(); shown.Confidence != broken || shown.Rows != 5 || shown.Cols != 20 {
		t.Errorf("after the failure: %+v", shown)
	}
	feed(s, "two")
	if shown := s.show(); shown.Confidence != broken || shown.Lines[0] != "two" {
		t.Errorf("before a new drawing: %+v", shown)
	}
	if answers := feed(s, "\x1b[2J\x1b[Hthree\x1b[6n"); answers != "\x1b[1;6R" {
		t.Errorf("the new emulator answers %q", answers)
	}
	if shown := s.show(); shown.Confidence != confident || shown.Lines[0] != "three" {
		t.Errorf("after a new drawing: %+v", shown)
	}
}

// FuzzScreen: no output may hang the screen, make it fail for good, or make it
// show what is no text.
func FuzzScreen(f *testing.F) {
	for _, seed := range []string{
		"plain", "\x1b[2J\x1b[1;1H\x1b[31mred", "\x1b[999999999999I", "\x1b[5;1r\x1b[9L\x1b[9M", "\x1b[?1049h\x1b[?6h\x1b[99S\x1b[?1049l",
		"\x1b]4;1;#fff\x07\x1b]0;t\x1b\\", "\xe2\x82", "\x1bP$q\x1b\\", "\x1b#8\x1b(0qqq\x1b(B", "\x1b[-1@", "\x1b[12P\x1b[500X", "日本\x1b[1;2Hx\u0301\u009b", "\x1b[1;1;1;1;1m",
	} {
		f.Add([]byte(seed), byte(3), byte(7), 4)
	}
	f.Fuzz(func(t *testing.T, output []byte, rows, cols byte, cut int) {
		if len(output) > 4<<10 {
			return
		}
		s := newScreen(5, 20)
		begin := time.Now()
		cut = min(max(cut, 0), len(output))
		feed(s, string(output[:cut]))
		s.resize(int(rows%60)+2, int(cols%200)+2)
		feed(s, string(output[cut:]))
		shown := s.show()
		if len(output) < 1<<10 {
			pieces := newScreen(5, 20)
			for _, part := range [][]byte{output[:cut], output[cut:]} {
				for i := range part {
					feed(pieces, string(part[i:i+1]))
				}
				pieces.resize(shown.Rows, shown.Cols)
			}
			if again := pieces.show(); !reflect.DeepEqual(again, shown) {
				t.Fatalf("byte by byte it shows %+v, else %+v", again, shown)
			}
		}
		if took := time.Since(begin); took > 2*time.Second {
			t.Fatalf("took %v", took)
		}
		if shown.Rows != int(rows%60)+2 || shown.Cols != int(cols%200)+2 || len(shown.Lines) > shown.Rows {
			t.Fatalf("the size is %d by %d with %d lines", shown.Rows, shown.Cols, len(shown.Lines))
		}
		for _, line := range shown.Lines {
			if !utf8.ValidString(line) || strings.ContainsFunc(line, unicode.IsControl) {
				t.Fatalf("shows %q", line)
			}
		}
		if len(s.sequences.rest) > maxSequence+8 || len(s.sequences.text) > maxText || len(s.sequences.notes) > maxNotes {
			t.Fatalf("holds back %d and %d bytes", len(s.sequences.rest), len(s.sequences.text))
		}
	})
}

// costly are sequences of which a read's worth keeps the emulator of a large
// screen busy for a second and more.
var costly = []string{
	"\x1bc", "\x1b[2J", "x\x1bc", "x\x1b[2J", "\x1b[300d\x1b[1J", "\x1b[999L", "\x1b[999M", "\x1b[999S", "\x1b[999T", "\x1b[?1049h", "\x1b[?47;47;47;47l", "\x1b#8",
}

// However much work output is, it is taken in pieces of no more than a screen's
// cells some ten times over; what is little is hardly cut up.
func TestScreen_TakesLittleAtATime(t *testing.T) { // alone, for other tests look at the heap
	for _, sequence := range costly {
		s := newScreen(300, 500)
		output := []byte(strings.Repeat(sequence, 2<<10/len(sequence)))
		each := max(1, strings.Count(sequence, "47"))
		for len(output) > 0 {
			began := &counting{emulator: s.emulator}
			s.emulator = began
			n, _ := s.write(output)
			if times := began.bytes * each / len(sequence); times > 12 {
				t.Errorf("%q is done %d times at once", sequence, times)
				break
			}
			s.emulator = began.emulator
			output = output[n:]
		}
	}
	for size, most := range map[extent]int{{24, 80}: 5, {300, 500}: 26} {
		s := newScreen(size.rows, size.cols)
		pieces := 0
		for output := bytes.Repeat([]byte("\x1b[32mok\x1b[0m  a line of a test's output, as usual\r\n"), 600); len(output) > 0; pieces++ {
			n, _ := s.write(output)
			output = output[n:]
		}
		if pieces > most {
			t.Errorf("at %d by %d usual output is cut into %d pieces", size.rows, size.cols, pieces)
		}
	}
}

// counting counts what an emulator gets.
type counting struct {
	emulator
	bytes int
}

func (c *counting) Write(p []byte) (int, error) {
	c.bytes += len(p)
	return c.emulator.Write(p)
}

// A screen that is clear already is not cleared again, but what was written
// since is.
func TestScreen_ClearsOnce(t *testing.T) {
	t.Parallel()
	for output, want := range map[string]string{
		"old\x1b[2J\x1b[2J\x1b[2J":              "",
		"old\x1b[2J\x1bc\x1b[2J\x1bcnew":        "new",
		"old\x1bc\x1bc":                         "",
		"\x1b[2Jold\x1b[2J\rnew":                "new",
		"\x1b[2J\x1b[2Jnew\x1b[?1049h\x1b[2Jx":  "   x",
		"\x1b[2J\x1b[?1049h\x1b[2J\x1b[?1049lx": "x",
		"\x1bc\x1b[5;1Hx\x1bcnew":               "new",
		"\x1bc\x1b[5;1H\x1bcnew":                "new",
	} {
		s := newScreen(5, 20)
		feed(s, "before ")
		feed(s, output)
		if got := strings.Join(s.show().Lines, "\n"); strings.TrimSpace(got) != strings.TrimSpace(want) {
			t.Errorf("%q shows %q, want %q", output, got, want)
		}
	}
}

// BenchmarkScreenHeld is how long a large screen is held at once while it takes
// what costs most.
func BenchmarkScreenHeld(b *testing.B) {
	for _, sequence := range costly {
		b.Run(strconv.Quote(sequence), func(b *testing.B) {
			output := bytes.Repeat([]byte(sequence), readSize/len(sequence))
			longest := time.Duration(0)
			for b.Loop() {
				s := newScreen(300, 500)
				for left := output; len(left) > 0; {
					began := time.Now()
					n, _ := s.write(left)
					longest = max(longest, time.Since(began))
					left = left[n:]
				}
			}
			b.ReportMetric(float64(longest.Microseconds())/1000, "ms/held")
		})
	}
}

// BenchmarkScreen is what a megabyte of coloured lines costs.
func BenchmarkScreen(b *testing.B) {
	line := []byte("\x1b[32mok\x1b[0m  github.com/towline-dev/towline/agents  0.5s\r\n")
	output := make([]byte, 0, 1<<20)
	for len(output)+len(line) <= 1<<20 {
		output = append(output, line...)
	}
	b.SetBytes(int64(len(output)))
	s := newScreen(24, 80)
	for b.Loop() {
		for piece := range slices.Chunk(output, 4<<10) {
			feed(s, string(piece))
		}
	}
}

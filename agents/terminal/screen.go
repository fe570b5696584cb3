package terminal

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/towline-dev/towline/protocol"
)

// How much a screen's text can be trusted (protocol.Screen.Confidence).
const (
	confident = 0.9
	// broken: the emulator failed, and what it shows is incomplete until the
	// program clears the screen.
	broken = 0.1
)

// filler is in the cell behind a character of two columns, of which the
// emulator knows nothing. It is no character that anyone may write.
const filler = '\uffff'

// screen is the fold of a program's output: what a terminal shows after it.
// It is used by one goroutine at a time.
type screen struct {
	emulator  emulator
	sequences sequences
	// answers gathers what the emulator has to say to the program.
	answers bytes.Buffer
	failed  bool
	// last is what is shown for good; nil as long as the program runs.
	last *protocol.Screen
}

// newScreen returns an empty screen.
func newScreen(rows, cols int) *screen {
	s := &screen{}
	s.start(rows, cols)
	return s
}

// start begins with an empty emulator.
func (s *screen) start(rows, cols int) {
	s.emulator = newVT(rows, cols, &s.answers)
}

// write takes output: n bytes, and not all if it is much work (some ms); the
// rest is to be written next. It returns what the terminal answers to questions
// in it, such as where the cursor is.
func (s *screen) write(p []byte) (n int, answers []byte) {
	cols, rows := s.emulator.Size()
	clean, left := s.sequences.clean(p, extent{rows, cols})
	s.guard(func() { s.put(clean) })
	if s.sequences.cleared {
		s.failed = false
	}
	answers = append(bytes.Clone(s.answers.Bytes()), s.sequences.answers()...)
	s.answers.Reset()
	return len(p) - len(left), answers
}

// put gives output to the emulator, with characters as wide as they are: it
// counts each as one column. Marks that stand on the character before are left
// out.
func (s *screen) put(p []byte) {
	from := 0
	flush := func(to int) {
		if to > from {
			_, _ = s.emulator.Write(p[from:to])
		}
	}
	for i := 0; i < len(p); {
		if p[i] < utf8.RuneSelf {
			i++
			continue
		}
		c, n := utf8.DecodeRune(p[i:])
		switch columns(c) {
		case 0:
			flush(i)
			from = i + n
		case 2:
			flush(i)
			cols, _ := s.emulator.Size()
			if at := s.emulator.Cursor(); at.x == cols-1 && !at.wraps {
				_, _ = s.emulator.Write([]byte(string(filler))) // half of it has no room
			}
			_, _ = s.emulator.Write([]byte(string([]rune{c, filler})))
			from = i + n
		}
		i += n
	}
	flush(len(p))
}

// resize changes the size.
func (s *screen) resize(rows, cols int) {
	s.guard(func() { s.emulator.Resize(cols, rows) })
}

// guard calls the emulator. A panic in it costs the screen, not the server: a
// new emulator starts from an empty one.
func (s *screen) guard(f func()) {
	cols, rows := s.emulator.Size()
	defer func() {
		if recover() != nil {
			s.failed = true
			s.answers.Reset()
			s.start(rows, cols)
		}
	}()
	f()
}

// freeze keeps what the screen shows and frees the emulator, which may take
// megabytes. Nothing may be written after it.
func (s *screen) freeze() {
	last := s.show()
	s.last, s.emulator, s.answers = &last, nil, bytes.Buffer{}
}

// show returns what the screen shows.
func (s *screen) show() protocol.Screen {
	if s.last != nil {
		return *s.last
	}
	cols, rows := s.emulator.Size()
	out := protocol.Screen{Rows: rows, Cols: cols, Lines: []string{}, Title: s.sequences.title, Confidence: confident}
	if s.failed {
		out.Confidence = broken
	}
	at := s.emulator.Cursor()
	out.CursorRow, out.CursorCol, out.CursorVisible = at.y, at.x, at.visible
	for y := range rows {
		out.Lines = append(out.Lines, strings.TrimRight(s.line(y, cols), " "))
	}
	for n := len(out.Lines); n > 0 && out.Lines[n-1] == ""; n-- {
		out.Lines = out.Lines[:n-1]
	}
	return out
}

// line is the text of one line. Of a wide character that was overwritten in
// part nothing is left.
func (s *screen) line(y, cols int) string {
	var line strings.Builder
	for x := 0; x < cols; x++ {
		c := s.emulator.Char(x, y)
		switch {
		case columns(c) == 2 && x+1 < cols && s.emulator.Char(x+1, y) == filler:
			line.WriteRune(c)
			x++
		case columns(c) == 2:
			line.WriteByte(' ')
		default:
			line.WriteRune(shown(c))
		}
	}
	return line.String()
}

// shown is a cell's character; the emulator keeps control codes that it does
// not know in cells, and nothing in cells that were never written.
func shown(c rune) rune {
	if c == filler || unicode.IsControl(c) {
		return ' '
	}
	return c
}

package terminal

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"strings"
	"unicode/utf8"
)

// sequences prepares output for the emulator, which takes everything at face
// value: a count of 10^18 keeps it busy for ever, a negative one makes it
// panic, half a character at the end of a write is lost, and sequences with a
// private mark that it does not know are done as if they had none. It also
// follows the modes that the emulator does not, and answers what it leaves
// unanswered.
type sequences struct {
	// rest is the beginning of a sequence or character whose end has not come.
	rest []byte
	// pasting: the program wants pasted text in brackets (mode 2004).
	pasting bool
	// cleared: the bytes at hand clear the screen.
	cleared bool
	// blank is what clearing the screen once more would change: it costs much,
	// so it is not done twice.
	blank blankness
	// text is the string of an operating system command or the like, and kind
	// its first character while it goes on.
	text []byte
	kind byte
	// title is what the program calls its window.
	title string
	// notes are the notifications that the program asked its terminal to show
	// since they were last taken.
	notes []string
	// rang: the program rang the bell since the notes were last taken.
	rang bool
	// said is what the terminal answers.
	said []byte
}

// blankness is how much of a new screen is left.
type blankness int

const (
	written blankness = iota
	blank             // cleared by the last sequence
	fresh             // reset by the last sequence
)

const (
	esc  = 0x1b
	bell = 0x07
	// maxSequence is how long a control sequence may be; the emulator cuts at
	// 256 bytes.
	maxSequence = 128
	// deviceAttributes says that the terminal is a VT220 with colours.
	deviceAttributes = "\x1b[?62;22c"
	// maxText is how much is kept of a string, and maxAnswers of answers, in
	// bytes.
	maxText    = 256
	maxAnswers = 1 << 10
	// maxModes is how many modes may be set at once.
	maxModes = 16
	// maxNotes is how many notifications wait to be told; more are dropped.
	maxNotes = 4
)

// colours answers the questions for the colours of text and background.
var colours = map[string]string{
	"10;?": "\x1b]10;rgb:dddd/dddd/dddd\x1b\\",
	"11;?": "\x1b]11;rgb:0000/0000/0000\x1b\\",
}

// clean returns what the emulator shall see of the beginning of p, together
// with what was held back before, and what is left of p when that is work
// enough for one piece.
func (s *sequences) clean(p []byte, size extent) (out, left []byte) {
	s.cleared = false
	if len(s.rest) > 0 {
		p = append(s.rest, p...)
		s.rest = nil
	}
	out = make([]byte, 0, min(len(p), readSize))
	for work := 0; len(p) > 0 && work < pieceWork; {
		if s.kind != 0 {
			p = s.string(p)
			continue
		}
		n := bytes.IndexByte(p[:min(len(p), plainSize)], esc)
		if n < 0 {
			n = wholeRunes(p[:min(len(p), plainSize)])
			if n == 0 {
				s.rest = bytes.Clone(p)
				return out, nil
			}
		}
		out = s.plain(out, p[:n])
		work += size.plainWork(n)
		if p = p[n:]; len(p) == 0 || p[0] != esc {
			continue
		}
		n, whole := sequenceSize(p)
		if !whole {
			s.rest = bytes.Clone(p)
			return out, nil
		}
		out = s.take(out, p[:n])
		work += size.sequenceWork(p[:n])
		p = p[n:]
	}
	return out, p
}

// plain appends what is no part of a sequence. Half a character is dropped: it
// must not become a whole one with what comes after a sequence.
func (s *sequences) plain(out, p []byte) []byte {
	if !utf8.Valid(p) {
		p = bytes.ToValidUTF8(p, nil)
	}
	if len(p) > 0 {
		s.blank = written
	}
	s.rang = s.rang || bytes.IndexByte(p, bell) >= 0
	return append(out, p...)
}

// sequenceSize returns the length of the sequence that p begins with, as far
// as it is of interest here; not whole if its end has not come.
func sequenceSize(p []byte) (size int, whole bool) {
	if len(p) < 2 {
		return 0, false
	}
	final := byte(0x40)
	switch {
	case p[1] < ' ' || p[1] > '~':
		return 1, true // no sequence; the emulator would go on waiting for one
	case p[1] < '0':
		final = '0' // a character set, or the like
	case p[1] != '[':
		return 2, true
	}
	for i, c := range p[2:] {
		switch {
		case c >= final && c <= 0x7e:
			return i + 3, true
		case c < 0x20 || c > 0x7e || i >= maxSequence:
			return i + 2, true // no sequence: what is wrong stays outside
		}
	}
	return 0, false
}

// take appends one sequence, if the emulator may see it.
func (s *sequences) take(out, sequence []byte) []byte {
	last, before := sequence[len(sequence)-1], s.blank
	s.blank = written
	switch {
	case len(sequence) < 2:
		return out
	case sequence[1] < '0': // the emulator knows some whose last byte is the third
		if sequence[1] == '(' && len(sequence) == 3 && last >= '0' {
			out = append(out, sequence...)
		}
		return out
	}
	if strings.IndexByte("]P_^Xk", sequence[1]) >= 0 {
		s.kind, s.text = last, nil
		return out
	}
	if sequence[1] != '[' {
		if last == 'c' {
			return s.reset(out, before)
		}
		return append(out, sequence...)
	}
	if last < 0x40 || last == '[' {
		return out
	}
	body := sequence[2 : len(sequence)-1]
	private := len(body) > 0 && body[0] == '?'
	switch {
	case bytes.ContainsAny(body, "<=> !\"#$%&'()*+,-./:"):
		return append(out, coloned(sequence)...)
	case private && (!strings.ContainsRune("hlJK", rune(last)) || bytes.Count(body, []byte{';'}) >= maxModes):
		return out
	case private:
		if last == 'h' || last == 'l' {
			s.mode(string(body[1:]), last)
		}
	case last == 'c':
		if number(body) == 0 {
			s.say(deviceAttributes)
		}
		return out
	case last == 'J' && number(body) == 2:
		s.cleared = true
		if s.blank = max(before, blank); before != written {
			return out
		}
	}
	return bounded(out, sequence, body, last)
}

// reset appends a reset, of which the emulator does only a part, unless nothing
// was done since the last one.
func (s *sequences) reset(out []byte, before blankness) []byte {
	s.cleared, s.blank = true, fresh
	switch before {
	case fresh:
		return out
	case blank:
		return append(out, "\x1bc"...)
	default:
		return append(out, "\x1bc\x1b[2J"...)
	}
}

// string takes in a string up to its end: BEL, or the escape of what follows.
// CAN and SUB break it off: it means nothing then. The emulator sees none: it
// would keep any number of colours.
func (s *sequences) string(p []byte) (rest []byte) {
	n := bytes.IndexAny(p, "\x07\x18\x1a\x1b")
	end := n >= 0
	if !end {
		n = len(p)
	}
	s.text = append(s.text, p[:min(n, maxText-len(s.text))]...)
	p = p[n:]
	if !end {
		return p
	}
	how := p[0]
	if how != esc {
		p = p[1:]
	}
	if s.kind == ']' && (how == bell || how == esc) {
		s.say(colours[string(s.text)])
		s.command(strings.Map(shown, string(bytes.ToValidUTF8(s.text, nil))))
	}
	s.kind, s.text = 0, nil
	return p
}

// command does an operating system command: titles, and notifications in the
// words of iTerm2 (9), kitty (99) and rxvt (777). 9;4 is a progress bar.
func (s *sequences) command(text string) {
	number, rest, _ := strings.Cut(text, ";")
	note := ""
	switch number {
	case "0", "2":
		s.title = rest
	case "9":
		if !strings.HasPrefix(rest, "4;") {
			note = rest
		}
	case "99":
		note = kitty(rest)
	case "777":
		if words, ok := strings.CutPrefix(rest, "notify;"); ok {
			note = strings.Replace(words, ";", ": ", 1)
		}
	}
	if note = strings.TrimSpace(note); note != "" && len(s.notes) < maxNotes {
		s.notes = append(s.notes, note)
	}
}

// kitty returns the text of a notification, or of the piece of one that came:
// keys with values, then the text. What is no title or body is not text.
func kitty(keys string) string {
	keys, text, _ := strings.Cut(keys, ";")
	for key := range strings.SplitSeq(keys, ":") {
		switch {
		case strings.HasPrefix(key, "p=") && key != "p=title" && key != "p=body":
			return ""
		case key == "e=1":
			decoded, _ := base64.StdEncoding.DecodeString(text) // as far as it is right
			text = strings.Map(shown, string(bytes.ToValidUTF8(decoded, nil)))
		}
	}
	return text
}

// say adds an answer, as long as the program does not ask for too many.
func (s *sequences) say(answer string) {
	if len(s.said)+len(answer) <= maxAnswers {
		s.said = append(s.said, answer...)
	}
}

// mode follows the modes that matter.
func (s *sequences) mode(numbers string, last byte) {
	for n := range strings.SplitSeq(numbers, ";") {
		switch {
		case n == "2004":
			s.pasting = last == 'h'
		case (n == "1049" || n == "1047") && last == 'h':
			s.cleared = true
		}
	}
}

// coloned lets colours through that are written with colons, as 38:5:1: the
// emulator wants semicolons. Everything else with such marks is dropped.
func coloned(sequence []byte) []byte {
	if sequence[len(sequence)-1] != 'm' || bytes.ContainsAny(sequence[2:], "<=> !\"#$%&'()*+,-./") {
		return nil
	}
	return bytes.ReplaceAll(sequence, []byte{':'}, []byte{';'})
}

// bounded appends a sequence whose counts are cut to what a screen can hold.
func bounded(out, sequence, body []byte, last byte) []byte {
	limit := 9999 // modes have four digits
	if last != 'h' && last != 'l' {
		limit = 1000
	}
	simple := true
	for n := range bytes.SplitSeq(bytes.TrimPrefix(body, []byte{'?'}), []byte{';'}) {
		simple = simple && number(n) <= limit
	}
	switch {
	case simple:
		return append(out, sequence...)
	case body[0] == '?':
		return out
	}
	out = append(out, esc, '[')
	for n := range bytes.SplitSeq(body, []byte{';'}) {
		out = strconv.AppendInt(out, int64(min(number(n), limit)), 10)
		out = append(out, ';')
	}
	out[len(out)-1] = last
	return out
}

// number reads digits; anything else counts as 0, and much as a million.
func number(digits []byte) int {
	n := 0
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0
		}
		n = min(n*10+int(d-'0'), 1_000_000)
	}
	return n
}

// answers returns what is to be said to the program, and forgets it.
func (s *sequences) answers() []byte {
	said := s.said
	s.said = nil
	return said
}

// wholeRunes returns how many bytes of p are before a character that is not
// complete.
func wholeRunes(p []byte) int {
	for i := 1; i <= min(utf8.UTFMax-1, len(p)); i++ {
		tail := p[len(p)-i:]
		if utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				return len(p) - i
			}
			break
		}
	}
	return len(p)
}

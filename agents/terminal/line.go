package terminal

import (
	"regexp"
	"slices"
	"strings"

	"github.com/towline-dev/towline/protocol"
)

// line is the line that somebody types, from its first key to Enter. What a
// program makes of keys nobody knows, so the screen tells whether it still is
// there: it stands before the cursor.
type line struct {
	// by is who types it; empty if nobody has begun one.
	by string
	// before is what stood before the cursor when it was begun, such as a
	// shell's prompt; empty if that is not known.
	before string
	// text is what was typed since the last key that was no text.
	text []rune
}

// sequenceKeys are keys that send more than one character, such as arrows, and
// the brackets of a paste.
var sequenceKeys = regexp.MustCompile(`\x1b(\[[0-?]*[ -/]*[@-~]|O.|[^\[O]?)`)

const (
	// minText is how long a text must be to be recognized by itself: single keys
	// are answers as often as text.
	minText = 2
	// maxLine is how many characters of a text are kept, its end: no row is longer.
	maxLine = 4 << 10
)

// typed notes keys. before is what stood before the cursor then.
func (l *line) typed(by, keys string, before func() string) {
	if at := strings.LastIndexAny(keys, enter+"\n"+ctrlC); at >= 0 {
		*l = line{}
		keys = keys[at+1:]
		before = func() string { return "" } // it is still to come
	}
	keys = keys[max(0, len(keys)-maxLine):]
	keys = strings.ReplaceAll(strings.ReplaceAll(keys, pasteOn, ""), pasteOff, "")
	if keys == "" {
		return
	}
	if l.by == "" {
		l.before = before()
	}
	l.by = by
	for _, c := range sequenceKeys.ReplaceAllLiteralString(keys, escape) {
		switch {
		case (c == '\b' || c == 0x7f) && len(l.text) > 0:
			l.text = l.text[:len(l.text)-1]
		case c < ' ' || c == 0x7f:
			l.text = l.text[:0]
		default:
			l.text = append(l.text, c)
		}
	}
	l.text = slices.Delete(l.text, 0, max(0, len(l.text)-maxLine))
}

// stands tells whether the line is there, by what stands before the cursor now.
func (l *line) stands(now string) bool {
	now = strings.TrimRight(now, " ")
	before, text := strings.TrimRight(l.before, " "), strings.TrimRight(string(l.text), " ")
	switch {
	case l.by == "" || now == "":
		return false
	case before != "" && len(now) > len(before) && strings.HasPrefix(now, before):
		return true
	default:
		return len(l.text) >= minText && text != "" && (strings.HasSuffix(now, text) || strings.HasSuffix(text, now))
	}
}

// beforeCursor is what a screen shows in the cursor's line before it.
func beforeCursor(s protocol.Screen) string {
	if s.CursorRow < 0 || s.CursorRow >= len(s.Lines) {
		return ""
	}
	text, col := s.Lines[s.CursorRow], 0
	for i, c := range text {
		if col >= s.CursorCol {
			return text[:i]
		}
		col += columns(c)
	}
	return text
}

// checkLine refuses a prompt that would be typed behind a line that somebody has
// begun and not entered.
func (c *Conn) checkLine() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.line.by == "" || !c.line.stands(beforeCursor(c.screen.show())) {
		return nil
	}
	return protocol.Errorf(protocol.CodeBusy,
		"%s has begun a line on this terminal and not entered it; enter or erase it on the live terminal, and send the prompt again", c.line.by)
}

// noteLine notes keys that somebody types.
func (c *Conn) noteLine(by, keys string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.line.typed(by, keys, func() string { return beforeCursor(c.screen.show()) })
}

package main

import (
	"regexp"
	"slices"
	"strings"
)

// A program may change a terminal only as far as that can be undone when the
// person leaves in the middle of it. So these two belong together: what may
// pass, and what undoes it.

// modes are those that may be set and reset, by their private mark: what a
// program needs for its screen and its keys. Not among them are those that
// change the window, lock the keyboard, cannot be undone for every terminal
// whose default they are (5, 12, 1007, 1034), or make the terminal report in
// ways that the program on the server has not agreed on with it.
var modes = map[string][]string{
	"":  {"4"}, // insert
	"?": {"1", "7", "25", "47", "66", "1000", "1002", "1003", "1004", "1006", "1047", "1048", "1049", "2004", "2026"},
}

// plainScreen undoes what a program may have done to the person's terminal,
// also what only passes with --raw. The cursor stays where it is; on the other
// screen it goes to where it was on the first.
const plainScreen = "\x1b\\" + // the end of a string that was cut
	"\x1b[?2026l\x1b[?69l" + plainPage + "\x1b[?1049l" + plainPage +
	"\x1b(B\x1b)B\x0f" + // ASCII
	"\x1b[?7h\x1b[?5l\x1b[4l\x1b[20l\x1b[?1l\x1b[?66l\x1b>" +
	"\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[?1005l\x1b[?1006l\x1b[?1015l\x1b[?1016l\x1b[?2004l" +
	"\x1b[0 q\x1b[?25h" + // the cursor as the person has it
	"\x1b[>4m\x1b[0m" // a terminal that does not know the first underlines

// plainPage undoes what each of the two screens has of its own: margins, whose
// change moves the cursor, and kitty's stack of key modes.
const plainPage = "\x1b7\x1b[r\x1b[<99u\x1b[=0u\x1b8"

// passing are the control sequences that may pass: their last bytes, by their
// private mark and what stands before the last byte.
var passing = map[string]string{
	"": "@ABCDEFGHIJKLMPSTXZ`abdefhlmrsu", "?": "hlJK", ">": "mnu", "<": "u", "=": "u", " ": "q", "!": "p",
}

// wellFormed takes a control sequence apart: its private mark, its numbers, and
// what stands before the last byte.
var wellFormed = regexp.MustCompile(`^([<=>?]?)([\d;:]*)([ -/]*)$`)

// mayPass returns what may pass of a whole sequence: all, nothing, or fewer
// modes than it sets.
func mayPass(sequence []byte) []byte {
	last := len(sequence) - 1
	switch {
	case last == 0:
		return nil
	case sequence[1] != '[':
		return escapeMayPass(sequence)
	case last == 1 || sequence[last] < 0x40:
		return nil
	}
	form := wellFormed.FindSubmatch(sequence[2:last])
	if form == nil {
		return nil
	}
	private, numbers, end := string(form[1]), string(form[2]), sequence[last]
	if strings.IndexByte(passing[private+string(form[3])], end) < 0 {
		return nil
	}
	switch {
	case end == 'h' || end == 'l':
		return modesMayPass(private, numbers, end)
	case private == ">" && end != 'u': // how keys are told: of these only the usual one, modifyOtherKeys
		if first, _, _ := strings.Cut(numbers, ";"); first != "4" {
			return nil
		}
	}
	return sequence
}

// escapeMayPass is mayPass for a sequence that is not of the form ESC [: the
// cursor, the keypad, a reset, and the two usual character sets.
func escapeMayPass(sequence []byte) []byte {
	switch {
	case len(sequence) == 2 && strings.IndexByte("78=>DEMc", sequence[1]) >= 0:
		return sequence
	case len(sequence) == 3 && strings.IndexByte("()", sequence[1]) >= 0 && strings.IndexByte("0B", sequence[2]) >= 0:
		return sequence
	}
	return nil
}

// modesMayPass returns a sequence with those modes that may pass.
func modesMayPass(private, numbers string, end byte) []byte {
	some := slices.DeleteFunc(strings.Split(numbers, ";"), func(n string) bool { return !slices.Contains(modes[private], n) })
	if len(some) == 0 {
		return nil
	}
	return append([]byte("\x1b["+private+strings.Join(some, ";")), end)
}

package codex

import (
	"strings"
	"unicode"
)

// lineLength bounds what of a native text goes into a one-line message, in
// characters.
const lineLength = 300

// cleanLine makes one line of a native text: no control characters, not
// longer than lineLength.
func cleanLine(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == ' ' }), " ")
	if r := []rune(s); len(r) > lineLength {
		return string(r[:lineLength-1]) + "…"
	}
	return s
}

func join(words []string) string { return strings.Join(words, ", ") }

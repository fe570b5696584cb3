package main

import (
	"io"
	"os"
	"strings"
	"unicode"

	"golang.org/x/term"
)

// colour is a sequence that changes how a terminal writes.
type colour string

const (
	dim    colour = "\x1b[2m"
	bold   colour = "\x1b[1m"
	red    colour = "\x1b[31m"
	green  colour = "\x1b[32m"
	yellow colour = "\x1b[33m"
	cyan   colour = "\x1b[36m"
	plain  colour = ""

	endColour = "\x1b[0m"
)

// isTerminal tells whether a stream is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// coloured tells whether to write colours to w.
func coloured(t *terminal, w io.Writer) bool {
	return t.lookup("NO_COLOR") == "" && t.lookup("TERM") != "dumb" && isTerminal(w)
}

// harmless shows control characters instead of sending them: what an agent
// prints must not move the cursor of the terminal, nor answer for the user.
func harmless(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r == '\r':
			return -1
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
			return unicode.ReplacementChar
		default:
			return r
		}
	}, s)
}

package terminal

import (
	"strings"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// The keys that the adapter presses itself.
const (
	enter    = "\r"
	ctrlC    = "\x03"
	escape   = "\x1b"
	ctrlU    = "\x15"
	pasteOn  = "\x1b[200~"
	pasteOff = "\x1b[201~"
)

// textOf returns a prompt's text as it can be typed: without control
// characters but line breaks and tabs, which would be keys of their own.
func textOf(content []agents.Content) (string, error) {
	var all strings.Builder
	for _, part := range content {
		if part.Type != protocol.PartText {
			return "", protocol.Errorf(protocol.CodeCapabilityMissing, "a terminal takes text alone; write the %s's path into the prompt instead", part.Type)
		}
		if all.Len() > 0 {
			all.WriteByte('\n')
		}
		all.WriteString(part.Text)
		if part.Text == "" && len(part.Bytes) > 0 {
			all.Write(part.Bytes)
		}
	}
	text := strings.ReplaceAll(all.String(), "\r\n", "\n")
	return strings.Map(func(c rune) rune {
		if (c < ' ' && c != '\n' && c != '\t') || (c >= 0x7f && c < 0xa0) {
			return -1
		}
		return c
	}, text), nil
}

// keysFor returns the keys that type a text, without the Enter behind it.
// Programs that ask for it get the text in paste brackets, so that its line
// breaks do not enter its parts one by one.
func keysFor(text string, pasting bool) string {
	if pasting {
		return pasteOn + text + pasteOff
	}
	return strings.ReplaceAll(text, "\n", enter)
}

// checkLines refuses keys of which the terminal would drop some: it keeps so
// many bytes of a line for a program that reads lines; 0 is no limit.
func checkLines(keys string, longest int) error {
	if longest == 0 {
		return nil
	}
	for line := range strings.FieldsFuncSeq(keys, func(c rune) bool { return c == '\n' || c == '\r' }) {
		if len(line) > longest {
			return protocol.Errorf(protocol.CodeTooLarge,
				"the program reads whole lines, of at most %d bytes, and one of the prompt's has %d; break that line, or write it to a file that the prompt names", longest, len(line))
		}
	}
	return nil
}

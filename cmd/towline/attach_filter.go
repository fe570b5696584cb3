package main

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxSequence is how long a control sequence may be; none that passes is
// longer, in bytes.
const maxSequence = 128

// screenFilter keeps a program on somebody else's terminal to what it may do to
// a person's: write, move, colour, scroll, set those modes that can be undone.
// It lets no strings through (titles, the clipboard, links, pictures,
// notifications), no questions, whose answers the terminal would type, and
// nothing that moves the window or prints. The zero value is ready.
type screenFilter struct {
	// rest is the beginning of a sequence or character whose end has not come.
	rest []byte
	// inString tells that a string goes on.
	inString bool
	// skipping is the first of the bytes that end a sequence that is too long
	// and goes on; 0 for none.
	skipping byte
}

// pass returns what may be shown of p, after what was held back before.
func (f *screenFilter) pass(p []byte) []byte {
	if len(f.rest) > 0 {
		p = append(f.rest, p...)
		f.rest = nil
	}
	out := make([]byte, 0, len(p))
	for len(p) > 0 {
		switch {
		case f.inString:
			p = f.skipString(p)
		case f.skipping != 0:
			p = f.skipSequence(p)
		case p[0] == 0x1b:
			size, whole := escapeSize(p)
			switch {
			case !whole && len(p) > maxSequence:
				f.skipping, p = firstFinal(p), p[2:]
				continue
			case !whole:
				f.rest = bytes.Clone(p)
				return out
			}
			sequence := p[:size]
			p = p[size:]
			f.inString = size == 2 && strings.IndexByte("]P_^Xk", sequence[1]) >= 0
			if size <= maxSequence {
				out = append(out, mayPass(sequence)...)
			}
		case !utf8.FullRune(p):
			f.rest = bytes.Clone(p)
			return out
		default:
			c, size := utf8.DecodeRune(p)
			p = p[size:]
			// Controls of 8 bits begin sequences, and 0x05 is a question. What is
			// no character is shown as such.
			if c != 0x05 && (c < 0x7f || !unicode.IsControl(c)) {
				out = utf8.AppendRune(out, c)
			}
		}
	}
	return out
}

// skipString skips a string up to its end: BEL, CAN, SUB, or the escape of what
// follows.
func (f *screenFilter) skipString(p []byte) []byte {
	n := bytes.IndexAny(p, "\x07\x18\x1a\x1b")
	if n < 0 {
		return nil
	}
	f.inString = false
	if p[n] != 0x1b {
		n++
	}
	return p[n:]
}

// skipSequence skips a sequence that is too long.
func (f *screenFilter) skipSequence(p []byte) []byte {
	for i, c := range p {
		if c < 0x20 || c >= f.skipping {
			if c >= f.skipping && c <= 0x7e {
				i++
			}
			f.skipping = 0
			return p[i:]
		}
	}
	return nil
}

// escapeSize returns the length of the sequence that p begins with; not whole
// if its end has not come. A sequence that is broken off ends before what does
// not belong to it.
func escapeSize(p []byte) (size int, whole bool) {
	if len(p) < 2 {
		return 0, false
	}
	i, final := 1, firstFinal(p)
	if p[1] == '[' {
		i = 2
	}
	for ; i < len(p); i++ {
		switch c := p[i]; {
		case c < 0x20 || c > 0x7e:
			return i, true
		case c >= final:
			return i + 1, true
		}
	}
	return 0, false
}

// firstFinal is the first of the bytes that can be the last of a sequence.
func firstFinal(sequence []byte) byte {
	if sequence[1] == '[' {
		return 0x40
	}
	return 0x30
}

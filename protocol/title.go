package protocol

import (
	"strconv"
	"strings"
	"unicode"
)

// EscapeTitle makes agent-made text safe to show on one line: control
// characters (so terminal sequences too), bidirectional marks and other
// invisible format characters are written as \u{hex}, and the result is cut to
// maxRunes characters, an ellipsis being the last. Without it a title could
// show something else than what is asked (RELIABILITY S16).
func EscapeTitle(s string, maxRunes int) string {
	if maxRunes <= 0 {
		return ""
	}
	var b strings.Builder
	runes, cut := 0, 0 // cut is where an ellipsis would still fit
	for _, r := range s {
		if hidden(r) {
			n, _ := b.WriteString(`\u{` + strconv.FormatInt(int64(r), 16) + `}`)
			runes += n
		} else {
			b.WriteRune(r)
			runes++
		}
		if runes > maxRunes {
			return b.String()[:cut] + "…"
		}
		if runes < maxRunes {
			cut = b.Len()
		}
	}
	return b.String()
}

// hidden tells whether r can change how the text around it looks. The two
// joiners stay: scripts and emoji need them.
func hidden(r rune) bool {
	const nonJoiner, joiner = '\u200c', '\u200d'
	if r == nonJoiner || r == joiner {
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// Preview returns the first runes characters of the text in parts, with a word
// in brackets for parts that are not text.
func Preview(parts []Part, runes int) string {
	var b strings.Builder
	for i := range parts {
		if b.Len() > 4*runes {
			break // enough, whatever the characters are
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		if p := &parts[i]; p.Type == PartText || p.Type == PartReasoning {
			b.WriteString(clip(p.Text, 4*runes+4))
		} else {
			b.WriteString("[" + string(p.Type) + "]")
		}
	}
	n := 0
	text := strings.ToValidUTF8(b.String(), "\uFFFD")
	for i := range text {
		if n++; n > runes {
			return text[:i]
		}
	}
	return text
}

package main

import (
	"bytes"
	"os"
	"strings"
)

// junkLines are lines that are no frames, by kind. Each is one bad line, but
// for empty (ignored) and crlf (a good frame with a CR).
var junkLines = []struct{ kind, bytes string }{
	{"utf8", "{\"type\":\"\xff\xfe\"}\n"},
	{"text", strings.Repeat("n", 199) + "\u20ac\n"},
	{"empty", "\n\r\n\n"},
	{"null", "null\n"},
	{"nul", "{\"type\":\"a\x00b\"}\n"},
	{"bom", "\ufeff{\"type\":\"keep_alive\"}\n"},
	{"crlf", "{\"type\":\"keep_alive\"}\r\n"},
}

// longLine is the length of the line of the kind long.
const longLine = 20 << 20

// junk writes one kind of junk, or all. The kind tail is 64 KiB without a
// line end, and then the end of the process.
func (a *agent) junk(kind string) {
	for _, j := range junkLines {
		if kind == "" || kind == j.kind {
			a.raw([]byte(j.bytes))
		}
	}
	if kind == "" || kind == "long" {
		a.raw(append(bytes.Repeat([]byte{'L'}, longLine), '\n'))
	}
	if kind == "tail" {
		a.raw([]byte(strings.Repeat("t", 64<<10)))
		a.flush()
		os.Exit(0)
	}
}

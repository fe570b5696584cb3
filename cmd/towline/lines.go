package main

import (
	"bufio"
	"io"
	"strings"
)

// lines reads the standard input line by line, only when asked to: an editor
// that is started in between has the terminal for itself.
//
// Its goroutine ends with the input. It cannot be waited for while it reads,
// because a read of a terminal cannot be called back; it holds nothing.
type lines struct {
	wanted  chan struct{}
	arrived chan typed
	pending bool
}

// typed is a line, or the end of the input.
type typed struct {
	text string
	end  bool
}

// readLines starts to serve lines; stop it by close(l.wanted).
func readLines(in io.Reader) *lines {
	l := &lines{wanted: make(chan struct{}, 1), arrived: make(chan typed, 1)}
	go func() {
		r := bufio.NewReader(in)
		for range l.wanted {
			text, err := r.ReadString('\n')
			l.arrived <- typed{text: strings.TrimRight(text, "\r\n"), end: err != nil && text == ""}
		}
	}()
	return l
}

// want asks for a line, unless one is being read already.
func (l *lines) want() {
	if !l.pending {
		l.pending = true
		l.wanted <- struct{}{}
	}
}

// stop lets the goroutine end.
func (l *lines) stop() { close(l.wanted) }

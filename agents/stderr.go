package agents

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/towline-dev/towline/protocol"
)

// What is kept of an agent's standard error: how it began and how it ended.
const (
	stderrHead = 20
	stderrTail = 50
	stderrLine = 2 << 10
)

// Stderr keeps the first 20 and the last 50 lines that are written to it, each
// cut at 2 KiB. It is an io.Writer that never fails. Safe for concurrent use.
type Stderr struct {
	mu   sync.Mutex
	head []string
	// tail is a ring; next is its oldest line once it is full.
	tail  []string
	next  int
	total int
	cut   bool
	// line is the line that has not ended yet.
	line []byte
}

// Write takes any part of the stream.
func (s *Stderr) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for rest := p; len(rest) > 0; {
		part, after, ended := bytes.Cut(rest, []byte{'\n'})
		s.growLocked(part)
		if ended {
			s.endLocked()
		}
		rest = after
	}
	return len(p), nil
}

// growLocked adds to the open line, up to the limit.
func (s *Stderr) growLocked(part []byte) {
	free := stderrLine - len(s.line)
	if len(part) > free {
		part, s.cut = part[:free], true
	}
	s.line = append(s.line, part...)
}

// endLocked files the open line.
func (s *Stderr) endLocked() {
	text := cleanLine(s.line)
	s.line = s.line[:0]
	s.total++
	switch {
	case len(s.head) < stderrHead:
		s.head = append(s.head, text)
	case len(s.tail) < stderrTail:
		s.tail = append(s.tail, text)
	default:
		s.tail[s.next] = text
		s.next = (s.next + 1) % stderrTail
	}
}

// Report returns what was kept, or nil if nothing was written. Truncated tells
// that lines, or parts of lines, are missing.
func (s *Stderr) Report() *protocol.Stderr {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &protocol.Stderr{TotalLines: s.total, Head: append([]string(nil), s.head...)}
	r.Tail = append(append(r.Tail, s.tail[s.next:]...), s.tail[:s.next]...)
	if len(s.line) > 0 {
		r.TotalLines++
		if len(r.Head) < stderrHead {
			r.Head = append(r.Head, cleanLine(s.line))
		} else {
			r.Tail = append(r.Tail, cleanLine(s.line))
		}
	}
	if r.TotalLines == 0 {
		return nil
	}
	if len(r.Tail) > stderrTail {
		r.Tail = r.Tail[1:]
	}
	r.Truncated = s.cut || r.TotalLines > len(r.Head)+len(r.Tail)
	return r
}

// lastLine returns the last line that is not blank; empty if there is none.
func lastLine(r *protocol.Stderr) string {
	if r == nil {
		return ""
	}
	for _, lines := range [][]string{r.Tail, r.Head} {
		for _, line := range slices.Backward(lines) {
			if text := strings.TrimSpace(line); text != "" {
				return text
			}
		}
	}
	return ""
}

// escapes are the sequences that some agents send to a terminal even if there
// is none (amp PROTOCOL.md section 2): colours, keyboard modes, titles.
var escapes = regexp.MustCompile("\x1b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\x07\x1b]*(?:\x07|\x1b\\\\)?|[@-Z\\\\-_])")

// cleanLine returns the line as valid UTF-8, without its CR and without
// escape sequences.
func cleanLine(line []byte) string {
	line = bytes.TrimSuffix(line, []byte{'\r'})
	if bytes.IndexByte(line, 0x1b) >= 0 {
		line = escapes.ReplaceAll(line, nil)
	}
	return strings.ToValidUTF8(string(line), "\uFFFD")
}

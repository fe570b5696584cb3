package agents

import (
	"bytes"
	"crypto/sha256"
	"hash"
	"io"
)

const (
	// lineBuffer is what one read asks for: as much as a pipe holds.
	lineBuffer = 64 << 10
	// defaultMaxLine is the longest line that is kept whole (RELIABILITY S14).
	defaultMaxLine = 8 << 20
	// sampleBytes is how much of an unreadable line is kept.
	sampleBytes = 256
)

// Line is one line of an agent's output.
type Line struct {
	// Bytes is the line without its end. It is valid until the next call of
	// Next; a caller that keeps it copies it. Nil for a line that was too
	// long.
	Bytes []byte
	// Long tells of a line that was too long, and skipped; nil otherwise.
	Long *LongLine
}

// LongLine is what is left of a line that was skipped.
type LongLine struct {
	// Head and Tail are the line's first and last 256 bytes at most.
	Head, Tail []byte
	// Bytes is the line's whole length.
	Bytes int
	// SHA256 is the hash of the whole line.
	SHA256 [sha256.Size]byte
}

// LineReader cuts a stream into lines. A line has no limit but the reader's
// memory does: a longer line is skipped to its end and told as a LongLine, and
// the stream goes on. Empty lines are ignored, a CR before the LF is dropped,
// and what stands after the last LF counts as a line.
//
// An error of the source is returned as it is and loses nothing, so reading
// can go on after a temporary one (a deadline). Not safe for concurrent use.
type LineReader struct {
	src io.Reader
	max int
	// buf[start:end] is unread; the first `scanned` bytes of it hold no LF.
	buf                 []byte
	start, end, scanned int
	skip                *skipped
}

// skipped is a long line whose end has not been seen yet.
type skipped struct {
	head, tail []byte
	size       int
	sum        hash.Hash
}

// NewLineReader returns a reader of src's lines. Lines longer than maxBytes
// are skipped; 0 means 8 MiB.
func NewLineReader(src io.Reader, maxBytes int) *LineReader {
	if maxBytes <= 0 {
		maxBytes = defaultMaxLine
	}
	return &LineReader{src: src, max: maxBytes, buf: make([]byte, lineBuffer)}
}

// Next returns the next line that is not empty. It reads from the source only
// if no whole line is buffered. At the end it returns io.EOF.
func (r *LineReader) Next() (Line, error) {
	for {
		if n := r.newline(); n >= 0 {
			line := r.take(n, n+1)
			if line.Long != nil || len(line.Bytes) > 0 {
				return line, nil
			}
			continue
		}
		if r.end-r.start > r.max {
			r.discard(r.end - r.start)
		}
		err := r.fill()
		if err == nil {
			continue
		}
		rest := r.end - r.start
		if err == io.EOF && (rest > 0 || r.skip != nil) { //nolint:errorlint // a Reader returns io.EOF itself
			if line := r.take(rest, rest); line.Long != nil || len(line.Bytes) > 0 {
				return line, nil
			}
		}
		return Line{}, err
	}
}

// Buffered tells whether Next can return a line without reading.
func (r *LineReader) Buffered() bool { return r.newline() >= 0 }

// newline returns the length of the first whole line in the buffer, or -1. It
// looks at each byte once.
func (r *LineReader) newline() int {
	unread := r.buf[r.start:r.end]
	if i := bytes.IndexByte(unread[r.scanned:], '\n'); i >= 0 {
		r.scanned += i
		return r.scanned
	}
	r.scanned = len(unread)
	return -1
}

// take cuts a line of n bytes off the buffer, and its end with it.
func (r *LineReader) take(n, withEnd int) Line {
	if r.skip != nil || n > r.max {
		r.discard(n)
		long := &LongLine{Head: r.skip.head, Tail: r.skip.tail, Bytes: r.skip.size}
		r.skip.sum.Sum(long.SHA256[:0])
		r.skip = nil
		r.drop(withEnd - n)
		return Line{Long: long}
	}
	line := r.buf[r.start : r.start+n]
	r.drop(withEnd)
	return Line{Bytes: bytes.TrimSuffix(line, []byte{'\r'})}
}

// discard counts n bytes into the line that is being skipped.
func (r *LineReader) discard(n int) {
	if r.skip == nil {
		r.skip = &skipped{sum: sha256.New()}
	}
	part := r.buf[r.start : r.start+n]
	if free := sampleBytes - len(r.skip.head); free > 0 {
		r.skip.head = append(r.skip.head, part[:min(free, n)]...)
	}
	end := part[max(0, n-sampleBytes):]
	r.skip.tail = append(r.skip.tail, end...)
	r.skip.tail = r.skip.tail[max(0, len(r.skip.tail)-sampleBytes):]
	r.skip.size += n
	r.skip.sum.Write(part)
	r.drop(n)
}

// drop forgets n bytes.
func (r *LineReader) drop(n int) {
	r.start += n
	r.scanned = max(0, r.scanned-n)
}

// fill reads once, into a buffer that has room.
func (r *LineReader) fill() error {
	if r.start == r.end {
		r.start, r.end = 0, 0
		if len(r.buf) > lineBuffer {
			r.buf = make([]byte, lineBuffer) // one long line must not cost its size for ever
		}
	}
	if r.end == len(r.buf) {
		r.makeRoom()
	}
	n, err := r.src.Read(r.buf[r.end:])
	r.end += n
	if n > 0 {
		return nil // an error that came with bytes comes again
	}
	if err == nil {
		return nil
	}
	return err
}

// makeRoom moves the unread bytes to the front, or grows the buffer if they
// fill more than half of it.
func (r *LineReader) makeRoom() {
	unread := r.buf[r.start:r.end]
	to := r.buf
	if len(unread) > len(r.buf)/2 {
		to = make([]byte, min(2*len(r.buf), r.max+lineBuffer))
	}
	copy(to, unread)
	r.buf, r.start, r.end = to, 0, len(unread)
}

package terminal

// ring keeps the newest output. Offsets count the bytes since the program's
// start. The zero value with a size is ready.
type ring struct {
	size int
	// buf holds the byte of offset n at n modulo size. It grows up to size.
	buf []byte
	end int64
}

// start is the offset of the oldest byte that is kept.
func (r *ring) start() int64 { return max(0, r.end-int64(r.size)) }

// write adds output; the oldest makes room.
func (r *ring) write(p []byte) {
	if skip := len(p) - r.size; skip > 0 {
		r.grow(r.size)
		r.end += int64(skip)
		p = p[skip:]
	}
	for len(p) > 0 {
		at := int(r.end % int64(r.size))
		r.grow(min(at+len(p), r.size))
		n := copy(r.buf[at:], p)
		r.end += int64(n)
		p = p[n:]
	}
}

// grow makes the buffer at least n bytes long, with room for no more than size.
func (r *ring) grow(n int) {
	if n > cap(r.buf) {
		r.reserve(min(r.size, max(n, 2*cap(r.buf))))
	}
	r.buf = r.buf[:max(n, len(r.buf))]
}

// trim gives back what is not used. It is for a program that has ended.
func (r *ring) trim() {
	if cap(r.buf) > len(r.buf) {
		r.reserve(len(r.buf))
	}
}

// reserve moves what is kept to a buffer with room for n bytes.
func (r *ring) reserve(n int) {
	buf := make([]byte, len(r.buf), n)
	copy(buf, r.buf)
	r.buf = buf
}

// read returns a copy of at most limit bytes after an offset, and the offset
// of the first of them: a later one if the ring has forgotten some.
func (r *ring) read(after int64, limit int) (at int64, p []byte) {
	at = max(after, r.start())
	n := min(r.end-at, int64(limit))
	if n <= 0 {
		return at, nil
	}
	p = make([]byte, 0, n)
	for int64(len(p)) < n {
		from := int((at + int64(len(p))) % int64(r.size))
		p = append(p, r.buf[from:min(len(r.buf), from+int(n)-len(p))]...)
	}
	return at, p
}

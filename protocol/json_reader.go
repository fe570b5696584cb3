package protocol

import (
	"strconv"
	"unicode/utf8"
)

// token is a kind of JSON token.
type token uint8

const (
	tokenEnd token = iota
	tokenObject
	tokenObjectEnd
	tokenArray
	tokenArrayEnd
	tokenKey
	tokenString
	tokenNumber
	tokenTrue
	tokenFalse
	tokenNull
)

// maxJSONDepth is the nesting that encoding/json takes; own bytes never pass it.
const maxJSONDepth = 10_000

// jsonReader cuts a JSON text into tokens. It never recurses, and allocates
// only its stack of open containers, one byte each. It accepts exactly the
// JSON of RFC 8259 in valid UTF-8.
//
// After a key, string or number, raw holds its bytes (without quotes), and the
// flags tell what is in them.
type jsonReader struct {
	b     []byte
	pos   int
	open  []byte // the open containers, '{' or '['
	state readerState

	raw     []byte
	start   int  // where the token begins in b
	escaped bool // the string holds an escape
	lone    bool // an escape is half of a surrogate pair
	integer bool // the number has neither fraction nor exponent
}

// readerState is what may come next.
type readerState uint8

const (
	wantValue readerState = iota
	wantValueOrEnd
	wantKey
	wantKeyOrEnd
	wantComma
	wantNothing
)

// newJSONReader returns a reader of b.
func newJSONReader(b []byte) jsonReader { return jsonReader{b: b} }

// syntaxError tells what is wrong with a JSON or msgpack text, and where.
type syntaxError struct {
	what string
	at   int
}

func (e *syntaxError) Error() string { return e.what + " at byte " + strconv.Itoa(e.at) }

func (r *jsonReader) fail(what string) (token, error) {
	return tokenEnd, &syntaxError{what, r.pos}
}

// next returns the next token; tokenEnd once the one value is complete and
// nothing follows it.
func (r *jsonReader) next() (token, error) {
	for {
		r.skipSpace()
		if r.pos >= len(r.b) {
			if r.state == wantNothing {
				return tokenEnd, nil
			}
			return r.fail("the text ends too early")
		}
		c := r.b[r.pos]
		switch r.state {
		case wantNothing:
			return r.fail("something follows the value")
		case wantComma:
			if c != ',' {
				return r.end(c)
			}
			r.pos++
			r.state = wantValue
			if r.inObject() {
				r.state = wantKey
			}
		case wantKeyOrEnd:
			if c == '}' {
				return r.end(c)
			}
			return r.key(c)
		case wantKey:
			return r.key(c)
		case wantValueOrEnd:
			if c == ']' {
				return r.end(c)
			}
			return r.value(c)
		default:
			return r.value(c)
		}
	}
}

func (r *jsonReader) inObject() bool { return r.open[len(r.open)-1] == '{' }

func (r *jsonReader) skipSpace() {
	for r.pos < len(r.b) {
		switch r.b[r.pos] {
		case ' ', '\t', '\n', '\r':
			r.pos++
		default:
			return
		}
	}
}

// end closes a container.
func (r *jsonReader) end(c byte) (token, error) {
	kind := tokenArrayEnd
	switch {
	case c == '}' && r.inObject():
		kind = tokenObjectEnd
	case c == ']' && !r.inObject():
	default:
		return r.fail("a comma or the end of the list is missing")
	}
	r.start = r.pos
	r.pos++
	r.open = r.open[:len(r.open)-1]
	r.valueDone()
	return kind, nil
}

func (r *jsonReader) valueDone() {
	r.state = wantComma
	if len(r.open) == 0 {
		r.state = wantNothing
	}
}

// key reads a key and its colon.
func (r *jsonReader) key(c byte) (token, error) {
	if c != '"' {
		return r.fail("a key must be a string")
	}
	if err := r.string(); err != nil {
		return tokenEnd, err
	}
	r.skipSpace()
	if r.pos >= len(r.b) || r.b[r.pos] != ':' {
		return r.fail("a colon is missing after a key")
	}
	r.pos++
	r.state = wantValue
	return tokenKey, nil
}

// value reads a scalar, or opens a container.
func (r *jsonReader) value(c byte) (token, error) {
	switch {
	case c == '"':
		if err := r.string(); err != nil {
			return tokenEnd, err
		}
		r.valueDone()
		return tokenString, nil
	case c == '{':
		return r.container(c, tokenObject, wantKeyOrEnd)
	case c == '[':
		return r.container(c, tokenArray, wantValueOrEnd)
	case c == '-' || '0' <= c && c <= '9':
		return r.number()
	case c == 't':
		return r.literal("true", tokenTrue)
	case c == 'f':
		return r.literal("false", tokenFalse)
	case c == 'n':
		return r.literal("null", tokenNull)
	default:
		return r.fail("a value is missing")
	}
}

func (r *jsonReader) container(c byte, kind token, next readerState) (token, error) {
	if len(r.open) >= maxJSONDepth {
		return r.fail("the nesting is too deep")
	}
	r.start = r.pos
	r.pos++
	r.open = append(r.open, c)
	r.state = next
	return kind, nil
}

func (r *jsonReader) literal(word string, kind token) (token, error) {
	if len(r.b)-r.pos < len(word) || string(r.b[r.pos:r.pos+len(word)]) != word {
		return r.fail("an unknown word")
	}
	r.start = r.pos
	r.pos += len(word)
	r.valueDone()
	return kind, nil
}

// number reads a number by the grammar of RFC 8259.
func (r *jsonReader) number() (token, error) {
	b, i := r.b, r.pos
	r.start, r.integer = i, true
	if b[i] == '-' {
		i++
	}
	switch {
	case i < len(b) && b[i] == '0':
		i++
	default:
		n := digits(b[i:])
		if n == 0 {
			return r.fail("a malformed number")
		}
		i += n
	}
	if i < len(b) && b[i] == '.' {
		n := digits(b[i+1:])
		if n == 0 {
			return r.fail("a malformed number")
		}
		i += 1 + n
		r.integer = false
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		n := digits(b[i:])
		if n == 0 {
			return r.fail("a malformed number")
		}
		i += n
		r.integer = false
	}
	r.raw, r.pos = b[r.pos:i], i
	r.valueDone()
	return tokenNumber, nil
}

func digits(b []byte) int {
	n := 0
	for n < len(b) && '0' <= b[n] && b[n] <= '9' {
		n++
	}
	return n
}

// string reads a string whose opening quote is at pos.
func (r *jsonReader) string() error {
	b := r.b
	r.start, r.escaped, r.lone = r.pos, false, false
	start := r.pos + 1
	i := start
	for {
		for i < len(b) && plain[b[i]] {
			i++
		}
		if i >= len(b) {
			return &syntaxError{"the text ends inside a string", i}
		}
		switch c := b[i]; {
		case c == '"':
			r.raw, r.pos = b[start:i], i+1
			return nil
		case c == '\\':
			_, n, lone := readEscape(b[i:])
			if n == 0 {
				return &syntaxError{"a malformed escape", i}
			}
			r.escaped, r.lone = true, r.lone || lone
			i += n
		case c < 0x20:
			return &syntaxError{"a control character that is not escaped", i}
		default:
			_, n := utf8.DecodeRune(b[i:])
			if n == 1 {
				return &syntaxError{"invalid UTF-8", i}
			}
			i += n
		}
	}
}

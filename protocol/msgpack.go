package protocol

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"sync"

	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// The two encodings mean the same. JSON to msgpack to JSON is the identity on
// values, with these rules:
//
//   - Whole numbers from -2^63 to 2^64-1 that are written without fraction and
//     exponent become the shortest msgpack integer. All others become float64,
//     the nearest one; a number that no finite float64 is near is refused. So
//     do whole numbers beyond 64 bits become float64.
//   - A msgpack float that is whole and below 2^53 is written as a JSON
//     integer, so that clients whose language has only floats can send counts.
//   - Bytes are base64 strings in JSON, and stay strings on the way to
//     msgpack. On the way from msgpack, binary becomes a base64 string too.
//   - Half a surrogate pair in a JSON escape becomes U+FFFD.

// AppendMsgpack appends the msgpack form of a JSON text. It refuses what is no
// JSON and never panics; it allocates in proportion to the input at most. It
// writes the bytes itself, as the library's compact integers and strings would
// be, because outbound events come through here.
func AppendMsgpack(dst, text []byte) ([]byte, error) {
	w := msgpackWriters.Get().(*msgpackWriter)
	defer msgpackWriters.Put(w)
	w.reset(dst, text)
	defer w.reset(nil, nil)
	r := &w.src
	for {
		kind, err := r.next()
		if err != nil {
			return dst, fmt.Errorf("cannot turn JSON into msgpack: %w", err)
		}
		switch kind {
		case tokenEnd:
			return w.b, nil
		case tokenObject:
			w.enter(msgpcode.FixedMapLow)
		case tokenArray:
			w.enter(msgpcode.FixedArrayLow)
		case tokenObjectEnd:
			w.leave(msgpcode.Map16, msgpcode.Map32)
		case tokenArrayEnd:
			w.leave(msgpcode.Array16, msgpcode.Array32)
		case tokenKey:
			w.text(r)
		default:
			w.count()
			if err := w.scalar(r, kind); err != nil {
				return dst, fmt.Errorf("cannot turn JSON into msgpack: %w", err)
			}
		}
	}
}

// msgpackWriter appends msgpack. A container's count is known only at its end,
// so its head is one byte at first and widened for the rare large one.
type msgpackWriter struct {
	src  jsonReader
	b    []byte
	open []msgpackOpen
}

var msgpackWriters = sync.Pool{New: func() any { return new(msgpackWriter) }}

// reset makes the writer ready; it keeps the room of its stacks.
func (w *msgpackWriter) reset(dst, text []byte) {
	w.src = jsonReader{b: text, open: w.src.open[:0]}
	w.b, w.open = dst, w.open[:0]
}

// msgpackOpen is a container that is being written.
type msgpackOpen struct {
	head  int // the place of its head in b
	count int // the values in it so far
}

// count notes a value in the innermost container.
func (w *msgpackWriter) count() {
	if n := len(w.open); n > 0 {
		w.open[n-1].count++
	}
}

func (w *msgpackWriter) enter(code byte) {
	w.count()
	w.open = append(w.open, msgpackOpen{head: len(w.b)})
	w.b = append(w.b, code)
}

func (w *msgpackWriter) leave(code16, code32 byte) {
	o := w.open[len(w.open)-1]
	w.open = w.open[:len(w.open)-1]
	switch {
	case o.count < 16:
		w.b[o.head] |= byte(o.count)
	case o.count <= math.MaxUint16:
		w.widen(o.head+1, 2)
		w.b[o.head] = code16
		binary.BigEndian.PutUint16(w.b[o.head+1:], uint16(o.count))
	default:
		w.widen(o.head+1, 4)
		w.b[o.head] = code32
		binary.BigEndian.PutUint32(w.b[o.head+1:], uint32(o.count))
	}
}

// widen makes room for n bytes at place at.
func (w *msgpackWriter) widen(at, n int) {
	w.b = append(w.b, 0, 0, 0, 0)[:len(w.b)+n]
	copy(w.b[at+n:], w.b[at:])
}

func (w *msgpackWriter) scalar(r *jsonReader, kind token) error {
	switch kind {
	case tokenString:
		w.text(r)
	case tokenTrue:
		w.b = append(w.b, msgpcode.True)
	case tokenFalse:
		w.b = append(w.b, msgpcode.False)
	case tokenNull:
		w.b = append(w.b, msgpcode.Nil)
	case tokenNumber:
		return w.number(r)
	}
	return nil
}

// text writes the string or key that r stands on.
func (w *msgpackWriter) text(r *jsonReader) {
	if !r.escaped {
		w.b = appendMsgpackStringHead(w.b, len(r.raw))
		w.b = append(w.b, r.raw...)
		return
	}
	// Escapes only shrink, but for half a pair (6 bytes to 3) too: the head
	// for the raw length is never too short.
	at := len(w.b)
	w.b = appendMsgpackStringHead(w.b, len(r.raw))
	body := len(w.b)
	w.b = appendUnescaped(w.b, r.raw)
	size := len(w.b) - body
	head := appendMsgpackStringHead(w.b[:at], size)
	copy(w.b[len(head):], w.b[body:])
	w.b = w.b[:len(head)+size]
}

func appendMsgpackStringHead(b []byte, n int) []byte {
	switch {
	case n < 32:
		return append(b, msgpcode.FixedStrLow|byte(n))
	case n <= math.MaxUint8:
		return append(b, msgpcode.Str8, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, msgpcode.Str16), uint16(n))
	default:
		return binary.BigEndian.AppendUint32(append(b, msgpcode.Str32), uint32(n))
	}
}

func (w *msgpackWriter) number(r *jsonReader) error {
	if r.integer && len(r.raw) <= len("-9223372036854775808") {
		if n, ok := wholeNumber(r.raw); ok {
			w.b = appendMsgpackUint(w.b, n)
			return nil
		}
		n, err := strconv.ParseInt(string(r.raw), 10, 64)
		if err == nil && n < 0 { // not -0, which only a float can hold
			w.b = appendMsgpackNegative(w.b, n)
			return nil
		}
	}
	f, err := strconv.ParseFloat(string(r.raw), 64)
	if err != nil {
		return &syntaxError{"a number that is not finite", r.start}
	}
	w.b = binary.BigEndian.AppendUint64(append(w.b, msgpcode.Double), math.Float64bits(f))
	return nil
}

// wholeNumber reads digits; ok is false with a sign, or beyond 64 bits.
func wholeNumber(raw []byte) (n uint64, ok bool) {
	if raw[0] == '-' {
		return 0, false
	}
	if len(raw) > 19 {
		n, err := strconv.ParseUint(string(raw), 10, 64)
		return n, err == nil
	}
	for _, c := range raw {
		n = n*10 + uint64(c-'0')
	}
	return n, true
}

func appendMsgpackUint(b []byte, n uint64) []byte {
	switch {
	case n <= math.MaxInt8:
		return append(b, byte(n))
	case n <= math.MaxUint8:
		return append(b, msgpcode.Uint8, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, msgpcode.Uint16), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, msgpcode.Uint32), uint32(n))
	default:
		return binary.BigEndian.AppendUint64(append(b, msgpcode.Uint64), n)
	}
}

func appendMsgpackNegative(b []byte, n int64) []byte {
	switch {
	case n >= -32:
		return append(b, byte(n))
	case n >= math.MinInt8:
		return append(b, msgpcode.Int8, byte(n))
	case n >= math.MinInt16:
		return binary.BigEndian.AppendUint16(append(b, msgpcode.Int16), uint16(n))
	case n >= math.MinInt32:
		return binary.BigEndian.AppendUint32(append(b, msgpcode.Int32), uint32(n))
	default:
		return binary.BigEndian.AppendUint64(append(b, msgpcode.Int64), uint64(n))
	}
}

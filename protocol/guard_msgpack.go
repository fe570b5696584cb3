package protocol

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// CheckMsgpack walks b and refuses it unless it is one well-formed msgpack
// value within the limits: every announced length fits into the bytes that are
// left, keys are strings and stand once, strings are valid UTF-8, floats are
// finite, there are no extensions, and nothing follows the value. The error
// is a *GuardError.
func (l GuardLimits) CheckMsgpack(b []byte) error {
	l = l.withDefaults()
	if err := l.checkSize(b); err != nil {
		return err
	}
	w := msgpackWalker{limits: l, b: b}
	for {
		if err := w.step(); err != nil {
			return err
		}
		done, err := w.closeFull()
		if err != nil {
			return err
		}
		if !done {
			continue
		}
		if w.pos < len(b) {
			return refuse("the frame goes on after its value at byte %d: send one value per frame", w.pos)
		}
		return nil
	}
}

// msgpackWalker walks msgpack without recursion.
type msgpackWalker struct {
	limits GuardLimits
	b      []byte
	pos    int
	open   []msgpackLevel
	values int
	keys   keySet
}

// msgpackLevel is an open array or map. left counts the values still to come,
// for a map its keys too: a key is due when left is even.
type msgpackLevel struct {
	left  int
	isMap bool
	// first tells AppendJSON that no comma is due.
	first bool
}

// step reads one scalar or the head of an array or map.
func (w *msgpackWalker) step() error {
	h, err := readMsgpackHead(w.b, w.pos)
	if err != nil {
		return refuse("the frame is no valid msgpack: %s", err)
	}
	key := false
	if n := len(w.open); n > 0 {
		top := &w.open[n-1]
		key = top.isMap && top.left%2 == 0
		top.left--
	}
	if key && h.kind != msgpackString {
		return refuse("the frame has a key that is no string at byte %d: use strings as keys", w.pos)
	}
	body := w.b[w.pos+h.size:]
	w.pos += h.size
	switch h.kind {
	case msgpackArray, msgpackMap:
		return w.enter(h, len(body))
	case msgpackExtension:
		return refuse("the frame holds a msgpack extension at byte %d: use plain types", w.pos-h.size)
	case msgpackString, msgpackBinary:
		return w.bytes(h, body, key)
	case msgpackFloat:
		if math.IsNaN(h.float) || math.IsInf(h.float, 0) {
			return refuse("the number at byte %d is not finite: numbers must be finite", w.pos-h.size)
		}
	}
	return nil
}

// enter opens an array or map, if what it announces can be true.
func (w *msgpackWalker) enter(h msgpackHead, left int) error {
	items := h.length // at most 2^32-1, in 64 bits
	if h.kind == msgpackMap {
		items *= 2
	}
	if items > uint64(left) {
		return refuse("the frame announces more values than it has bytes at byte %d", w.pos-h.size)
	}
	if len(w.open) >= w.limits.Depth {
		return w.limits.refuseDepth()
	}
	if w.values += int(h.length); w.values > w.limits.Elements {
		return w.limits.refuseElements()
	}
	if h.kind == msgpackMap {
		w.keys.open()
	}
	w.open = append(w.open, msgpackLevel{left: int(items), isMap: h.kind == msgpackMap})
	return nil
}

// bytes checks a string, key or binary.
func (w *msgpackWalker) bytes(h msgpackHead, body []byte, key bool) error {
	if h.length > uint64(len(body)) {
		return refuse("the frame announces a string longer than the bytes left at byte %d", w.pos-h.size)
	}
	if h.length > uint64(w.limits.String) {
		return w.limits.refuseString()
	}
	s := body[:h.length]
	if h.kind == msgpackString && !utf8.Valid(s) {
		return refuse("the frame holds invalid UTF-8 in the string at byte %d", w.pos-h.size)
	}
	if key && !w.keys.add(s) {
		return refuseTwice(s)
	}
	w.pos += len(s)
	return nil
}

// closeFull closes the containers that are complete; done tells that the
// outermost value is.
func (w *msgpackWalker) closeFull() (done bool, err error) {
	for len(w.open) > 0 {
		top := w.open[len(w.open)-1]
		if top.left > 0 {
			return false, nil
		}
		if top.isMap {
			if key, ok := w.keys.close(); !ok {
				return false, refuseTwice(key)
			}
		}
		w.open = w.open[:len(w.open)-1]
	}
	return true, nil
}

// msgpackKind is what a msgpack head announces.
type msgpackKind uint8

const (
	msgpackNil msgpackKind = iota
	msgpackBool
	msgpackInt
	msgpackFloat
	msgpackString
	msgpackBinary
	msgpackArray
	msgpackMap
	msgpackExtension
)

// msgpackHead is the code byte with the fixed-size field behind it: a length,
// or a scalar's value.
type msgpackHead struct {
	kind   msgpackKind
	size   int    // of the head, in bytes
	length uint64 // of the body: bytes, elements or pairs
	float  float64
}

// readMsgpackHead reads the head at pos.
func readMsgpackHead(b []byte, pos int) (msgpackHead, error) {
	if pos >= len(b) {
		return msgpackHead{}, &syntaxError{"the bytes end too early", pos}
	}
	c := b[pos]
	switch {
	case msgpcode.IsFixedNum(c):
		return msgpackHead{kind: msgpackInt, size: 1}, nil
	case msgpcode.IsFixedMap(c):
		return msgpackHead{kind: msgpackMap, size: 1, length: uint64(c & msgpcode.FixedMapMask)}, nil
	case msgpcode.IsFixedArray(c):
		return msgpackHead{kind: msgpackArray, size: 1, length: uint64(c & msgpcode.FixedArrayMask)}, nil
	case msgpcode.IsFixedString(c):
		return msgpackHead{kind: msgpackString, size: 1, length: uint64(c & msgpcode.FixedStrMask)}, nil
	}
	form := msgpackForms[c-msgpcode.Nil] // c is 0xc0 to 0xdf here
	if c == 0xc1 {
		return msgpackHead{}, &syntaxError{"an unknown code", pos}
	}
	h := msgpackHead{kind: form.kind, size: 1 + form.field}
	if len(b)-pos < h.size {
		return msgpackHead{}, &syntaxError{"the bytes end too early", pos}
	}
	field := b[pos+1 : pos+h.size]
	switch form.kind {
	case msgpackFloat:
		h.float = readFloat(field)
	case msgpackString, msgpackBinary, msgpackArray, msgpackMap:
		h.length = readBigEndian(field)
	}
	return h, nil
}

// msgpackForms tells for the codes from 0xc0 to 0xdf what they are and how
// many bytes of fixed field follow.
var msgpackForms = [32]struct {
	kind  msgpackKind
	field int
}{
	0x00: {msgpackNil, 0}, 0x02: {msgpackBool, 0}, 0x03: {msgpackBool, 0},
	0x04: {msgpackBinary, 1}, 0x05: {msgpackBinary, 2}, 0x06: {msgpackBinary, 4},
	0x07: {msgpackExtension, 0}, 0x08: {msgpackExtension, 0}, 0x09: {msgpackExtension, 0},
	0x0a: {msgpackFloat, 4}, 0x0b: {msgpackFloat, 8},
	0x0c: {msgpackInt, 1}, 0x0d: {msgpackInt, 2}, 0x0e: {msgpackInt, 4}, 0x0f: {msgpackInt, 8},
	0x10: {msgpackInt, 1}, 0x11: {msgpackInt, 2}, 0x12: {msgpackInt, 4}, 0x13: {msgpackInt, 8},
	0x14: {msgpackExtension, 0}, 0x15: {msgpackExtension, 0}, 0x16: {msgpackExtension, 0},
	0x17: {msgpackExtension, 0}, 0x18: {msgpackExtension, 0},
	0x19: {msgpackString, 1}, 0x1a: {msgpackString, 2}, 0x1b: {msgpackString, 4},
	0x1c: {msgpackArray, 2}, 0x1d: {msgpackArray, 4},
	0x1e: {msgpackMap, 2}, 0x1f: {msgpackMap, 4},
}

func readBigEndian(b []byte) (n uint64) {
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n
}

func readFloat(b []byte) float64 {
	if len(b) == 4 {
		return float64(math.Float32frombits(binary.BigEndian.Uint32(b)))
	}
	return math.Float64frombits(binary.BigEndian.Uint64(b))
}

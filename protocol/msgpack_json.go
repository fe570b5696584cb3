package protocol

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync"
	"unicode/utf8"

	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// AppendJSON appends the JSON form of one msgpack value. It refuses what
// GuardLimits.CheckMsgpack refuses, but for size, depth up to 10,000, number
// of values and duplicate keys. It never panics, and never allocates by an
// announced length.
func AppendJSON(dst, packed []byte) ([]byte, error) {
	r := msgpackReaders.Get().(*msgpackReader)
	defer msgpackReaders.Put(r)
	r.reset(packed, dst)
	defer r.reset(nil, nil)
	for {
		if err := r.value(); err != nil {
			return dst, fmt.Errorf("cannot turn msgpack into JSON: %w", err)
		}
		if r.closeFull(); len(r.open) == 0 {
			break
		}
	}
	if r.src.Len() > 0 {
		return dst, fmt.Errorf("cannot turn msgpack into JSON: something follows the value at byte %d", r.pos())
	}
	return r.out, nil
}

// msgpackReader turns msgpack into JSON without recursion: the library's
// decoder reads heads and numbers, and every length is checked here before
// anything is done with it.
type msgpackReader struct {
	packed []byte
	src    bytes.Reader
	dec    *msgpack.Decoder
	open   []msgpackLevel
	out    []byte
}

var msgpackReaders = sync.Pool{New: func() any {
	r := new(msgpackReader)
	r.dec = msgpack.NewDecoder(&r.src)
	return r
}}

func (r *msgpackReader) reset(packed, out []byte) {
	r.packed, r.out, r.open = packed, out, r.open[:0]
	r.src.Reset(packed)
	r.dec.Reset(&r.src)
}

func (r *msgpackReader) pos() int { return len(r.packed) - r.src.Len() }

// closeFull writes the ends of the containers that are complete.
func (r *msgpackReader) closeFull() {
	for len(r.open) > 0 && r.open[len(r.open)-1].left == 0 {
		end := byte(']')
		if r.open[len(r.open)-1].isMap {
			end = '}'
		}
		r.out = append(r.out, end)
		r.open = r.open[:len(r.open)-1]
	}
}

// value writes one scalar, or the beginning of a container, with the comma or
// colon before it.
func (r *msgpackReader) value() error {
	c, err := r.dec.PeekCode()
	if err != nil {
		return &syntaxError{"the bytes end too early", r.pos()}
	}
	text := msgpcode.IsString(c)
	if n := len(r.open); n > 0 {
		top := &r.open[n-1]
		key := top.isMap && top.left%2 == 0
		if key && !text {
			return &syntaxError{"a key that is no string", r.pos()}
		}
		if !top.first {
			r.out = append(r.out, separator(top, key))
		}
		top.first = false
		top.left--
	}
	switch {
	case text || msgpcode.IsBin(c):
		return r.bytes(text)
	case msgpcode.IsFixedMap(c) || c == msgpcode.Map16 || c == msgpcode.Map32:
		n, err := r.dec.DecodeMapLen()
		return r.enter(n, true, err)
	case msgpcode.IsFixedArray(c) || c == msgpcode.Array16 || c == msgpcode.Array32:
		n, err := r.dec.DecodeArrayLen()
		return r.enter(n, false, err)
	default:
		return r.scalar(c)
	}
}

func separator(top *msgpackLevel, key bool) byte {
	if top.isMap && !key {
		return ':'
	}
	return ','
}

func (r *msgpackReader) enter(n int, isMap bool, err error) error {
	begin := byte('[')
	if isMap {
		n *= 2
		begin = '{'
	}
	if err != nil || n < 0 || n > r.src.Len() {
		return &syntaxError{"more values are announced than there are bytes", r.pos()}
	}
	if len(r.open) >= maxJSONDepth {
		return &syntaxError{"the nesting is too deep", r.pos()}
	}
	r.open = append(r.open, msgpackLevel{left: n, isMap: isMap, first: true})
	r.out = append(r.out, begin)
	return nil
}

func (r *msgpackReader) bytes(text bool) error {
	n, err := r.dec.DecodeBytesLen()
	at := r.pos()
	if err != nil || n < 0 || n > len(r.packed)-at {
		return &syntaxError{"a string is announced that is longer than the bytes left", at}
	}
	s := r.packed[at : at+n]
	if _, err := r.src.Seek(int64(at+n), 0); err != nil {
		return err
	}
	if !text {
		r.out = append(r.out, '"')
		r.out = base64.StdEncoding.AppendEncode(r.out, s)
		r.out = append(r.out, '"')
		return nil
	}
	if !utf8.Valid(s) {
		return &syntaxError{"invalid UTF-8", at}
	}
	r.out = appendQuoted(r.out, s)
	return nil
}

// scalar writes nil, a boolean or a number.
func (r *msgpackReader) scalar(c byte) error {
	at := r.pos()
	var err error
	switch {
	case c == msgpcode.Nil:
		err = r.dec.DecodeNil()
		r.out = append(r.out, "null"...)
	case c == msgpcode.True, c == msgpcode.False:
		var v bool
		v, err = r.dec.DecodeBool()
		r.out = strconv.AppendBool(r.out, v)
	case c == msgpcode.Uint64:
		var v uint64
		v, err = r.dec.DecodeUint64()
		r.out = strconv.AppendUint(r.out, v, 10)
	case c == msgpcode.Float, c == msgpcode.Double:
		var v float64
		if v, err = r.dec.DecodeFloat64(); err == nil {
			r.out, err = appendFloat(r.out, v)
		}
	case msgpcode.IsFixedNum(c), c >= msgpcode.Uint8 && c <= msgpcode.Int64:
		var v int64
		v, err = r.dec.DecodeInt64()
		r.out = strconv.AppendInt(r.out, v, 10)
	default:
		err = errors.New("an extension or an unknown code")
	}
	if err != nil {
		return &syntaxError{err.Error(), at}
	}
	return nil
}

// appendFloat writes v in the form of encoding/json.
func appendFloat(b []byte, v float64) ([]byte, error) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return b, errors.New("a number that is not finite")
	}
	format := byte('f')
	if a := math.Abs(v); a != 0 && (a < 1e-6 || a >= 1e21) {
		format = 'e'
	}
	b = strconv.AppendFloat(b, v, format, -1, 64)
	if n := len(b); format == 'e' && b[n-4] == 'e' && b[n-3] == '-' && b[n-2] == '0' {
		b = append(b[:n-2], b[n-1]) // e-09 is e-9
	}
	return b, nil
}

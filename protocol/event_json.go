package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"unicode/utf8"
)

// AppendEvent appends e as JSON. The keys of the envelope always come in the
// order seq, session_id, time, type, turn_id, source, data, raw, which
// EventHead relies on. Nothing is escaped for HTML, and the result is valid
// UTF-8 whatever the event holds. It fails if Data is nil, or if raw JSON in
// the event is malformed; dst is then returned as it was.
func AppendEvent(dst []byte, e *Event) ([]byte, error) {
	if e.Data == nil {
		return dst, errors.New("cannot encode event: it has no data")
	}
	start := len(dst)
	b := dst
	b = append(b, `{"seq":`...)
	b = strconv.AppendUint(b, e.Seq, 10)
	b = append(b, `,"session_id":`...)
	b = AppendString(b, e.SessionID)
	b = append(b, `,"time":"`...)
	b = e.Time.appendUTC(b)
	b = append(b, `","type":`...)
	b = AppendString(b, string(e.Data.EventType()))
	if e.TurnID != "" {
		b = append(b, `,"turn_id":`...)
		b = AppendString(b, e.TurnID)
	}
	b = append(b, `,"source":`...)
	b = AppendString(b, string(e.Source))
	b = append(b, `,"data":`...)
	if delta, ok := e.Data.(*ItemDelta); ok && delta != nil {
		b = appendDelta(b, delta)
	} else {
		var err error
		if b, err = appendJSON(b, e.Data); err != nil {
			return dst, fmt.Errorf("cannot encode %s event: %w", e.Data.EventType(), err)
		}
		if !utf8.Valid(b[start:]) { // raw JSON of an agent, such as a tool's input
			b = append(b[:start], bytes.ToValidUTF8(b[start:], []byte("\uFFFD"))...)
		}
	}
	b = append(b, '}')
	if e.Raw == nil {
		return b, nil
	}
	b, err := AppendRaw(b[:start], b[start:], e.Raw)
	if err != nil {
		return dst, err
	}
	return b, nil
}

// appendDelta is the hot path: a stream is made of these.
func appendDelta(b []byte, d *ItemDelta) []byte {
	b = append(b, `{"item_id":`...)
	b = AppendString(b, d.ItemID)
	if d.Index != 0 {
		b = append(b, `,"index":`...)
		b = strconv.AppendInt(b, int64(d.Index), 10)
	}
	b = append(b, `,"kind":`...)
	b = AppendString(b, string(d.Kind))
	b = append(b, `,"text":`...)
	b = AppendString(b, d.Text)
	return append(b, '}')
}

// AppendRaw appends an event that AppendEvent encoded without raw, with the
// native frame added to it. It fails if raw is no JSON.
func AppendRaw(dst, event, raw []byte) ([]byte, error) {
	if !json.Valid(raw) {
		return dst, errors.New("cannot add the native frame to the event: it is no JSON")
	}
	if !utf8.Valid(raw) {
		raw = bytes.ToValidUTF8(raw, []byte("\uFFFD"))
	}
	dst = append(dst, event[:len(event)-1]...)
	dst = append(dst, `,"raw":`...)
	dst = append(dst, raw...)
	return append(dst, '}'), nil
}

// jsonAppender is an encoder that appends to a slice, kept for reuse.
type jsonAppender struct {
	b   []byte
	enc *json.Encoder
}

// Write appends; it never fails.
func (a *jsonAppender) Write(p []byte) (int, error) {
	a.b = append(a.b, p...)
	return len(p), nil
}

var appenders = sync.Pool{New: func() any {
	a := new(jsonAppender)
	a.enc = json.NewEncoder(a)
	a.enc.SetEscapeHTML(false)
	return a
}}

// appendJSON appends v as encoding/json writes it, but without HTML escaping.
func appendJSON(dst []byte, v any) ([]byte, error) {
	a := appenders.Get().(*jsonAppender)
	defer appenders.Put(a)
	a.b = dst
	err := a.enc.Encode(v)
	b := a.b
	a.b = nil // the bytes belong to the caller
	if err != nil {
		return dst, err
	}
	return b[:len(b)-1], nil // without the encoder's newline
}

// MarshalJSON returns what AppendEvent appends.
func (e Event) MarshalJSON() ([]byte, error) { return AppendEvent(nil, &e) }

// knownTypes gives the type for its text without allocating.
var knownTypes = func() map[string]EventType {
	m := make(map[string]EventType, len(newData))
	for t := range newData {
		m[string(t)] = t
	}
	return m
}()

// EventHead reads seq and type of an event that AppendEvent encoded, without
// reading the rest. It is not for events of other makers.
func EventHead(event []byte) (seq uint64, t EventType, err error) {
	rest, ok := bytes.CutPrefix(event, []byte(`{"seq":`))
	n := digits(rest)
	if !ok || n == 0 || n > 20 {
		return 0, "", errNoHead
	}
	for _, c := range rest[:n] {
		seq = seq*10 + uint64(c-'0')
	}
	rest, ok = bytes.CutPrefix(rest[n:], []byte(`,"session_id":`))
	if !ok {
		return 0, "", errNoHead
	}
	r := newJSONReader(rest)
	if len(rest) == 0 || rest[0] != '"' || r.string() != nil {
		return 0, "", errNoHead
	}
	rest, ok = bytes.CutPrefix(rest[r.pos:], []byte(`,"time":"`))
	if !ok || len(rest) < len(timeLayout) {
		return 0, "", errNoHead
	}
	rest, ok = bytes.CutPrefix(rest[len(timeLayout):], []byte(`","type":"`))
	end := bytes.IndexByte(rest, '"')
	if !ok || end < 0 {
		return 0, "", errNoHead
	}
	if t, ok := knownTypes[string(rest[:end])]; ok {
		return seq, t, nil
	}
	return seq, EventType(rest[:end]), nil
}

var errNoHead = errors.New("cannot read the head of the event: it is not as AppendEvent writes it")

// SplitArray cuts a JSON array into the texts of its elements, which point
// into array. It looks only at strings and brackets: array must be JSON that
// was checked or made before. A text that is no array, or that ends too early,
// is an error.
func SplitArray(array []byte) ([][]byte, error) {
	b := bytes.TrimSpace(array)
	if len(b) < 2 || b[0] != '[' || b[len(b)-1] != ']' {
		return nil, errors.New("cannot split: not a JSON array")
	}
	b = b[1 : len(b)-1]
	if len(bytes.TrimSpace(b)) == 0 {
		return nil, nil
	}
	parts := make([][]byte, 0, len(b)/256+1)
	start, depth := 0, 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			n := skipString(b[i:])
			if n == 0 {
				return nil, errors.New("cannot split: a string does not end")
			}
			i += n - 1
		case '{', '[':
			depth++
		case '}', ']':
			depth--
			if depth < 0 {
				return nil, errors.New("cannot split: brackets do not match")
			}
		case ',':
			if depth == 0 {
				parts = append(parts, bytes.TrimSpace(b[start:i]))
				start = i + 1
			}
		}
	}
	if depth != 0 {
		return nil, errors.New("cannot split: brackets do not match")
	}
	return append(parts, bytes.TrimSpace(b[start:])), nil
}

// skipString returns the length of the string that b begins with, quotes
// included; 0 if it does not end.
func skipString(b []byte) int {
	for i := 1; ; {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return 0
		}
		i += n
		slashes := 0
		for b[i-1-slashes] == '\\' {
			slashes++
		}
		i++
		if slashes%2 == 0 {
			return i
		}
	}
}

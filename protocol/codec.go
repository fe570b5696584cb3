package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// Format is how frames are encoded on a socket.
type Format int

// The formats, one for each WebSocket subprotocol.
const (
	FormatJSON Format = iota
	FormatMsgpack
)

// String returns json or msgpack.
func (f Format) String() string {
	if f == FormatMsgpack {
		return "msgpack"
	}
	return "json"
}

// AppendFrame appends a server frame: one flat object of the fields of body
// and the type, which comes first. body is a struct of this package or
// anything else that encodes to a JSON object; nil has no fields.
func AppendFrame(dst []byte, format Format, t FrameType, body any) ([]byte, error) {
	return appendObject(dst, format, t, "", body)
}

// EncodeClientFrame encodes a command as a client sends it.
func EncodeClientFrame(format Format, f ClientFrame) ([]byte, error) {
	if f.Command == nil {
		return nil, errors.New("cannot encode frame: it has no command")
	}
	return appendObject(nil, format, f.Command.FrameType(), f.ID, f.Command)
}

// appendObject appends body with type, and id unless it is empty, before its
// fields.
func appendObject(dst []byte, format Format, t FrameType, id string, body any) ([]byte, error) {
	text := dst
	if format == FormatMsgpack {
		text = nil
	}
	text = append(text, `{"type":`...)
	text = AppendString(text, string(t))
	if id != "" {
		text = append(text, `,"id":`...)
		text = AppendString(text, id)
	}
	if body == nil {
		text = append(text, '}')
	} else {
		open := len(text)
		var err error
		if text, err = appendJSON(text, body); err != nil {
			return dst, fmt.Errorf("cannot encode %s frame: %w", t, err)
		}
		if text[open] != '{' {
			return dst, fmt.Errorf("cannot encode %s frame: its body is no object", t)
		}
		if len(text)-open == len("{}") {
			text = append(text[:open], '}')
		} else {
			text[open] = ','
		}
	}
	if format != FormatMsgpack {
		return text, nil
	}
	return AppendMsgpack(dst, text)
}

// AppendEventsHeader begins an events frame of count events; last is the
// cursor after them. The encoded events follow, in JSON with a comma between
// each two (as between the brackets of a stored chunk), in msgpack without
// anything between; then AppendEventsTrailer.
func AppendEventsHeader(dst []byte, format Format, last uint64, count int) []byte {
	if format == FormatMsgpack {
		dst = append(dst, msgpcode.FixedMapLow|3)
		dst = appendMsgpackString(dst, "type")
		dst = appendMsgpackString(dst, string(FrameEvents))
		dst = appendMsgpackString(dst, "last")
		dst = appendMsgpackUint(dst, last)
		dst = appendMsgpackString(dst, "events")
		return appendMsgpackArrayHead(dst, count)
	}
	dst = append(dst, `{"type":"events","last":`...)
	dst = strconv.AppendUint(dst, last, 10)
	return append(dst, `,"events":[`...)
}

// AppendEventsTrailer ends an events frame.
func AppendEventsTrailer(dst []byte, format Format) []byte {
	if format == FormatMsgpack {
		return dst
	}
	return append(dst, ']', '}')
}

// AppendEventsFrame appends a whole events frame made of blocks that hold
// count encoded events together. A block holds one event or more: in JSON with
// commas between them, in msgpack one after the other. Blocks are not empty.
func AppendEventsFrame(dst []byte, format Format, last uint64, count int, blocks ...[]byte) []byte {
	dst = AppendEventsHeader(dst, format, last, count)
	for i, block := range blocks {
		if i > 0 && format == FormatJSON {
			dst = append(dst, ',')
		}
		dst = append(dst, block...)
	}
	return AppendEventsTrailer(dst, format)
}

func appendMsgpackString(b []byte, s string) []byte {
	return append(appendMsgpackStringHead(b, len(s)), s...)
}

func appendMsgpackArrayHead(b []byte, n int) []byte {
	switch {
	case n < 16:
		return append(b, msgpcode.FixedArrayLow|byte(n))
	case n < 1<<16:
		return append(b, msgpcode.Array16, byte(n>>8), byte(n))
	default:
		return append(b, msgpcode.Array32, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
}

// newServerFrame makes an empty body for each server frame, for decoding.
var newServerFrame = map[FrameType]func() any{
	FrameHello:   func() any { return new(Hello) },
	FrameEvents:  func() any { return new(Events) },
	FrameLive:    func() any { return new(Live) },
	FrameGap:     func() any { return new(Gap) },
	FrameAsk:     func() any { return new(Ask) },
	FrameResult:  func() any { return new(Result) },
	FrameGoodbye: func() any { return new(Goodbye) },
}

// DecodeServerFrame reads a frame as a client gets it. The body is *Hello,
// *Events, *Live, *Gap, *Ask, *Result or *Goodbye, and json.RawMessage (the
// whole frame) for a type that this version does not know.
func DecodeServerFrame(format Format, b []byte) (FrameType, any, error) {
	if format == FormatMsgpack {
		text, err := AppendJSON(make([]byte, 0, len(b)*3/2), b)
		if err != nil {
			return "", nil, fmt.Errorf("cannot read server frame: %w", err)
		}
		b = text
	}
	t, err := frameType(b)
	if err != nil {
		return "", nil, fmt.Errorf("cannot read server frame: %w", err)
	}
	if t == FrameEvents {
		events, err := readEvents(b)
		if err != nil {
			return t, nil, fmt.Errorf("cannot read %s frame: %w", t, err)
		}
		return t, events, nil
	}
	create, known := newServerFrame[t]
	if !known {
		if !json.Valid(b) {
			return t, nil, fmt.Errorf("cannot read %s frame: it is no JSON", t)
		}
		return t, json.RawMessage(bytes.Clone(b)), nil
	}
	body := create()
	if err := json.Unmarshal(b, body); err != nil {
		return t, nil, fmt.Errorf("cannot read %s frame: %w", t, err)
	}
	return t, body, nil
}

// frameType finds the type among the outermost keys; in frames of the server
// it comes first.
func frameType(b []byte) (FrameType, error) {
	r := newJSONReader(b)
	isType := false
	for {
		kind, err := r.next()
		switch {
		case err != nil:
			return "", err
		case kind == tokenEnd:
			return "", errors.New("it has no type")
		case isType && kind == tokenString:
			return FrameType(appendUnescaped(nil, r.raw)), nil
		}
		isType = kind == tokenKey && len(r.open) == 1 && string(r.raw) == "type"
	}
}

package claude

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// streamDelta is a content_block_delta frame: the frame that comes thousands
// of times in a turn.
type streamDelta struct {
	parent string
	index  int
	// kind is text_delta, thinking_delta or input_json_delta.
	kind string
	text string
}

// scanDelta reads a content_block_delta without reflection. It walks the
// object by its keys, in whatever order they stand, and gives up (false) at
// anything unusual; the frame then goes the general way, which checks it.
func scanDelta(frame []byte) (streamDelta, bool) {
	if !bytes.Contains(frame, contentBlockDelta) || !utf8.Valid(frame) {
		return streamDelta{}, false
	}
	d := streamDelta{index: -1}
	var frameType, eventType []byte
	s := scanner{b: frame}
	ok := s.object(func(key []byte) bool {
		switch string(key) {
		case "type":
			return s.raw(&frameType)
		case "parent_tool_use_id":
			return s.text(&d.parent)
		case "event":
			return s.object(func(key []byte) bool { return s.eventField(key, &eventType, &d) })
		default:
			return s.skip()
		}
	})
	s.space()
	ok = ok && s.i == len(s.b) && string(frameType) == "stream_event" && string(eventType) == "content_block_delta"
	return d, ok && d.index >= 0 && d.kind != ""
}

var contentBlockDelta = []byte(`"content_block_delta"`)

// eventField reads one field of the event.
func (s *scanner) eventField(key []byte, eventType *[]byte, d *streamDelta) bool {
	switch string(key) {
	case "type":
		return s.raw(eventType)
	case "index":
		return s.number(&d.index)
	case "delta":
		return s.object(func(key []byte) bool {
			switch string(key) {
			case "type":
				return s.deltaKind(&d.kind)
			case "text", "thinking", "partial_json":
				return s.text(&d.text)
			default:
				return s.skip()
			}
		})
	default:
		return s.skip()
	}
}

// deltaKind reads the kind of a delta that adds content.
func (s *scanner) deltaKind(to *string) bool {
	var kind []byte
	if !s.raw(&kind) {
		return false
	}
	switch string(kind) {
	case "text_delta":
		*to = "text_delta"
	case "thinking_delta":
		*to = "thinking_delta"
	case "input_json_delta":
		*to = "input_json_delta"
	default:
		return false
	}
	return true
}

// scanner walks JSON. It checks what it reads and skips the rest loosely.
type scanner struct {
	b []byte
	i int
}

func (s *scanner) space() {
	for s.i < len(s.b) && (s.b[s.i] == ' ' || s.b[s.i] == '\t' || s.b[s.i] == '\n' || s.b[s.i] == '\r') {
		s.i++
	}
}

// take steps over c, after any space.
func (s *scanner) take(c byte) bool {
	s.space()
	if s.i >= len(s.b) || s.b[s.i] != c {
		return false
	}
	s.i++
	return true
}

// object calls field at the value of each key; field must step over it.
func (s *scanner) object(field func(key []byte) bool) bool {
	if !s.take('{') {
		return false
	}
	if s.take('}') {
		return true
	}
	for {
		var key []byte
		if !s.raw(&key) || !s.take(':') || !field(key) {
			return false
		}
		if s.take(',') {
			continue
		}
		return s.take('}')
	}
}

// raw reads a string without escapes. It points into the frame.
func (s *scanner) raw(to *[]byte) bool {
	s.space()
	start := s.i
	escaped, ok := s.skipString()
	if !ok || escaped {
		return false
	}
	*to = s.b[start+1 : s.i-1]
	return true
}

// text reads a string; null reads as empty.
func (s *scanner) text(to *string) bool {
	s.space()
	if s.null() {
		*to = ""
		return true
	}
	start := s.i
	escaped, ok := s.skipString()
	if !ok {
		return false
	}
	if !escaped {
		*to = string(s.b[start+1 : s.i-1])
		return true
	}
	return json.Unmarshal(s.b[start:s.i], to) == nil
}

// null steps over null, if it stands here.
func (s *scanner) null() bool {
	if len(s.b)-s.i < 4 || string(s.b[s.i:s.i+4]) != "null" {
		return false
	}
	s.i += 4
	return true
}

// number reads a small whole number.
func (s *scanner) number(to *int) bool {
	s.space()
	start := s.i
	n := 0
	for s.i < len(s.b) && s.b[s.i] >= '0' && s.b[s.i] <= '9' && s.i-start < 6 {
		n = n*10 + int(s.b[s.i]-'0')
		s.i++
	}
	*to = n
	if s.i > start+1 && s.b[start] == '0' {
		return false
	}
	return s.i > start && s.i < len(s.b) && (s.b[s.i] == ',' || s.b[s.i] == '}')
}

// skipString steps over a string and tells whether it holds escapes.
func (s *scanner) skipString() (escaped, ok bool) {
	if s.i >= len(s.b) || s.b[s.i] != '"' {
		return false, false
	}
	for s.i++; s.i < len(s.b); s.i++ {
		switch c := s.b[s.i]; {
		case c == '"':
			s.i++
			return escaped, true
		case c == '\\':
			escaped = true
			s.i++
		case c < 0x20:
			return false, false
		}
	}
	return false, false
}

// skip steps over any value. Objects and arrays are left to the general way
// unless they are checked JSON, so that nothing malformed is accepted.
func (s *scanner) skip() bool {
	s.space()
	if s.i >= len(s.b) {
		return false
	}
	if s.null() {
		return true
	}
	start := s.i
	switch s.b[s.i] {
	case '"':
		escaped, ok := s.skipString()
		return ok && (!escaped || json.Valid(s.b[start:s.i]))
	case '{', '[':
		if !s.skipNested() {
			return false
		}
	default:
		for s.i < len(s.b) && s.b[s.i] != ',' && s.b[s.i] != '}' && s.b[s.i] != ']' {
			s.i++
		}
	}
	return json.Valid(s.b[start:s.i])
}

// skipNested steps over an object or array by counting brackets.
func (s *scanner) skipNested() bool {
	depth := 0
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case '"':
			if _, ok := s.skipString(); !ok {
				return false
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		s.i++
		if depth == 0 {
			return true
		}
	}
	return false
}

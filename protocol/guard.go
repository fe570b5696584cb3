package protocol

import (
	"bytes"
	"slices"
)

// GuardLimits bounds what an inbound frame may hold. The zero value of a field
// means its default.
//
// Every byte from outside passes CheckJSON or CheckMsgpack before any decoder
// sees it. Both walk the bytes once, without recursion, and allocate nothing
// in proportion to lengths that the frame merely announces: decoders do, and
// die of it.
type GuardLimits struct {
	// Bytes is the size of the whole frame; 1 MiB by default.
	Bytes int
	// Depth is how deep arrays and maps nest; 32 by default.
	Depth int
	// Elements is how many values the frame holds below the outermost one;
	// 10,000 by default.
	Elements int
	// String is the size of one string or key in bytes, before escapes are
	// resolved; 1 MiB by default.
	String int
}

func (l GuardLimits) withDefaults() GuardLimits {
	set := func(v *int, def int) {
		if *v <= 0 {
			*v = def
		}
	}
	set(&l.Bytes, 1<<20)
	set(&l.Depth, 32)
	set(&l.Elements, 10_000)
	set(&l.String, 1<<20)
	return l
}

// GuardError is how the guard refuses a frame: its bytes are not worth
// decoding. A socket is closed for it (1009 for too_large, else 1007), where
// any other refusal is answered. It wraps the *Error to send.
type GuardError struct{ Err *Error }

// Error returns code and message.
func (e *GuardError) Error() string { return e.Err.Error() }

// Unwrap returns the *Error.
func (e *GuardError) Unwrap() error { return e.Err }

func refuse(format string, args ...any) error {
	return &GuardError{Errorf(CodeInvalidRequest, format, args...)}
}

// checkSize refuses frames that are empty or too large.
func (l GuardLimits) checkSize(b []byte) error {
	if len(b) == 0 {
		return refuse("the frame is empty: send one object")
	}
	if len(b) > l.Bytes {
		return &GuardError{Errorf(CodeTooLarge, "the frame has %d bytes and may have %d: upload large content as a blob and name it", len(b), l.Bytes)}
	}
	return nil
}

func (l GuardLimits) refuseDepth() error {
	return refuse("the frame nests deeper than %d levels: send a flatter one", l.Depth)
}

func (l GuardLimits) refuseElements() error {
	return refuse("the frame holds more than %d values: send several frames", l.Elements)
}

func (l GuardLimits) refuseString() error {
	return refuse("the frame holds a string of more than %d bytes: upload large content as a blob and name it", l.String)
}

// keySet finds duplicates among the keys of the open maps.
type keySet struct {
	keys   [][]byte // of all open maps, the innermost last
	starts []int    // where each open map begins in keys
}

// fewKeys is how many keys are compared one by one; a larger map is sorted
// when it closes, so that many keys do not cost their square.
const fewKeys = 16

func (s *keySet) open() { s.starts = append(s.starts, len(s.keys)) }

// add notes a key of the innermost map and tells whether it is new as far as
// that is known yet.
func (s *keySet) add(key []byte) bool {
	here := s.keys[s.starts[len(s.starts)-1]:]
	if len(here) < fewKeys {
		for _, k := range here {
			if bytes.Equal(k, key) {
				return false
			}
		}
	}
	s.keys = append(s.keys, key)
	return true
}

// close forgets the innermost map; if a key stood in it twice, it returns it.
func (s *keySet) close() (twice []byte, ok bool) {
	start := s.starts[len(s.starts)-1]
	here := s.keys[start:]
	s.keys, s.starts = s.keys[:start], s.starts[:len(s.starts)-1]
	if len(here) <= fewKeys {
		return nil, true
	}
	slices.SortFunc(here, bytes.Compare)
	for i := 1; i < len(here); i++ {
		if bytes.Equal(here[i-1], here[i]) {
			return here[i], false
		}
	}
	return nil, true
}

func refuseTwice(key []byte) error {
	return refuse("the key %q stands twice in one object: send it once", clip(string(key), 40))
}

package protocol

import (
	"encoding/json"
	"math"
	"strconv"
)

// Cursor is a place in a session's log: the seq of the last event that the
// client has, or Head for "whatever is newest now". The zero Cursor is the
// beginning.
type Cursor struct {
	After uint64
	Head  bool
}

// ParseCursor reads the query form: decimal digits, or the word head; empty
// means the beginning. Seqs stay below 2^63. Anything else is refused with
// invalid_cursor.
func ParseCursor(s string) (Cursor, error) {
	switch s {
	case "":
		return Cursor{}, nil
	case "head":
		return Cursor{Head: true}, nil
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n > math.MaxInt64 || s[0] == '+' {
		return Cursor{}, Errorf(CodeInvalidCursor, "after=%q is no cursor: send the seq of the last event you have, or head", clip(s, 40))
	}
	return Cursor{After: n}, nil
}

// String returns the query form.
func (c Cursor) String() string {
	if c.Head {
		return "head"
	}
	return strconv.FormatUint(c.After, 10)
}

// MarshalJSON writes a number, or the string "head".
func (c Cursor) MarshalJSON() ([]byte, error) {
	if c.Head {
		return []byte(`"head"`), nil
	}
	return strconv.AppendUint(nil, c.After, 10), nil
}

// UnmarshalJSON reads a number or a string in the query form.
func (c *Cursor) UnmarshalJSON(b []byte) error {
	s := string(b)
	if len(b) > 0 && b[0] == '"' {
		if err := json.Unmarshal(b, &s); err != nil {
			s = ""
		}
		if s == "" { // only a query may leave it empty
			return Errorf(CodeInvalidCursor, "after is no cursor: send the seq of the last event you have, or \"head\"")
		}
	}
	v, err := ParseCursor(s)
	if err != nil {
		return err
	}
	*c = v
	return nil
}

// clip cuts s to at most n bytes.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n]
}

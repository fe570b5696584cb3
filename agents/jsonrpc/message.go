package jsonrpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
)

// ID names a request: a number or a string, as JSON text. The empty ID stands
// for none. IDs are comparable; 1 and "1" differ.
type ID string

// Number returns the ID of a number.
func Number(n int64) ID { return ID(strconv.FormatInt(n, 10)) }

// MarshalJSON writes the number or string; null for the empty ID.
func (id ID) MarshalJSON() ([]byte, error) {
	if id == "" {
		return []byte("null"), nil
	}
	return []byte(id), nil
}

var errID = errors.New("a message's id must be a number or a string")

// UnmarshalJSON reads a number or string. Two spellings of one string are one
// ID.
func (id *ID) UnmarshalJSON(b []byte) error {
	b = bytes.TrimSpace(b)
	switch {
	case len(b) == 0 || string(b) == "null":
		*id = ""
		return nil
	case b[0] == '"':
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return errID
		}
		if b, err := json.Marshal(s); err == nil {
			*id = ID(b)
		}
		return nil
	case b[0] == '-' || (b[0] >= '0' && b[0] <= '9'):
		*id = ID(b)
		return nil
	default:
		return errID
	}
}

// The error codes of JSON-RPC that are used here.
const (
	CodeInvalidRequest = -32600
	CodeMethodNotFound = -32601
	CodeInvalidParams  = -32602
)

// CodeSkipped is the code of the error that stands for an answer which was too
// long to be read. It is ours: it never travels.
const CodeSkipped = -2

// Error is the error of an answer.
type Error struct {
	Code    int             `json:"code"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data,omitempty"`
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// message is one line, whatever it is.
type message struct {
	Version string          `json:"jsonrpc,omitempty"`
	ID      *ID             `json:"id,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  json.RawMessage `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *Error          `json:"error,omitempty"`
}

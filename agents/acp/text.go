package acp

import (
	"encoding/json"
	"errors"
)

var (
	errUnknown      = errors.New("the method or update is not known")
	errShape        = errors.New("the frame does not have the shape of its method")
	errStray        = errors.New("the answer belongs to no open request")
	errOtherSession = errors.New("the message is of another session")
	errNotOffered   = errors.New("the agent asks for a method that was not offered; it was refused")
)

// encode makes JSON of our own types and checked JSON, so it cannot fail.
func encode(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic("acp: cannot encode: " + err.Error())
	}
	return b
}

// absent tells that a field did not come, or came as null.
func absent(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

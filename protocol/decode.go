package protocol

import (
	"encoding/json"
	"errors"
)

// DecodeClientFrame reads a frame as a client sends it: the guard first, then
// the envelope {type, id, ...}, then the command, which is validated. Unknown
// fields are ignored; a known field in another case is refused, because JSON
// decoders differ on it.
//
// The error is, or wraps, an *Error. If it is a *GuardError, the bytes are not
// worth an answer. Otherwise the frame's ID is filled whenever it could be
// read, so that the refusal can name it.
func DecodeClientFrame(format Format, b []byte) (ClientFrame, error) {
	if format == FormatMsgpack {
		if err := (GuardLimits{}).CheckMsgpack(b); err != nil {
			return ClientFrame{}, err
		}
		text, err := AppendJSON(make([]byte, 0, len(b)*3/2), b)
		if err != nil {
			return ClientFrame{}, refuse("the frame is no valid msgpack: %s", err)
		}
		b = text
	} else if err := (GuardLimits{}).CheckJSON(b); err != nil {
		return ClientFrame{}, err
	}
	return decodeCommand(b)
}

// decodeCommand reads a client frame that passed the guard.
func decodeCommand(b []byte) (ClientFrame, error) {
	var frame ClientFrame
	env, err := readEnvelope(b)
	if err != nil {
		return frame, err
	}
	if ValidCommandID(env.id) {
		frame.ID = env.id
	}
	switch {
	case env.t == "":
		return frame, Errorf(CodeInvalidRequest, "the frame has no type: send one such as \"prompt\"")
	case frame.ID == "":
		return frame, Errorf(CodeInvalidRequest, "the frame has no valid id: send one of 1 to 128 characters from A-Z a-z 0-9 . _ : -")
	}
	create, known := newCommand[env.t]
	if !known {
		return frame, Errorf(CodeUnknownType, "there is no frame type %q: see the protocol's list of client frames", clip(string(env.t), 40))
	}
	cmd := create()
	if err := decodeInto(b, cmd); err != nil {
		return frame, err
	}
	frame.Command = cmd
	return frame, nil
}

// envelope is what all client frames have.
type envelope struct {
	t  FrameType
	id string
}

// readEnvelope reads the outermost type and id; those that are no strings
// count as missing.
func readEnvelope(b []byte) (envelope, error) {
	var env envelope
	r := newJSONReader(b)
	if kind, err := r.next(); err != nil || kind != tokenObject {
		return env, Errorf(CodeInvalidRequest, "the frame is no object: send one with type and id")
	}
	key := ""
	for {
		kind, err := r.next()
		if err != nil {
			return env, refuse("the frame is no valid JSON: %s", err)
		}
		switch {
		case kind == tokenEnd:
			return env, nil
		case kind == tokenKey && len(r.open) == 1:
			key = string(appendUnescaped(nil, r.raw))
			continue
		case kind == tokenString && key == "type":
			env.t = FrameType(appendUnescaped(nil, r.raw))
		case kind == tokenString && key == "id":
			env.id = string(appendUnescaped(nil, r.raw))
		}
		key = ""
	}
}

// DecodeBody reads a JSON body of an HTTP request into a pointer to one of
// the types of this package (such as *SessionCreate), as strictly as
// DecodeClientFrame reads a frame. The error is, or wraps, an *Error.
func DecodeBody(limits GuardLimits, b []byte, into any) error {
	if err := limits.CheckJSON(b); err != nil {
		return err
	}
	return decodeInto(b, into)
}

// decodeInto reads guarded JSON into a value, and validates it if it can be.
func decodeInto(b []byte, into any) error {
	if err := checkCase(b, into); err != nil {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return explain(err)
	}
	if v, ok := into.(interface{ Validate() error }); ok {
		return v.Validate()
	}
	return nil
}

// explain turns a decoder's error into one for clients.
func explain(err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		field := e.Field
		if field == "" {
			return Errorf(CodeInvalidRequest, "the frame is a JSON %s: send an object", e.Value)
		}
		return Errorf(CodeInvalidRequest, "the field %q cannot be a JSON %s: see the protocol for its type", field, clip(e.Value, 40))
	}
	return Errorf(CodeInvalidRequest, "the frame cannot be read: %s", clip(err.Error(), 120))
}

package protocol

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
)

// CommandHash returns the SHA-256 of a command's canonical JSON: its type and
// fields with sorted keys, numbers in one form and without white space. The
// same command hashes alike in JSON and msgpack and whatever the order of its
// keys, so that a resend is told from another command under the same id. It
// panics if a raw JSON field holds no JSON, which decoding never makes.
func CommandHash(c Command) [32]byte {
	canonical, err := canonicalCommand(c)
	if err != nil {
		panic(fmt.Sprintf("cannot hash command: %v", err))
	}
	return sha256.Sum256(canonical)
}

func canonicalCommand(c Command) ([]byte, error) {
	packed, err := appendObject(nil, FormatMsgpack, c.FrameType(), "", c)
	if err != nil {
		return nil, err
	}
	text, err := AppendJSON(nil, packed)
	if err != nil {
		return nil, err
	}
	var fields map[string]any
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&fields); err != nil {
		return nil, err
	}
	return appendJSON(nil, fields) // maps are written with sorted keys
}

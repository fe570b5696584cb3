package claude

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"github.com/towline-dev/towline/protocol"
)

// sampleBytes is how much of an unread frame is kept.
const sampleBytes = 256

var (
	errUnknown = errors.New("the frame's type is not known")
	errShape   = errors.New("the frame does not have the shape of its type")
)

// unparsed reports a frame that could not be read. The set of frames is open
// (section 5), so this is never an error of the session.
func (o *output) unparsed(frame []byte, why string) {
	sum := sha256.Sum256(frame)
	o.emit(&protocol.AgentUnparsed{
		Error:    why,
		Location: "stdout",
		Sample:   append([]byte{}, frame[:min(len(frame), sampleBytes)]...),
		RawHash:  hex.EncodeToString(sum[:]),
		Bytes:    len(frame),
	})
}

package claude

import (
	"errors"

	"github.com/towline-dev/towline/agents"
)

var (
	errUnknown = errors.New("the frame's type is not known")
	errShape   = errors.New("the frame does not have the shape of its type")
)

// unparsed reports a frame that could not be read. The set of frames is open
// (section 5), so this is never an error of the session.
func (o *output) unparsed(frame []byte, why string) { o.emit(agents.Unparsed(frame, why)) }

package codex

import (
	"errors"

	"github.com/towline-dev/towline/agents"
)

var (
	errUnknown = errors.New("the message's method is not known")
	errShape   = errors.New("the message does not have the shape of its method")
)

// unparsed reports a frame that could not be read. The set of methods is open,
// so this is never an error of the session.
func (o *output) unparsed(why string) { o.emit(agents.Unparsed(o.frame, why)) }

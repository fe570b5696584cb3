package opencode

import (
	"net/http"

	"github.com/towline-dev/towline/protocol"
)

// refusal is what a client is told when the server did not do what it was
// asked to.
func refusal(a answer) *protocol.Error {
	said := a.message()
	if said != "" {
		said = " (" + said + ")"
	}
	switch a.Status {
	case 0:
		return protocol.Errorf(protocol.CodeAgentNotRunning, "OpenCode is not running; the next prompt starts it")
	case http.StatusNotFound:
		return protocol.Errorf(protocol.CodeNotFound, "OpenCode does not know this%s; it may have ended or been answered already", said)
	case http.StatusConflict:
		return protocol.Errorf(protocol.CodeBusy, "OpenCode is busy with this session%s; wait for the turn to end, or interrupt it", said)
	case http.StatusBadRequest:
		return protocol.Errorf(protocol.CodeInvalidRequest, "OpenCode did not take the request%s; change it", said)
	default:
		return protocol.Errorf(protocol.CodeInternal, "OpenCode could not do it: it answered %d%s; its log has the cause", a.Status, said)
	}
}

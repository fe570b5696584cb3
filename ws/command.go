package ws

import (
	"context"
	"net/http"

	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/session"
)

// runCommand runs a command that is addressed to a session, from a socket or
// over HTTP. The caller has checked its scope.
func (s *Server) runCommand(ctx context.Context, on *session.Session, f protocol.ClientFrame, by protocol.Actor) (protocol.Result, error) {
	switch c := f.Command.(type) {
	case *protocol.Ping:
		return protocol.Result{ID: f.ID, OK: true}, nil
	case *protocol.EventsRead:
		page, err := readPage(ctx, on, *c, false)
		if err != nil {
			return protocol.Result{}, err
		}
		return protocol.Result{ID: f.ID, OK: true, Data: page}, nil
	case *protocol.SessionCreate, *protocol.SessionAttach:
		return protocol.Result{}, protocol.Errorf(protocol.CodeInvalidRequest, "%s belongs on a socket; over HTTP use POST /v1/sessions", f.Command.FrameType())
	default:
		return on.Do(ctx, f, by)
	}
}

// postCommand serves POST /v1/sessions/{id}/commands: a client frame for
// scripts. The answer is the result frame, under the status of its code.
func (s *Server) postCommand(w http.ResponseWriter, r *http.Request) error {
	on, err := s.manager.Get(r.Context(), pathVar(r, "id"))
	if err != nil {
		return err
	}
	body, done, err := s.readBody(w, r)
	if err != nil {
		return err
	}
	defer done()
	f, err := protocol.DecodeClientFrame(protocol.FormatJSON, body)
	if err != nil {
		return err
	}
	p := requester(r)
	if err := p.may(frameScopes[f.Command.FrameType()]); err != nil {
		return err
	}
	res, err := s.runCommand(r.Context(), on, f, p.actor("http"))
	if err != nil {
		return err
	}
	status := http.StatusOK
	if res.Error != nil {
		status = res.Error.Code.HTTPStatus()
	}
	writeJSON(w, status, "application/json", res)
	return nil
}

package ws

import (
	"net/http"
	"net/url"

	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/session/store"
)

// createRequest is the body of POST /v1/sessions and POST .../fork: id is what
// the session shall be called.
type createRequest struct {
	ID string `json:"id"`
	protocol.SessionCreate
}

// Validate checks nothing yet: the manager does, once the id is in its place.
func (c *createRequest) Validate() error { return nil }

// listSessions serves GET /v1/sessions?agent=&status=&before=&limit=, newest
// first; before is next of the page before.
func (s *Server) listSessions(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	limit, err := queryLimit(q.Get("limit"))
	if err != nil {
		return err
	}
	page, err := s.manager.List(r.Context(), store.Filter{
		Agent: q.Get("agent"), Status: q.Get("status"), Before: q.Get("before"), Limit: limit,
	})
	if err != nil {
		return err
	}
	writeOK(w, page)
	return nil
}

// readCreate reads the body of a request that makes a session.
func (s *Server) readCreate(w http.ResponseWriter, r *http.Request) (*protocol.SessionCreate, error) {
	if s.isDraining() {
		return nil, errDraining()
	}
	var req createRequest
	if err := s.readJSON(w, r, &req); err != nil {
		return nil, err
	}
	if req.ID != "" {
		req.SessionID = req.ID
	}
	return &req.SessionCreate, nil
}

// createSession serves POST /v1/sessions.
func (s *Server) createSession(w http.ResponseWriter, r *http.Request) error {
	req, err := s.readCreate(w, r)
	if err != nil {
		return err
	}
	if err := req.Validate(); err != nil {
		return err
	}
	info, err := s.manager.Create(r.Context(), req, requester(r).actor("http"))
	if err != nil {
		return err
	}
	writeCreated(w, info)
	return nil
}

// forkSession serves POST /v1/sessions/{id}/fork.
func (s *Server) forkSession(w http.ResponseWriter, r *http.Request) error {
	req, err := s.readCreate(w, r)
	if err != nil {
		return err
	}
	info, err := s.manager.Fork(r.Context(), pathVar(r, "id"), req, requester(r).actor("http"))
	if err != nil {
		return err
	}
	writeCreated(w, info)
	return nil
}

// writeCreated answers with a new session and where it is.
func writeCreated(w http.ResponseWriter, info protocol.Session) {
	w.Header().Set("Location", "/v1/sessions/"+url.PathEscape(info.ID))
	writeJSON(w, http.StatusCreated, "application/json", info)
}

// getSession serves GET /v1/sessions/{id}.
func (s *Server) getSession(w http.ResponseWriter, r *http.Request) error {
	on, err := s.manager.Get(r.Context(), pathVar(r, "id"))
	if err != nil {
		return err
	}
	writeOK(w, on.Info())
	return nil
}

// patchSession serves PATCH /v1/sessions/{id}: the command session.configure.
// The header Idempotency-Key is the command's id.
func (s *Server) patchSession(w http.ResponseWriter, r *http.Request) error {
	on, err := s.manager.Get(r.Context(), pathVar(r, "id"))
	if err != nil {
		return err
	}
	var c protocol.SessionConfigure
	if err := s.readJSON(w, r, &c); err != nil {
		return err
	}
	id := r.Header.Get("Idempotency-Key")
	if id == "" {
		id = newClientID()
	}
	if !protocol.ValidCommandID(id) {
		return protocol.Errorf(protocol.CodeInvalidRequest, "Idempotency-Key is no valid id; send 1 to 128 characters from A-Z a-z 0-9 . _ : -")
	}
	res, err := on.Do(r.Context(), protocol.ClientFrame{ID: id, Command: &c}, requester(r).actor("http"))
	if err != nil {
		return err
	}
	if res.Error != nil {
		return res.Error
	}
	writeOK(w, on.Info())
	return nil
}

// deleteSession serves DELETE /v1/sessions/{id}.
func (s *Server) deleteSession(w http.ResponseWriter, r *http.Request) error {
	if err := s.manager.Delete(r.Context(), pathVar(r, "id"), requester(r).actor("http")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

package ws

import (
	"bytes"
	"mime"
	"net/http"
	"time"

	"github.com/towline-dev/towline/protocol"
)

// listItems serves GET /v1/sessions/{id}/items?before=&limit=: folded items,
// the newest page first.
func (s *Server) listItems(w http.ResponseWriter, r *http.Request) error {
	read, _, err := parsePage(r)
	if err != nil {
		return err
	}
	var before uint64
	if read.Before != nil {
		before = *read.Before
	}
	on, err := s.manager.Get(r.Context(), pathVar(r, "id"))
	if err != nil {
		return err
	}
	page, err := on.Items(r.Context(), before, read.Limit)
	if err != nil {
		return err
	}
	writeOK(w, page)
	return nil
}

// getState serves GET /v1/sessions/{id}/state.
func (s *Server) getState(w http.ResponseWriter, r *http.Request) error {
	on, err := s.manager.Get(r.Context(), pathVar(r, "id"))
	if err != nil {
		return err
	}
	writeOK(w, on.State())
	return nil
}

// getBlob serves GET /v1/sessions/{id}/blobs/{blob}, with ranges. The content
// may be an agent's: the safe headers keep a browser from running it.
func (s *Server) getBlob(w http.ResponseWriter, r *http.Request) error {
	on, err := s.manager.Get(r.Context(), pathVar(r, "id"))
	if err != nil {
		return err
	}
	b, err := on.Blob(r.Context(), pathVar(r, "blob"))
	if err != nil {
		return err
	}
	if b.Mime == "" {
		b.Mime = "application/octet-stream"
	}
	w.Header().Set("Content-Type", b.Mime)
	w.Header().Set("ETag", `"`+b.SHA256+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b.Bytes))
	return nil
}

// uploadBlob serves POST /v1/sessions/{id}/blobs: the body is the content, its
// Content-Type the kind. A later prompt names the blob by the id in the answer.
func (s *Server) uploadBlob(w http.ResponseWriter, r *http.Request) error {
	on, err := s.manager.Get(r.Context(), pathVar(r, "id"))
	if err != nil {
		return err
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return &statusError{
			err:    protocol.Errorf(protocol.CodeInvalidRequest, "the upload does not say what it is; send Content-Type, such as image/png"),
			status: http.StatusUnsupportedMediaType,
		}
	}
	var content bytes.Buffer
	if _, err := content.ReadFrom(http.MaxBytesReader(w, r.Body, int64(s.limits.UploadBytes))); err != nil {
		return bodyError(err)
	}
	blob, err := on.AddBlob(r.Context(), kind, content.Bytes())
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, "application/json", blob)
	return nil
}

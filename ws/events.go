package ws

import (
	"net/http"
	"strings"

	"github.com/towline-dev/towline/protocol"
)

// events serves GET /v1/sessions/{id}/events in the form that Accept asks for:
// an event stream, NDJSON, or else a JSON page.
func (s *Server) events(w http.ResponseWriter, r *http.Request) error {
	accept := r.Header.Get("Accept")
	switch {
	case strings.Contains(accept, "text/event-stream"):
		return s.streamEvents(w, r)
	case strings.Contains(accept, "application/x-ndjson"):
		return s.exportEvents(w, r)
	default:
		return s.pageEvents(w, r)
	}
}

// pageEvents answers with one page of history.
func (s *Server) pageEvents(w http.ResponseWriter, r *http.Request) error {
	read, raw, err := parsePage(r)
	if err != nil {
		return err
	}
	on, err := s.manager.Get(r.Context(), pathVar(r, "id"))
	if err != nil {
		return err
	}
	page, err := readPage(r.Context(), on, read, raw)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(page, '\n')) //nolint:gosec // JSON under nosniff; a client that has left needs no answer
	return nil
}

// parsePage reads the query of a page.
func parsePage(r *http.Request) (protocol.EventsRead, bool, error) {
	q := r.URL.Query()
	var read protocol.EventsRead
	for name, into := range map[string]**uint64{"after": &read.After, "before": &read.Before} {
		if !q.Has(name) {
			continue
		}
		at, err := queryCursor(q.Get(name))
		if err != nil || at.Head {
			return read, false, protocol.Errorf(protocol.CodeInvalidCursor, "%s is no place in the history; send a seq", name)
		}
		*into = &at.After
	}
	limit, err := queryLimit(q.Get("limit"))
	if err != nil {
		return read, false, err
	}
	read.Limit = limit
	raw, err := queryBool(q.Get("raw"))
	if err != nil {
		return read, false, errBadRaw()
	}
	return read, raw, nil
}

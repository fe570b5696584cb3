package ws

import "net/http"

// health serves GET /healthz: ok, or 503 while the server drains. It needs no
// token and tells nothing else.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) error {
	if s.isDraining() {
		return errDraining()
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n")) // a client that has left needs no answer
	return nil
}

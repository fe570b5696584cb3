package ws

import (
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/towline-dev/towline/protocol"
)

// healthPath is the one route that needs no credential.
const healthPath = "/healthz"

// Route is one entry of the server's table.
type Route struct {
	Method string
	Path   string
	// Scope is the right that the route needs; empty for /healthz alone.
	Scope string
}

// endpoint is a route with its handler. Handlers return what they refuse with,
// before they have written anything.
type endpoint struct {
	method string
	path   string
	scope  scope
	serve  func(http.ResponseWriter, *http.Request) error
	// long marks streams: they keep their own deadlines.
	long bool
}

// endpoints is the table of all routes.
func (s *Server) endpoints() []endpoint {
	return []endpoint{
		{method: "GET", path: healthPath, serve: s.health},
		{method: "GET", path: "/v1/ws", scope: scopeRead, serve: s.openSocket, long: true},
		{method: "GET", path: "/v1/sessions/{id}/ws", scope: scopeRead, serve: s.openSocket, long: true},
		{method: "GET", path: "/v1/sessions/{id}/terminal", scope: scopeRead, serve: s.openTerminal, long: true},
		{method: "GET", path: "/v1/sessions/{id}/events", scope: scopeRead, serve: s.events, long: true},

		{method: "GET", path: "/v1/agents", scope: scopeRead, serve: s.listAgents},
		{method: "GET", path: "/v1/agents/{agent}", scope: scopeRead, serve: s.getAgent},
		{method: "GET", path: "/v1/agents/{agent}/sessions", scope: scopeAdmin, serve: s.listNative, long: true},
		{method: "POST", path: "/v1/agents/{agent}/install", scope: scopeAdmin, serve: s.installAgent, long: true},

		{method: "GET", path: "/v1/sessions", scope: scopeRead, serve: s.listSessions},
		{method: "POST", path: "/v1/sessions", scope: scopeAdmin, serve: s.createSession},
		{method: "GET", path: "/v1/sessions/{id}", scope: scopeRead, serve: s.getSession},
		{method: "PATCH", path: "/v1/sessions/{id}", scope: scopeConfigure, serve: s.patchSession},
		{method: "DELETE", path: "/v1/sessions/{id}", scope: scopeAdmin, serve: s.deleteSession},
		{method: "POST", path: "/v1/sessions/{id}/fork", scope: scopeAdmin, serve: s.forkSession},

		{method: "GET", path: "/v1/sessions/{id}/items", scope: scopeRead, serve: s.listItems},
		{method: "GET", path: "/v1/sessions/{id}/state", scope: scopeRead, serve: s.getState},
		{method: "POST", path: "/v1/sessions/{id}/blobs", scope: scopePrompt, serve: s.uploadBlob},
		{method: "GET", path: "/v1/sessions/{id}/blobs/{blob}", scope: scopeRead, serve: s.getBlob},
		{method: "POST", path: "/v1/sessions/{id}/commands", scope: scopeRead, serve: s.postCommand},

		{method: "POST", path: "/v1/tickets", scope: scopeAdmin, serve: s.issueTicket},
	}
}

// router finds the endpoint of a request. It is the only user of gorilla/mux.
type router struct {
	mux       *mux.Router
	endpoints []endpoint
}

// newRouter builds the router from the table.
func newRouter(s *Server) *router {
	m := mux.NewRouter().SkipClean(true)
	rt := &router{mux: m, endpoints: s.endpoints()}
	methods := make(map[string][]string)
	for _, e := range rt.endpoints {
		m.Path(e.path).Methods(e.method).Handler(s.handler(e))
		methods[e.path] = append(methods[e.path], e.method)
	}
	for path, allowed := range methods {
		m.Path(path).Handler(notAllowed(allowed))
	}
	m.NotFoundHandler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, protocol.Errorf(protocol.CodeNotFound, "there is no such route; docs/PROTOCOL.md lists them"))
	})
	return rt
}

// Routes returns the table of all routes.
func (s *Server) Routes() []Route {
	var routes []Route
	for _, e := range s.router.endpoints {
		routes = append(routes, Route{Method: e.method, Path: e.path, Scope: string(e.scope)})
	}
	return routes
}

// ServeHTTP answers a request that passed the walls.
func (rt *router) ServeHTTP(w http.ResponseWriter, r *http.Request) { rt.mux.ServeHTTP(w, r) }

// pathVar returns a variable of the route's path; empty if it has none.
func pathVar(r *http.Request, name string) string { return mux.Vars(r)[name] }

// handler wraps an endpoint: deadlines, then its scope, then the handler.
func (s *Server) handler(e endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if e.long {
			s.setDeadlines(w, time.Time{})
		}
		if e.scope != "" {
			p := requester(r)
			err := p.may(e.scope)
			if err == nil && e.path != "/v1/ws" {
				err = p.mayTouch(pathVar(r, "id"))
			}
			if err != nil {
				s.refuse(w, r, err)
				return
			}
		}
		if err := e.serve(w, r); err != nil {
			s.fail(w, r, err)
		}
	})
}

// fail answers with a handler's error, and logs it if it is the server's own.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if protocol.CodeOf(err) == protocol.CodeInternal {
		s.log.Error().Err(err).Str("method", r.Method).Str("path", r.URL.Path).Msg("request failed")
	}
	writeProblem(w, err)
}

// setDeadlines bounds how long a request may take to arrive and to be answered,
// so that a dripping client holds nothing for long. The zero time lifts the
// bound, for streams.
func (s *Server) setDeadlines(w http.ResponseWriter, end time.Time) {
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(end) // every net.Conn has deadlines
	_ = rc.SetWriteDeadline(end)
}

// notAllowed answers a wrong method.
func notAllowed(allowed []string) http.Handler {
	list := strings.Join(allowed, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", list)
		writeProblem(w, &statusError{
			err:    protocol.Errorf(protocol.CodeInvalidRequest, "this route does not take that method; use %s", list),
			status: http.StatusMethodNotAllowed,
		})
	})
}

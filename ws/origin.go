package ws

import (
	"net/http"
	"strings"

	"github.com/towline-dev/towline/protocol"
)

// originList is the set of web origins whose pages may use the server.
type originList struct {
	origins map[string]bool
	hosts   hostList
}

// newOriginList returns the configured origins.
func newOriginList(o Options, hosts hostList) originList {
	l := originList{origins: make(map[string]bool, len(o.AllowOrigins)), hosts: hosts}
	for _, origin := range o.AllowOrigins {
		l.origins[strings.ToLower(strings.TrimSuffix(origin, "/"))] = true
	}
	return l
}

// check refuses pages of other origins, null included: a valid token does not
// excuse a foreign page. Requests without an Origin header are not from pages.
func (l originList) check(r *http.Request) error {
	values := r.Header.Values("Origin")
	if len(values) == 0 {
		return nil
	}
	origin := strings.ToLower(values[0])
	if len(values) == 1 && (l.origins[origin] || l.own(origin, r.Host)) {
		return nil
	}
	return protocol.Errorf(protocol.CodeForbidden,
		"pages of this origin may not use this server; start it with --allow-origin to let them")
}

// own tells whether the page came from this server itself. The host must be on
// the list by name: under * a page that was rebound to us would look like ours.
func (l originList) own(origin, host string) bool {
	if !l.hosts.listed(host) {
		return false
	}
	host = strings.ToLower(host)
	return origin == "http://"+host || origin == "https://"+host
}

// allowCrossOrigin lets pages of a configured origin read answers, and answers
// their preflight requests, which carry no token. It reports whether the
// request is answered. check must have passed.
func (l originList) allowCrossOrigin(w http.ResponseWriter, r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if !l.origins[strings.ToLower(origin)] {
		return false
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", origin)
	h.Add("Vary", "Origin")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, POST, PATCH, DELETE")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Last-Event-ID, Idempotency-Key, Range")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}

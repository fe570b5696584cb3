package ws

import (
	"net"
	"net/http"
	"strings"

	"github.com/towline-dev/towline/protocol"
)

// hostList is the set of names that requests may be addressed to. Without it a
// web page whose name resolves to this machine (DNS rebinding) would count as
// the server's own.
type hostList struct {
	names map[string]bool
	any   bool
}

// newHostList returns the loopback names and those of o.
func newHostList(o Options) hostList {
	l := hostList{names: map[string]bool{"localhost": true, "127.0.0.1": true, "::1": true}}
	for _, h := range o.AllowHosts {
		if h == "*" {
			// Only a proxy that checks names itself makes this safe.
			l.any = l.any || o.TrustProxy
			continue
		}
		l.names[hostName(h)] = true
	}
	return l
}

// hostName returns a Host header's name: lower case, without port, brackets
// and one trailing dot.
func hostName(host string) string {
	host = strings.ToLower(host)
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	} else if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		host = host[1 : len(host)-1]
	}
	return strings.TrimSuffix(host, ".")
}

// listed tells whether the name itself is allowed, not merely by *.
func (l hostList) listed(host string) bool { return l.names[hostName(host)] }

// check refuses requests for hosts that are not allowed. It runs before
// authentication and routing, so that a refused name learns nothing.
func (l hostList) check(r *http.Request) error {
	if r.Host == "" {
		return protocol.Errorf(protocol.CodeInvalidRequest, "the request has no Host header; send one")
	}
	if l.any || l.listed(r.Host) {
		return nil
	}
	return protocol.Errorf(protocol.CodeForbidden,
		"this server does not answer to that host name; use 127.0.0.1 or localhost, or start it with --allow-host")
}

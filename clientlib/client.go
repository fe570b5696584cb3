package clientlib

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Client talks to one server. It is safe for concurrent use and needs no
// closing.
type Client struct {
	base  *url.URL
	token string
	name  string
	http  *http.Client
}

// Option changes how a Client talks to its server.
type Option func(*Client)

// WithToken sends the token with every request and socket.
func WithToken(token string) Option { return func(c *Client) { c.token = token } }

// WithHTTPClient uses h for requests and for opening sockets; nil and the
// default mean http.DefaultClient. Its Timeout would end sockets: leave it 0
// and bound calls by their contexts.
func WithHTTPClient(h *http.Client) Option {
	return func(c *Client) {
		if h != nil {
			c.http = h
		}
	}
}

// WithUserAgent names the program in requests.
func WithUserAgent(name string) Option { return func(c *Client) { c.name = name } }

// Dial returns a client for the server at address, such as
// http://127.0.0.1:7420, after the server answered its health check. The
// check needs no token, so a wrong one shows at the first call.
func Dial(ctx context.Context, address string, opts ...Option) (*Client, error) {
	base, err := url.Parse(address)
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return nil, fmt.Errorf("cannot use %q as a server's address: write it like http://127.0.0.1:7420", address)
	}
	base.Path = strings.TrimRight(base.Path, "/")
	base.RawQuery, base.Fragment = "", ""
	c := &Client{base: base, name: "towline-clientlib", http: http.DefaultClient}
	for _, o := range opts {
		o(c)
	}
	if err := c.call(ctx, http.MethodGet, "/healthz", nil, nil); err != nil {
		return nil, fmt.Errorf("cannot reach a Towline server at %s: %w", base, err)
	}
	return c, nil
}

// URL returns the server's address without a slash at its end.
func (c *Client) URL() string { return c.base.String() }

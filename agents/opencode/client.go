package opencode

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// callTime bounds a request that the server answers at once.
	callTime = 10 * time.Second
	// longTime bounds a request that is answered at the end of a turn.
	longTime = 24 * time.Hour
	// maxReply bounds an answer, in bytes.
	maxReply = 64 << 20
)

// client performs requests against the server of one process. It knows nothing
// of their meaning. Safe for concurrent use.
type client struct {
	base     string
	password string
	http     *http.Client
}

// newClient returns a client of the server at base. It uses no proxy: the
// server is on this machine.
func newClient(base, password string) *client {
	return &client{base: base, password: password, http: &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// errNotSent tells that a request certainly did not reach the server.
var errNotSent = errors.New("the server could not be reached")

// do performs a request in the context of a folder; empty names none.
func (c *client) do(ctx context.Context, r request, directory string) (answer, error) {
	var body io.Reader
	if r.Body != nil {
		b, err := json.Marshal(r.Body)
		if err != nil {
			return answer{}, fmt.Errorf("cannot encode a request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	resp, err := c.open(ctx, r.Method, r.Path, directory, body)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil {
		return answer{}, fmt.Errorf("cannot read the answer to %s %s: %w", r.Method, r.Path, err)
	}
	return answer{Status: resp.StatusCode, Body: b}, nil
}

// open sends a request and returns the response, whose body is unread.
func (c *client) open(ctx context.Context, method, path, directory string, body io.Reader) (*http.Response, error) {
	address := c.base + path
	if directory != "" {
		mark := "?"
		if strings.Contains(path, mark) {
			mark = "&"
		}
		address += mark + "directory=" + url.QueryEscape(directory)
	}
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, fmt.Errorf("cannot make a request: %w", err)
	}
	req.SetBasicAuth("opencode", c.password)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err == nil {
		return resp, nil
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return nil, fmt.Errorf("cannot send %s %s: %w", method, path, errNotSent)
	}
	return nil, fmt.Errorf("cannot send %s %s: %w", method, path, err)
}

// get returns what a listing says, or nil if it cannot be had.
func (c *client) get(ctx context.Context, path, directory string) json.RawMessage {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	a, err := c.do(ctx, request{Method: http.MethodGet, Path: path}, directory)
	if err != nil || !a.ok() {
		return nil
	}
	return a.Body
}

// close gives the connections back.
func (c *client) close() { c.http.CloseIdleConnections() }

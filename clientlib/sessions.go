package clientlib

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"github.com/towline-dev/towline/protocol"
)

// sessionPath is the path of a session, or of something below it.
func sessionPath(id, below string) string { return "/v1/sessions/" + url.PathEscape(id) + below }

// withQuery adds the values that are not empty.
func withQuery(path string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// number is a query value; 0 is left out.
func number[T ~int | ~uint64](n T) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(uint64(n), 10)
}

// CreateSession makes a session. With a SessionID of the caller's own, calling
// again after an error is safe: a second try ends in session_exists.
func (c *Client) CreateSession(ctx context.Context, req protocol.SessionCreate) (protocol.Session, error) {
	var s protocol.Session
	err := c.call(ctx, http.MethodPost, "/v1/sessions", createBody(req), &s)
	return s, err
}

// createBody is the REST form of a creation, where the id is named id.
func createBody(req protocol.SessionCreate) any {
	return struct {
		ID string `json:"id,omitempty"`
		protocol.SessionCreate
	}{ID: req.SessionID, SessionCreate: req}
}

// SessionFilter selects sessions. The zero value selects all, newest first.
type SessionFilter struct {
	Agent  string
	Status protocol.Status
	// Before is Next of the page before.
	Before string
	// Limit is the page's size; 0 leaves it to the server.
	Limit int
}

// Sessions returns one page of sessions.
func (c *Client) Sessions(ctx context.Context, f SessionFilter) (protocol.SessionPage, error) {
	var p protocol.SessionPage
	path := withQuery("/v1/sessions", "agent", f.Agent, "status", string(f.Status), "before", f.Before, "limit", number(f.Limit))
	err := c.call(ctx, http.MethodGet, path, nil, &p)
	return p, err
}

// Session returns one session.
func (c *Client) Session(ctx context.Context, id string) (protocol.Session, error) {
	var s protocol.Session
	err := c.call(ctx, http.MethodGet, sessionPath(id, ""), nil, &s)
	return s, err
}

// Configure changes what is not nil.
func (c *Client) Configure(ctx context.Context, id string, change protocol.SessionConfigure) (protocol.Session, error) {
	var s protocol.Session
	err := c.call(ctx, http.MethodPatch, sessionPath(id, ""), change, &s)
	return s, err
}

// Delete ends a session and removes everything of it.
func (c *Client) Delete(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodDelete, sessionPath(id, ""), nil, nil)
}

// Fork makes a session that goes on from a copy of another. req may name an
// id, title, model and mode.
func (c *Client) Fork(ctx context.Context, id string, req protocol.SessionCreate) (protocol.Session, error) {
	var s protocol.Session
	err := c.call(ctx, http.MethodPost, sessionPath(id, "/fork"), createBody(req), &s)
	return s, err
}

// Items returns a page of folded items, the newest page first; before is
// Before of the page before, or 0.
func (c *Client) Items(ctx context.Context, id string, before uint64, limit int) (protocol.ItemPage, error) {
	var p protocol.ItemPage
	err := c.call(ctx, http.MethodGet, withQuery(sessionPath(id, "/items"), "before", number(before), "limit", number(limit)), nil, &p)
	return p, err
}

// State returns the fold of the session's events.
func (c *Client) State(ctx context.Context, id string) (protocol.State, error) {
	var s protocol.State
	err := c.call(ctx, http.MethodGet, sessionPath(id, "/state"), nil, &s)
	return s, err
}

// Events returns a page of at most limit events after a seq; limit 0 leaves
// the size to the server.
func (c *Client) Events(ctx context.Context, id string, after uint64, limit int) (protocol.EventPage, error) {
	var p protocol.EventPage
	err := c.call(ctx, http.MethodGet, withQuery(sessionPath(id, "/events"), "after", number(after), "limit", number(limit)), nil, &p)
	return p, err
}

// Command sends one command over HTTP. id is the idempotency key; empty makes
// one. A refusal is a *protocol.Error. A command that failed on the way may
// have run: send it again with the same id.
func (c *Client) Command(ctx context.Context, session, id string, cmd protocol.Command) (protocol.Result, error) {
	frame, err := protocol.EncodeClientFrame(protocol.FormatJSON, protocol.ClientFrame{ID: idOr(id), Command: cmd})
	if err != nil {
		return protocol.Result{}, err
	}
	var r protocol.Result
	if err := c.call(ctx, http.MethodPost, sessionPath(session, "/commands"), json.RawMessage(frame), &r); err != nil {
		return protocol.Result{}, err
	}
	if r.Error != nil {
		return r, r.Error
	}
	return r, nil
}

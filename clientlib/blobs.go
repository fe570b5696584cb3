package clientlib

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/towline-dev/towline/protocol"
)

// Blob opens a blob of a session. The caller closes it.
func (c *Client) Blob(ctx context.Context, session, blob string) (io.ReadCloser, error) {
	resp, err := c.send(ctx, http.MethodGet, sessionPath(session, "/blobs/"+url.PathEscape(blob)), "", nil)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// Upload stores content that a prompt may then name by Part.Blob.
func (c *Client) Upload(ctx context.Context, session, mime string, content io.Reader) (protocol.Blob, error) {
	resp, err := c.send(ctx, http.MethodPost, sessionPath(session, "/blobs"), mime, content)
	if err != nil {
		return protocol.Blob{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	var b protocol.Blob
	if err := json.NewDecoder(resp.Body).Decode(&b); err != nil {
		return protocol.Blob{}, fmt.Errorf("cannot read the server's answer to the upload: %w", err)
	}
	return b, nil
}

// TicketRequest asks for a ticket.
type TicketRequest struct {
	// SessionID limits the ticket to one session; empty means any.
	SessionID string `json:"session_id,omitempty"`
	// Scopes are what the ticket allows: read, prompt, decide, configure,
	// files, admin.
	Scopes []string `json:"scopes"`
	// TTLSeconds is how long the ticket may wait for its use; 0 leaves it to
	// the server.
	TTLSeconds int `json:"ttl_s,omitempty"`
}

// Ticket opens one socket or one GET without a token.
type Ticket struct {
	Ticket    string        `json:"ticket"`
	ExpiresAt protocol.Time `json:"expires_at"`
}

// Expired tells whether the ticket is too old at t.
func (t Ticket) Expired(at time.Time) bool { return !at.Before(t.ExpiresAt.Time) }

// Ticket asks for a single-use ticket, for a browser or another program that
// shall not have the token.
func (c *Client) Ticket(ctx context.Context, req TicketRequest) (Ticket, error) {
	var t Ticket
	err := c.call(ctx, http.MethodPost, "/v1/tickets", req, &t)
	return t, err
}

package clientlib

import (
	"context"
	"io"
	"net/http"
)

// Export opens the session's whole history as NDJSON, one event a line. The
// caller closes it.
func (c *Client) Export(ctx context.Context, session string) (io.ReadCloser, error) {
	resp, err := c.send(ctx, http.MethodGet, sessionPath(session, "/events"), "", nil, "application/x-ndjson")
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

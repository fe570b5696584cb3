package clientlib

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/towline-dev/towline/protocol"
)

// maxProblem bounds how much of a refusal is read, in bytes.
const maxProblem = 64 << 10

// call sends body as JSON and decodes the answer into out; both may be nil.
func (c *Client) call(ctx context.Context, method, path string, body, out any) error {
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("cannot encode the request: %w", err)
		}
		r = bytes.NewReader(b)
	}
	resp, err := c.send(ctx, method, path, "application/json", r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("cannot read the server's answer to %s %s: %w", method, path, err)
	}
	return nil
}

// send makes one request. The answer is a success whose body the caller
// closes; a refusal comes back as a *StatusError.
func (c *Client) send(ctx context.Context, method, path, mime string, body io.Reader, accept ...string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base.String()+path, body)
	if err != nil {
		return nil, fmt.Errorf("cannot make the request: %w", err)
	}
	req.Header = c.header()
	if body != nil {
		req.Header.Set("Content-Type", mime)
	}
	for _, a := range accept {
		req.Header.Set("Accept", a)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		defer func() { _ = resp.Body.Close() }()
		return nil, refusal(resp)
	}
	return resp, nil
}

// header returns what every request carries.
func (c *Client) header() http.Header {
	h := http.Header{"User-Agent": {c.name}}
	if c.token != "" {
		h.Set("Authorization", "Bearer "+c.token)
	}
	return h
}

// StatusError is an HTTP refusal. It unwraps to the *protocol.Error of its
// problem document.
type StatusError struct {
	// Status is the HTTP status.
	Status int
	// RetryAfter is what the server asked to wait; 0 if it did not ask.
	RetryAfter time.Duration
	// Problem is what the server said, or an error made from the status.
	Problem *protocol.Error
}

// Error returns the problem's code and message.
func (e *StatusError) Error() string { return e.Problem.Error() }

// Unwrap returns the problem.
func (e *StatusError) Unwrap() error { return e.Problem }

// refusal reads a problem document (RFC 9457) or a result frame, or makes an
// error from the status.
func refusal(resp *http.Response) *StatusError {
	e := &StatusError{Status: resp.StatusCode}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		e.RetryAfter = time.Duration(s) * time.Second
	}
	var doc struct {
		Code    protocol.Code   `json:"code"`
		Title   string          `json:"title"`
		Detail  string          `json:"detail"`
		Details json.RawMessage `json:"details"`
		// Error is there if the answer is a command's result.
		Error *protocol.Error `json:"error"`
	}
	b, _ := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	switch err := json.Unmarshal(b, &doc); {
	case err == nil && doc.Error != nil:
		e.Problem = doc.Error
		return e
	case err != nil || doc.Code == "":
		e.Problem = protocol.Errorf(codeOfStatus(resp.StatusCode), "the server answered %s without saying why", resp.Status)
		return e
	}
	if doc.Detail == "" {
		doc.Detail = doc.Title
	}
	e.Problem = &protocol.Error{Code: doc.Code, Message: doc.Detail, Details: doc.Details}
	return e
}

// codeOfStatus is for answers of proxies and other strangers, which know no
// codes.
func codeOfStatus(status int) protocol.Code {
	switch status {
	case http.StatusUnauthorized:
		return protocol.CodeUnauthorized
	case http.StatusForbidden:
		return protocol.CodeForbidden
	case http.StatusNotFound:
		return protocol.CodeNotFound
	case http.StatusRequestEntityTooLarge:
		return protocol.CodeTooLarge
	case http.StatusTooManyRequests:
		return protocol.CodeRateLimited
	case http.StatusServiceUnavailable:
		return protocol.CodeDraining
	default:
		if status < 500 {
			return protocol.CodeInvalidRequest
		}
		return protocol.CodeInternal
	}
}

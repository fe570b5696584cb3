package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/towline-dev/towline/protocol"
)

const (
	readyLine = "towline listening on "
	token     = "bench-token-0123456789abcdef0123456789abcdef"
)

// server is a Towline server under test.
type server struct {
	*child
	// url is http://HOST:PORT.
	url string
	dir string
}

// startServer starts a server on the state folder of that name; the same name
// again is a restart.
func (b *bench) startServer(ctx context.Context, name string) (*server, error) {
	dir := filepath.Join(b.dir, name)
	work := filepath.Join(dir, "work")
	if err := os.MkdirAll(work, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make a folder: %w", err)
	}
	tokenFile := filepath.Join(dir, "token")
	if err := os.WriteFile(tokenFile, []byte(token), 0o600); err != nil {
		return nil, fmt.Errorf("cannot write the token: %w", err)
	}
	cmd := exec.Command(b.server, "serve", "--listen", "127.0.0.1:0", "--state-dir", filepath.Join(dir, "state"),
		"--token-file", tokenFile, "--agent", "claude="+b.agent, "--no-install", "--log-level", "error")
	cmd.Dir = work
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "CLAUDE_CONFIG_DIR=" + dir,
		"ANTHROPIC_API_KEY=bench", "ANTHROPIC_BASE_URL=http://127.0.0.1:9",
	}
	c, err := spawn(ctx, cmd, readyLine)
	if err != nil {
		return nil, err
	}
	return &server{child: c, url: c.line, dir: work}, nil
}

// call does one REST request and reads the answer into out, unless it is nil.
func (s *server) call(ctx context.Context, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("cannot encode a request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("cannot make a request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("cannot reach the server: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("cannot read an answer: %w", err)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, bytes.TrimSpace(answer))
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}

// create makes a session of the agent under test.
func (s *server) create(ctx context.Context, id string) error {
	return s.call(ctx, http.MethodPost, "/v1/sessions", &protocol.SessionCreate{SessionID: id, Agent: "claude", Directory: s.dir}, nil)
}

// socketURL returns the address of a session's socket.
func (s *server) socketURL(session, query string) string {
	return "ws" + strings.TrimPrefix(s.url, "http") + "/v1/sessions/" + session + "/ws?" + query
}

package clientlib

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/towline-dev/towline/protocol"
)

// maxSSELine bounds one line of an event stream, in bytes.
const maxSSELine = 1 << 20

// Agents lists the agents that the server offers.
func (c *Client) Agents(ctx context.Context) ([]protocol.AgentInfo, error) {
	var answer struct {
		Agents []protocol.AgentInfo `json:"agents"`
	}
	err := c.call(ctx, http.MethodGet, "/v1/agents", nil, &answer)
	return answer.Agents, err
}

// Agent returns one agent.
func (c *Client) Agent(ctx context.Context, name string) (protocol.AgentInfo, error) {
	var a protocol.AgentInfo
	err := c.call(ctx, http.MethodGet, "/v1/agents/"+url.PathEscape(name), nil, &a)
	return a, err
}

// NativeSessions lists the sessions that an agent keeps by itself for a folder
// on the server's machine, an absolute path; empty means the server's own
// working directory. One goes on as a session created with Resume. Not every
// agent can tell: capability_missing.
func (c *Client) NativeSessions(ctx context.Context, agent, directory string) (protocol.NativeSessions, error) {
	path := "/v1/agents/" + url.PathEscape(agent) + "/sessions"
	if directory != "" {
		path += "?" + url.Values{"directory": {directory}}.Encode()
	}
	var list protocol.NativeSessions
	err := c.call(ctx, http.MethodGet, path, nil, &list)
	return list, err
}

// Install installs an agent on the server's machine, calling progress (which
// may be nil) for each step, and returns when the agent is there. A failure is
// a *protocol.Error.
func (c *Client) Install(ctx context.Context, name string, progress func(protocol.InstallProgress)) error {
	resp, err := c.send(ctx, http.MethodPost, "/v1/agents/"+url.PathEscape(name)+"/install", "", nil, "text/event-stream")
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	return followInstall(resp.Body, progress)
}

// followInstall reads the event stream of an installation: events named
// progress, and at last done or failed.
func followInstall(body io.Reader, progress func(protocol.InstallProgress)) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxSSELine)
	name := ""
	for lines.Scan() {
		if n, ok := strings.CutPrefix(lines.Text(), "event:"); ok {
			name = strings.TrimSpace(n)
		}
		data, ok := strings.CutPrefix(lines.Text(), "data:")
		switch {
		case !ok:
			continue
		case name == "done":
			return nil
		}
		var p protocol.InstallProgress
		if err := json.Unmarshal([]byte(data), &p); err != nil {
			return fmt.Errorf("cannot read the progress of the installation: %w", err)
		}
		if p.Error != nil {
			return p.Error
		}
		if progress != nil {
			progress(p)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("cannot follow the installation: %w", err)
	}
	return protocol.Errorf(protocol.CodeInstallFailed, "the server stopped reporting before the installation was done; ask for the agent's status and try again")
}

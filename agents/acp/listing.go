package acp

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/jsonrpc"
	"github.com/towline-dev/towline/protocol"
)

// maxListed bounds how many sessions are listed, and so the pages asked for.
const maxListed = 1000

// listing is what the agent has told of its sessions so far.
type listing struct {
	protocol.NativeSessions
	// cursors are the pages that were asked for: one that comes again would
	// go on for ever.
	cursors map[string]bool
}

// Sessions lists the sessions that the agent keeps for a folder. It starts the
// agent for that, begins no session, and ends it.
func (a *Agent) Sessions(ctx context.Context, directory string) (protocol.NativeSessions, error) {
	if err := a.checkFolder(directory); err != nil {
		return protocol.NativeSessions{}, err
	}
	w, conn, err := a.open(ctx, agents.Start{Directory: directory}, true)
	if err != nil {
		if w != nil && w.translator.agent.Version != 0 && !w.translator.agent.Capabilities.has("list") {
			err = protocol.Errorf(protocol.CodeCapabilityMissing, "%s does not list its sessions; resume one by its native id", a.o.Entry.title())
		}
		return protocol.NativeSessions{}, err
	}
	if err := conn.Close(); err != nil {
		return protocol.NativeSessions{}, err
	}
	for err == nil {
		_, err = conn.Recv()
	}
	if !errors.Is(err, io.EOF) {
		return protocol.NativeSessions{}, err
	}
	return w.listing.NativeSessions, nil
}

// list asks for the sessions of the folder from a cursor on, then for the next
// page, and is ready after the last.
func (t *translator) list(cursor string, o *output) {
	if !t.agent.Capabilities.has("list") {
		t.fail(o, "it does not list its sessions")
		return
	}
	params := map[string]string{"cwd": t.setup.Directory}
	if cursor != "" {
		params["cursor"] = cursor
	}
	t.call("session/list", params, func(result json.RawMessage, err *jsonrpc.Error, o *output) {
		if err != nil {
			if !t.login(err, func(o *output) { t.list(cursor, o) }, o) {
				t.fail(o, "it cannot list its sessions: "+errorText(err))
			}
			return
		}
		next, ok := t.listing.take(result)
		switch {
		case !ok:
			t.fail(o, "it cannot list its sessions: its answer is not as the protocol wants it")
		case next == "":
			o.Ready, t.ready = true, true
		default:
			t.list(next, o)
		}
	}, o)
}

// take adds a page. It returns the cursor of the next; empty after the last
// one that is wanted.
func (l *listing) take(result json.RawMessage) (next string, ok bool) {
	var page struct {
		Sessions []struct {
			ID        string `json:"sessionId"`
			Title     string `json:"title"`
			Directory string `json:"cwd"`
			Updated   string `json:"updatedAt"`
		} `json:"sessions"`
		Next string `json:"nextCursor"`
	}
	if json.Unmarshal(result, &page) != nil || page.Sessions == nil {
		return "", false
	}
	for _, s := range page.Sessions {
		if len(l.Sessions) == maxListed {
			l.Truncated = true
			return "", true
		}
		native := protocol.NativeSession{NativeSessionID: s.ID, Title: agents.OneLine(s.Title), Directory: s.Directory}
		if at, err := time.Parse(time.RFC3339, s.Updated); err == nil {
			native.UpdatedAt = &at
		}
		if s.ID != "" {
			l.Sessions = append(l.Sessions, native)
		}
	}
	if page.Next == "" {
		return "", true
	}
	if l.cursors[page.Next] || len(page.Sessions) == 0 {
		l.Truncated = true
		return "", true
	}
	if l.cursors == nil {
		l.cursors = map[string]bool{}
	}
	l.cursors[page.Next] = true
	return page.Next, true
}

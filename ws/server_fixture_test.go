package ws_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/mock"
	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/session"
	"github.com/towline-dev/towline/session/store/sqlite"
	"github.com/towline-dev/towline/ws"
)

// token is the token of every server in the tests.
const token = "0123456789abcdef0123456789abcdef"

// lister is an agent that has sessions of its own.
type lister struct{ agents.Agent }

func (lister) Name() string { return "lister" }

func (lister) Sessions(_ context.Context, directory string) (protocol.NativeSessions, error) {
	return protocol.NativeSessions{Sessions: []protocol.NativeSession{{NativeSessionID: "n1", Title: "T", Directory: directory}}}, nil
}

// fixture is a running server with the mock agent and a store on disk.
type fixture struct {
	t       testing.TB
	server  *ws.Server
	manager *session.Manager
	addr    string
	// stop ends Serve and waits for it; it may be called more than once.
	stop func()
}

// serve starts a server on loopback. change, if not nil, edits the options.
func serve(t testing.TB, change func(*ws.Options)) *fixture {
	t.Helper()
	ctx := context.Background()
	st, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(t.TempDir(), "state", "towline.db")})
	if err != nil {
		t.Fatal(err)
	}
	m := session.NewManager(session.Options{Store: st, Agents: agents.NewRegistry(mock.New(mock.Options{Pace: time.Millisecond}), lister{mock.New(mock.Options{})}), Log: zerolog.Nop(), Directory: t.TempDir()})
	if err := m.Start(ctx); err != nil {
		t.Fatal(err)
	}
	o := ws.Options{Manager: m, Token: []byte(token), Log: zerolog.Nop(), Version: "test", Limits: ws.Limits{SocketsPerSecond: 100_000}}
	if change != nil {
		change(&o)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, server: ws.New(o), manager: m, addr: ln.Addr().String()}
	serving, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- f.server.Serve(serving, ln) }()
	var once sync.Once
	f.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Serve: %v", err)
			}
		})
	}
	t.Cleanup(func() {
		f.stop()
		http.DefaultClient.CloseIdleConnections()
		if err := m.Close(ctx); err != nil {
			t.Errorf("manager: %v", err)
		}
		if err := st.Close(); err != nil {
			t.Errorf("store: %v", err)
		}
	})
	return f
}

// url returns the address of a path.
func (f *fixture) url(path string) string { return "http://" + f.addr + path }

// request returns a request with the token. body is sent as JSON unless it is
// nil or already an io.Reader.
func (f *fixture) request(method, path string, body any) *http.Request {
	f.t.Helper()
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case io.Reader:
		r = b
	case string:
		r = strings.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			f.t.Fatal(err)
		}
		r = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(f.t.Context(), method, f.url(path), r)
	if err != nil {
		f.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if r != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req
}

// do sends a request and returns the answer with its whole body.
func (f *fixture) do(req *http.Request) (*http.Response, []byte) {
	f.t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return res, body
}

// call sends a request, wants a status, and decodes the body into into.
func (f *fixture) call(method, path string, body any, status int, into any) {
	f.t.Helper()
	res, text := f.do(f.request(method, path, body))
	if res.StatusCode != status {
		f.t.Fatalf("%s %s: status %d, want %d: %s", method, path, res.StatusCode, status, text)
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal(text, into); err != nil {
		f.t.Fatalf("%s %s: %v in %s", method, path, err, text)
	}
}

// create makes a session of the mock agent.
func (f *fixture) create(id string) protocol.Session {
	f.t.Helper()
	var info protocol.Session
	f.call("POST", "/v1/sessions", map[string]any{"id": id, "agent": "mock"}, http.StatusCreated, &info)
	return info
}

// problem is what the tests read of a problem document.
type problem struct {
	Status int           `json:"status"`
	Code   protocol.Code `json:"code"`
	Detail string        `json:"detail"`
}

// ticket returns a ticket with the scopes for a session.
func (f *fixture) ticket(session string, scopes ...string) string {
	f.t.Helper()
	var answer struct {
		Ticket string `json:"ticket"`
	}
	f.call("POST", "/v1/tickets", map[string]any{"session_id": session, "scopes": scopes}, http.StatusCreated, &answer)
	return answer.Ticket
}

package conformance

import (
	"context"
	"crypto/rand"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/clientlib"
	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/session"
	"github.com/towline-dev/towline/session/store/sqlite"
	"github.com/towline-dev/towline/ws"
)

// closeTime bounds the end of a server with its agents.
const closeTime = 30 * time.Second

// Server is the whole product in this process: agents, store, sessions and
// edge, on a port of its own.
type Server struct {
	// Client talks to the server, also after a restart.
	Client *clientlib.Client

	t       agenttest.T
	token   string
	agents  *agents.Registry
	path    string
	address string
	stop    func()
}

// Serve starts a server with these agents; the test's end stops it.
func Serve(t agenttest.T, all ...agents.Agent) *Server {
	t.Helper()
	s := &Server{
		t: t, agents: agents.NewRegistry(all...), address: "127.0.0.1:0", token: rand.Text(),
		path: filepath.Join(t.TempDir(), "state", "towline.db"),
	}
	s.start()
	t.Cleanup(func() { s.stop() })
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c, err := clientlib.Dial(t.Context(), "http://"+s.address, clientlib.WithToken(s.token), clientlib.WithHTTPClient(&http.Client{Transport: transport}))
	ok(t, err)
	s.Client = c
	return s
}

// Restart stops the server as SIGTERM does and starts it anew on the same
// store and address.
func (s *Server) Restart() {
	s.t.Helper()
	s.stop()
	s.start()
}

// start opens everything, the store first.
func (s *Server) start() {
	s.t.Helper()
	ctx := context.WithoutCancel(s.t.Context())
	st, err := sqlite.Open(ctx, sqlite.Options{Path: s.path})
	ok(s.t, err)
	m := session.NewManager(session.Options{Store: st, Agents: s.agents, Log: zerolog.Nop()})
	ok(s.t, m.Start(ctx))
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", s.address)
	ok(s.t, err)
	s.address = ln.Addr().String()
	edge := ws.New(ws.Options{Manager: m, Token: []byte(s.token), Log: zerolog.Nop(), Version: "conformance"})
	serving, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- edge.Serve(serving, ln) }()
	s.stop = func() {
		cancel()
		closing, end := context.WithTimeout(ctx, closeTime)
		defer end()
		for _, err := range []error{<-done, m.Close(closing), st.Close()} {
			if err != nil {
				s.t.Errorf("cannot close the server: %v", err)
			}
		}
		s.stop = func() {}
	}
}

// Create makes a session in a place.
func (s *Server) Create(p *Place, req protocol.SessionCreate) string {
	s.t.Helper()
	req.Agent, req.Directory = p.Agent.Name(), p.Dir
	if req.Env == nil {
		req.Env = p.Env
	}
	info, err := s.Client.CreateSession(s.t.Context(), req)
	ok(s.t, err)
	return info.ID
}

// ok ends the test at an error.
func ok(t agenttest.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v", err)
	}
}

package ws

import (
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/session"
)

// maxHeaderBytes bounds a request's header.
const maxHeaderBytes = 16 << 10

// Server serves sessions to clients. Its methods may be called from any
// goroutine.
type Server struct {
	opts      Options
	limits    Limits
	timeouts  Timeouts
	log       zerolog.Logger
	manager   *session.Manager
	hosts     hostList
	origins   originList
	auth      *authenticator
	admission *admission
	router    *router
	// started is the zero of the watchdog's clock.
	started time.Time

	// streams ends when the server drains: event streams watch it.
	streams    context.Context //nolint:containedctx // the server's life, which no call carries
	endStreams context.CancelFunc
	// running counts socket goroutines.
	running sync.WaitGroup
	// requests is held shared by each request, so that Serve can wait for all.
	requests sync.RWMutex

	mu       sync.Mutex
	draining bool
	sockets  map[*socket]struct{}
}

// New returns a server that does nothing until Serve.
func New(o Options) *Server {
	s := &Server{
		opts: o, limits: o.Limits.withDefaults(), timeouts: o.Timeouts.withDefaults(), log: o.Log, manager: o.Manager,
		auth: newAuthenticator(o.Token), started: time.Now(), sockets: make(map[*socket]struct{}),
	}
	s.hosts = newHostList(o)
	s.origins = newOriginList(o, s.hosts)
	s.admission = newAdmission(s.limits)
	s.streams, s.endStreams = context.WithCancel(context.Background())
	s.router = newRouter(s)
	return s
}

// Serve answers on the listener until ctx is done, then drains: new sockets
// are refused with 503, open ones get a goodbye and close 1012, running
// requests are waited for. It returns when nothing of it runs any more: nil
// after a drain, else the listener's error. The manager stays open: its owner
// closes it after Serve has returned. A server serves once.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	srv := s.httpServer()
	failed := make(chan error, 1)
	var own sync.WaitGroup
	own.Go(func() { failed <- srv.Serve(ln) })
	watching, stopWatching := context.WithCancel(context.Background())
	own.Go(func() { s.watch(watching) })

	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
		err = fmt.Errorf("cannot serve: %w", err)
	}
	s.Drain()
	s.closeSockets()
	s.stopRequests(srv)
	s.running.Wait()
	stopWatching()
	own.Wait()
	return err
}

// httpServer returns the HTTP server with its deadlines. It speaks HTTP/1.1
// only, because a WebSocket cannot be accepted over HTTP/2.
func (s *Server) httpServer() *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler:           s,
		ReadHeaderTimeout: s.timeouts.Header,
		IdleTimeout:       2 * s.timeouts.Request,
		MaxHeaderBytes:    maxHeaderBytes,
		Protocols:         protocols,
		ErrorLog:          stdlog.New(debugWriter{s.log}, "", 0),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, c)
		},
	}
}

// Drain makes the server refuse new work: /healthz and new sockets answer 503.
// What is open goes on. It may be called before Serve's ctx is done, to let
// load balancers notice.
func (s *Server) Drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining = true
}

// isDraining tells whether Drain was called.
func (s *Server) isDraining() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.draining
}

// errDraining is the refusal of new sockets and streams while draining.
func errDraining() *statusError {
	return &statusError{
		err:    protocol.Errorf(protocol.CodeDraining, "the server is shutting down; come back in a second"),
		status: http.StatusServiceUnavailable, retry: time.Second,
	}
}

// add registers a socket and its first goroutine, unless the server drains.
func (s *Server) add(k *socket) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return false
	}
	s.sockets[k] = struct{}{}
	s.running.Add(1)
	return true
}

// remove forgets a socket; its goroutine must call running.Done after it.
func (s *Server) remove(k *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sockets, k)
}

// closeSockets begins the close of all sockets, and ends all event streams.
func (s *Server) closeSockets() {
	s.endStreams()
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.sockets {
		k.closeLater(closeRestart, protocol.CodeDraining, "the server is shutting down; reconnect with your cursor")
	}
}

// stopRequests waits for running requests, and cuts off those that take too
// long: their contexts end, and they with them.
func (s *Server) stopRequests(srv *http.Server) {
	// Ending an agent may take as long as a close; deleting a session does both.
	ctx, cancel := context.WithTimeout(context.Background(), 2*s.timeouts.Close)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		s.log.Warn().Err(err).Msg("requests were cut off at shutdown")
		_ = srv.Close() // nothing is left to save
	}
	s.requests.Lock()
	defer s.requests.Unlock()
}

// ServeHTTP puts the walls in front of the router: safe headers, Host, Origin,
// credentials, in this order.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests.RLock()
	defer s.requests.RUnlock()
	defer s.recover(w, r)
	s.setDeadlines(w, time.Now().Add(s.timeouts.Request))
	setSafeHeaders(w.Header())
	if err := s.hosts.check(r); err != nil {
		s.refuse(w, r, err)
		return
	}
	if err := s.origins.check(r); err != nil {
		s.refuse(w, r, err)
		return
	}
	if s.origins.allowCrossOrigin(w, r) {
		return
	}
	if r.URL.Path == healthPath {
		s.router.ServeHTTP(w, r)
		return
	}
	p, err := s.auth.authenticate(r, s.address(r))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.router.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), principalKey{}, p)))
}

// refuse answers with a problem and notes it without query or headers, which
// may hold secrets.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	s.log.Info().Str("method", r.Method).Str("path", r.URL.Path).Str("address", s.address(r)).
		Str("code", string(protocol.CodeOf(err))).Msg("request refused")
	writeProblem(w, err)
}

// recover turns a handler's panic into an answer: one request must not end
// the server.
func (s *Server) recover(w http.ResponseWriter, r *http.Request) {
	switch v := recover(); v {
	case nil:
	case http.ErrAbortHandler:
		panic(v) // the handler asked for the connection to be cut
	default:
		s.log.Error().Str("path", r.URL.Path).Stack().Msgf("panic in a handler: %v", v)
		writeProblem(w, errors.New("panic"))
	}
}

// address returns who the request is from, for limits and the audit log.
func (s *Server) address(r *http.Request) string {
	if s.opts.TrustProxy {
		// The last entry is the one that our own proxy added.
		list := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		if ip := net.ParseIP(strings.TrimSpace(list[len(list)-1])); ip != nil {
			return ip.String()
		}
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// connKey and principalKey are the keys of a request's context.
type (
	connKey      struct{}
	principalKey struct{}
)

// requester returns whom a request that passed ServeHTTP acts for.
func requester(r *http.Request) principal {
	p, _ := r.Context().Value(principalKey{}).(principal)
	return p
}

// debugWriter passes net/http's own messages to the log: they are about
// broken clients, which nobody needs to hear of by default.
type debugWriter struct{ log zerolog.Logger }

// Write logs one message.
func (d debugWriter) Write(p []byte) (int, error) {
	d.log.Debug().Msg(strings.TrimSpace(string(p)))
	return len(p), nil
}

// untilDrained is a request's context for what may take long: it also ends when
// the server drains.
func (s *Server) untilDrained(r *http.Request) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(r.Context())
	stop := context.AfterFunc(s.streams, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

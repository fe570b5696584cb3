package ws

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/coder/websocket"
	"golang.org/x/time/rate"

	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/session"
)

// socket is one WebSocket. Its first goroutine runs run; later starts others,
// which run waits for.
type socket struct {
	server    *Server
	conn      *websocket.Conn
	net       net.Conn
	codec     codec
	principal principal
	clientID  string
	// ctx ends when the socket does.
	ctx    context.Context //nolint:containedctx // the socket's life, which no call carries
	cancel context.CancelFunc

	// start says where the subscription begins; for a socket without a
	// session the first frame fills it in.
	start subscription
	// session is nil until the socket is attached. Set before any other
	// goroutine than run starts to use it.
	session *session.Session
	// terminal is what the socket shows instead of events; nil for events.
	terminal *terminalPlace
	// sent is the cursor after what was sent.
	sent atomic.Uint64

	due     deadlines
	control controlCount
	// commandRate and frameRate are used by the reading goroutine only.
	commandRate *rate.Limiter
	frameRate   *rate.Limiter
	refusals    int
	// commands is nil until the first one comes.
	commands chan protocol.ClientFrame

	// writing is held while a frame is written.
	writing sync.Mutex
	// closing is set by whoever ends the socket first.
	closing atomic.Bool

	mu sync.Mutex
	// over tells that no further goroutine may start.
	over  bool
	extra sync.WaitGroup
}

// subscription is what a socket or stream wants to see, and from where.
type subscription struct {
	sessionID string
	at        protocol.Cursor
	epoch     string
	view      protocol.View
	raw       bool
}

// parseSubscription reads the query of a stream request.
func parseSubscription(r *http.Request) (subscription, error) {
	q := r.URL.Query()
	sub := subscription{sessionID: pathVar(r, "id"), epoch: q.Get("epoch"), view: protocol.View(q.Get("view"))}
	if q.Has("after") {
		at, err := queryCursor(q.Get("after"))
		if err != nil {
			return sub, err
		}
		sub.at = at
	}
	if !sub.view.Valid() {
		return sub, errBadView()
	}
	raw, err := queryBool(q.Get("raw"))
	if err != nil {
		return sub, errBadRaw()
	}
	sub.raw = raw
	return sub, nil
}

// openSocket serves GET /v1/ws and GET /v1/sessions/{id}/ws. All refusals come
// before the upgrade. It returns after the upgrade: the socket goes on in
// goroutines of its own, which lets the handler's memory go.
func (s *Server) openSocket(w http.ResponseWriter, r *http.Request) error {
	if s.isDraining() {
		return errDraining()
	}
	if !isUpgrade(r) {
		w.Header().Set("Upgrade", "websocket")
		return &statusError{
			err:    protocol.Errorf(protocol.CodeInvalidRequest, "this route is a WebSocket; open it with a WebSocket client"),
			status: http.StatusUpgradeRequired,
		}
	}
	c, err := negotiate(r)
	if err != nil {
		return err
	}
	sub, err := parseSubscription(r)
	if err != nil {
		return err
	}
	k := s.newSocket(r, c, sub)
	if sub.sessionID != "" {
		if k.session, err = s.manager.Get(r.Context(), sub.sessionID); err != nil {
			return err
		}
	}
	if err := s.admission.enter(s.address(r)); err != nil {
		return err
	}
	if k.session != nil {
		if err := s.admission.join(k.session.ID()); err != nil {
			s.admission.leave()
			return err
		}
	}
	s.upgrade(w, r, k)
	return nil
}

// isUpgrade tells whether the request asks for a WebSocket.
func isUpgrade(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// newSocket returns a socket that is not connected yet.
func (s *Server) newSocket(r *http.Request, c codec, sub subscription) *socket {
	k := &socket{server: s, codec: c, principal: requester(r), clientID: newClientID(), start: sub}
	k.net, _ = r.Context().Value(connKey{}).(net.Conn)
	k.ctx, k.cancel = context.WithCancel(context.Background())
	k.commandRate = newLimiter(s.limits.CommandsPerSecond)
	k.frameRate = newLimiter(s.limits.FramesPerSecond)
	return k
}

// Limits that other packages keep, as hello tells of them.
const (
	maxCommandIDBytes = 128
	maxTextInEvent    = 64 << 10
)

// newClientID returns the name of a connection, as events show it.
func newClientID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return "c" + hex.EncodeToString(b[:])
}

// upgrade accepts the WebSocket and starts it. A failed handshake has been
// answered by the library.
func (s *Server) upgrade(w http.ResponseWriter, r *http.Request, k *socket) {
	o := &websocket.AcceptOptions{
		InsecureSkipVerify: true, // origin.go has checked, more strictly
		OnPingReceived:     func(context.Context, []byte) bool { return k.countControl() },
		OnPongReceived:     func(context.Context, []byte) { k.countControl() },
	}
	if k.codec.subprotocol != "" {
		o.Subprotocols = []string{k.codec.subprotocol}
	}
	if s.opts.Compression {
		o.CompressionMode = websocket.CompressionNoContextTakeover
	}
	conn, err := websocket.Accept(smallBuffers{w}, r, o)
	if err != nil {
		k.release()
		s.log.Info().Err(err).Str("path", r.URL.Path).Msg("a WebSocket handshake failed")
		return
	}
	conn.SetReadLimit(int64(s.limits.FrameBytes))
	k.conn = conn
	k.due.ping.set(s.now() + s.timeouts.Ping)
	if k.session == nil {
		k.due.attaching.set(s.now())
	}
	if !s.add(k) {
		_ = conn.CloseNow() // the drain began during the handshake
		k.release()
		return
	}
	go k.run() // add has counted it; Serve waits for it
}

// run reads the socket until it ends, and then cleans up behind it.
func (k *socket) run() {
	defer k.server.running.Done()
	k.serve()
	if k.closing.CompareAndSwap(false, true) {
		k.linger()
	}
	k.cancel()
	_ = k.conn.CloseNow() // if it is closed already, this waits for it
	k.mu.Lock()
	k.over = true
	k.mu.Unlock()
	if k.commands != nil {
		close(k.commands)
	}
	k.extra.Wait()
	k.server.remove(k)
	k.release()
}

// serve attaches the socket if the path did, and reads frames.
func (k *socket) serve() {
	if k.terminal != nil {
		k.serveTerminal()
		return
	}
	if k.session != nil {
		if err := k.subscribe(); err != nil {
			return
		}
	}
	k.readFrames()
}

// release gives back the socket's places in the limits.
func (k *socket) release() {
	k.cancel()
	if k.session != nil {
		k.server.admission.part(k.session.ID())
	}
	k.server.admission.leave()
}

// later runs f in a goroutine that run waits for, unless the socket is over.
func (k *socket) later(f func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.over {
		k.extra.Go(func() { k.protect(f) })
	}
}

// protect runs f. A panic in it ends this socket, not the server.
func (k *socket) protect(f func()) {
	defer func() {
		if v := recover(); v != nil {
			k.server.log.Error().Str("client", k.clientID).Bytes("stack", debug.Stack()).Msgf("panic in a socket: %v", v)
			k.close(closeInternal, protocol.CodeInternal, "the server failed at this socket; reconnect with your cursor")
		}
	}()
	f()
}

// subscribe sends hello and starts to send events.
func (k *socket) subscribe() error {
	reader := k.session.Read(k.start.at, k.start.epoch, session.ReadOptions{View: k.start.view, Raw: k.start.raw})
	k.sent.Store(reader.After())
	if err := k.send(protocol.FrameHello, k.hello(reader.State())); err != nil {
		return err
	}
	k.due.attaching.clear()
	k.later(func() { k.sendEvents(reader) })
	return nil
}

// hello is the first frame of a subscription.
func (k *socket) hello(state protocol.State) *protocol.Hello {
	s, info := k.server, k.session.Info()
	return &protocol.Hello{
		Protocol: protocol.Version,
		Server:   protocol.ServerInfo{Name: "towline", Version: s.opts.Version},
		Session:  info, ClientID: k.clientID, Scopes: k.principal.scopeNames(), Epoch: info.Epoch, Head: state.Seq, State: state,
		Limits: protocol.Limits{
			FrameBytes: s.limits.FrameBytes, QueuedPrompts: session.MaxQueue, PingIntervalMS: int(s.timeouts.Ping.Milliseconds()),
			CommandsPerSec: s.limits.CommandsPerSecond, CommandIDBytes: maxCommandIDBytes, TextInEventBytes: maxTextInEvent,
		},
	}
}

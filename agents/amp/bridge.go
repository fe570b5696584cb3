package amp

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"time"
)

const (
	// requestTime is how long a delegate may take to say what it asks.
	requestTime = 10 * time.Second
	// parkTime is how long the call of an ask may take to show up on stdout.
	parkTime = 2 * time.Second
	// answerTime bounds the writing of an answer.
	answerTime = time.Second
	// maxRequest bounds a request, in bytes.
	maxRequest = 8 << 20
	// maxDelegates bounds the delegates of one connection that are heard at a
	// time; Amp runs one after the other.
	maxDelegates = 64
)

// bridgeRequest is all that can be said over the socket: who asks, and for
// what. There is no field for a decision, and a request with another field is
// refused.
type bridgeRequest struct {
	Capability string          `json:"capability"`
	Thread     string          `json:"thread"`
	Tool       string          `json:"tool"`
	ToolUseID  string          `json:"tool_use_id"`
	Input      json.RawMessage `json:"input"`
}

// bridgeAnswer is what the delegate is told.
type bridgeAnswer struct {
	Allow   bool   `json:"allow"`
	Message string `json:"message,omitempty"`
}

// bridge takes the asks of one connection's delegates, on a socket of its own
// that only Amp's user can reach. A delegate holds the capability of
// its session: it can ask with it, and nothing else. Answers go from the
// server to the delegate and never the other way, and a delegate that is gone
// has asked for nothing.
type bridge struct {
	listener   *net.UnixListener
	capability string
	asker      asker
	// park is how long an ask may go unanswered before asker.late.
	park    time.Duration
	serving sync.WaitGroup
	slots   chan struct{}

	mu sync.Mutex
	// waiting are the delegates that are to be answered, by their ask.
	waiting map[string]*net.UnixConn
	// open are all connections.
	open   map[*net.UnixConn]bool
	number int
	closed bool
}

// asker is told what delegates do. Its methods are called from the bridge's
// goroutines.
type asker interface {
	// asked takes an ask; the answer comes by bridge.answer, maybe before it
	// returns.
	asked(id string, r askRequest)
	// late is called if an ask was not answered for a moment.
	late(id string)
	// gone takes the end of a delegate that had no answer.
	gone(id string)
}

// newBridge listens on the files' socket, which must not exist. The capability
// is new.
func newBridge(f *sideFiles, a asker) (*bridge, error) {
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return nil, fmt.Errorf("cannot make a capability: %w", err)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: f.socket, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("cannot listen for delegates: %w", err)
	}
	// The folder is closed to others already; the socket is, too.
	if err := f.ShareSocket(socketFile); err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("cannot protect the delegates' socket: %w", err)
	}
	return &bridge{
		listener: listener, capability: hex.EncodeToString(secret), asker: a, park: parkTime, slots: make(chan struct{}, maxDelegates),
		waiting: map[string]*net.UnixConn{}, open: map[*net.UnixConn]bool{},
	}, nil
}

// start begins to serve; close ends it.
func (b *bridge) start() { b.serving.Go(b.accept) }

// accept takes delegates until the listener closes.
func (b *bridge) accept() {
	for {
		c, err := b.listener.AcceptUnix()
		if err != nil {
			return
		}
		select {
		case b.slots <- struct{}{}:
		default:
			_ = c.Close()
			continue
		}
		if !b.admit(c) {
			return
		}
		b.serving.Go(func() {
			defer func() { <-b.slots }()
			defer b.dismiss(c)
			b.hear(c)
		})
	}
}

// admit notes a connection, so that close can end it.
func (b *bridge) admit(c *net.UnixConn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		_ = c.Close()
		return false
	}
	b.open[c] = true
	return true
}

func (b *bridge) dismiss(c *net.UnixConn) {
	b.mu.Lock()
	delete(b.open, c)
	b.mu.Unlock()
	_ = c.Close()
}

// errRequest tells a delegate that said something else than a request.
var errRequest = errors.New("not a request")

// hear takes one delegate's ask and waits until it is answered or gone.
func (b *bridge) hear(c *net.UnixConn) {
	r, err := b.request(c)
	if err != nil {
		tell(c, answer{message: "Towline does not know who asks."})
		return
	}
	id := b.wait(c)
	b.asker.asked(id, askRequest{Tool: r.Tool, ToolUseID: r.ToolUseID, Input: r.Input})
	// Nothing may follow a request: whatever can be read is its end.
	_ = c.SetReadDeadline(time.Now().Add(b.park))
	_, err = c.Read(make([]byte, 1))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		b.asker.late(id)
		_ = c.SetReadDeadline(time.Time{})
		_, _ = c.Read(make([]byte, 1))
	}
	if b.forget(id) != nil {
		b.asker.gone(id)
	}
}

// request reads what a delegate asks.
func (b *bridge) request(c *net.UnixConn) (bridgeRequest, error) {
	_ = c.SetReadDeadline(time.Now().Add(requestTime))
	line, err := bufio.NewReader(&limited{c, maxRequest}).ReadBytes('\n')
	if err != nil {
		return bridgeRequest{}, err
	}
	return readRequest(line, b.capability)
}

// readRequest decodes a request, and refuses whatever is more or other than
// one.
func readRequest(line []byte, capability string) (bridgeRequest, error) {
	var r bridgeRequest
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil || dec.More() || r.Tool == "" {
		return bridgeRequest{}, errRequest
	}
	if subtle.ConstantTimeCompare([]byte(r.Capability), []byte(capability)) != 1 {
		return bridgeRequest{}, errRequest
	}
	return r, nil
}

// limited is a reader that fails beyond a number of bytes.
type limited struct {
	c    *net.UnixConn
	left int
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errRequest
	}
	n, err := l.c.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err //nolint:wrapcheck // a Reader returns io.EOF itself
}

// wait notes a delegate that is to be answered.
func (b *bridge) wait(c *net.UnixConn) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.number++
	id := "ask-" + strconv.Itoa(b.number)
	b.waiting[id] = c
	return id
}

// forget takes a delegate off the list; nil if it is answered.
func (b *bridge) forget(id string) *net.UnixConn {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.waiting[id]
	delete(b.waiting, id)
	return c
}

// answer tells a delegate the decision, once.
func (b *bridge) answer(a answer) {
	if c := b.forget(a.ask); c != nil {
		tell(c, a)
	}
}

// tell writes an answer and ends the connection. A delegate that does not get
// it denies the call.
func tell(c *net.UnixConn, a answer) {
	_ = c.SetWriteDeadline(time.Now().Add(answerTime))
	line, err := json.Marshal(bridgeAnswer{Allow: a.allow, Message: a.message})
	if err == nil {
		_, _ = c.Write(append(line, '\n'))
	}
	_ = c.Close()
}

// close ends the socket and all delegates, and waits for the goroutines.
func (b *bridge) close() {
	b.mu.Lock()
	b.closed = true
	for c := range b.open {
		_ = c.Close()
	}
	b.mu.Unlock()
	_ = b.listener.Close()
	b.serving.Wait()
}

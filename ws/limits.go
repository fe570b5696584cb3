package ws

import (
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/towline-dev/towline/protocol"
)

// admission counts sockets and event streams, and refuses those beyond the
// limits before anything is spent on them.
type admission struct {
	limits Limits

	mu       sync.Mutex
	total    int
	sessions map[string]int
	addrs    map[string]*rate.Limiter
}

func newAdmission(l Limits) *admission {
	return &admission{limits: l, sessions: make(map[string]int), addrs: make(map[string]*rate.Limiter)}
}

// enter takes a place for a stream from the address; leave gives it back.
func (a *admission) enter(addr string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.limiterLocked(addr).Allow() {
		return overLimit("this address opens connections too fast; wait a second and try again")
	}
	if a.total >= a.limits.Sockets {
		return overLimit("the server has as many open connections as it takes; close some or try again later")
	}
	a.total++
	return nil
}

// leave gives back a place that enter took.
func (a *admission) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.total--
}

// join takes a place at a session; part gives it back.
func (a *admission) join(session string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.sessions[session] >= a.limits.SocketsPerSession {
		return overLimit("the session has as many open connections as it takes; close some or try again later")
	}
	a.sessions[session]++
	return nil
}

// part gives back a place that join took.
func (a *admission) part(session string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.sessions[session]--; a.sessions[session] == 0 {
		delete(a.sessions, session)
	}
}

// limiterLocked returns the address's limiter. Full limiters hold no
// information, so they are what is dropped when there are many.
func (a *admission) limiterLocked(addr string) *rate.Limiter {
	if l := a.addrs[addr]; l != nil {
		return l
	}
	if len(a.addrs) >= maxAddresses {
		for k, l := range a.addrs {
			if l.Tokens() >= float64(l.Burst()) {
				delete(a.addrs, k)
			}
		}
		dropSome(a.addrs)
	}
	l := newLimiter(a.limits.SocketsPerSecond)
	a.addrs[addr] = l
	return l
}

// newLimiter allows perSecond with a burst of twice as many.
func newLimiter(perSecond int) *rate.Limiter {
	return rate.NewLimiter(rate.Limit(perSecond), 2*perSecond)
}

// overLimit is the refusal of a connection: 503, so that proxies and clients
// try again later.
func overLimit(message string) error {
	return &statusError{
		err: protocol.Errorf(protocol.CodeRateLimited, "%s", message), status: http.StatusServiceUnavailable, retry: time.Second,
	}
}

// controlCount counts a socket's control frames by the second. Only the
// goroutine that reads the socket uses it.
type controlCount struct {
	second int64
	n      int
}

// flood counts one frame and tells whether there are more than the limit.
func (c *controlCount) flood(limit int, now time.Time) bool {
	if s := now.Unix(); s != c.second {
		c.second, c.n = s, 0
	}
	c.n++
	return c.n > limit
}

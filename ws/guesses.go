package ws

import (
	"net/http"
	"sync"
	"time"

	"github.com/towline-dev/towline/protocol"
)

const (
	// maxGuesses is how many wrong credentials an address may send in
	// guessWindow before it is locked out for guessLockout.
	maxGuesses   = 10
	guessWindow  = time.Minute
	guessLockout = time.Minute
	// maxAddresses bounds the memory of per-address books; some entries are
	// dropped beyond it.
	maxAddresses = 10_000
)

// guesses locks out addresses that try credentials. Loopback counts too: the
// agent's own commands reach the server from there.
type guesses struct {
	mu    sync.Mutex
	addrs map[string]*guessRecord
}

// guessRecord is what is remembered of one address.
type guessRecord struct {
	failures int
	since    time.Time
	// locked is until when the address is refused; zero if it is not.
	locked time.Time
}

func newGuesses() *guesses { return &guesses{addrs: make(map[string]*guessRecord)} }

// check refuses a locked address.
func (g *guesses) check(addr string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := g.addrs[addr]
	if r == nil || r.locked.IsZero() {
		return nil
	}
	left := time.Until(r.locked)
	if left <= 0 {
		delete(g.addrs, addr)
		return nil
	}
	return &statusError{
		err: protocol.Errorf(protocol.CodeRateLimited,
			"too many wrong tokens came from this address; wait a minute, then send the right one"),
		status: http.StatusTooManyRequests, retry: left,
	}
}

// failed counts a wrong credential.
func (g *guesses) failed(addr string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	r := g.addrs[addr]
	if r == nil || now.Sub(r.since) > guessWindow {
		g.pruneLocked(now)
		r = &guessRecord{since: now}
		g.addrs[addr] = r
	}
	r.failures++
	if r.failures >= maxGuesses {
		r.locked = now.Add(guessLockout)
	}
}

// pruneLocked makes room when many addresses are remembered.
func (g *guesses) pruneLocked(now time.Time) {
	if len(g.addrs) < maxAddresses {
		return
	}
	for addr, r := range g.addrs {
		if now.Sub(r.since) > guessWindow && now.After(r.locked) {
			delete(g.addrs, addr)
		}
	}
	dropSome(g.addrs)
}

// dropSome brings a full book down to three quarters, so that making room is
// rare.
func dropSome[V any](addrs map[string]V) {
	for addr := range addrs {
		if len(addrs) <= maxAddresses*3/4 {
			return
		}
		delete(addrs, addr)
	}
}

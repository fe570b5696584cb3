package clientlib

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/coder/websocket"
)

// The bounds of the wait before a reconnect.
const (
	backoffMin = 100 * time.Millisecond
	backoffMax = 10 * time.Second
)

// advice is what a client does after a close.
type advice int

const (
	// retry reconnects with the usual backoff.
	retry advice = iota
	// retryRestart reconnects after 0.2 to 2 s, so that the clients of a
	// restarted server do not come back at once.
	retryRestart
	// retryBackOff begins at 1 s: the server is overloaded.
	retryBackOff
	// retryLimited waits at least 5 s.
	retryLimited
	// stop gives up: coming back would end the same way.
	stop
)

// closeAdvice holds the close codes that have an advice of their own; the
// ranges are in adviceFor.
var closeAdvice = map[websocket.StatusCode]advice{
	1000: stop, // ended, or the client asked
	1001: stop, // the server goes away for good
	1002: stop, // frame-level protocol error
	1003: stop, // wrong frame type for the subprotocol
	1007: stop, // undecodable or limit-breaking payload
	1008: retryBackOff,
	1009: stop, // message too big
	1011: retry,
	1012: retryRestart,
	1013: retryBackOff,
	4429: retryLimited,
}

// adviceFor applies the rule of the ranges: 4000-4499 reconnect, 4500-4999
// need help first. Codes that no version knows are treated as a cut.
func adviceFor(code websocket.StatusCode) advice {
	if a, ok := closeAdvice[code]; ok {
		return a
	}
	if code >= 4500 && code <= 4999 {
		return stop
	}
	return retry
}

// adviceForError is adviceFor for whatever ended a connection or kept it from
// being made.
func adviceForError(err error) advice {
	if e, ok := errors.AsType[*StatusError](err); ok {
		return adviceForStatus(e.Status)
	}
	if errors.Is(err, errProtocol) {
		return stop
	}
	if code := websocket.CloseStatus(err); code >= 0 {
		return adviceFor(code)
	}
	return retry
}

// adviceForStatus is for refusals before the upgrade.
func adviceForStatus(status int) advice {
	switch {
	case status == 429:
		return retryLimited
	case status == 503:
		return retryBackOff
	case status == 408 || status >= 500:
		return retry
	default:
		return stop
	}
}

// backoff makes the waits between tries. The zero value is ready.
type backoff struct{ tries int }

// reset is called when a connection proved good.
func (b *backoff) reset() { b.tries = 0 }

// next returns how long to wait: a random part of a bound that doubles from
// 0.1 s to 10 s. at is what the server asked for at least.
func (b *backoff) next(a advice, at time.Duration) time.Duration {
	bound := backoffMax
	if b.tries < 7 {
		bound = min(backoffMax, backoffMin<<b.tries)
	}
	b.tries++
	wait := bound/2 + jitter(bound/2)
	switch a {
	case retryRestart:
		wait = 200*time.Millisecond + jitter(1800*time.Millisecond)
	case retryBackOff:
		wait = max(wait, time.Second+jitter(time.Second))
	case retryLimited:
		wait = max(wait, 5*time.Second+jitter(time.Second))
	case retry, stop:
	}
	return max(wait, at)
}

// jitter returns a random part of d, so that clients do not come back at once.
func jitter(d time.Duration) time.Duration {
	return rand.N(d + 1) //nolint:gosec // nothing secret depends on it
}

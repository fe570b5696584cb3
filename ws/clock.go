package ws

import (
	"sync/atomic"
	"time"
)

// clock is a moment on the watchdog's clock, or 0 for none. It may be used
// from any goroutine.
type clock struct{ at atomic.Int64 }

// set stores a moment.
func (c *clock) set(at time.Duration) { c.at.Store(int64(at)) }

// clear stores none.
func (c *clock) clear() { c.at.Store(0) }

// olderThan tells whether there is a moment that lies longer than limit ago.
func (c *clock) olderThan(limit, now time.Duration) bool {
	at := c.at.Load()
	return at != 0 && now-time.Duration(at) > limit
}

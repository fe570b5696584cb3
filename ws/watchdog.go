package ws

import (
	"context"
	"time"

	"github.com/towline-dev/towline/protocol"
)

// now is the time on the watchdog's clock: monotonic, since the server's
// start, never 0.
func (s *Server) now() time.Duration { return time.Since(s.started) + 1 }

// watch looks at all sockets several times per shortest deadline, until ctx is
// done. One goroutine for all sockets costs less than a timer, or a context
// with a deadline, in each write.
func (s *Server) watch(ctx context.Context) {
	t := s.timeouts
	shortest := min(t.Ping, t.Write, t.Message, t.Attach)
	tick := time.NewTicker(min(max(shortest/10, 5*time.Millisecond), time.Second))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.inspectAll()
		}
	}
}

// inspectAll inspects each socket once.
func (s *Server) inspectAll() {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.sockets {
		k.inspect(now)
	}
}

// deadlines are the moments that the watchdog compares with its clock. 0 means
// that nothing is under way.
type deadlines struct {
	// writing is when the write that is under way began.
	writing clock
	// assembling is when the first byte of the message that is being read came.
	assembling clock
	// attaching is when a socket without a session was opened.
	attaching clock
	// ping is when the next ping is due.
	ping clock
}

// inspect acts on what is overdue. It never blocks.
func (k *socket) inspect(now time.Duration) {
	t := k.server.timeouts
	switch {
	case k.due.writing.olderThan(t.Write, now):
		// A frame is stuck half-way, so nothing can be said any more. The
		// client resumes from its cursor.
		k.later(k.cut)
	case k.due.assembling.olderThan(t.Message, now):
		k.closeLater(closePolicy, protocol.CodeTimeout, "a message was not complete in time")
	case k.due.attaching.olderThan(t.Attach, now):
		k.closeLater(closeNoFirstFrame, protocol.CodeTimeout, "no session was named in time; send session.attach or session.create first")
	case k.due.ping.olderThan(0, now):
		k.due.ping.set(now + t.Ping)
		k.later(k.ping)
	}
}

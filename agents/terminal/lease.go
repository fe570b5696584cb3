package terminal

import (
	"time"

	"github.com/towline-dev/towline/protocol"
)

// lease is the right to type. Whoever types first has it, until some time
// after the last key. The holder of an expired lease is kept: nobody has to be
// told that the line is free, and the next typist simply gets it.
type lease struct {
	lasts  time.Duration
	holder protocol.Actor
	until  time.Time
}

// held returns who has the lease now; an empty actor if nobody has.
func (l *lease) held(now time.Time) protocol.Actor {
	if now.Before(l.until) {
		return l.holder
	}
	return protocol.Actor{}
}

// use takes or prolongs the lease, if it is free or the client's. changed
// tells that it has a new holder.
func (l *lease) use(by protocol.Actor, now time.Time) (changed bool, err error) {
	if holder := l.held(now); holder.ClientID != "" && holder.ClientID != by.ClientID {
		return false, l.refusal(now)
	}
	return l.take(by, now), nil
}

// take gives the lease to a client. It tells whether it had another holder.
func (l *lease) take(by protocol.Actor, now time.Time) (changed bool) {
	changed = l.held(now).ClientID != by.ClientID
	l.holder, l.until = by, now.Add(l.lasts)
	return changed
}

// release gives the lease back. It tells whether the client had it.
func (l *lease) release(by protocol.Actor, now time.Time) (changed bool) {
	if l.held(now).ClientID != by.ClientID {
		return false
	}
	l.until = time.Time{}
	return true
}

// refusal says who types.
func (l *lease) refusal(now time.Time) error {
	return protocol.Errorf(protocol.CodeBusy,
		"%s is typing on this terminal; wait until %s after the last key, or take the lease over", l.held(now).ClientID, l.lasts).
		WithDetails(l.shown(now))
}

// shown is the lease as clients see it.
func (l *lease) shown(now time.Time) protocol.Lease {
	holder := l.held(now)
	return protocol.Lease{ClientID: holder.ClientID, Subject: holder.Subject, TTLMS: int(l.lasts.Milliseconds())}
}

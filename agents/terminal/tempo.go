package terminal

import "time"

// Pace says when a screen counts as at rest; zero fields take the default.
type Pace struct {
	// Settle is how long output must rest before the screen is told; 500 ms.
	Settle time.Duration
	// Longest is the longest time between two tellings of a screen that never
	// rests; 10 s.
	Longest time.Duration
	// Done is how long output must rest before a turn ends; 2 s.
	Done time.Duration
	// Interrupted is how long an interrupted turn goes on at most; 2 s.
	Interrupted time.Duration
}

// withDefaults fills in the zero fields.
func (p Pace) withDefaults() Pace {
	for _, f := range []struct {
		d   *time.Duration
		def time.Duration
	}{{&p.Settle, 500 * time.Millisecond}, {&p.Longest, 10 * time.Second}, {&p.Done, 2 * time.Second}, {&p.Interrupted, 2 * time.Second}} {
		if *f.d == 0 {
			*f.d = f.def
		}
	}
	return p
}

// tempo decides when the screen is told and when a turn ends, from the moments
// of what happened. It has no clock of its own.
type tempo struct {
	pace Pace
	// first and last are the first output that was not told yet and the
	// newest one; first is zero if all was told.
	first, last time.Time
	// typed is when the open turn's prompt was entered; zero without a turn.
	typed time.Time
	// job tells that a command of the program had the terminal when last looked.
	job bool
	// interrupted is when the turn was interrupted; zero if it was not.
	interrupted time.Time
}

// forJob is how soon a turn is looked at again whose command still runs.
const forJob = 200 * time.Millisecond

// wrote notes output.
func (t *tempo) wrote(now time.Time) {
	t.last = now
	if t.first.IsZero() {
		t.first = now
	}
}

// tellAt is when the screen is due to be told; zero if there is nothing new.
func (t *tempo) tellAt() time.Time {
	if t.first.IsZero() {
		return time.Time{}
	}
	return earlier(t.last.Add(t.pace.Settle), t.first.Add(t.pace.Longest))
}

// endAt is when the open turn is due to end; zero without one.
func (t *tempo) endAt() time.Time {
	if t.typed.IsZero() {
		return time.Time{}
	}
	since := t.typed
	if t.last.After(since) {
		since = t.last
	}
	at := since.Add(t.pace.Done)
	if !t.interrupted.IsZero() {
		at = earlier(at, t.interrupted.Add(t.pace.Interrupted))
	}
	return at
}

// look notes whether a command of the program runs: a shell's turn lasts as
// long. It returns when the open turn is due to end, or to be looked at again.
// What a command has written at its end may still be on its way when it is
// seen to have ended, so that counts as output.
func (t *tempo) look(now time.Time, running bool) time.Time {
	if t.job && !running {
		t.typed = now
	}
	t.job = running
	at := t.endAt()
	if again := now.Add(forJob); running && t.interrupted.IsZero() && at.Before(again) {
		return again
	}
	return at
}

// isDue tells whether a moment has come; the zero one never does.
func isDue(at, now time.Time) bool { return !at.IsZero() && !now.Before(at) }

// earlier returns the earlier of two moments; a zero one stands for never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

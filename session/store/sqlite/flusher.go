package sqlite

import (
	"sync"
	"time"
)

// syncWithin is how long a commit may be without an fsync.
const syncWithin = 50 * time.Millisecond

// syncAfter is when the flusher starts to drain and sync: early enough that an
// fsync of usual length (up to 10 ms) ends in time, and no multiple of 10 ms,
// since agents stream 50 or 100 times a second: the next event would come just
// then, and wait.
const syncAfter = syncWithin - 15*time.Millisecond

// flusher syncs the WAL at most syncWithin after a commit that did not, and
// brings the journal's rows to it before. The sync needs no lock of the
// database: an fsync of the file covers all that was written to it before, and
// commits go on meanwhile.
//
// Its timer is the only thing of the store that runs by itself; stop ends it.
type flusher struct {
	// drain brings all commits so far to the WAL. The timer calls it, and not
	// within sync, since who waits for a sync may hold the lock that it takes.
	// If it fails, it is called again after the same time.
	drain func() error
	// sync makes all commits so far durable. Only one call runs at a time.
	sync func() error
	// failed is told the error of a sync that the timer started.
	failed func(error)

	syncing chan struct{} // full during sync

	mu      sync.Mutex
	dirty   time.Time // time of the oldest commit not synced; zero if none
	kept    time.Time // the same of those since the last drain began: a sync may not cover them
	timer   *time.Timer
	stopped bool
	running sync.WaitGroup
}

// newFlusher returns a flusher whose timer the first commit starts.
func newFlusher(drain, sync func() error, failed func(error)) *flusher {
	return &flusher{drain: drain, sync: sync, failed: failed, syncing: make(chan struct{}, 1)}
}

// committed notes a commit that is not synced yet.
func (f *flusher) committed() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped {
		return
	}
	now := time.Now()
	if f.kept.IsZero() {
		f.kept = now
	}
	if f.dirty.IsZero() {
		f.dirty = now
		f.start(syncAfter)
	}
}

// late tells whether a commit has waited for its sync for too long, as on a
// disk that is slower than the commits.
func (f *flusher) late() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.dirty.IsZero() && time.Since(f.dirty) >= syncWithin
}

// flush syncs everything that was committed before the call. The caller has
// brought it to the WAL, and keeps others from committing meanwhile.
func (f *flusher) flush() error {
	f.mu.Lock()
	f.kept = time.Time{}
	f.mu.Unlock()
	return f.syncLog()
}

// syncLog syncs what is in the WAL.
func (f *flusher) syncLog() error {
	f.syncing <- struct{}{}
	defer func() { <-f.syncing }()
	f.mu.Lock()
	before := f.dirty
	f.dirty = f.kept
	if !f.kept.IsZero() {
		f.start(syncAfter - time.Since(f.kept))
	}
	f.mu.Unlock()
	err := f.sync()
	if err != nil {
		f.mu.Lock()
		f.dirty = before
		f.mu.Unlock()
	}
	return err
}

// start starts the timer; f.mu is held.
func (f *flusher) start(after time.Duration) {
	switch {
	case f.stopped:
	case f.timer == nil:
		f.timer = time.AfterFunc(after, f.fire)
	default:
		f.timer.Reset(after)
	}
}

// fire is the timer's call.
func (f *flusher) fire() {
	f.mu.Lock()
	if f.stopped || f.dirty.IsZero() {
		f.mu.Unlock()
		return
	}
	f.kept = time.Time{}
	f.running.Add(1)
	f.mu.Unlock()
	defer f.running.Done()
	if f.drain() != nil {
		f.again()
		return
	}
	if err := f.syncLog(); err != nil {
		f.failed(err)
	}
}

// again starts the timer after a drain that failed.
func (f *flusher) again() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dirty.IsZero() { // by a sync that did not cover what is left
		f.dirty = time.Now()
	}
	f.start(syncAfter)
}

// stop ends the timer and waits for a sync that it started.
func (f *flusher) stop() {
	f.mu.Lock()
	f.stopped = true
	if f.timer != nil {
		f.timer.Stop()
	}
	f.mu.Unlock()
	f.running.Wait()
}

package sqlite

import (
	"sync"
	"time"
)

// syncWithin is how long a commit may be without an fsync.
const syncWithin = 50 * time.Millisecond

// syncAfter is when the flusher starts to sync: early enough that an fsync of
// usual length (up to 10 ms) ends in time.
const syncAfter = syncWithin - 10*time.Millisecond

// flusher syncs the WAL at most syncWithin after a commit that did not. It
// needs no lock of the database: an fsync of the file covers all that was
// written to it before, and commits go on meanwhile.
//
// Its timer is the only thing of the store that runs by itself; stop ends it.
type flusher struct {
	// sync makes all commits so far durable. Only one call runs at a time.
	sync func() error
	// failed is told the error of a sync that the timer started.
	failed func(error)

	syncing chan struct{} // full during sync

	mu      sync.Mutex
	dirty   time.Time // time of the oldest commit not synced; zero if none
	timer   *time.Timer
	stopped bool
	running sync.WaitGroup
}

// newFlusher returns a flusher whose timer the first commit starts.
func newFlusher(sync func() error, failed func(error)) *flusher {
	return &flusher{sync: sync, failed: failed, syncing: make(chan struct{}, 1)}
}

// committed notes a commit that is not synced yet.
func (f *flusher) committed() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped || !f.dirty.IsZero() {
		return
	}
	f.dirty = time.Now()
	if f.timer == nil {
		f.timer = time.AfterFunc(syncAfter, f.fire)
		return
	}
	f.timer.Reset(syncAfter)
}

// late tells whether a commit has waited for its sync for too long, as on a
// disk that is slower than the commits.
func (f *flusher) late() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.dirty.IsZero() && time.Since(f.dirty) >= syncWithin
}

// flush syncs everything that was committed before the call.
func (f *flusher) flush() error {
	f.syncing <- struct{}{}
	defer func() { <-f.syncing }()
	f.mu.Lock()
	before := f.dirty
	f.dirty = time.Time{}
	f.mu.Unlock()
	err := f.sync()
	if err != nil {
		f.mu.Lock()
		f.dirty = before
		f.mu.Unlock()
	}
	return err
}

// fire is the timer's call.
func (f *flusher) fire() {
	f.mu.Lock()
	if f.stopped || f.dirty.IsZero() {
		f.mu.Unlock()
		return
	}
	f.running.Add(1)
	f.mu.Unlock()
	defer f.running.Done()
	if err := f.flush(); err != nil {
		f.failed(err)
	}
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

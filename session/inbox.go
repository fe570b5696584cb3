package session

import "sync"

// inbox is how everything reaches a session's owner: functions that the owner
// runs one after the other. put never blocks; what could grow without bound is
// bounded by its sender (an agent by credits, clients by the edge's limits).
type inbox struct {
	mu    sync.Mutex
	queue []func()
	wake  chan struct{}
}

// newInbox returns an empty inbox.
func newInbox() *inbox { return &inbox{wake: make(chan struct{}, 1)} }

// put adds a function.
func (b *inbox) put(f func()) {
	b.mu.Lock()
	b.queue = append(b.queue, f)
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// take returns all functions that wait.
func (b *inbox) take() []func() {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.queue
	b.queue = nil
	return q
}

package amp

import (
	"sync"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// wire is a translator that several goroutines use: those of its processes,
// one after another, and those of waiting delegates. What a delegate is to be
// told leaves it under the lock, so that answers keep their order.
type wire struct {
	mu sync.Mutex
	t  *translator
	// deliver takes an answer; it must not call the wire.
	deliver func(answer)
}

var (
	_ agents.Translator = (*wire)(nil)
	_ agents.Skipper    = (*wire)(nil)
)

// flushLocked hands the answers over.
func (w *wire) flushLocked() {
	for _, a := range w.t.answers {
		w.deliver(a)
	}
	w.t.answers = nil
}

// Open implements agents.Translator.
func (w *wire) Open() [][]byte { return nil }

// Native implements agents.Translator.
func (w *wire) Native(frame []byte) agents.Output {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.flushLocked()
	return w.t.Native(frame)
}

// Skipped implements agents.Skipper.
func (w *wire) Skipped(head, tail []byte) agents.Output {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.flushLocked()
	return w.t.Skipped(head, tail)
}

// Command implements agents.Translator.
func (w *wire) Command(c agents.Command) (agents.Output, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.flushLocked()
	return w.t.Command(c)
}

// do calls f with the translator and returns what it emitted.
func (w *wire) do(f func(t *translator, o *output)) []protocol.Data {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.flushLocked()
	var o output
	f(w.t, &o)
	return o.Events
}

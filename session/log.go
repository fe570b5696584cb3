package session

import (
	"slices"
	"sync"

	"github.com/towline-dev/towline/protocol"
)

// The tail keeps the newest blocks in memory, up to this many bytes, so that
// readers that keep up, and those a little behind, never touch the store. Out
// of turns a session keeps less.
const (
	tailBusy = 4 << 20
	tailIdle = 16 << 10
)

// eventLog is the committed part of a session as readers see it: its head, its
// newest blocks, the fold, and the pending asks. It is shared by the committer
// (which publishes) and readers, behind one lock that is never held over I/O.
type eventLog struct {
	mu sync.Mutex
	// head is the last committed seq.
	head  uint64
	epoch string
	// tail holds the newest blocks, in order, ending at head.
	tail      []*Block
	tailBytes int
	busy      bool
	fold      *protocol.Fold
	asks      []protocol.Ask
	info      protocol.Session
	// moved is closed and replaced when head moves, if someone waits.
	moved  chan struct{}
	waits  bool
	closed error
}

// newEventLog returns a log at the given place.
func newEventLog(head uint64, epoch string, fold *protocol.Fold) *eventLog {
	l := &eventLog{head: head, epoch: epoch, fold: fold, moved: make(chan struct{})}
	l.asks = asksOf(fold)
	return l
}

// publish shows committed blocks to readers.
func (l *eventLog) publish(blocks []*Block, events []protocol.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range events {
		e := &events[i]
		l.fold.Apply(e)
		l.noteAskLocked(e)
		l.noteInfoLocked(e)
	}
	for _, b := range blocks {
		l.tail = append(l.tail, b)
		l.tailBytes += len(b.array) + len(b.raw)
		l.head = b.last
	}
	l.trimLocked()
	l.wakeLocked()
}

// setBusy tells whether a turn is open: then the tail may be larger.
func (l *eventLog) setBusy(busy bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy = busy
	l.trimLocked()
}

// noteAskLocked keeps the list of pending asks, with their seqs.
func (l *eventLog) noteAskLocked(e *protocol.Event) {
	switch d := e.Data.(type) {
	case *protocol.PermissionRequested:
		l.asks = append(slices.Clip(l.asks), protocol.Ask{Permission: &d.Permission, Seq: e.Seq})
	case *protocol.QuestionRequested:
		l.asks = append(slices.Clip(l.asks), protocol.Ask{Question: &d.Question, Seq: e.Seq})
	case *protocol.PermissionResolved:
		l.dropAskLocked(d.PermissionID)
	case *protocol.QuestionResolved:
		l.dropAskLocked(d.QuestionID)
	}
}

// dropAskLocked removes an ask; readers may hold the old slice, so it is
// copied.
func (l *eventLog) dropAskLocked(id string) {
	var left []protocol.Ask
	for _, a := range l.asks {
		if askID(a) != id {
			left = append(left, a)
		}
	}
	l.asks = left
}

// askID returns the id of an ask.
func askID(a protocol.Ask) string {
	if a.Permission != nil {
		return a.Permission.PermissionID
	}
	return a.Question.QuestionID
}

// asksOf returns the pending asks of a restored fold. Their seqs are not
// known any more; 0 means that no reader is told ahead of its place.
func asksOf(f *protocol.Fold) []protocol.Ask {
	var asks []protocol.Ask
	s := f.State()
	for i := range s.Permissions {
		asks = append(asks, protocol.Ask{Permission: &s.Permissions[i]})
	}
	for i := range s.Questions {
		asks = append(asks, protocol.Ask{Question: &s.Questions[i]})
	}
	return asks
}

// trimLocked bounds the tail.
func (l *eventLog) trimLocked() {
	limit := tailIdle
	if l.busy {
		limit = tailBusy
	}
	drop := 0
	for drop < len(l.tail) && l.tailBytes > limit {
		l.tailBytes -= len(l.tail[drop].array) + len(l.tail[drop].raw)
		drop++
	}
	if drop > 0 {
		l.tail = append([]*Block(nil), l.tail[drop:]...)
	}
}

// wakeLocked wakes all waiting readers.
func (l *eventLog) wakeLocked() {
	if l.waits {
		close(l.moved)
		l.moved = make(chan struct{})
		l.waits = false
	}
}

// close ends all readers with err, once they have read what is committed.
func (l *eventLog) close(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed == nil {
		l.closed = err
	}
	l.tail, l.tailBytes = nil, 0
	l.wakeLocked()
}

// snapshot returns the fold's state and the epoch.
func (l *eventLog) snapshot() (protocol.State, string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fold.State(), l.epoch
}

// savedFold returns the fold as JSON, with its seq and the status it shows.
func (l *eventLog) savedFold() ([]byte, uint64, protocol.Status, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, err := l.fold.MarshalJSON()
	return b, l.head, l.fold.State().Status, err
}

// pickLocked returns the blocks of the tail that follow a cursor, up to about
// maxBytes. ok is false when the tail does not reach back that far.
func (l *eventLog) pickLocked(after uint64, maxBytes int) (blocks []*Block, ok bool) {
	if len(l.tail) == 0 || l.tail[0].first > after+1 {
		return nil, false
	}
	from := len(l.tail) - 1
	for l.tail[from].first > after+1 {
		from--
	}
	size := 0
	for _, b := range l.tail[from:] {
		if size > 0 && size+len(b.array) > maxBytes {
			break
		}
		if b.last > after {
			blocks = append(blocks, b)
			size += len(b.array)
		}
	}
	return blocks, true
}

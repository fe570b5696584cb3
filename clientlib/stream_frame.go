package clientlib

import (
	"github.com/towline-dev/towline/protocol"
)

// handle takes one server frame. Frame types that this version does not know
// are left alone.
func (s *Stream) handle(c *conn, frame any) error {
	switch f := frame.(type) {
	case *protocol.Events:
		s.takeEvents(f)
	case *protocol.Live:
		s.takeLive(f)
	case *protocol.Gap:
		s.takeGap(f)
	case *protocol.Ask:
		if s.opts.OnAsk != nil {
			s.opts.OnAsk(*f)
		}
	case *protocol.Result:
		s.takeResult(f)
	case *protocol.Goodbye:
		c.goodbye = f
	}
	return nil
}

// takeHello is for the first frame of each connection.
func (s *Stream) takeHello(h *protocol.Hello, at protocol.Cursor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hello = *h
	s.fold = protocol.FoldOf(h.State)
	if s.cursor.epoch == "" {
		s.cursor.epoch = h.Epoch
	}
	if at.Head {
		s.cursor = place{epoch: h.Epoch, seq: h.Head}
	}
}

// takeEvents queues what is new: an event that the cursor is already behind
// came twice, over a cut.
func (s *Stream) takeEvents(f *protocol.Events) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range f.Events {
		if s.resync {
			s.resyncLocked(e.Seq - 1)
		}
		if e.Seq <= s.cursor.seq {
			continue
		}
		if e.Seq != s.cursor.seq+1 && s.full() {
			s.queueGapLocked(&GapError{From: s.cursor.seq + 1, To: e.Seq - 1, Reason: gapHole})
		}
		s.cursor.seq = e.Seq
		s.fold.Apply(&e)
		s.queue = append(s.queue, entry{event: e, after: s.cursor})
	}
	if s.resync {
		s.resyncLocked(f.Last)
	}
	s.cursor.seq = max(s.cursor.seq, f.Last)
	signal(s.arrived)
}

// full tells whether the view leaves nothing out.
func (s *Stream) full() bool { return s.opts.View == "" || s.opts.View == protocol.ViewFull }

// takeLive moves the cursor to the head, which matters when nothing came.
func (s *Stream) takeLive(f *protocol.Live) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.resync {
		s.resyncLocked(f.Seq)
	}
}

// takeGap queues the gap. After a lost epoch the old cursor stays until
// something of the new one arrives: a cut in between repeats the gap, and
// hides nothing.
func (s *Stream) takeGap(f *protocol.Gap) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.Reason == protocol.GapRetention {
		s.cursor.seq = max(s.cursor.seq, f.To)
	} else {
		s.resync = true
	}
	s.queueGapLocked(&GapError{From: f.From, To: f.To, Reason: f.Reason, Epoch: f.Epoch})
	signal(s.arrived)
}

// resyncLocked places the cursor anew, in the server's epoch.
func (s *Stream) resyncLocked(seq uint64) {
	s.resync = false
	s.cursor = place{epoch: s.hello.Epoch, seq: seq}
}

func (s *Stream) queueGapLocked(g *GapError) {
	s.queue = append(s.queue, entry{gap: g, after: s.cursor})
}

// place returns the cursor.
func (s *Stream) place() place {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cursor
}

package conformance

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/clientlib"
	"github.com/towline-dev/towline/protocol"
)

// waitLimit is how long a test waits for one event: on a busy machine an agent
// may take half of it to start.
const waitLimit = 60 * time.Second

// restLimit is how long it waits while no turn is open and no prompt waits for
// one, so that hardly anything can come.
const restLimit = 15 * time.Second

// Recorder is one client of a session: it keeps what comes over the socket and
// checks the invariants. It belongs to the test's goroutine.
type Recorder struct {
	*clientlib.Stream

	// Events are all events so far, from the first on.
	Events []protocol.Event
	// Check are the invariants.
	Check *Invariants
	// OnEvent, if not nil, is called for each event as it comes.
	OnEvent func(protocol.Event)

	t agenttest.T
	// waited is the place after the last event that was waited for.
	waited int
}

// Record attaches to a session from its first event on. At the test's end
// nothing may be open, and no invariant violated.
func Record(t agenttest.T, c *clientlib.Client, session string, format protocol.Format) *Recorder {
	t.Helper()
	return record(t, c, session, clientlib.AttachOptions{Format: format})
}

// record is Record with other options.
func record(t agenttest.T, c *clientlib.Client, session string, o clientlib.AttachOptions) *Recorder {
	t.Helper()
	s, err := c.Attach(t.Context(), session, o)
	ok(t, err)
	r := &Recorder{Stream: s, Check: NewInvariants(), t: t}
	t.Cleanup(func() {
		_ = s.Close() // always nil
		r.Check.Rest()
		for _, fault := range r.Check.Faults() {
			t.Errorf("%s", fault)
		}
		if t.Failed() {
			t.Logf("session %s over %s:\n%s", session, o.Format, r)
		}
	})
	return r
}

// next reads one event; the stream's end, a gap or the limit ends the test.
func (r *Recorder) next(want string) {
	r.t.Helper()
	r.nextBefore(r.t.Context(), want)
}

// nextBefore is next, but it tells false, and reads nothing, if ctx ends first.
func (r *Recorder) nextBefore(ctx context.Context, want string) bool {
	r.t.Helper()
	limit := waitLimit
	if r.Check.AtRest() {
		limit = restLimit
	}
	timed, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	e, err := r.Next(timed)
	switch {
	case err == nil:
	case ctx.Err() != nil && r.t.Context().Err() == nil:
		return false
	case timed.Err() != nil && r.t.Context().Err() == nil:
		r.t.Fatalf("there came no %s, and nothing else for %v", want, limit)
	default:
		r.t.Fatalf("waiting for %s: %v", want, err)
	}
	r.Events = append(r.Events, e)
	r.Check.See(e)
	if r.OnEvent != nil {
		r.OnEvent(e)
	}
	return true
}

// failure is why the last turn that ended failed; empty if it did not.
func (r *Recorder) failure() string {
	for _, e := range slices.Backward(r.Events) {
		if d, is := e.Data.(*protocol.TurnEnded); is {
			if d.Error == nil {
				return ""
			}
			return ": " + d.Error.Message
		}
	}
	return ""
}

// Await returns the first event that fits beyond those that were waited for. A
// turn that ends while its end in another way is waited for, or an ask of it,
// is a fault, if no other turn follows.
func (r *Recorder) Await(w agenttest.Want) protocol.Event {
	r.t.Helper()
	ofTurn := w.Type == protocol.TypeTurnEnded || w.Type == protocol.TypePermissionRequested || w.Type == protocol.TypeQuestionRequested
	for {
		for r.waited < len(r.Events) {
			e := r.Events[r.waited]
			r.waited++
			if fits(w, e) {
				return e
			}
			if ofTurn && r.waited == len(r.Events) {
				r.goesOn(w.String())
			}
		}
		r.next(w.String())
	}
}

// AwaitHeld waits until a stream of the script is at its hold. It reads what
// comes meanwhile: a turn that ends before is a fault, if no other follows.
func (r *Recorder) AwaitHeld(s *agenttest.Script) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	var watch sync.WaitGroup
	watch.Go(func() {
		defer cancel()
		select {
		case <-s.Held():
		case <-ctx.Done():
		}
	})
	defer watch.Wait()
	defer cancel()
	want := "request that comes to the hold of " + s.Marker()
	for r.nextBefore(ctx, want) {
		r.goesOn(want)
	}
}

// goesOn ends the test if the newest event is the end of a turn that no other
// follows, so that what is wanted cannot come.
func (r *Recorder) goesOn(want string) {
	r.t.Helper()
	if d, is := r.Events[len(r.Events)-1].Data.(*protocol.TurnEnded); is && r.Check.AtRest() {
		r.t.Fatalf("waiting for %s: the turn ended as %s%s", want, d.Outcome, r.failure())
	}
}

// ReadTo reads up to and with a seq.
func (r *Recorder) ReadTo(seq uint64) {
	r.t.Helper()
	for len(r.Events) == 0 || r.Events[len(r.Events)-1].Seq < seq {
		r.next("the event of the session's head")
	}
}

// last is the payload of the newest event of a type.
func last[D protocol.Data](r *Recorder) D {
	r.t.Helper()
	for _, e := range slices.Backward(r.Events) {
		if d, is := e.Data.(D); is {
			return d
		}
	}
	var none D
	r.t.Fatalf("there is no %s", none.EventType())
	return none
}

// has tells whether an event that fits has come.
func (r *Recorder) has(w agenttest.Want) bool {
	for _, e := range r.Events {
		if fits(w, e) {
			return true
		}
	}
	return false
}

// fits tells whether an event is what is wanted.
func fits(w agenttest.Want, e protocol.Event) bool {
	if e.Data.EventType() != w.Type {
		return false
	}
	data, err := json.Marshal(e.Data)
	return err == nil && w.Fits(w.Type, data)
}

// String shows the events, each cut to a line that can be read.
func (r *Recorder) String() string {
	const most = 600
	var b strings.Builder
	for _, e := range r.Events {
		line, err := json.Marshal(e)
		if err != nil {
			line = []byte(err.Error())
		}
		b.Write(line[:min(len(line), most)])
		b.WriteByte('\n')
	}
	return b.String()
}

package terminal

import (
	"context"
	"crypto/rand"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

const (
	// readSize is how much output is taken in at once.
	readSize = 32 << 10
	// answerTime is how long the terminal's own answers wait for a program that
	// does not read, since nothing is read from it meanwhile.
	answerTime = 50 * time.Millisecond
)

// Conn is one program, running or ended.
type Conn struct {
	o       Options
	process Program
	run     string
	// reading is the goroutine that reads the output.
	reading sync.WaitGroup
	// wake tells Recv of what could be due sooner than it waits.
	wake chan struct{}

	mu      sync.Mutex
	ring    ring
	screen  *screen
	rows    int
	cols    int
	lease   lease
	version uint64
	// moved is closed, and replaced, when readers have something to look at.
	moved chan struct{}
	tempo tempo
	// started is when the program was; settled tells that it has come to rest
	// once since.
	started time.Time
	// pressed is when Enter or an interrupt was last pressed for a client of the
	// session's events.
	pressed time.Time
	// line is what was typed last and not entered.
	line line
	// lines is how many lines the newest prompt has; left tells that it was typed
	// and not entered.
	lines int
	left  bool
	// deaf tells that the program did not read what was typed last, in time.
	deaf bool
	// told is the text of the newest item, trust its confidence, and items
	// counts them.
	told    string
	trust   float64
	items   int
	pending []protocol.Data
	exit    *agents.Exit
	// over tells that Recv has returned everything.
	over bool
}

// newConn returns a Conn whose output nobody reads yet.
func newConn(o Options, process Program) *Conn {
	return &Conn{
		o: o, process: process, run: rand.Text()[:12], wake: make(chan struct{}, 1),
		ring: ring{size: o.History}, screen: newScreen(o.Rows, o.Cols), rows: o.Rows, cols: o.Cols,
		lease: lease{lasts: o.Lease}, version: 1, moved: make(chan struct{}), tempo: tempo{pace: o.Pace}, started: time.Now(),
		pending: []protocol.Data{&protocol.AgentStarted{PID: process.PID()}},
	}
}

// read takes in the output up to the program's end.
func (c *Conn) read() {
	buf := make([]byte, readSize)
	for {
		n, err := c.process.Read(buf)
		if answers := c.take(buf[:n]); len(answers) > 0 {
			c.answer(answers)
		}
		if err != nil {
			break
		}
	}
	exit := c.process.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.exit = &exit
	c.ring.trim()
	c.screen.freeze()
	c.tellLocked()
}

// answer types what the terminal itself has to say. A program that does not
// read misses it.
func (c *Conn) answer(answers []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	_, _ = c.process.Write(ctx, answers)
}

// take adds output to the history and to the screen.
func (c *Conn) take(p []byte) (answers []byte) {
	for len(p) > 0 {
		n, more := c.takePiece(p)
		if p = p[n:]; len(answers) < maxAnswers {
			answers = append(answers, more...)
		}
	}
	return answers
}

// takePiece adds as much as is little work: who wants to look or to type gets
// a turn between two pieces.
func (c *Conn) takePiece(p []byte) (n int, answers []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, answers = c.screen.write(p)
	c.ring.write(p[:n])
	fresh := c.tempo.first.IsZero()
	c.tempo.wrote(time.Now())
	close(c.moved)
	c.moved = make(chan struct{})
	if fresh {
		c.wakeRecv()
	}
	return n, answers
}

// tellLocked lets all readers look.
func (c *Conn) tellLocked() {
	close(c.moved)
	c.moved = make(chan struct{})
	c.wakeRecv()
}

// wakeRecv makes Recv look.
func (c *Conn) wakeRecv() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Recv returns AgentStarted, then the screen whenever it is due, the ends of
// turns, and AgentExited.
func (c *Conn) Recv() ([]agents.Report, error) {
	for {
		events, due := c.due(time.Now())
		if len(events) > 0 {
			return []agents.Report{{Events: events}}, nil
		}
		if c.over {
			return nil, io.EOF
		}
		c.await(due)
	}
}

// await waits for a moment, or for a wake; the zero moment never comes.
func (c *Conn) await(at time.Time) {
	if at.IsZero() {
		<-c.wake
		return
	}
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-c.wake:
	case <-timer.C:
	}
}

// due returns what is to be told now, or when to look again.
func (c *Conn) due(now time.Time) (events []protocol.Data, again time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	events, c.pending = c.pending, nil
	if c.exit != nil {
		if !c.over {
			c.over = true
			events = append(events, c.lastLocked()...)
		}
		return events, time.Time{}
	}
	tell, end := c.tempo.tellAt(), c.tempo.endAt()
	telling, ending := isDue(tell, now), isDue(end, now)
	if (telling || ending) && !end.IsZero() {
		end = c.tempo.look(now, !c.process.Foreground())
		ending = isDue(end, now)
	}
	if telling || ending {
		events = append(events, c.notesLocked()...)
		events = append(events, c.screenLocked(now)...)
		tell = c.tempo.tellAt()
	}
	if ending {
		events = append(events, c.endLocked())
		end = time.Time{}
	}
	return events, earlier(tell, end)
}

// screenLocked tells the screen, if it shows another text than last told, or
// the same with more confidence: it has come to rest.
func (c *Conn) screenLocked(now time.Time) []protocol.Data {
	shown := c.screen.show()
	confidence := shown.Confidence
	c.tempo.first = time.Time{}
	if c.exit == nil && now.Before(c.tempo.last.Add(c.tempo.pace.Settle)) {
		confidence = min(confidence, changing)
		c.tempo.first = now
	}
	text := strings.Join(shown.Lines, "\n")
	if text == c.told && confidence <= c.trust {
		return nil
	}
	c.told, c.trust = text, confidence
	c.items++
	return []protocol.Data{&protocol.ItemCompleted{Item: screenItem(c.items, shownScreen{
		Confidence: confidence, Text: text, Title: shown.Title, Offset: c.ring.end,
	})}}
}

// notesLocked tells what the program wants a person to know, such as that it
// waits for an answer. A bell says no more than that it wants to be looked at.
func (c *Conn) notesLocked() (events []protocol.Data) {
	for _, note := range c.screen.sequences.notes {
		events = append(events, &protocol.Notice{Level: "info", Code: "notification", Message: note})
	}
	if c.screen.sequences.rang {
		events = append(events, &protocol.Notice{Level: "info", Code: "bell", Message: "the program rang the terminal's bell"})
	}
	c.screen.sequences.notes, c.screen.sequences.rang = nil, false
	return events
}

// endLocked ends the open turn.
func (c *Conn) endLocked() protocol.Data {
	outcome := protocol.OutcomeCompleted
	if !c.tempo.interrupted.IsZero() {
		outcome = protocol.OutcomeInterrupted
	}
	c.tempo.typed, c.tempo.interrupted, c.tempo.job = time.Time{}, time.Time{}, false
	return &protocol.TurnEnded{Outcome: outcome}
}

// lastLocked tells the last screen and the end. A program that was told to end
// and did has done what it was asked to.
func (c *Conn) lastLocked() []protocol.Data {
	events := append(c.notesLocked(), c.screenLocked(time.Now())...)
	if !c.tempo.typed.IsZero() && c.exit.Code != nil && *c.exit.Code == 0 {
		events = append(events, c.endLocked())
	}
	return append(events, &protocol.AgentExited{ExitCode: c.exit.Code, Signal: c.exit.Signal})
}

// Close ends the program and everything that it has started.
func (c *Conn) Close() error {
	err := c.process.Stop(agents.StopOptions{})
	c.reading.Wait()
	return err
}

package terminal

import (
	"context"
	"crypto/rand"
	"errors"
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
	// readyTime bounds the wait for a program that was just started, and
	// readyRest is how long its output must rest to be ready.
	readyTime = 6 * time.Second
	readyRest = 500 * time.Millisecond
	// enterRest is how long the echo of typed text must rest before Enter
	// follows: programs take an Enter that comes with the text as part of it.
	enterRest = 100 * time.Millisecond
	enterTime = 2 * time.Second
	// typeTime is how long typing waits for a program that does not read, and
	// answerTime how long the terminal's own answers do, since nothing is read
	// meanwhile.
	typeTime   = 5 * time.Second
	answerTime = 50 * time.Millisecond
	// pressTime is how long an interrupt's key does: a signal is next.
	pressTime = 500 * time.Millisecond
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
	if len(p) == 0 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ring.write(p)
	answers = c.screen.write(p)
	fresh := c.tempo.first.IsZero()
	c.tempo.wrote(time.Now())
	close(c.moved)
	c.moved = make(chan struct{})
	if fresh {
		c.wakeRecv()
	}
	return answers
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

// Send types a prompt, or presses what interrupts the program. A prompt is refused with busy
// while a person is typing.
func (c *Conn) Send(ctx context.Context, command agents.Command) error {
	switch command := command.(type) {
	case *agents.Prompt:
		return c.prompt(ctx, command)
	case *agents.Interrupt:
		return c.interrupt()
	case *agents.Configure:
		if command.Title != nil && command.Model == nil && command.Mode == nil && command.Effort == nil && command.PermissionMode == nil {
			return nil
		}
	}
	return protocol.Errorf(protocol.CodeCapabilityMissing, "a program on a terminal takes prompts and interrupts alone; type on the live terminal for anything else")
}

// prompt types a prompt's text and enters it.
func (c *Conn) prompt(ctx context.Context, p *agents.Prompt) error {
	text, err := textOf(p.Content)
	if err != nil {
		return err
	}
	if err := c.ready(ctx); err != nil {
		return err
	}
	// While the prompt is typed nobody else types into it.
	typist := protocol.Actor{Kind: "client", ClientID: "prompt " + p.PromptID}
	if err := c.mayType(typist); err != nil {
		return err
	}
	defer live{c}.ReleaseLease(typist)
	c.mu.Lock()
	pasting := c.screen.sequences.pasting
	c.mu.Unlock()
	keys := keysFor(text, pasting)
	if err := checkLines(keys, c.process.Input().LongestLine); err != nil {
		return err
	}
	typed := time.Now()
	if err := c.write(ctx, keys); err != nil {
		c.process.Discard() // what was refused is not to be read later, in part
		return err
	}
	if err := c.rest(ctx, typed, enterRest, enterTime); err != nil {
		return err
	}
	if err := c.mayType(typist); err != nil {
		return err // a person has taken over
	}
	if err := c.write(ctx, enter); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tempo.typed = time.Now()
	c.pressed = c.tempo.typed
	c.tempo.interrupted = time.Time{}
	c.wakeRecv()
	return nil
}

// ready waits until a prompt can be typed: the program has come to rest once,
// and since the last Enter or interrupt, which change how a program reads keys.
func (c *Conn) ready(ctx context.Context) error {
	if err := c.rest(ctx, c.started, readyRest, time.Until(c.started.Add(readyTime))); err != nil {
		return err
	}
	c.mu.Lock()
	pressed := c.pressed
	c.mu.Unlock()
	return c.rest(ctx, pressed, enterRest, time.Until(pressed.Add(enterTime)))
}

// interrupt presses what the program takes for it. The turn ends soon after it
// was asked for, whatever the program does, but not before it was delivered.
func (c *Conn) interrupt() error {
	asked := time.Now()
	if err := c.press(habitsOf(c.o.Command[0]).interrupt); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tempo.interrupted = asked
	c.pressed = time.Now()
	c.wakeRecv()
	return nil
}

// press presses the key that interrupts. If the program does not read what was
// typed before, that is dropped; and a signal does what Ctrl-C would have done.
func (c *Conn) press(key string) error {
	if !c.process.Input().Blocked {
		if err := c.writeWithin(context.Background(), pressTime, key); err == nil || c.ended() {
			return err
		}
	}
	c.process.Discard()
	if key != ctrlC {
		return c.writeWithin(context.Background(), pressTime, key)
	}
	if err := c.process.Interrupt(); err != nil {
		return errEnded() // nothing has the terminal any more
	}
	return nil
}

// write types keys.
func (c *Conn) write(ctx context.Context, keys string) error {
	return c.writeWithin(ctx, typeTime, keys)
}

// writeWithin types keys in a time.
func (c *Conn) writeWithin(ctx context.Context, limit time.Duration, keys string) error {
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	n, err := c.process.Write(bounded, []byte(keys))
	switch {
	case err == nil:
		return nil
	case c.ended():
		return errEnded()
	case ctx.Err() != nil:
		return refusal(ctx)
	default:
		return protocol.Errorf(protocol.CodeTimeout, "the program does not read what is typed: it took %d of %d bytes; interrupt it, or end the session", n, len(keys))
	}
}

// ended tells whether the program has.
func (c *Conn) ended() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.exit != nil
}

func errEnded() error {
	return protocol.Errorf(protocol.CodeAgentNotRunning, "the program on the terminal has ended; the next prompt starts it again")
}

// refusal is what a prompt is told that was not entered in its time.
func refusal(ctx context.Context) error {
	if told, ok := errors.AsType[*protocol.Error](context.Cause(ctx)); ok {
		return told
	}
	return protocol.Errorf(protocol.CodeTimeout, "the program was not ready for the prompt in time, so it was not entered; look at the screen, and try again")
}

// rest waits until there was output since a moment and it rests, at most for
// the limit. It refuses if ctx is done: then nothing more is to be typed.
func (c *Conn) rest(ctx context.Context, since time.Time, quiet, limit time.Duration) error {
	over := time.NewTimer(limit)
	defer over.Stop()
	for {
		c.mu.Lock()
		last, ended, moved := c.tempo.last, c.exit != nil, c.moved
		c.mu.Unlock()
		wait := limit
		if last.After(since) {
			wait, moved = time.Until(last.Add(quiet)), nil
		}
		switch {
		case ctx.Err() != nil:
			return refusal(ctx)
		case ended || wait <= 0:
			return nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-moved:
		case <-timer.C:
		case <-over.C:
			timer.Stop()
			return nil
		case <-ctx.Done():
			timer.Stop()
			return refusal(ctx)
		}
		timer.Stop()
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

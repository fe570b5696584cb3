package terminal

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

const (
	// readyTime bounds the wait for a program that was just started, and
	// readyRest is how long its output must rest to be ready.
	readyTime = 6 * time.Second
	readyRest = 500 * time.Millisecond
	// enterRest is how long the echo of typed text must rest before Enter
	// follows: programs take an Enter that comes with the text as part of it.
	enterRest = 100 * time.Millisecond
	enterTime = 2 * time.Second
	// typeTime is how long typing waits for a program that does not read, and
	// probeTime how long a person's next keys do.
	typeTime  = 5 * time.Second
	probeTime = 500 * time.Millisecond
	// pressTime is how long an interrupt's key does: a signal is next.
	pressTime = 500 * time.Millisecond
	// eraseTime is how long erasing waits for the screen to rest.
	eraseTime = 500 * time.Millisecond
)

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
	if err := c.checkLine(); err != nil {
		return err
	}
	begin := time.Now()
	if err := c.typeText(ctx, typist, text); err != nil {
		return err
	}
	return c.pressEnter(ctx, typist, begin)
}

// typeText types a prompt's text.
func (c *Conn) typeText(ctx context.Context, typist protocol.Actor, text string) error {
	c.mu.Lock()
	pasting := c.screen.sequences.pasting
	c.mu.Unlock()
	keys := keysFor(text, pasting)
	if err := checkLines(keys, c.process.Input().LongestLine); err != nil {
		return err
	}
	c.noteLine(typist.ClientID, keys)
	n, err := c.write(ctx, typeTime, keys)
	c.mu.Lock()
	c.lines, c.left = 1+strings.Count(text, "\n"), n > 0
	c.mu.Unlock()
	if err != nil && n > 0 {
		c.takeBack(pasting)
	}
	return err
}

// pressEnter enters a text that was typed since a moment, once it has appeared.
func (c *Conn) pressEnter(ctx context.Context, typist protocol.Actor, since time.Time) error {
	if err := c.rest(ctx, since, enterRest, enterTime); err != nil {
		return err
	}
	if err := c.mayType(typist); err != nil { // a person has taken over
		c.mu.Lock()
		defer c.mu.Unlock()
		c.left = false
		return err
	}
	if _, err := c.write(ctx, typeTime, enter); err != nil {
		c.discard()
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tempo.typed = time.Now()
	c.pressed = c.tempo.typed
	c.tempo.interrupted = time.Time{}
	c.line, c.left = line{}, false
	c.wakeRecv()
	return nil
}

// takeBack drops what was not read of a text that was typed in part: it was
// refused, so it must not be read later. What was read may lack the end of its
// paste.
func (c *Conn) takeBack(pasting bool) {
	c.discard()
	if pasting {
		_, _ = c.write(context.Background(), pressTime, pasteOff) // whoever does not read it has not begun
	}
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

// interrupt presses what the program takes for it. Esc leaves the line where it
// is that was typed and not entered, and some programs put back there what they
// were stopped at, so that is erased: the next prompt would stand behind it. The
// turn ends soon after the interrupt was asked for, whatever the program does,
// but not before it was delivered.
func (c *Conn) interrupt() error {
	asked, h := time.Now(), habitsOf(c.o.Command[0])
	c.mu.Lock()
	working := !c.tempo.typed.IsZero() || !c.left
	erases := strings.Repeat(h.erase, 2*c.lines) // each line, and the break before it
	c.mu.Unlock()
	if working || erases == "" {
		if err := c.press(h.interrupt); err != nil {
			return err
		}
	}
	if erases != "" {
		// Apart from the text, and from Esc: together they would be another key.
		if err := c.rest(context.Background(), asked, enterRest, eraseTime); err != nil {
			return err
		}
		if err := c.press(erases); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = false
	if erases != "" || h.interrupt == ctrlC {
		c.line = line{}
	}
	c.tempo.interrupted = asked
	c.pressed = time.Now()
	c.wakeRecv()
	return nil
}

// press presses the key that interrupts. If the program does not read what was
// typed before, that is dropped; and a signal does what Ctrl-C would have done.
func (c *Conn) press(key string) error {
	if !c.process.Input().Blocked {
		if _, err := c.write(context.Background(), pressTime, key); err == nil || c.ended() {
			return err
		}
	}
	c.discard()
	if key != ctrlC {
		_, err := c.write(context.Background(), pressTime, key)
		return err
	}
	if err := c.process.Interrupt(); err != nil {
		return errEnded() // nothing has the terminal any more
	}
	return nil
}

// typeKeys types a person's keys. Those that follow keys which the program did
// not read wait less for it, and not at all while it reads nothing: a large
// paste comes in many pieces. Where the terminal makes a signal of Ctrl-C, it
// does so behind what is not read, too.
func (c *Conn) typeKeys(by, keys string) error {
	c.noteLine(by, keys)
	if keys == ctrlC && c.process.Input().Signals {
		return c.press(ctrlC)
	}
	limit := typeTime
	if c.isDeaf() {
		limit = probeTime
	}
	_, err := c.write(context.Background(), limit, keys)
	return err
}

// write types keys: all of them in a time, or it refuses, and tells how many
// bytes were typed all the same.
func (c *Conn) write(ctx context.Context, limit time.Duration, keys string) (n int, err error) {
	if c.isDeaf() && c.process.Input().Blocked {
		return 0, errDeaf(0, len(keys))
	}
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	n, err = c.process.Write(bounded, []byte(keys))
	switch {
	case err == nil:
		c.setDeaf(false)
		return n, nil
	case c.ended():
		return n, errEnded()
	case ctx.Err() != nil:
		return n, refusal(ctx)
	default:
		c.setDeaf(true)
		return n, errDeaf(n, len(keys))
	}
}

// discard drops what the program did not read of what was typed.
func (c *Conn) discard() {
	c.process.Discard()
	c.setDeaf(false)
}

func (c *Conn) isDeaf() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.deaf
}

func (c *Conn) setDeaf(deaf bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deaf = deaf
}

// errDeaf is a refusal; took is how much of what was typed may still be read.
func errDeaf(took, of int) error {
	if took == 0 {
		return protocol.Errorf(protocol.CodeTimeout, "the program does not read what is typed; interrupt it, or end the session")
	}
	return protocol.Errorf(protocol.CodeTimeout, "the program does not read what is typed: it took %d of %d bytes; interrupt it, or end the session", took, of)
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

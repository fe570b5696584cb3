package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/towline-dev/towline/clientlib"
	"github.com/towline-dev/towline/protocol"
)

// conversation shows a session and takes what a person types: answers to asks
// first, prompts otherwise. One goroutine, that of talk, owns it.
type conversation struct {
	terminal *terminal
	stream   *clientlib.Stream
	render   *renderer
	json     bool
	// person tells that somebody is there to be asked.
	person bool
	// quiet leaves out hints on how to answer from elsewhere.
	quiet bool
	// prompts tells that lines between turns are prompts.
	prompts bool
	// interrupts tells that Ctrl-C stops the turn before it ends the program.
	interrupts bool
	// until, if not nil, ends the conversation after an event.
	until func(protocol.Event) bool

	lines   *lines
	asks    []*ask
	turn    bool
	outcome protocol.Outcome // of the last turn
	stopped bool             // Ctrl-C was pressed in this turn
}

// received is an event or an error of the stream.
type received struct {
	event protocol.Event
	err   error
}

// talk runs until the session ends, until says so, the input ends, or ctx is
// done.
func (c *conversation) talk(ctx context.Context, signals <-chan os.Signal) error {
	ctx, cancel := context.WithCancel(ctx)
	events := make(chan received)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(events)
		for e, err := range c.stream.Events(ctx) {
			select {
			case events <- received{e, err}:
			case <-ctx.Done():
				return
			}
		}
	}()
	defer func() { cancel(); <-done }()
	c.lines = readLines(c.terminal.in)
	defer c.lines.stop()
	for {
		c.invite()
		select {
		case r, open := <-events:
			if !open {
				return c.render.err
			}
			if end, err := c.receive(r); end || err != nil {
				return err
			}
		case l := <-c.lines.arrived:
			c.lines.pending = false
			if end, err := c.typed(ctx, l); end || err != nil {
				return err
			}
		case <-signals:
			if !c.interrupts || !c.turn || c.stopped {
				return nil
			}
			c.stopped = true
			if err := c.stream.Interrupt(ctx); err != nil {
				return fmt.Errorf("cannot interrupt the turn: %w", err)
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// receive shows an event and keeps what matters of it.
func (c *conversation) receive(r received) (end bool, err error) {
	if gap, ok := errors.AsType[*clientlib.GapError](r.err); ok {
		if c.json {
			return false, writeJSON(c.terminal.out, map[string]any{"type": "gap", "from": gap.From, "to": gap.To, "reason": gap.Reason})
		}
		c.render.linef(red, "! %s", gap)
		return false, c.render.err
	}
	if r.err != nil {
		return true, fmt.Errorf("the session's stream ended: %w", r.err)
	}
	c.note(r.event)
	if c.json {
		err = writeJSON(c.terminal.out, r.event)
	} else {
		c.render.event(r.event)
		err = c.render.err
	}
	c.hint(r.event)
	return c.until != nil && c.until(r.event), err
}

// hint tells how to answer from elsewhere when nobody is here to be asked.
func (c *conversation) hint(e protocol.Event) {
	if c.person || c.quiet {
		return
	}
	switch d := e.Data.(type) {
	case *protocol.PermissionRequested:
		_, _ = fmt.Fprintf(c.terminal.err, "towline: waiting for a decision: towline approve %s %s, or deny\n", e.SessionID, d.Permission.PermissionID)
	case *protocol.QuestionRequested:
		_, _ = fmt.Fprintf(c.terminal.err, "towline: waiting for an answer: towline answer %s %s ANSWER...\n", e.SessionID, d.Question.QuestionID)
	}
}

// note keeps the turn and the asks that wait.
func (c *conversation) note(e protocol.Event) {
	switch d := e.Data.(type) {
	case *protocol.TurnStarted:
		c.turn, c.stopped = true, false
	case *protocol.TurnEnded:
		c.turn, c.outcome = false, d.Outcome
	case *protocol.PermissionRequested:
		c.asks = append(c.asks, &ask{permission: &d.Permission})
	case *protocol.PermissionResolved:
		c.forget(d.PermissionID)
	case *protocol.QuestionRequested:
		if len(d.Question.Questions) > 0 {
			c.asks = append(c.asks, &ask{question: &d.Question})
		}
	case *protocol.QuestionResolved:
		c.forget(d.QuestionID)
	}
}

func (c *conversation) forget(id string) {
	c.asks = slices.DeleteFunc(c.asks, func(a *ask) bool { return a.id() == id })
}

// invite asks for a line where one is due.
func (c *conversation) invite() {
	text := ""
	switch {
	case c.lines.pending || c.json:
		return
	case c.person && len(c.asks) > 0:
		text = c.asks[0].invite()
	case !c.prompts || c.turn:
		return
	case c.person:
		text = "> "
	}
	c.render.breakLine()
	c.render.write(bold, text)
	c.render.midLine = false // the person's Enter ends the line
	c.lines.want()
}

// typed takes a line.
func (c *conversation) typed(ctx context.Context, l typed) (end bool, err error) {
	switch {
	case l.end:
		return true, nil
	case c.person && len(c.asks) > 0:
		return false, c.decide(ctx, l.text)
	case strings.TrimSpace(l.text) == "" || !c.prompts:
		return false, nil
	}
	c.turn = true // until the turn's end: do not invite before it has begun
	if _, err := c.stream.Prompt(ctx, protocol.Prompt{Text: l.text}); err != nil {
		return true, fmt.Errorf("cannot send the prompt: %w", err)
	}
	return false, nil
}

// decide answers the first ask. That somebody else was faster, or that the
// answer does not fit, is said and not the end.
func (c *conversation) decide(ctx context.Context, line string) error {
	a := c.asks[0]
	cmd, err := a.decide(ctx, c.terminal, line)
	if err == nil && cmd == nil {
		return nil
	}
	if err == nil {
		_, err = c.stream.Do(ctx, cmd)
	}
	if err == nil {
		c.forget(a.id())
		return nil
	}
	a.answers = nil
	c.render.linef(red, "! %s", sentence(err))
	if code := protocol.CodeOf(err); code == protocol.CodeAlreadyDecided || code == protocol.CodePermissionClosed {
		c.forget(a.id())
	}
	if errors.Is(err, io.EOF) || errors.Is(err, clientlib.ErrClosed) {
		return err
	}
	return nil
}

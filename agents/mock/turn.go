package mock

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// Made-up prices, in US dollars per token.
const (
	costIn  = 0.000001
	costOut = 0.000005
)

// failure is how a script makes its turn fail.
type failure struct{ protocol.Failure }

func (f *failure) Error() string { return f.Message }

// exit is how a script ends the agent. A clean exit ends the turn first.
type exit struct {
	protocol.AgentExited
	clean bool
}

func (e *exit) Error() string { return e.Message }

// turn is one run of a script. Its methods are called by the connection's
// goroutine, except stop.
type turn struct {
	c      *Conn
	prompt *agents.Prompt
	// ctx ends when the turn is interrupted or the connection closed.
	ctx  context.Context //nolint:containedctx // the turn's life, not a call's
	stop context.CancelCauseFunc
	// answers holds the answer to the ask that waits.
	answers chan agents.Command
	// nudge tells that a steering prompt came.
	nudge chan struct{}

	ids     int
	words   int64
	started time.Time
	// open are the items that are in progress, in the order they began.
	open []*protocol.Item

	// Guarded by Conn.mu.
	steers []*agents.Prompt
	asking string
}

func newTurn(c *Conn, p *agents.Prompt) *turn {
	t := &turn{c: c, prompt: p, answers: make(chan agents.Command, 1), nudge: make(chan struct{}, 1), started: c.agent.o.Now()}
	t.ctx, t.stop = context.WithCancelCause(c.life)
	return t
}

// run plays the script and ends the turn. It returns an exit if the agent
// shall end.
func (t *turn) run() *protocol.AgentExited {
	defer t.stop(nil)
	t.c.put(&protocol.TurnStarted{PromptIDs: []string{t.prompt.PromptID}, Origin: protocol.SourceClient})
	err := t.play()
	if e, ok := errors.AsType[*exit](err); ok {
		if e.clean {
			t.end(protocol.OutcomeCompleted, nil)
		}
		return &e.AgentExited
	}
	if f, ok := errors.AsType[*failure](err); ok {
		t.end(protocol.OutcomeFailed, &f.Failure)
		return nil
	}
	if err != nil {
		t.abandon()
		t.end(protocol.OutcomeInterrupted, nil)
		return nil
	}
	t.end(protocol.OutcomeCompleted, nil)
	return nil
}

// play runs the script, then answers the steering prompts that are left.
func (t *turn) play() error {
	if err := script(t); err != nil {
		return err
	}
	for {
		t.c.mu.Lock()
		left := len(t.steers)
		if left == 0 && t.ctx.Err() == nil {
			t.c.turn = nil // from here on a prompt begins a turn of its own
		}
		t.c.mu.Unlock()
		if err := context.Cause(t.ctx); err != nil || left == 0 {
			return err
		}
		if err := t.steered(); err != nil {
			return err
		}
	}
}

// end reports the turn's end and keeps what the native session learned.
func (t *turn) end(outcome protocol.Outcome, f *protocol.Failure) {
	usage := protocol.Usage{InputTokens: int64(len(strings.Fields(textOf(t.prompt.Content)))), OutputTokens: t.words}
	cost := costIn*float64(usage.InputTokens) + costOut*float64(usage.OutputTokens)
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	if t.c.turn == t {
		t.c.turn = nil
	}
	t.c.memory.usage.InputTokens += usage.InputTokens
	t.c.memory.usage.OutputTokens += usage.OutputTokens
	t.c.memory.cost += cost
	t.c.agent.remember(t.c.id, t.c.memory)
	t.c.putLocked(&protocol.TurnEnded{
		Outcome: outcome, Error: f, Usage: &usage, CostUSD: &cost,
		DurationMS: t.c.agent.o.Now().Sub(t.started).Milliseconds(),
	})
}

// abandon completes the open items as interrupted, the inner ones first.
func (t *turn) abandon() {
	for _, open := range slices.Backward(t.open) {
		item := *open
		item.Status = protocol.ItemInterrupted
		t.c.put(&protocol.ItemCompleted{Item: item})
	}
	t.open = nil
}

// emit reports one native frame. It waits while too much waits for Recv.
func (t *turn) emit(events ...protocol.Data) error {
	for {
		if err := context.Cause(t.ctx); err != nil {
			return err
		}
		t.c.mu.Lock()
		if len(t.c.pending) < backlog {
			t.c.putLocked(events...)
			t.c.mu.Unlock()
			return nil
		}
		t.c.mu.Unlock()
		select {
		case <-t.c.room:
		case <-t.ctx.Done():
		}
	}
}

// pause waits; a negative pace skips it. Steering prompts are answered
// meanwhile.
func (t *turn) pause(d time.Duration) error {
	if d <= 0 {
		return context.Cause(t.ctx)
	}
	after := t.c.agent.o.After(d)
	for {
		select {
		case <-after:
			return nil
		case <-t.nudge:
			if err := t.steered(); err != nil {
				return err
			}
		case <-t.ctx.Done():
			return context.Cause(t.ctx)
		}
	}
}

// steered answers the steering prompts that came, each with a message.
func (t *turn) steered() error {
	t.c.mu.Lock()
	prompts := t.steers
	t.steers = nil
	t.c.mu.Unlock()
	for _, p := range prompts {
		if err := t.say(fmt.Sprintf("Noted in this turn: %s", textOf(p.Content))); err != nil {
			return err
		}
	}
	return nil
}

// ask reports an ask and waits for its answer, for ever.
func (t *turn) ask(id string, request protocol.Data) (agents.Command, error) {
	t.c.mu.Lock()
	t.asking = id
	t.c.mu.Unlock()
	if err := t.emit(request); err != nil {
		return nil, err
	}
	for {
		select {
		case a := <-t.answers:
			return a, nil
		case <-t.nudge:
			if err := t.steered(); err != nil {
				return nil, err
			}
		case <-t.ctx.Done():
			return nil, context.Cause(t.ctx)
		}
	}
}

// newID makes a native id. It is unique over all connections of the session,
// because prompt ids are.
func (t *turn) newID(kind string) string {
	t.ids++
	return fmt.Sprintf("%s-%s-%d", t.prompt.PromptID, kind, t.ids)
}

// textOf joins the text parts of a prompt.
func textOf(content []agents.Content) string {
	var texts []string
	for _, p := range content {
		if p.Type == protocol.PartText {
			texts = append(texts, p.Text)
		}
	}
	return strings.TrimSpace(strings.Join(texts, "\n"))
}

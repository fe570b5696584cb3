// Package terminaltest has a program for terminals that a test plays: tests of
// sessions and sockets need no real one, and testing/synctest can turn their
// clocks.
package terminaltest

import (
	"context"
	"io"
	"os"
	"sync"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/terminal"
)

// pid is what the program says its process id is.
const pid = 4242

// Program is a program whose words and end the test makes, and whose keys the
// test sees. Its methods may be called from any goroutine.
type Program struct {
	output chan []byte
	ended  chan struct{}

	mu         sync.Mutex
	rest       []byte // of the output that Read has begun
	typed      []byte
	rows, cols int
	deaf, job  bool
	input      agents.TerminalInput
	discards   int
	interrupts int
	exit       agents.Exit
	over       bool
}

var _ terminal.Program = (*Program)(nil)

// New returns a program that runs.
func New(rows, cols int) *Program {
	return &Program{output: make(chan []byte), ended: make(chan struct{}), rows: rows, cols: cols}
}

// Say writes output. It returns when the terminal has begun to read it, or the
// program has ended.
func (p *Program) Say(text string) {
	select {
	case p.output <- []byte(text):
	case <-p.ended:
	}
}

// End ends the program with an exit code.
func (p *Program) End(code int) { p.end(agents.Exit{Code: &code}) }

func (p *Program) end(e agents.Exit) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.over {
		p.over, p.exit = true, e
		close(p.ended)
	}
}

// Typed returns the keys that were typed since it was last called.
func (p *Program) Typed() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	keys := p.typed
	p.typed = nil
	return string(keys)
}

// Size returns the terminal's size.
func (p *Program) Size() (rows, cols int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rows, p.cols
}

// Deafen lets the program read no more keys; Hear lets it read them again.
func (p *Program) Deafen() { p.hear(false) }

// Hear lets the program read keys.
func (p *Program) Hear() { p.hear(true) }

func (p *Program) hear(keys bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deaf, p.input.Blocked = !keys, !keys
}

// Takes says what the terminal does with what is typed.
func (p *Program) Takes(in agents.TerminalInput) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.input = in
}

// Discards returns how often what the program has not read was dropped.
func (p *Program) Discards() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.discards
}

// Interrupts returns how many signals the program got.
func (p *Program) Interrupts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.interrupts
}

// Job tells whether a command of the program has the terminal.
func (p *Program) Job(runs bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.job = runs
}

// PID returns a number.
func (p *Program) PID() int { return pid }

// Read returns what was said; io.EOF after the end.
func (p *Program) Read(b []byte) (int, error) {
	p.mu.Lock()
	rest := p.rest
	p.mu.Unlock()
	if len(rest) == 0 {
		select {
		case rest = <-p.output:
		case <-p.ended:
			return 0, io.EOF
		}
	}
	n := copy(b, rest)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rest = rest[n:]
	return n, nil
}

// Write notes keys. A deaf program takes none until ctx is done.
func (p *Program) Write(ctx context.Context, keys []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.over:
		return 0, os.ErrClosed
	case ctx.Err() != nil:
		return 0, context.Cause(ctx)
	case p.deaf:
		p.mu.Unlock()
		<-ctx.Done()
		p.mu.Lock()
		return 0, context.Cause(ctx)
	}
	p.typed = append(p.typed, keys...)
	return len(keys), nil
}

// Input is what Takes has said.
func (p *Program) Input() agents.TerminalInput {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.input
}

// Discard counts: what a deaf program is to be typed never gets here.
func (p *Program) Discard() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.discards++
}

// Interrupt counts a signal.
func (p *Program) Interrupt() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.interrupts++
	return nil
}

// Resize notes the size.
func (p *Program) Resize(rows, cols int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rows, p.cols = rows, cols
	return nil
}

// Foreground tells whether no command runs.
func (p *Program) Foreground() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.job
}

// Wait waits for the end.
func (p *Program) Wait() agents.Exit {
	<-p.ended
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.exit
}

// Stop hangs up.
func (p *Program) Stop(agents.StopOptions) error {
	p.end(agents.Exit{Signal: "SIGHUP"})
	return nil
}

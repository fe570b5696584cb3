package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"syscall"

	"github.com/towline-dev/towline/clientlib"
	"github.com/towline-dev/towline/protocol"
	"golang.org/x/term"
)

// prefixKey, Ctrl-], begins what the person says to towline and not to the
// program: q leaves, t takes the typing over, Ctrl-] again is itself.
const prefixKey = 0x1d

// reports are what a terminal answers by itself to questions in the output.
// The server's terminal has answered them already, and in a replay they are
// old: they are not the person's keys.
var reports = regexp.MustCompile(`\x1b\[\d+;\d+R|\x1b\[[?>=][\d;]*[cnuy]|\x1b\[\?[\d;]*\$y|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1bP[^\x1b]*\x1b\\`)

// liveTerminal shows a session's live terminal on the person's own.
type liveTerminal struct {
	terminal *terminal
	remote   *clientlib.Terminal
	// raw is the person's terminal; nil if input or output is none.
	raw *os.File
	// filter is between the program and the person's terminal; nil for none.
	filter *screenFilter
	// prefixed tells that the prefix key was pressed.
	prefixed bool
	// refused is the last refusal that was shown, so that each is shown once.
	refused string
	exit    *protocol.TerminalFrame
}

// shown is what came from the server.
type shown struct {
	message clientlib.TerminalMessage
	err     error
}

// attachTerminal shows a live terminal until the person leaves or the program
// ends, whose exit code it returns.
func attachTerminal(ctx context.Context, t *terminal, client *clientlib.Client, session string, raw bool) error {
	l := &liveTerminal{terminal: t}
	if isTerminal(t.out) && !raw {
		l.filter = &screenFilter{}
	}
	var o clientlib.TerminalOptions
	if isTerminal(t.in) && isTerminal(t.out) {
		l.raw, _ = t.in.(*os.File)
		o.Cols, o.Rows, _ = term.GetSize(int(l.raw.Fd())) // without a size the terminal keeps its own
	}
	var err error
	if protocol.CheckTerminalSize(o.Rows, o.Cols) != nil {
		o.Rows, o.Cols = 0, 0
	}
	if l.remote, err = client.Terminal(ctx, session, o); err != nil {
		return err
	}
	defer func() { _ = l.remote.Close() }()
	if l.raw != nil {
		_, _ = fmt.Fprintln(t.err, "towline: attached; Ctrl-] q leaves, Ctrl-] t takes the typing over")
		before, err := term.MakeRaw(int(l.raw.Fd()))
		if err != nil {
			return fmt.Errorf("cannot make the terminal raw: %w", err)
		}
		defer func() { _ = term.Restore(int(l.raw.Fd()), before) }()
	}
	if isTerminal(t.out) {
		defer func() { _, _ = io.WriteString(t.out, plainScreen+"\r\n") }()
	}
	if err := l.talk(ctx); err != nil {
		return err
	}
	return l.code()
}

// printScreen prints what a session's terminal shows, as text.
func printScreen(ctx context.Context, c *connection, client *clientlib.Client, session string) error {
	f, err := client.Screen(ctx, session)
	if err != nil {
		return err
	}
	if c.json {
		return writeJSON(c.terminal.out, f)
	}
	for _, line := range f.Screen.Lines {
		if _, err := fmt.Fprintln(c.terminal.out, harmless(line)); err != nil {
			return fmt.Errorf("cannot print the screen: %w", err)
		}
	}
	return nil
}

// code is the program's exit code as towline's own; leaving is no failure.
func (l *liveTerminal) code() error {
	switch {
	case l.exit == nil || (l.exit.ExitCode != nil && *l.exit.ExitCode == 0):
		return nil
	case l.exit.ExitCode != nil:
		return &exitError{code: *l.exit.ExitCode}
	default:
		return &exitError{code: exitFailed, err: fmt.Errorf("the program was ended by %s", l.exit.Signal)}
	}
}

// talk passes on keys and output.
func (l *liveTerminal) talk(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	arrived, done := make(chan shown), make(chan struct{})
	go func() {
		defer close(done)
		for {
			m, err := l.remote.Next(ctx)
			select {
			case arrived <- shown{m, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	defer func() { cancel(); <-done }()
	keys := readKeys(l.terminal.in)
	defer keys.stop()
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGWINCH, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	for {
		select {
		case s := <-arrived:
			if end, err := l.show(ctx, s); end || err != nil {
				return err
			}
		case k := <-keys.arrived:
			if l.press(ctx, k) {
				return nil
			}
		case s := <-signals:
			if s != syscall.SIGWINCH {
				return nil
			}
			l.resize(ctx, 0)
		case <-ctx.Done():
			return nil
		}
	}
}

// show writes what came. It tells whether that was the end.
func (l *liveTerminal) show(ctx context.Context, s shown) (end bool, err error) {
	if errors.Is(s.err, io.EOF) {
		return true, nil
	}
	if s.err != nil {
		return true, fmt.Errorf("the terminal's stream ended: %w", s.err)
	}
	if s.message.Frame == nil {
		output := s.message.Bytes
		if l.filter != nil {
			output = l.filter.pass(output)
		}
		_, err := l.terminal.out.Write(output)
		return false, err
	}
	switch f := s.message.Frame; f.Type {
	case protocol.TerminalExit:
		l.exit = f
	case protocol.TerminalGap:
		if l.filter != nil {
			l.filter = &screenFilter{} // what it held back is not going on
		}
		// What was on the screen is gone: a change of the size makes programs
		// draw anew.
		if l.raw != nil {
			_, _ = io.WriteString(l.terminal.out, plainScreen+"\x1b[2J\x1b[H")
		}
		l.resize(ctx, 1)
		l.resize(ctx, 0)
	case protocol.TerminalRefused:
		if f.Message != l.refused {
			l.refused = f.Message
			l.say(f.Message)
		}
	case protocol.TerminalLease:
		l.refused = "" // another one types, so the next refusal is news
	}
	return false, nil
}

// say tells the person something beside the program's output.
func (l *liveTerminal) say(text string) {
	_, _ = fmt.Fprintf(l.terminal.err, "\r\ntowline: %s\r\n", harmless(text))
}

// resize tells the size of the person's terminal, less some rows.
func (l *liveTerminal) resize(ctx context.Context, less int) {
	if l.raw == nil {
		return
	}
	cols, rows, err := term.GetSize(int(l.raw.Fd()))
	if err == nil {
		_ = l.remote.Control(ctx, protocol.TerminalControl{Type: protocol.ControlResize, Rows: rows - less, Cols: cols}) // best effort
	}
}

// press passes on keys. It tells whether the person leaves.
func (l *liveTerminal) press(ctx context.Context, keys []byte) (leave bool) {
	if l.raw == nil {
		l.send(ctx, keys)
		return false
	}
	var out []byte
	for _, k := range reports.ReplaceAll(keys, nil) {
		switch {
		case !l.prefixed && k == prefixKey:
			l.prefixed = true
			continue
		case !l.prefixed, k == prefixKey:
			out = append(out, k)
		case k == 'q':
			l.send(ctx, out)
			return true
		case k == 't':
			l.refused = ""
			_ = l.remote.Control(ctx, protocol.TerminalControl{Type: protocol.ControlTake}) // best effort
		}
		l.prefixed = false
	}
	l.send(ctx, out)
	return false
}

// send types keys, unless there are none.
func (l *liveTerminal) send(ctx context.Context, keys []byte) {
	if len(keys) == 0 {
		return
	}
	if err := l.remote.Type(ctx, keys); err != nil {
		l.say("not connected just now; what you typed was dropped")
	}
}

// keys are what a person types, as it comes. Its goroutine is as that of
// lines: it ends with the input, or with the next key after stop.
type keys struct {
	arrived chan []byte
	over    chan struct{}
}

// readKeys starts to read keys.
func readKeys(in io.Reader) *keys {
	k := &keys{arrived: make(chan []byte), over: make(chan struct{})}
	go func() {
		for {
			buf := make([]byte, 4<<10)
			n, err := in.Read(buf)
			if n > 0 {
				select {
				case k.arrived <- buf[:n]:
				case <-k.over:
					return
				}
			}
			if err != nil {
				return
			}
		}
	}()
	return k
}

// stop lets the goroutine end.
func (k *keys) stop() { close(k.over) }

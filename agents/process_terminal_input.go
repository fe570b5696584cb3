package agents

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// TerminalInput is what a terminal does with what is typed.
type TerminalInput struct {
	// LongestLine is how many bytes of a line are kept for a program that reads
	// lines: the terminal drops the rest without a word. 0 means no limit: the
	// program reads keys as they come.
	LongestLine int
	// Signals tells that Ctrl-C is not read, but interrupts what has the terminal.
	Signals bool
	// Blocked tells that the program does not read what was typed: a key that is
	// typed now waits behind it, Ctrl-C too.
	Blocked bool
}

// ctrlC is what ISIG makes a signal of.
const ctrlC = 3

// Input tells what the terminal does with what is typed now. A terminal that is
// gone takes anything.
func (t *TerminalProcess) Input() (in TerminalInput) {
	_ = control(t.tty, func(fd int) error {
		modes, err := terminalModes(fd)
		if err != nil {
			return err
		}
		unread, err := unix.IoctlGetInt(fd, inputQueue)
		if err != nil {
			return err
		}
		in.Signals = modes.Lflag&unix.ISIG != 0 && modes.Cc[unix.VINTR] == ctrlC
		if modes.Lflag&unix.ICANON != 0 {
			in.LongestLine = longestLine
			in.Blocked = unread > 0 // only whole lines count
			return nil
		}
		in.Blocked = unread >= longestLine
		return nil
	})
	return in
}

// discardTime is how long Discard waits for a typist that it has stopped.
const discardTime = 100 * time.Millisecond

// Discard stops whoever types now, and drops what was typed and not read yet.
func (t *TerminalProcess) Discard() {
	t.stops.Add(1)
	_ = t.master.file.SetWriteDeadline(time.Unix(1, 0))
	ctx, cancel := context.WithTimeout(context.Background(), discardTime)
	defer cancel()
	select {
	case t.writing <- struct{}{}:
		defer func() { <-t.writing }()
	case <-ctx.Done():
	}
	_ = control(t.tty, discardInput) // a terminal that is gone holds nothing
}

// Interrupt sends SIGINT to what has the terminal, as the terminal itself does
// at Ctrl-C.
func (t *TerminalProcess) Interrupt() error {
	if err := control(t.master.file, interruptForeground); err != nil {
		return fmt.Errorf("cannot interrupt: %w", err)
	}
	return nil
}

// signalForeground signals the group that has the terminal, by its number.
func signalForeground(fd int) error {
	group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	if err != nil {
		return err
	}
	return syscall.Kill(-group, syscall.SIGINT)
}

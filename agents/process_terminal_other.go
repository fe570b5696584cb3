//go:build unix && !linux

package agents

import "golang.org/x/sys/unix"

const (
	// inputQueue asks how much input a program has not read (FIONREAD).
	inputQueue = 0x4004667f
	// longestLine is what the smallest of these systems holds of a line (MAX_CANON).
	longestLine = 1023
	// reading is TIOCFLUSH's word for the input (FREAD).
	reading = 1
)

// terminalModes reads a terminal's settings.
func terminalModes(fd int) (*unix.Termios, error) { return unix.IoctlGetTermios(fd, unix.TIOCGETA) }

// discardInput drops what was typed and not read.
func discardInput(fd int) error { return unix.IoctlSetPointerInt(fd, unix.TIOCFLUSH, reading) }

// interruptForeground signals what has the terminal.
func interruptForeground(fd int) error { return signalForeground(fd) }

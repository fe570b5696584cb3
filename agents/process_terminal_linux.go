package agents

import (
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// inputQueue asks how much input a program has not read.
	inputQueue = unix.TIOCINQ
	// longestLine is what the kernel's terminal holds of input: 4 KiB, and the
	// end of a line has its place (N_TTY_BUF_SIZE).
	longestLine = 4095
)

// terminalModes reads a terminal's settings.
func terminalModes(fd int) (*unix.Termios, error) { return unix.IoctlGetTermios(fd, unix.TCGETS) }

// discardInput drops what was typed and not read.
func discardInput(fd int) error { return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIFLUSH) }

// interruptForeground lets the kernel send the signal, which reaches programs of
// any user.
func interruptForeground(fd int) error {
	if err := unix.IoctlSetInt(fd, unix.TIOCSIG, int(syscall.SIGINT)); err == nil {
		return nil
	}
	return signalForeground(fd)
}

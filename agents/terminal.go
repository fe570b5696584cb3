package agents

import (
	"context"

	"github.com/towline-dev/towline/protocol"
)

// TerminalAgent is an Agent whose Conns are TerminalConns.
type TerminalAgent interface {
	Agent
	// RunsOnTerminal does nothing: it marks the agent, so that nobody starts
	// one without a terminal to look for it.
	RunsOnTerminal()
}

// TerminalConn is a Conn whose program runs on a terminal that people may look
// at and type on. Its Send types a prompt as a person would, which takes its
// time: when the ctx is done before Enter, the prompt is refused with the ctx's
// cause if that is a *protocol.Error, and is not entered.
type TerminalConn interface {
	Conn
	// Terminal returns the terminal. It can be read after the Conn's end, too.
	Terminal() Terminal
}

// Terminal is a live terminal. Its methods may be called from any goroutine.
type Terminal interface {
	// Run names this life of the program.
	Run() string
	// Snapshot returns what the terminal is and shows.
	Snapshot() TerminalSnapshot
	// Next blocks for what follows the cursor and moves it. It returns io.EOF
	// when the program has ended and all was told, or ctx's error.
	Next(ctx context.Context, at *TerminalCursor) (TerminalNews, error)
	// Type types a client's keys. It refuses with busy while another client
	// holds the typing lease, with agent_not_running after the end, and with
	// timeout if the program does not read what is typed.
	Type(by protocol.Actor, keys []byte) error
	// Resize changes the terminal's size; busy as Type.
	Resize(by protocol.Actor, rows, cols int) error
	// TakeLease gives the typing lease to a client, whoever has it.
	TakeLease(by protocol.Actor)
	// ReleaseLease gives it back, if the client has it.
	ReleaseLease(by protocol.Actor)
}

// TerminalCursor is a reader's place: the offset of the next byte that it
// wants, and what it knows of the rest. The zero value wants everything.
type TerminalCursor struct {
	Offset int64
	// Version is of the size and the lease that the reader was told.
	Version uint64
	// Told says that the reader knows of the end.
	Told bool
}

// TerminalSnapshot is a terminal at one moment.
type TerminalSnapshot struct {
	// Oldest is the offset of the first byte that can still be read, and
	// Offset that of the next one to come. Screen shows what is before it.
	Oldest, Offset int64
	Version        uint64
	Rows, Cols     int
	Lease          protocol.Lease
	Screen         protocol.Screen
	HistoryBytes   int
}

// TerminalNews is one thing that happened: Changed, or Bytes, or Exit.
type TerminalNews struct {
	// Changed tells that the size or the lease is another than before.
	Changed    bool
	Rows, Cols int
	Lease      protocol.Lease
	// At is the offset of the first of Bytes: beyond the cursor's offset if
	// what is between was forgotten.
	At    int64
	Bytes []byte
	// Exit tells how the program ended; nothing comes after it.
	Exit *Exit
}

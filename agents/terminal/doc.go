// Package terminal runs any program that wants a terminal as a session: a
// shell, an editor, another coding agent's own interface.
//
// A session has two faces. People who attach to the live terminal
// (agents.TerminalConn) see the program's bytes as they are and type. Everybody
// else sees universal events: a prompt is typed and entered, the screen's text
// comes as items once it rests, and a turn ends when the program is at rest and
// has the terminal for itself. What the screen shows is a guess at what the
// program means, and items say how good a guess it is.
//
// The way of output: process -> ring (replay) and screen (emulator), under one
// lock, so that an offset and a screen always belong together -> readers, each
// with a cursor of its own -> Recv, which turns a screen at rest into an item.
//
// The way of keys: Send (typing) and Terminal.Type (live) -> lease -> line,
// which knows what is not entered -> process.
//
// A Conn has one goroutine, which reads the program's output; Close waits for it.
package terminal

package ws

import (
	"context"
	"errors"
	"io"

	"github.com/coder/websocket"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// serveTerminal greets, sends what the terminal shows, and reads what is typed
// until the socket ends. Then the client's lease is free.
func (k *socket) serveTerminal() {
	defer k.terminal.live.ReleaseLease(k.principal.actor(k.clientID))
	if err := k.sendTerminalFrame(k.terminalHello()); err != nil {
		return
	}
	if k.terminal.gap.Type != "" {
		if err := k.sendTerminalFrame(k.terminal.gap); err != nil {
			return
		}
	}
	k.later(k.sendTerminal)
	k.readTerminal()
}

// sendTerminal sends what the terminal shows until the socket or the program
// ends. Nothing is queued for a slow peer: the terminal keeps its newest
// output for all, and a peer that falls behind it is told of the gap.
func (k *socket) sendTerminal() {
	cursor := k.terminal.cursor
	k.sent.Store(uint64(cursor.Offset))
	for {
		expected := cursor.Offset
		news, err := k.terminal.live.Next(k.ctx, &cursor)
		if errors.Is(err, io.EOF) {
			k.closeTerminal()
			return
		}
		if err != nil {
			return // the socket ends; its reading side sees to it
		}
		if err := k.sendNews(news, expected); err != nil {
			return
		}
		k.sent.Store(uint64(cursor.Offset))
	}
}

// sendNews writes one piece of news.
func (k *socket) sendNews(news agents.TerminalNews, expected int64) error {
	switch {
	case news.Changed:
		size := protocol.TerminalFrame{Type: protocol.TerminalSize, Rows: news.Rows, Cols: news.Cols}
		if err := k.sendTerminalFrame(size); err != nil {
			return err
		}
		return k.sendTerminalFrame(protocol.TerminalFrame{Type: protocol.TerminalLease, Lease: &news.Lease})
	case news.Exit != nil:
		return k.sendTerminalFrame(protocol.TerminalFrame{Type: protocol.TerminalExit, ExitCode: news.Exit.Code, Signal: news.Exit.Signal})
	case news.At > expected:
		gap := protocol.TerminalFrame{
			Type: protocol.TerminalGap, Run: k.terminal.live.Run(), From: expected, Offset: news.At, Reason: "history",
		}
		if err := k.sendTerminalFrame(gap); err != nil {
			return err
		}
	}
	return k.writeBytes(news.Bytes)
}

// writeBytes writes output as one binary message, under the watchdog's eye as
// any other.
func (k *socket) writeBytes(p []byte) error {
	k.writing.Lock()
	defer k.writing.Unlock()
	if k.closing.Load() {
		return errClosing
	}
	k.due.writing.set(k.server.now())
	defer k.due.writing.clear()
	return k.conn.Write(context.Background(), websocket.MessageBinary, p)
}

// closeTerminal ends the socket of a program that has ended: all is said.
func (k *socket) closeTerminal() {
	k.close(websocket.StatusNormalClosure, protocol.CodeAgentNotRunning, "the program on the terminal has ended")
}

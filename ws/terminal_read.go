package ws

import (
	"context"
	"encoding/json"
	"errors"
	"unicode/utf8"

	"github.com/coder/websocket"

	"github.com/towline-dev/towline/protocol"
)

// readTerminal takes in keys and controls until the socket ends.
func (k *socket) readTerminal() {
	for {
		// No deadline: who only watches is silent for as long as pings are answered.
		kind, message, err := k.conn.Reader(context.Background())
		if err != nil {
			return
		}
		buf := getBuffer()
		k.due.assembling.set(k.server.now())
		err = readAll(buf, message)
		k.due.assembling.clear()
		going := err == nil && k.takeTerminalMessage(kind, *buf)
		putBuffer(buf)
		if !going {
			return
		}
	}
}

// takeTerminalMessage takes in one message. It tells whether to go on.
func (k *socket) takeTerminalMessage(kind websocket.MessageType, message []byte) bool {
	if !k.frameRate.Allow() {
		if k.refusals++; k.refusals > k.server.limits.Refusals {
			k.close(closeRate, protocol.CodeRateLimited, "too many messages came too fast; reconnect after 5 seconds and send keys together")
			return false
		}
		k.refuseTerminal(protocol.Errorf(protocol.CodeRateLimited, "messages come too fast, so this one was dropped; send more keys in one message"))
		return true
	}
	if kind == websocket.MessageText {
		if !utf8.Valid(message) {
			k.close(closeBadPayload, protocol.CodeInvalidRequest, "the text message is not valid UTF-8; send keys as binary messages")
			return false
		}
		if err := k.obey(message); err != nil {
			k.refuseTerminal(err)
		}
		return true
	}
	if err := k.typeKeys(message); err != nil {
		k.refuseTerminal(err)
	}
	return true
}

// typeKeys types what a binary message holds.
func (k *socket) typeKeys(keys []byte) error {
	if err := k.principal.may(scopePrompt); err != nil {
		return err
	}
	if len(keys) == 0 {
		return nil
	}
	return k.terminal.live.Type(k.principal.actor(k.clientID), keys)
}

// obey does what a text message asks for.
func (k *socket) obey(message []byte) error {
	c, err := decodeControl(message)
	if err != nil {
		return err
	}
	if c.Type == protocol.ControlScreen {
		at := k.terminal.live.Snapshot()
		return k.sendTerminalFrame(protocol.TerminalFrame{Type: protocol.TerminalScreen, Offset: at.Offset, Screen: &at.Screen})
	}
	if err := k.principal.may(scopePrompt); err != nil {
		return err
	}
	me := k.principal.actor(k.clientID)
	switch c.Type {
	case protocol.ControlResize:
		return k.terminal.live.Resize(me, c.Rows, c.Cols)
	case protocol.ControlTake:
		k.terminal.live.TakeLease(me)
	case protocol.ControlRelease:
		k.terminal.live.ReleaseLease(me)
	}
	return nil
}

// decodeControl reads a text message.
func decodeControl(message []byte) (protocol.TerminalControl, error) {
	var c protocol.TerminalControl
	if err := json.Unmarshal(message, &c); err != nil {
		return c, protocol.Errorf(protocol.CodeInvalidRequest, "the text message is no JSON object of a known form; send keys as binary messages")
	}
	return c, c.Validate()
}

// refuseTerminal tells the client that a message was not done.
func (k *socket) refuseTerminal(err error) {
	if protocol.CodeOf(err) == protocol.CodeInternal {
		if errors.Is(err, errClosing) {
			return
		}
		k.server.log.Error().Err(err).Str("client", k.clientID).Msg("a terminal's message failed")
	}
	e := protocol.AsError(err)
	f := protocol.TerminalFrame{Type: protocol.TerminalRefused, Code: e.Code, Message: e.Message}
	var holder protocol.Lease
	if e.Code == protocol.CodeBusy && json.Unmarshal(e.Details, &holder) == nil {
		f.Lease = &holder
	}
	_ = k.sendTerminalFrame(f) // if that fails the socket is ending
}

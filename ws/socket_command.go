package ws

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/towline-dev/towline/protocol"
)

// queuedCommands is how many commands of one socket may wait for the one that
// runs. Beyond it the socket is not read, which holds the client back.
const queuedCommands = 16

// dispatch starts a command that may run. An error is its answer.
func (k *socket) dispatch(f protocol.ClientFrame) error {
	switch c := f.Command.(type) {
	case *protocol.Ping:
		k.answer(protocol.Result{ID: f.ID, OK: true})
		return nil
	case *protocol.SessionCreate:
		return k.create(f.ID, c)
	case *protocol.SessionAttach:
		return k.attach(f.ID, c)
	}
	if k.session == nil {
		return protocol.Errorf(protocol.CodeInvalidRequest, "this socket has no session yet; send session.attach or session.create first")
	}
	if k.commands == nil {
		k.commands = make(chan protocol.ClientFrame, queuedCommands)
		k.later(k.runCommands)
	}
	select {
	case k.commands <- f:
	case <-k.ctx.Done():
	}
	return nil
}

// runCommands runs the socket's commands one after the other, in the order in
// which they came. Those that were taken in are run even if the client leaves
// meanwhile: it did send them.
func (k *socket) runCommands() {
	for f := range k.commands {
		r, err := k.server.runCommand(context.Background(), k.session, f, k.principal.actor(k.clientID))
		if err != nil {
			k.refuse(f.ID, err)
			continue
		}
		k.answer(r)
	}
}

// create makes a session for a socket that has none, and attaches to it.
func (k *socket) create(id string, c *protocol.SessionCreate) error {
	if k.session != nil {
		return errHasSession()
	}
	if err := k.principal.mayTouch(c.SessionID); err != nil {
		return err
	}
	info, err := k.server.manager.Create(k.ctx, c, k.principal.actor(k.clientID))
	if err != nil {
		return err
	}
	k.start.sessionID = info.ID
	k.start.at, k.start.epoch = protocol.Cursor{}, ""
	return k.join(id)
}

// attach subscribes a socket that has no session to one.
func (k *socket) attach(id string, c *protocol.SessionAttach) error {
	if k.session != nil {
		return errHasSession()
	}
	if err := k.principal.mayTouch(c.SessionID); err != nil {
		return err
	}
	if !c.View.Valid() {
		return errBadView()
	}
	k.start = subscription{sessionID: c.SessionID, at: c.After, epoch: c.Epoch, view: c.View, raw: c.Raw}
	return k.join(id)
}

// join takes the session that start names: the result first, then hello.
func (k *socket) join(id string) error {
	s, err := k.server.manager.Get(k.ctx, k.start.sessionID)
	if err != nil {
		return err
	}
	if err := k.server.admission.join(s.ID()); err != nil {
		return err
	}
	k.session = s
	data, err := json.Marshal(s.Info())
	if err != nil {
		return fmt.Errorf("cannot encode session: %w", err)
	}
	k.answer(protocol.Result{ID: id, OK: true, Data: data})
	_ = k.subscribe() // a failed write ends the socket by its reading side
	return nil
}

func errHasSession() *protocol.Error {
	return protocol.Errorf(protocol.CodeInvalidRequest, "this socket has a session already; open another socket for another session")
}

package codex

import (
	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// Command turns a command into frames. It returns invalid_request, too_large,
// permission_closed, capability_missing, mode_not_supported or
// agent_not_running; then nothing is to be written.
func (t *translator) Command(c agents.Command) (agents.Output, error) {
	var o output
	var err error
	switch c := c.(type) {
	case *agents.Prompt:
		err = t.prompt(c, &o)
	case *agents.Decide:
		err = t.decide(c, &o)
	case *agents.Answer:
		err = t.answer(c, &o)
	case *agents.RejectQuestion:
		err = t.rejectQuestion(c, &o)
	case *agents.Interrupt:
		t.interrupt(&o)
	case *agents.Configure:
		err = t.configure(c, &o)
	default:
		err = protocol.Errorf(protocol.CodeInvalidRequest, "Codex does not take this kind of command")
	}
	if err != nil {
		return agents.Output{}, err
	}
	return o.Output, nil
}

// configure changes settings. All but the title hold from the next turn on,
// with which they are sent.
func (t *translator) configure(c *agents.Configure, o *output) error {
	before := t.settings
	if err := t.settings.configure(c); err != nil {
		return err
	}
	if err := t.setup.facts.checkChange(before, t.settings); err != nil {
		t.settings = before
		return err
	}
	u := &protocol.SessionUpdated{}
	if m := t.settings.mode(); m != before.mode() {
		u.Mode = &m
	}
	if m := t.settings.permissionMode(); m != before.permissionMode() {
		u.PermissionMode = &m
	}
	if *u != (protocol.SessionUpdated{}) {
		o.emit(u)
	}
	if c.Title != nil && t.root != nil {
		o.send(t.call(callName, "thread/name/set", map[string]any{"threadId": t.root.id, "name": *c.Title}, nil))
	}
	return nil
}

package amp

import (
	"slices"

	"github.com/towline-dev/towline/agents"
)

// sentPrompt is a prompt that was written and has not been echoed: the process
// has not read it yet.
type sentPrompt struct {
	id, text string
	// steer tells that it was to join a turn; any other has one of its own.
	steer bool
}

// wait notes a prompt that is being written. What is not UTF-8 comes back as
// it is written, in JSON.
func (t *translator) wait(p sentPrompt) {
	p.text = string([]rune(p.text))
	t.forget(p.id)
	t.prompts = append(t.prompts, p)
	t.accepted = p.id
}

// forget takes a prompt off the list; false if it is not there.
func (t *translator) forget(id string) bool {
	at := slices.IndexFunc(t.prompts, func(p sentPrompt) bool { return p.id == id })
	if at >= 0 {
		t.prompts = slices.Delete(t.prompts, at, at+1)
	}
	return at >= 0
}

// takeBack takes back a prompt that could not be written. If it is gone
// already, what became of it was told, and it must not be sent again.
func (t *translator) takeBack(id string) (told bool) {
	if t.accepted != id {
		return false
	}
	if t.forget(id) {
		t.accepted = ""
		return false
	}
	return true
}

// read takes the prompt that a process has begun to work on: that of the text,
// or else the oldest, whose text Amp may have changed; none if none waits.
func (t *translator) read(text string) (ids []string) {
	if len(t.prompts) == 0 {
		return nil
	}
	at := max(0, slices.IndexFunc(t.prompts, func(p sentPrompt) bool { return p.text == text }))
	ids = []string{t.prompts[at].id}
	t.prompts = slices.Delete(t.prompts, at, at+1)
	return ids
}

// turnWaits tells whether a turn is open, here or in the session, for a prompt
// that no process has read.
func (t *translator) turnWaits() bool {
	return t.turn.open || slices.ContainsFunc(t.prompts, func(p sentPrompt) bool { return !p.steer })
}

// dropUnread takes all prompts that the process at hand will not read any
// more. Those that were to join its turn are told here, once; the others,
// which it returns, are told by the end of their turn.
func (t *translator) dropUnread(o *output) (ids []string) {
	for _, p := range t.prompts {
		if !p.steer {
			ids = append(ids, p.id)
			continue
		}
		o.emit(agents.PromptDropped(p.id, "Amp ended before it read a prompt that was to join the turn; send the prompt again"))
	}
	t.prompts = nil
	return ids
}

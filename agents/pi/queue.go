package pi

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// queueUpdate tells how many prompts wait inside Pi: those that steer the turn
// and those that follow it. One that came too late for its turn is left behind.
func (t *translator) queueUpdate(frame []byte, o *output) error {
	var f struct {
		Steering []string `json:"steering"`
		FollowUp []string `json:"followUp"`
	}
	if json.Unmarshal(frame, &f) != nil {
		return errShape
	}
	t.queue = slices.Concat(f.Steering, f.FollowUp)
	details := map[string]int{"steering": len(f.Steering), "follow_up": len(f.FollowUp)}
	o.notice("info", "queue_updated", fmt.Sprintf("prompts that wait inside Pi: %d to steer the turn, %d to follow it", len(f.Steering), len(f.FollowUp)), encode(details))
	begins := func(p sentPrompt) bool { return !p.steer && !p.begun }
	if !t.turn.open && t.leftBehind() && !slices.ContainsFunc(t.prompts, begins) {
		t.dropWaiting(o)
		t.leave(o)
	}
	return nil
}

// waits tells whether a prompt is one that has not joined its turn.
func (p sentPrompt) waits() bool { return p.steer && !p.begun }

// leftBehind tells whether prompts wait inside Pi. Pi keeps an entry without a
// text, an image's, also after that has joined; then it is none of ours.
func (t *translator) leftBehind() bool {
	text := func(s string) bool { return s != "" }
	return slices.ContainsFunc(t.queue, text) || len(t.queue) > 0 && slices.ContainsFunc(t.prompts, sentPrompt.waits)
}

// dropWaiting tells that the prompts which were to join the turn did not.
func (t *translator) dropWaiting(o *output) {
	message := "the turn ended before Pi read a prompt that was to join it; send the prompt again"
	if t.turn.interrupting {
		message = "the turn was interrupted before Pi read a prompt that was to join it, so it is not carried out"
	}
	for _, p := range t.prompts {
		if p.waits() {
			o.emit(agents.PromptDropped(p.id, message))
		}
	}
	t.prompts = slices.DeleteFunc(t.prompts, sentPrompt.waits)
}

// leave tells that Pi is gone, with which the session ends it: what waits
// inside it would be carried out in the next turn, and no command takes it
// back (seen with Pi 0.74.2). The next prompt resumes the native session.
func (t *translator) leave(o *output) {
	t.gone = true
	o.emit(&protocol.AgentExited{Message: "Pi was ended, because it would have carried out a prompt that was dropped"})
}

// errGone refuses commands to a Pi that was told as gone.
func errGone() error {
	return protocol.Errorf(protocol.CodeAgentNotRunning, "the agent is not running; the next prompt starts it")
}

package pi

import (
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// steer is a prompt that joins the turn.
func steer(id, text string) *agents.Prompt {
	return &agents.Prompt{PromptID: id, Steer: true, Content: []agents.Content{{Part: protocol.TextPart(text)}}}
}

// queued is what Pi tells of the prompts that wait inside it.
func queued(texts ...string) string {
	return `{"type":"queue_update","steering":` + string(encode(texts)) + `,"followUp":[]}`
}

const (
	aborted   = `{"type":"message_end","message":{"role":"assistant","content":[],"stopReason":"aborted"}}`
	stopped   = `{"type":"message_end","message":{"role":"assistant","content":[],"stopReason":"stop"}}`
	agentEnds = `{"type":"agent_end","messages":[]}`
)

// A prompt that waits inside Pi when the turn ends would be carried out in the
// next turn, and nothing takes it back. So it is told as dropped, and Pi as
// gone: the session ends it, and the next prompt resumes it.
func TestSection2SteerIsLeftBehind(t *testing.T) {
	joined := `{"type":"message_start","message":{"role":"user","content":"left"}}`
	for name, c := range map[string]struct {
		before func(t *testing.T, tr *translator)
		frames []string
		want   []string
		drops  int
		leaves bool
	}{
		"interrupted": {
			before: func(t *testing.T, tr *translator) { send(t, tr, steer("m2", "left")); send(t, tr, &agents.Interrupt{}) },
			frames: []string{queued("left"), aborted, agentEnds}, drops: 1, leaves: true,
			want: []string{`"code":"prompt_dropped"`, `"details":{"prompt_id":"m2"}`, `"outcome":"interrupted"`},
		},
		"several": {
			before: func(t *testing.T, tr *translator) {
				send(t, tr, steer("m2", "left"))
				send(t, tr, steer("m3", "right"))
				send(t, tr, &agents.Interrupt{})
			},
			frames: []string{queued("left"), queued("left", "right"), aborted, agentEnds}, drops: 2, leaves: true,
			want: []string{`"prompt_id":"m2"`, `"prompt_id":"m3"`},
		},
		"completed": {
			before: func(t *testing.T, tr *translator) { send(t, tr, steer("m2", "left")) },
			frames: []string{stopped, queued("left"), agentEnds}, drops: 1, leaves: true, want: []string{`"outcome":"completed"`},
		},
		"an extension's": {
			frames: []string{queued("of an extension"), aborted, agentEnds}, leaves: true, want: []string{`"outcome":"interrupted"`},
		},
		"it joined": {
			before: func(t *testing.T, tr *translator) { send(t, tr, steer("m2", "left")); send(t, tr, &agents.Interrupt{}) },
			frames: []string{queued("left"), queued(), joined, aborted, agentEnds}, want: []string{`"outcome":"interrupted"`},
		},
		"an image joined, whose text stays in the queue": {
			before: func(t *testing.T, tr *translator) {
				image := protocol.Part{Type: protocol.PartImage, Mime: "image/png", Data: []byte("x")}
				send(t, tr, &agents.Prompt{PromptID: "m2", Steer: true, Content: []agents.Content{{Part: image}}})
			},
			frames: []string{queued(""), `{"type":"message_start","message":{"role":"user","content":[{"type":"image"}]}}`, stopped, agentEnds},
			want:   []string{`"outcome":"completed"`},
		},
		"after an error": {
			before: func(t *testing.T, tr *translator) { send(t, tr, steer("m2", "left")) },
			frames: []string{queued("left"), modelError, agentEnds, `{"type":"response","command":"get_state","success":true,"id":"towline-6","data":{}}`},
			drops:  1, leaves: true, want: []string{`"outcome":"failed"`},
		},
		"it came late": {
			before: func(t *testing.T, tr *translator) { send(t, tr, steer("m2", "left")) },
			frames: []string{stopped, agentEnds, queued("left")}, drops: 1, leaves: true, want: []string{`"outcome":"completed"`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			tr := opened(t)
			if c.before != nil {
				c.before(t, tr)
			}
			events, _ := native(tr, c.frames...)
			got := ndjson(t, events)
			want(t, got, c.want...)
			if n := strings.Count(got, "prompt_dropped"); n != c.drops {
				t.Errorf("%d prompts were told as dropped, want %d, in\n%s", n, c.drops, got)
			}
			if n := strings.Count(got, `"turn.ended"`); n != 1 {
				t.Errorf("the turn ended %d times in\n%s", n, got)
			}
			_, left := events[len(events)-1].(*protocol.AgentExited)
			if left != c.leaves {
				t.Errorf("Pi was told as gone: %v, in\n%s", left, got)
			}
			checkGone(t, tr, c.leaves)
		})
	}
}

// checkGone checks that a Pi that was told as gone gets and tells nothing more,
// and that another one does.
func checkGone(t *testing.T, tr *translator, gone bool) {
	t.Helper()
	_, err := tr.Command(&agents.Prompt{PromptID: "m9", Content: []agents.Content{{Part: protocol.TextPart("next")}}})
	if (protocol.CodeOf(err) == protocol.CodeAgentNotRunning) != gone {
		t.Errorf("the next prompt was answered with %v", err)
	}
	if events, _ := native(tr, `{"type":"agent_start"}`); (len(events) == 0) != gone {
		t.Errorf("the next turn was told as %s", ndjson(t, events))
	}
}

package acp

import (
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// FuzzNative feeds any frame to a translator with an open turn: it never
// panics, and what it opens it closes with the turn.
func FuzzNative(f *testing.F) {
	for _, seed := range []string{
		turnDone, askFrame(0, "c", usualOptions), formFrame(4, wholeForm), up("agent_message_chunk", text("a")), up("usage_update", `"used":1`),
		up("tool_call_update", `"toolCallId":"c","status":"completed","kind":"execute","rawOutput":"Exit code 3\nx","content":[{"type":"diff","path":"a","newText":"b"}]`),
		up("config_option_update", `"configOptions":[{"id":"m","category":"model","currentValue":"x","options":[{"value":"x"}]}]`),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		for _, q := range []Quirks{qwenQuirks, geminiQuirks, claudeQuirks, openCodeQuirks} {
			tr := running(t, q)
			open := map[string]bool{}
			events := tr.Native(frame).Events
			if len(tr.prompts) > 0 {
				events = append(events, tr.Native([]byte(turnDone)).Events...)
			}
			for _, d := range events {
				switch d := d.(type) {
				case *protocol.ItemStarted:
					open[d.Item.ID] = true
				case *protocol.ItemCompleted:
					delete(open, d.Item.ID)
				}
			}
			if len(open) > 0 || len(tr.asks) > 0 {
				t.Errorf("items %v and asks %v outlive the turn", open, tr.asks)
			}
			if _, err := tr.Command(&agents.Interrupt{}); err != nil {
				t.Error(err)
			}
		}
	})
}

package opencode

import (
	"testing"

	"github.com/towline-dev/towline/agents"
)

// BenchmarkDelta is our part of the way of a delta: from the frame that the
// server sent to the event that the session reads.
func BenchmarkDelta(b *testing.B) {
	t := newTranslator(setup{Session: "ses_r", Directory: "/work"})
	if _, err := t.command(&agents.Prompt{PromptID: "m1", Content: textContentOf("Do it.")}); err != nil {
		b.Fatal(err)
	}
	see := func(kind, properties string) output {
		frame := []byte(`{"directory":"/work","payload":{"type":"` + kind + `","properties":` + properties + `}}`)
		e, err := readEvent(frame)
		if err != nil {
			b.Fatal(err)
		}
		return t.native(e, frame)
	}
	see("message.updated", `{"info":{"id":"msg_u","sessionID":"ses_r","role":"user"}}`)
	see("session.status", `{"sessionID":"ses_r","status":{"type":"busy"}}`)
	see("message.updated", `{"info":{"id":"msg_a","sessionID":"ses_r","role":"assistant","parentID":"msg_u","time":{"created":1}}}`)
	see("message.part.updated", `{"sessionID":"ses_r","part":{"id":"prt_1","messageID":"msg_a","sessionID":"ses_r","type":"text","text":""}}`)
	b.ReportAllocs()
	for b.Loop() {
		if o := see("message.part.delta", `{"sessionID":"ses_r","messageID":"msg_a","partID":"prt_1","field":"text","delta":"a dozen chars"}`); len(o.Events) != 1 {
			b.Fatalf("a delta gave %+v", o.Events)
		}
	}
}

package codex

import (
	"testing"

	"github.com/towline-dev/towline/agents"
)

// BenchmarkDelta is our part of the way of a delta: from the line that the
// process wrote to the report that the session reads.
func BenchmarkDelta(b *testing.B) {
	h := newHub()
	t := newTranslator(setup{start: agents.Start{SessionID: "s", Directory: "/w"}}, nil)
	c := newConn(nil, t, false, nil)
	if _, err := h.Command(&attach{c: c}); err != nil {
		b.Fatal(err)
	}
	for _, frame := range []string{openedFrame(1), turnBegan, began(textItem)} {
		h.Native([]byte(frame))
	}
	frame := []byte(`{"method":"item/agentMessage/delta","params":{"threadId":"T","turnId":"01a204ce-770f-7543-8317-664c4f52f6ce","itemId":"m","delta":"a dozen chars"},"emittedAtMs":1795376969789}`)
	b.ReportAllocs()
	for b.Loop() {
		h.Native(frame)
		if reports, err := c.Recv(); err != nil || len(reports) == 0 {
			b.Fatal("no report")
		}
	}
}

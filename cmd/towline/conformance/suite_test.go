package conformance_test

import (
	"slices"
	"testing"

	"github.com/towline-dev/towline/cmd/towline/conformance"
	"github.com/towline-dev/towline/protocol"
)

// mainScenarios are driven in both encodings; the others in JSON. A second
// client watches in the other encoding, and must get the same.
var mainScenarios = []string{"text", "command_output", "edit", "ask_edited_input", "ask_deny_message", "question", "interrupt", "steer", "image"}

// both are the encodings of the main scenarios; msgpack alone is enough for
// agents that differ from another in their program only, and start slowly.
var both, msgpackAlone = []protocol.Format{protocol.FormatJSON, protocol.FormatMsgpack}, []protocol.Format{protocol.FormatMsgpack}

// run drives an agent through all scenarios that its capabilities include, the
// main ones in these encodings. It is the conformance suite: what an agent
// claims, a scenario of these proves.
func run(t *testing.T, agent string, main []protocol.Format) {
	t.Helper()
	a, _ := conformance.Find(agent)
	beside := places(t, agent)
	for _, s := range a.Claimed(a.New().Capabilities()) {
		formats := []protocol.Format{protocol.FormatJSON}
		if slices.Contains(mainScenarios, s.Name) {
			formats = main
		}
		for _, f := range formats {
			t.Run(s.Name+"/"+f.String(), func(t *testing.T) {
				t.Parallel()
				conformance.Check(t, beside(t, &s), &s, f)
			})
		}
	}
}

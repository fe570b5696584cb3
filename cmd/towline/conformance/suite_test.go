package conformance_test

import (
	"slices"
	"testing"

	"github.com/towline-dev/towline/cmd/towline/conformance"
	"github.com/towline-dev/towline/protocol"
)

// mainScenarios are driven in both encodings; the others in JSON, with a second
// client that watches in msgpack.
var mainScenarios = []string{"text", "command_output", "edit", "ask_edited_input", "ask_deny_message", "question", "interrupt", "steer", "image"}

// run drives an agent through all scenarios that its capabilities include. It
// is the conformance suite: what an agent claims, a scenario of these proves.
func run(t *testing.T, agent string) {
	t.Helper()
	a, _ := conformance.Find(agent)
	for _, s := range a.Claimed(a.New().Capabilities()) {
		formats := []protocol.Format{protocol.FormatJSON}
		if slices.Contains(mainScenarios, s.Name) {
			formats = append(formats, protocol.FormatMsgpack)
		}
		for _, f := range formats {
			t.Run(s.Name+"/"+f.String(), func(t *testing.T) {
				t.Parallel()
				conformance.Check(t, place(t, agent), &s, f)
			})
		}
	}
}

package conformance_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/cmd/towline/conformance"
	"github.com/towline-dev/towline/protocol"
)

// extraSessions are those that are measured beside the first.
const extraSessions = 10

// BenchmarkSharedSession is the resident memory that one more session, with
// one turn behind it, takes of the agent's shared process.
func BenchmarkSharedSession(b *testing.B) {
	for _, agent := range []string{"codex", "opencode"} {
		b.Run(agent, func(b *testing.B) {
			p := place(b, agent)
			s := conformance.Serve(b, p.Agent)
			script := p.Model.On("hello", agenttest.Play(agenttest.Say("Hello.")))
			for b.Loop() {
				before := resident(b, turn(b, s, p, script))
				pid := 0
				for range extraSessions {
					pid = turn(b, s, p, script)
				}
				b.ReportMetric(float64(resident(b, pid)-before)/extraSessions, "KiB/session")
			}
		})
	}
}

// turn plays a turn of a new session and returns the process that it is in.
func turn(b *testing.B, s *conformance.Server, p *conformance.Place, script *agenttest.Script) int {
	b.Helper()
	r := conformance.Record(b, s.Client, s.Create(p, protocol.SessionCreate{}), protocol.FormatJSON)
	_, err := r.Prompt(b.Context(), protocol.Prompt{Text: script.Marker()})
	ok(b, err)
	started := r.Await(want(protocol.TypeAgentStarted, fields{"pid": "?"}))
	r.Await(want(protocol.TypeTurnEnded, fields{"outcome": "completed"}))
	return started.Data.(*protocol.AgentStarted).PID
}

// resident is the memory of a process, in KiB.
func resident(b *testing.B, pid int) (kib int) {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	ok(b, err)
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	_, err = fmt.Sscan(rest, &kib)
	ok(b, err)
	return kib
}

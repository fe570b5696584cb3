package conformance_test

import (
	"os"
	"testing"

	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/cmd/towline/conformance"
	"github.com/towline-dev/towline/protocol"
)

// sharing are the agents of which one process serves all sessions, with the
// name that each gives to the tool add of the MCP server sums.
var sharing = []struct {
	name, tool string
}{{"codex", "mcp__sums/add"}, {"opencode", "sums_add"}}

// Two sessions are in one process, and each hears its own answers alone.
func TestSharedProcess(t *testing.T) {
	for _, agent := range sharing {
		t.Run(agent.name, func(t *testing.T) {
			t.Parallel()
			p := place(t, agent.name)
			s := conformance.Serve(t, p.Agent)
			pids := map[int]bool{}
			for _, name := range []string{"one", "two"} {
				script := p.Model.On(name, agenttest.Play(agenttest.Say("This is "+name+".")))
				r := conformance.Record(t, s.Client, s.Create(p, protocol.SessionCreate{}), protocol.FormatJSON)
				prompt(t, r, script)
				started := r.Await(want(protocol.TypeAgentStarted, fields{"pid": "?"}))
				pids[started.Data.(*protocol.AgentStarted).PID] = true
				r.Await(said("This is " + name + "."))
				r.Await(want(protocol.TypeTurnEnded, fields{"outcome": "completed"}))
			}
			if len(pids) != 1 {
				t.Errorf("the sessions are in the processes %v, want one", pids)
			}
		})
	}
}

// A session's MCP server is started by the shared process; its tools are asked
// for as such and run.
func TestSharedMCP(t *testing.T) {
	self, err := os.Executable()
	ok(t, err)
	for _, agent := range sharing {
		t.Run(agent.name, func(t *testing.T) {
			t.Parallel()
			p := place(t, agent.name)
			s := conformance.Serve(t, p.Agent)
			script := p.Model.On("sum",
				agenttest.Play(agenttest.Use(agent.tool, map[string]int{"a": 40, "b": 2})), agenttest.Play(agenttest.Say("Added.")))
			r := conformance.Record(t, s.Client, s.Create(p, protocol.SessionCreate{MCP: map[string]protocol.MCPServer{
				"sums": {Command: self, Env: map[string]string{conformance.MCPVariable: "1"}},
			}}), protocol.FormatJSON)
			prompt(t, r, script)
			asked := r.Await(want(protocol.TypePermissionRequested, fields{"permission.kind": "mcp", "permission.tool.server": "sums"}))
			id := asked.Data.(*protocol.PermissionRequested).Permission.PermissionID
			_, err := r.Decide(t.Context(), protocol.PermissionDecide{PermissionID: id, Decision: protocol.Allow})
			ok(t, err)
			r.Await(want(protocol.TypeItemCompleted, fields{"item.tool.kind": "mcp", "item.status": "completed", "item.content.*.text": "~sum=42"}))
			r.Await(want(protocol.TypeTurnEnded, fields{"outcome": "completed"}))
		})
	}
}

// prompt asks for a script.
func prompt(t *testing.T, r *conformance.Recorder, s *agenttest.Script) {
	t.Helper()
	_, err := r.Prompt(t.Context(), protocol.Prompt{Text: "Do as scripted. " + s.Marker()})
	ok(t, err)
}

package conformance_test

import (
	"os"
	"testing"

	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/cmd/towline/conformance"
	"github.com/towline-dev/towline/protocol"
)

// A session's MCP server is started by the agent; its tools are asked for as
// such and run.
func TestClaudeMCP(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	ok(t, err)
	s := startTalk(t, protocol.SessionCreate{MCP: map[string]protocol.MCPServer{
		"sums": {Command: self, Env: map[string]string{conformance.MCPVariable: "1"}},
	}})
	s.say(s.script("sum",
		agenttest.Play(agenttest.Use("mcp__sums__add", map[string]int{"a": 40, "b": 2})),
		agenttest.Play(agenttest.Say("Added.")),
	), "")
	p := s.asked()
	if p.Kind != protocol.PermitMCP || p.Tool.Server != "sums" || p.Tool.Kind != protocol.ToolMCP {
		t.Errorf("asked for %+v, tool %+v", p, p.Tool)
	}
	s.decide(p, "allow")
	s.Await(agenttest.Want{Type: protocol.TypeItemCompleted, Has: map[string]string{
		"item.tool.kind": "mcp", "item.status": "completed", "item.content.*.text": "~sum=42",
	}})
	s.ended(protocol.OutcomeCompleted)
	mentions(t, s.lastRequest("sum"), "sum=42")
}

package e2e_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/protocol"
)

// mcpVariable makes this program an MCP server.
const mcpVariable = "TOWLINE_E2E_MCP"

// A session's MCP server is started by the agent; its tools are asked for as
// such and run.
func TestClaudeMCP(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	ok(t, err)
	s := startTalk(t, protocol.SessionCreate{MCP: map[string]protocol.MCPServer{
		"sums": {Command: self, Env: map[string]string{mcpVariable: "1"}},
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

// mcpRequest is a request as the server reads it; notifications have no id.
type mcpRequest struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params struct {
		Version   string `json:"protocolVersion"`
		Arguments struct {
			A int `json:"a"`
			B int `json:"b"`
		} `json:"arguments"`
	} `json:"params"`
}

// serveMCP is an MCP server with one tool, on its pipes until they close.
func serveMCP(in io.Reader, out io.Writer) {
	type object = map[string]any
	for lines := bufio.NewScanner(in); lines.Scan(); {
		var r mcpRequest
		if json.Unmarshal(lines.Bytes(), &r) != nil || r.ID == nil {
			continue
		}
		result := object{}
		switch r.Method {
		case "initialize":
			result = object{
				"protocolVersion": r.Params.Version, "capabilities": object{"tools": object{}},
				"serverInfo": object{"name": "sums", "version": "1"},
			}
		case "tools/list":
			number := object{"type": "number"}
			result = object{"tools": []object{{
				"name": "add", "description": "Adds two numbers",
				"inputSchema": object{"type": "object", "properties": object{"a": number, "b": number}},
			}}}
		case "tools/call":
			text := fmt.Sprintf("sum=%d", r.Params.Arguments.A+r.Params.Arguments.B)
			result = object{"content": []object{{"type": "text", "text": text}}}
		}
		answer, err := json.Marshal(object{"jsonrpc": "2.0", "id": r.ID, "result": result})
		if err != nil {
			panic(err) // maps of plain values
		}
		_, _ = fmt.Fprintf(out, "%s\n", answer) // a client that is gone needs none
	}
}

package conformance

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/protocol"
)

// MCPVariable is set in the environment of this program when it shall be an MCP
// server and nothing else: see ServeMCP.
const MCPVariable = "TOWLINE_MCP_SUMS"

// sums are the MCP servers of a session that gets one: this program.
func sums(t agenttest.T) map[string]protocol.MCPServer {
	t.Helper()
	self, err := os.Executable()
	ok(t, err)
	return map[string]protocol.MCPServer{"sums": {Command: self, Env: map[string]string{MCPVariable: "1"}}}
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

// ServeMCP is an MCP server with one tool, add, on its pipes until they close.
// Scenarios name the program itself as the server, with MCPVariable set, so its
// main must call this then.
func ServeMCP(in io.Reader, out io.Writer) {
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

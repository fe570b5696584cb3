package codex

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
)

// mcpMessage is what a client writes to the MCP server: a request, or the
// answer to what the server asked.
type mcpMessage struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params struct {
		Version string `json:"protocolVersion"`
		Name    string `json:"name"`
	} `json:"params"`
	Result json.RawMessage `json:"result"`
}

const (
	mcpTools = `{"tools":[
		{"name":"choose","description":"Asks.","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true}},
		{"name":"wipe","description":"Wipes.","inputSchema":{"type":"object","properties":{"what":{"type":"string"}}},
			"annotations":{"readOnlyHint":false,"destructiveHint":true,"openWorldHint":true}}]}`
	mcpForm = `{"jsonrpc":"2.0","id":"form","method":"elicitation/create","params":{"message":"Where?","requestedSchema":{
		"type":"object","required":["env"],"properties":{"count":{"type":"integer"},"env":{"type":"string","enum":["live","test"]}}}}}`
)

// mcpTool is an MCP server with two tools: one destroys things, one asks the
// user first and returns what the answer was.
func mcpTool() {
	in := bufio.NewScanner(os.Stdin)
	var waiting json.RawMessage
	for in.Scan() {
		var m mcpMessage
		if json.Unmarshal(in.Bytes(), &m) != nil || len(m.ID) == 0 {
			continue
		}
		switch {
		case m.Method == "initialize":
			mcpAnswer(m.ID, fmt.Sprintf(`{"protocolVersion":%q,"capabilities":{"tools":{}},"serverInfo":{"name":"lab","version":"1"}}`, m.Params.Version))
		case m.Method == "tools/list":
			mcpAnswer(m.ID, mcpTools)
		case m.Method == "tools/call" && m.Params.Name == "choose":
			waiting = m.ID
			mcpLine(mcpForm)
		case m.Method == "tools/call":
			mcpAnswer(m.ID, `{"content":[{"type":"text","text":"wiped it"}]}`)
		case m.Method == "":
			mcpAnswer(waiting, fmt.Sprintf(`{"content":[{"type":"text","text":%s}]}`, encode(string(m.Result))))
		default:
			mcpAnswer(m.ID, `{}`)
		}
	}
}

func mcpAnswer(id json.RawMessage, result string) {
	mcpLine(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, id, result))
}

// mcpLine writes a message in one line.
func mcpLine(message string) { fmt.Println(string(encode(json.RawMessage(message)))) }

package codex

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// responses is a scripted model server. A turn is played by the text of its
// prompt: each request of the turn takes the next of its answers.
type responses struct {
	*httptest.Server
	// held is closed when the stream that holds has begun.
	held chan struct{}

	mu     sync.Mutex
	script map[string][]string
	input  string // the last request's
}

// newResponses serves the answers by prompt: each is the output items of one
// response, as JSON, one a line. The item "hold" keeps the stream open.
func newResponses(t *testing.T, script map[string][]string) *responses {
	t.Helper()
	m := &responses{script: script, held: make(chan struct{}, 8)}
	m.Server = httptest.NewServer(m)
	t.Cleanup(func() {
		m.CloseClientConnections()
		m.Close()
	})
	return m
}

func (m *responses) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Input []struct {
			Type    string `json:"type"`
			Role    string `json:"role"`
			Content []struct {
				Text string `json:"text"`
			} `json:"content"`
		} `json:"input"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	prompt := ""
	for _, in := range body.Input {
		if in.Role == "user" && len(in.Content) > 0 {
			prompt = in.Content[len(in.Content)-1].Text
		}
	}
	m.mu.Lock()
	m.input = string(encode(body.Input))
	items := ""
	if steps := m.script[prompt]; len(steps) > 0 {
		items, m.script[prompt] = steps[0], steps[1:]
	}
	m.mu.Unlock()
	w.Header().Set("Content-Type", "text/event-stream")
	m.play(w, r, items)
}

// play streams one response.
func (m *responses) play(w http.ResponseWriter, r *http.Request, items string) {
	send := func(format string, args ...any) {
		fmt.Fprintf(w, "data: "+format+"\n\n", args...)
		w.(http.Flusher).Flush() //nolint:forcetypeassert // the test server's always is
	}
	send(`{"type":"response.created","response":{"id":"r"}}`)
	for i, item := range strings.Split(strings.TrimSpace(items), "\n") {
		switch {
		case item == "":
		case item == "hold":
			m.held <- struct{}{}
			<-r.Context().Done()
			return
		case strings.HasPrefix(item, "{"):
			send(`{"type":"response.output_item.done","output_index":%d,"item":%s}`, i, item)
		default:
			id := fmt.Sprintf("msg_%d", i)
			send(`{"type":"response.output_item.added","output_index":%d,"item":{"type":"message","id":%q,"role":"assistant","content":[]}}`, i, id)
			send(`{"type":"response.output_text.delta","item_id":%q,"output_index":%d,"content_index":0,"delta":%q}`, id, i, item)
			if rest := strings.Split(strings.TrimSpace(items), "\n"); i+1 < len(rest) && rest[i+1] == "hold" {
				continue
			}
			send(`{"type":"response.output_item.done","output_index":%d,"item":{"type":"message","id":%q,"role":"assistant","content":[{"type":"output_text","text":%q}]}}`, i, id, item)
		}
	}
	send(`{"type":"response.completed","response":{"id":"r","usage":{"input_tokens":10,"output_tokens":5,"total_tokens":15}}}`)
}

// execCommand is a call of exec_command.
func execCommand(id, command string) string {
	arguments := string(encode(map[string]any{"cmd": command, "login": false, "yield_time_ms": 20_000}))
	return string(encode(map[string]string{"type": "function_call", "id": "fc_" + id, "call_id": "call_" + id, "name": "exec_command", "arguments": arguments}))
}

// functionCall is a call of a tool with a JSON input.
func functionCall(name string, input any) string {
	return string(encode(map[string]string{"type": "function_call", "id": "fc_" + name, "call_id": "call_" + name, "name": name, "arguments": string(encode(input))}))
}

// patchCall is a call of apply_patch that makes a file.
func patchCall(file string) string {
	return string(encode(map[string]string{
		"type": "custom_tool_call", "id": "ct", "call_id": "call_patch", "name": "apply_patch",
		"input": "*** Begin Patch\n*** Add File: " + file + "\n+hello\n*** End Patch\n",
	}))
}

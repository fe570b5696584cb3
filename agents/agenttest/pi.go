package agenttest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// NewPiChat is NewChat for Pi: tool calls are in its words.
func NewPiChat(t T) *Chat {
	c := NewChat(t)
	c.tools = piTool
	return c
}

// piTool puts a tool call into the words of Pi (pi PROTOCOL.md section 1).
func piTool(d Do) Call {
	switch d.Kind {
	case "execute":
		return Call{"bash", object{"command": d.Command}}
	case "read":
		return Call{"read", object{"path": d.Path}}
	case "write":
		return Call{"write", object{"path": d.Path, "content": d.Content}}
	case "edit":
		return Call{"edit", object{"path": d.Path, "edits": []object{{"oldText": d.Old, "newText": d.New}}}}
	}
	panic(fmt.Sprintf("no tool of Pi does %q", d.Kind))
}

// PiHome makes a home whose Pi knows one provider, the model server at base,
// with two models: fake/one (the default) and fake/two. The test fails if base
// is not on loopback.
func PiHome(t T, base string) *Home {
	t.Helper()
	h := NewHome(t, base)
	for _, name := range []string{"ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY"} {
		delete(h.Vars, name)
	}
	model := func(id string) object {
		return object{
			"id": id, "reasoning": true, "input": []string{"text", "image"}, "contextWindow": 128000,
			"cost": object{"input": 1, "output": 2, "cacheRead": 0, "cacheWrite": 0},
		}
	}
	h.writeJSON(t, ".pi/agent/models.json", object{"providers": object{"fake": object{
		"baseUrl": base + "/v1", "api": "openai-completions", "apiKey": "fake-key",
		"compat": object{"supportsDeveloperRole": false, "supportsReasoningEffort": false},
		"models": []object{model("one"), model("two")},
	}}})
	h.writeJSON(t, ".pi/agent/settings.json", object{
		"defaultProvider": "fake", "defaultModel": "one", "retry": object{"enabled": true, "maxRetries": 2, "baseDelayMs": 50},
	})
	return h
}

// writeJSON writes a file below the home folder.
func (h *Home) writeJSON(t T, name string, content any) {
	t.Helper()
	b, err := json.Marshal(content)
	path := filepath.Join(h.Home, filepath.FromSlash(name))
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o700)
	}
	if err == nil {
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		t.Fatalf("%v", err)
	}
}

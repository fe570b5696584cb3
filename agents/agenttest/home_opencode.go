package agenttest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
)

// OpenCodeHome makes a home whose OpenCode knows one provider, the model
// server at base, with two models: fake/one (the default, with the variants
// low and high) and fake/two. The test fails if base is not on loopback.
func OpenCodeHome(t T, base string) *Home {
	t.Helper()
	h := NewHome(t, base)
	for _, name := range []string{"ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY"} {
		delete(h.Vars, name)
	}
	model := func(name string) object {
		return object{
			"name": name, "reasoning": true, "tool_call": true, "attachment": true, "limit": object{"context": 64000, "output": 8000},
			"modalities": object{"input": []string{"text", "image"}, "output": []string{"text"}}, "cost": object{"input": 1, "output": 2},
		}
	}
	one := model("One")
	one["variants"] = object{"low": object{"reasoningEffort": "low"}, "high": object{"reasoningEffort": "high"}}
	config, err := json.Marshal(object{
		"model": "fake/one", "small_model": "fake/two", "enabled_providers": []string{"fake"}, "autoupdate": false, "share": "disabled",
		"provider": object{"fake": object{
			"npm": "@ai-sdk/openai-compatible", "name": "Fake", "options": object{"baseURL": base + "/v1", "apiKey": "fake-key"},
			"models": object{"one": one, "two": model("Two")},
		}},
	})
	if err != nil {
		t.Fatalf("%v", err)
	}
	dir := filepath.Join(h.Home, ".config", "opencode")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatalf("%v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "opencode.json"), config, 0o600); err != nil {
		t.Fatalf("%v", err)
	}
	h.Commit(t, h.Dir)
	return h
}

// Commit makes dir a git repository with one commit: without one OpenCode
// takes no snapshots.
func (h *Home) Commit(t T, dir string) {
	t.Helper()
	for _, args := range [][]string{
		{"init", "--quiet", dir},
		{"-C", dir, "-c", "user.name=Test", "-c", "user.email=test@localhost", "commit", "--quiet", "--allow-empty", "-m", "Begin in " + dir},
	} {
		git := exec.CommandContext(t.Context(), "git", args...)
		git.Env = h.Env()
		if out, err := git.CombinedOutput(); err != nil {
			t.Fatalf("cannot make a git repository: %v: %s", err, out)
		}
	}
}

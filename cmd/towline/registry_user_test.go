package main

import (
	"testing"

	"github.com/rs/zerolog"
	"github.com/towline-dev/towline/agents/agenttest/optional"
)

// with another user for agents, those that cannot run as one are not
// offered, and all others are.
func TestA08_AgentsOfAnotherUser(t *testing.T) {
	optional.Root(t)
	r, err := newRegistry(&terminal{env: []string{"PATH=/usr/bin:/bin"}}, &serveOptions{AgentUser: "nobody"}, t.TempDir(), zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	for name, offered := range map[string]bool{
		"claude": true, "amp": true, "pi": true, "gemini": true, "qwen": true, "claude-agent-acp": true, "opencode-acp": true, "codex-acp": true,
		"codex": false, "opencode": false,
	} {
		if _, err := r.Get(name); (err == nil) != offered {
			t.Errorf("%s: %v, want it offered: %v", name, err, offered)
		}
	}
}

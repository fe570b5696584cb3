package conformance_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/agenttest/golden"
	"github.com/towline-dev/towline/cmd/towline/conformance"
)

// docs/AGENTS.md says what the agents claim, and every claim has a proof.
func TestAgentsDocument(t *testing.T) {
	got, err := conformance.Matrix(conformance.Adapters()...)
	ok(t, err)
	golden.Compare(t, filepath.Join("..", "..", "..", "docs", "AGENTS.md"), []byte(got))
}

// A claim without a proof does not reach the document.
func TestUnprovenClaim(t *testing.T) {
	t.Parallel()
	boaster := conformance.Adapters()[0]
	boaster.Scenarios = []agenttest.Scenario{}
	if _, err := conformance.Matrix(boaster); err == nil || !strings.Contains(err.Error(), "claude claims streaming") {
		t.Errorf("an agent that proves nothing gave %v", err)
	}
}

// The name of an adapter is its agent's.
func TestAdapterNames(t *testing.T) {
	t.Parallel()
	for _, a := range conformance.Adapters() {
		var agent agents.Agent = a.New()
		if agent.Name() != a.Name || a.About == "" {
			t.Errorf("the adapter %s, %q, is of the agent %s", a.Name, a.About, agent.Name())
		}
	}
}

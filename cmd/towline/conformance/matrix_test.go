package conformance_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/cmd/towline/conformance"
)

var update = flag.Bool("update", false, "write the golden files anew")

// docs/AGENTS.md says what the agents claim, and every claim has a proof.
func TestAgentsDocument(t *testing.T) {
	path := filepath.Join("..", "..", "..", "docs", "AGENTS.md")
	got, err := conformance.Matrix(conformance.Adapters()...)
	ok(t, err)
	if *update {
		ok(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	ok(t, err)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("docs/AGENTS.md is out of date, write it with -update: %s", diff)
	}
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

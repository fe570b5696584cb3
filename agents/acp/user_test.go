package acp

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest/otheruser"
	"github.com/towline-dev/towline/protocol"
)

// an agent that speaks ACP runs as the user that was named, in its home,
// and acts as that user.
func TestA08_AgentAsAnotherUser(t *testing.T) {
	place := otheruser.NewPlace(t)
	toyagent := place.Install(t, filepath.Join(buildToy(t), "toyagent"), "toyagent")
	e, err := toy().With(toyagent)
	if err != nil {
		t.Fatal(err)
	}
	a := New(Options{Entry: e, User: place.User, Environ: func() []string { return []string{"HOME=/root", "PATH=/usr/bin:/bin", "TOY_API_KEY=k"} }})
	if got := strings.Join(a.environment(nil), " "); !strings.Contains(got, "HOME="+place.User.Home()) || !strings.Contains(got, "TOY_API_KEY=k") {
		t.Errorf("the environment is %s", got)
	}
	conn, err := a.Open(t.Context(), agents.Start{SessionID: "s", Directory: place.Dir})
	if err != nil {
		t.Fatal(err)
	}
	defer finish(t, conn)
	want(t, runTurn(t, conn, "m1", "touch a", choose(protocol.Allow)), `"status":"completed"`)
	info, err := os.Stat(filepath.Join(place.Dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	place.WantOwned(t, info)
}

// What the user may not enter or run is told in one sentence.
func TestA08_AgentClosedToTheUser(t *testing.T) {
	place := otheruser.NewPlace(t)
	closed := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	private := filepath.Join(closed, "agent")
	if err := os.WriteFile(private, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		command, dir, says string
		code               protocol.Code
	}{
		"folder":     {"/bin/sh", closed, "may not enter", protocol.CodeInvalidRequest},
		"executable": {private, place.Dir, "may not read and run", protocol.CodeAgentStartFailed},
	} {
		t.Run(name, func(t *testing.T) {
			a := New(Options{Entry: Custom("x", []string{c.command}), User: place.User, Environ: func() []string { return []string{"PATH=/usr/bin:/bin"} }})
			_, err := a.Open(t.Context(), agents.Start{SessionID: "s", Directory: c.dir})
			if protocol.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
		})
	}
}

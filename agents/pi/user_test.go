package pi

import (
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest/otheruser"
	"github.com/towline-dev/towline/protocol"
)

// Pi runs as the user that was named, in its home, and can read its gate
// and change nothing of it.
func TestA08_PiAsAnotherUser(t *testing.T) {
	place := otheruser.NewPlace(t)
	a := New(Options{
		Locator: &agents.Locator{Flags: map[string]string{"pi": place.Self(t, "pi")}}, User: place.User,
		Environ: func() []string { return []string{"HOME=/root", "PATH=/usr/bin:/bin"} },
	})
	conn, err := a.Open(t.Context(), agents.Start{SessionID: "s1", Directory: place.Dir, SystemPrompt: "be brief", Env: map[string]string{"FAKE": "whoami"}})
	if err != nil {
		t.Fatal(err)
	}
	defer finish(t, conn)
	if err := conn.Send(t.Context(), &agents.Prompt{PromptID: "m1", Content: []agents.Content{{Part: protocol.TextPart("go")}}}); err != nil {
		t.Fatal(err)
	}
	want(t, ndjson(t, readUntil(t, conn, protocol.TypeTurnEnded)), "HOME="+place.User.Home(), "GATE=read", "PROMPT=read")
}

// What the user may not enter or run is told in one sentence.
func TestA08_PiClosedToTheUser(t *testing.T) {
	place := otheruser.NewPlace(t)
	place.Refuses(t, place.Self(t, "pi"), func(executable, dir string) error {
		a := New(Options{
			Locator: &agents.Locator{Flags: map[string]string{"pi": executable}}, User: place.User,
			Environ: func() []string { return []string{"HOME=/root", "PATH=/usr/bin:/bin"} },
		})
		_, err := a.Open(t.Context(), agents.Start{SessionID: "s1", Directory: dir})
		return err
	})
}

package pi

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/agenttest/installed"
	"github.com/towline-dev/towline/agents/agenttest/otheruser"
	"github.com/towline-dev/towline/agents/install"
	"github.com/towline-dev/towline/protocol"
)

// the real Pi works as another user: it loads a gate that it may not
// change, and asks by it.
func TestRealA08_PiAsAnotherUser(t *testing.T) {
	place := otheruser.NewPlace(t)
	tree := strings.TrimSuffix(installed.Pi(t), "/"+install.PiFile)
	m := agenttest.NewPiChat(t)
	s := m.On("run", agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "execute", Command: "id -un >who"}}), agenttest.Play(agenttest.Say("done")))
	home := filepath.Join(place.Dir, "home")
	user := place.User.Name()
	for _, command := range [][]string{
		{"cp", "-a", tree, filepath.Join(place.Bin, "pi")},
		{"cp", "-r", agenttest.PiHome(t, m.URL()).Home, home},
		{"chown", "-R", user, home},
	} {
		if out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("cannot bring Pi to where the user may go: %v: %s", err, out)
		}
	}
	a := New(Options{
		Locator: &agents.Locator{Flags: map[string]string{"pi": filepath.Join(place.Bin, "pi", install.PiFile)}}, User: place.User,
		Environ: func() []string { return []string{"PATH=" + os.Getenv("PATH")} },
	})
	conn, err := a.Open(t.Context(), agents.Start{SessionID: "s1", Directory: place.Dir, Env: map[string]string{"HOME": home}})
	if err != nil {
		t.Fatalf("cannot open: %v, %+v", err, protocol.AsError(err).Details)
	}
	defer finish(t, conn)
	if err := conn.Send(t.Context(), &agents.Prompt{PromptID: "m1", Content: []agents.Content{{Part: protocol.TextPart("Run it. " + s.Marker())}}}); err != nil {
		t.Fatal(err)
	}
	events := readUntil(t, conn, protocol.TypePermissionRequested)
	at := slices.IndexFunc(events, func(d protocol.Data) bool { return d.EventType() == protocol.TypePermissionRequested })
	p := events[at].(*protocol.PermissionRequested).Permission
	if err := conn.Send(t.Context(), &agents.Decide{PermissionID: p.PermissionID, Option: p.Options[0]}); err != nil {
		t.Fatal(err)
	}
	want(t, ndjson(t, readUntil(t, conn, protocol.TypeTurnEnded)), `"status":"completed"`, `"outcome":"completed"`)
	who, err := os.ReadFile(filepath.Join(place.Dir, "who"))
	if err != nil || strings.TrimSpace(string(who)) != user {
		t.Errorf("the command ran as %q (%v)", who, err)
	}
}

package amp

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/agenttest/installed"
	"github.com/towline-dev/towline/agents/agenttest/otheruser"
	"github.com/towline-dev/towline/agents/install"
	"github.com/towline-dev/towline/protocol"
)

// the real Amp works as another user: it reads settings that it may not
// change, and its delegate asks over a socket that is not its own.
func TestRealA08_AmpAsAnotherUser(t *testing.T) {
	place := otheruser.NewPlace(t)
	tree := strings.TrimSuffix(installed.Amp(t), "/"+install.AmpFile)
	if out, err := exec.CommandContext(t.Context(), "cp", "-a", tree, filepath.Join(place.Bin, "amp")).CombinedOutput(); err != nil {
		t.Fatalf("cannot copy Amp to where the user may go: %v: %s", err, out)
	}
	m := agenttest.NewAmp(t)
	s := m.On("run", agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "execute", Command: "id -un >who"}}), agenttest.Play(agenttest.Say("done")))
	home := filepath.Join(place.Dir, "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	place.Own(t, home)
	a := New(Options{
		Locator: &agents.Locator{Flags: map[string]string{"amp": filepath.Join(place.Bin, "amp", install.AmpFile)}},
		User:    place.User, Delegate: place.Self(t, "delegate"),
		Environ: func() []string {
			return []string{"PATH=" + os.Getenv("PATH"), "AMP_URL=" + m.URL(), "AMP_API_KEY=fake-key"}
		},
	})
	c := openWith(t, a, agents.Start{SessionID: "s1", Directory: place.Dir, Env: map[string]string{"HOME": home}})
	defer finish(t, c)
	sendTo(t, c, prompt("Run it. "+s.Marker()))
	got := until(t, c, protocol.TypePermissionRequested)
	p := got[len(got)-1].(*protocol.PermissionRequested).Permission
	sendTo(t, c, &agents.Decide{PermissionID: p.PermissionID, Option: p.Options[0]})
	want(t, ndjson(t, until(t, c, protocol.TypeTurnEnded)), `"status":"completed"`, `"outcome":"completed"`)
	who, err := os.ReadFile(filepath.Join(place.Dir, "who"))
	if err != nil || strings.TrimSpace(string(who)) != place.User.Name() {
		t.Errorf("the command ran as %q (%v)", who, err)
	}
}

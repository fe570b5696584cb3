package amp

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest/otheruser"
	"github.com/towline-dev/towline/protocol"
)

// Amp runs as the user that was named, reads its settings, and its
// delegate, which is that user's process too, is heard.
func TestA08_AmpAsAnotherUser(t *testing.T) {
	place := otheruser.NewPlace(t)
	u, dir, self := place.User, place.Dir, place.Self(t, "amp")
	a := New(Options{
		Locator: &agents.Locator{Flags: map[string]string{"amp": self}}, User: u, Delegate: self,
		Environ: func() []string { return []string{"HOME=/root", "PATH=/usr/bin:/bin", "AMP_API_KEY=k"} },
	})
	c := openWith(t, a, agents.Start{SessionID: "s1", Directory: dir})
	defer finish(t, c)
	sendTo(t, c, prompt("tool"))
	got := until(t, c, protocol.TypePermissionRequested)
	p := got[len(got)-1].(*protocol.PermissionRequested).Permission
	sendTo(t, c, &agents.Decide{PermissionID: p.PermissionID, Option: p.Options[0]})
	want(t, ndjson(t, until(t, c, protocol.TypeTurnEnded)), `"output":"gone"`)
	sendTo(t, c, prompt("whoami"))
	want(t, ndjson(t, until(t, c, protocol.TypeTurnEnded)), "home "+u.Home(), "settings are mine to read and not to write")
}

// What the user may not enter or run is told in one sentence, also of the
// delegate.
func TestA08_AmpClosedToTheUser(t *testing.T) {
	place := otheruser.NewPlace(t)
	self := place.Self(t, "amp")
	open := func(amp, delegate, dir string) error {
		a := New(Options{
			Locator: &agents.Locator{Flags: map[string]string{"amp": amp}}, User: place.User, Delegate: delegate,
			Environ: func() []string { return []string{"HOME=/root", "PATH=/usr/bin:/bin"} },
		})
		_, err := a.Open(t.Context(), agents.Start{SessionID: "s1", Directory: dir})
		return err
	}
	t.Run("amp", func(t *testing.T) {
		place.Refuses(t, self, func(executable, dir string) error { return open(executable, self, dir) })
	})
	t.Run("delegate", func(t *testing.T) {
		place.Refuses(t, self, func(executable, dir string) error { return open(self, executable, dir) })
	})
}

// The user's settings file is read only if it is the user's: else the server,
// as root, would hand over what the user may not read.
func TestA08_AmpSettingsOfSomebodyElse(t *testing.T) {
	place := otheruser.NewPlace(t)
	u, dir, self := place.User, place.Dir, place.Self(t, "amp")
	f, err := newFiles(self, u)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Remove()
	settings := filepath.Join(dir, "settings.json")
	if err := os.WriteFile(settings, []byte(`{"secret":"of root"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.writeSettings(settings, nil); protocol.CodeOf(err) != protocol.CodeAgentStartFailed {
		t.Errorf("got %v", err)
	}
	place.Own(t, settings)
	if err := f.writeSettings(settings, nil); err != nil {
		t.Error(err)
	}
}

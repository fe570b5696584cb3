package amp

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/agenttest/installed"
	"github.com/towline-dev/towline/agents/agenttest/optional"
	"github.com/towline-dev/towline/agents/install"
	"github.com/towline-dev/towline/protocol"
)

// newer is a CLI of the second generation.
const newer = "0.0.1790142911-g7618fb"

// newerAmp is an agent whose CLI says that it is of the second generation, and
// then does as the script says.
func newerAmp(t *testing.T, script string) *Agent {
	t.Helper()
	return versionAmp(t, newer, script)
}

// selfScript runs the fake CLI.
func selfScript(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	return fmt.Sprintf("exec %q \"$@\"", self)
}

// versionAmp is an agent whose CLI says that it has a version.
func versionAmp(t *testing.T, version, script string) *Agent {
	t.Helper()
	path := filepath.Join(t.TempDir(), "amp")
	text := "#!/bin/sh\nif [ \"$1\" = --version ]; then echo '" + version + " (released 2026-09-22)'; exit; fi\n" + script + "\n"
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	environ := []string{"HOME=" + t.TempDir(), "PATH=/usr/bin:/bin", "AMP_API_KEY=k"}
	return New(Options{Locator: &agents.Locator{Flags: map[string]string{"amp": path}}, Environ: func() []string { return environ }})
}

// A user of the second generation is told that it is not proven: before a
// session by Info, and in one by a notice. It speaks the same format.
func TestSection1NewerGenerationIsMarked(t *testing.T) {
	a := newerAmp(t, selfScript(t))
	info := a.Info(t.Context())
	if info.Status != "ready" || info.Version != newer || info.Capabilities.Permissions || info.Capabilities.Interrupt || info.Message != unproven || info.Pinned != install.AmpVersion {
		t.Errorf("info is %+v", info)
	}
	c := openWith(t, a, agents.Start{SessionID: "s1", Directory: t.TempDir()})
	defer finish(t, c)
	sendTo(t, c, prompt("one"))
	want(t, ndjson(t, until(t, c, protocol.TypeTurnEnded)), `"code":"unproven_version"`, `"outcome":"completed"`)
}

// Images exist since 24 March 2026; before, one ends the process. An older CLI
// does not claim them, and a prompt with one is refused before it is written.
func TestSection3ImagesOfOlderVersions(t *testing.T) {
	for version, images := range map[string]bool{
		"0.0.1770734955-g93e689": false, "0.0.1773432280-gcd86a7": false, "0.0.1774310664-gcb98ac": true, install.AmpVersion: true,
	} {
		t.Run(version, func(t *testing.T) {
			a := versionAmp(t, version, selfScript(t))
			if info := a.Info(t.Context()); info.Capabilities.Images != images || !info.Capabilities.Permissions || info.Message != "" {
				t.Errorf("info is %+v", info)
			}
			c := openWith(t, a, agents.Start{SessionID: "s1", Directory: t.TempDir()})
			defer finish(t, c)
			p := prompt("one")
			p.Content = append(p.Content, imageOf("image/png", pngOf(t, 1, 1)))
			err := c.Send(t.Context(), p)
			if taken := err == nil; taken != images || !taken && protocol.CodeOf(err) != protocol.CodeCapabilityMissing {
				t.Errorf("a prompt with an image gives %v", err)
			}
			sendTo(t, c, prompt("two"))
			want(t, ndjson(t, until(t, c, protocol.TypeTurnEnded)), `"outcome":"completed"`)
		})
	}
}

// One that does not start is told in a sentence that says what to do.
func TestSection1NewerGenerationFails(t *testing.T) {
	begin := time.Now()
	_, err := newerAmp(t, "echo 'Unexpected error inside Amp CLI' >&2; exit 1").Open(t.Context(), agents.Start{SessionID: "s1", Directory: t.TempDir()})
	wantNewerFailure(t, err)
	want(t, err.Error(), "Unexpected error inside Amp CLI")
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func wantNewerFailure(t *testing.T, err error) {
	t.Helper()
	if protocol.CodeOf(err) != protocol.CodeAgentStartFailed {
		t.Fatalf("got %v", err)
	}
	want(t, err.Error(), "Amp "+newer+" runs its agent on Amp's servers and did not start", "towline agents install amp", install.AmpVersion, "(exit code 1)")
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("the message has more than one line: %q", err)
	}
}

// The real CLI of September 2026, whose service is not here.
func TestRealNewerGeneration(t *testing.T) {
	if runtime.GOOS+runtime.GOARCH != "linuxamd64" {
		optional.Missing(t, "the newer Amp is pinned for Linux on x64 alone")
	}
	p := install.Package{
		Name: "@ampcode/cli-linux-x64", File: "amp",
		Integrity: "sha512-BsQyuBKf9jYno4vknDM9Mx20iOurO8/G14aaHZCMT1H1TlrOIOWH4//1ZwBll1/AneOxc+mqkoF0f3N/3fr/eA==",
	}
	path := installed.Agent(t, &install.Program{Agent: "amp-newer", Version: newer, Dir: installed.Dir(t), Platforms: map[string]install.Package{"linux-x64": p, "linux-x64-musl": p}})
	home := agenttest.AmpHome(t, agenttest.NewAmp(t).URL())
	home.Vars["HTTPS_PROXY"], home.Vars["NO_PROXY"] = "http://127.0.0.1:9", "127.0.0.1" // nobody is there
	a := New(Options{Locator: &agents.Locator{Flags: map[string]string{"amp": path}}, Environ: home.Env})
	if info := a.Info(t.Context()); info.Version != newer || info.Message != unproven || info.Capabilities.Permissions {
		t.Errorf("info is %+v", info)
	}
	_, err := a.Open(t.Context(), agents.Start{SessionID: "s1", Directory: home.Dir})
	wantNewerFailure(t, err)
}

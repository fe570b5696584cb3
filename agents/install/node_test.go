package install

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// Every package of a lock file has a sha512 and names no registry, and the
// agent's own is the pinned one.
func TestNodeLocksArePinned(t *testing.T) {
	for name, i := range map[string]*Program{"amp": Amp("/x"), "pi": Pi("/x")} {
		t.Run(name, func(t *testing.T) {
			var lock struct {
				Packages map[string]struct {
					Version      string            `json:"version"`
					Integrity    string            `json:"integrity"`
					Resolved     string            `json:"resolved"`
					Dependencies map[string]string `json:"dependencies"`
				} `json:"packages"`
			}
			if err := json.Unmarshal(i.Node.Lock, &lock); err != nil {
				t.Fatal(err)
			}
			for path, p := range lock.Packages {
				if path != "" && (!strings.HasPrefix(p.Integrity, "sha512-") || p.Resolved != "") {
					t.Errorf("%s has integrity %q and is from %q", path, p.Integrity, p.Resolved)
				}
			}
			own := lock.Packages["node_modules/"+i.Node.Name]
			if own.Version != i.Version || lock.Packages[""].Dependencies[i.Node.Name] != i.Version {
				t.Errorf("the lock is for version %s, and %s is pinned", own.Version, i.Version)
			}
		})
	}
}

// fakeNPM puts a program in npm's place that runs a script, and returns what
// it was called with.
func fakeNPM(t *testing.T, script string) (calls string) {
	t.Helper()
	dir := t.TempDir()
	calls = filepath.Join(dir, "calls")
	text := "#!/bin/sh\necho \"$@\" >>" + calls + "\n" + script + "\n"
	if err := os.WriteFile(filepath.Join(dir, "npm"), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	return calls
}

// makesBin installs an executable where npm ci is told to.
const makesBin = `while [ "$1" != --prefix ]; do shift; done
test -f "$2/package.json" && test -f "$2/package-lock.json" || exit 3
mkdir -p "$2/node_modules/.bin" && echo ok >"$2/node_modules/.bin/pi" && chmod 755 "$2/node_modules/.bin/pi"`

func TestNodeTreeIsInstalledByItsLock(t *testing.T) {
	calls := fakeNPM(t, makesBin)
	i := Pi(t.TempDir())
	var phases []string
	if err := i.Install(t.Context(), func(p protocol.InstallProgress) { phases = append(phases, p.Phase) }); err != nil {
		t.Fatal(err)
	}
	path, ok := i.Installed()
	if !ok || path != filepath.Join(i.Dir, "pi", PiVersion, "node_modules/.bin/pi") {
		t.Errorf("installed at %s: %v", path, ok)
	}
	said, err := os.ReadFile(calls)
	if err != nil || !strings.HasPrefix(string(said), "ci --prefix ") || !strings.Contains(string(said), "--ignore-scripts") {
		t.Errorf("npm was called with %s (%v)", said, err)
	}
	if got := strings.Join(phases, " "); !strings.HasPrefix(got, "resolve download") || !strings.HasSuffix(got, "verify done") {
		t.Errorf("phases %s", got)
	}
	if e, err := (agents.Locator{Dir: i.Dir}).Find("pi", PiFile); err != nil || e.Version != PiVersion {
		t.Errorf("found %+v: %v", e, err)
	}
}

func TestNodeTreeFailures(t *testing.T) {
	for name, c := range map[string]struct{ script, want string }{
		"wrong hash":    {`echo "npm error code EINTEGRITY" >&2; exit 1`, "hash"},
		"no executable": {`true`, "does not hold"},
	} {
		t.Run(name, func(t *testing.T) {
			fakeNPM(t, c.script)
			i := Pi(t.TempDir())
			err := i.Install(t.Context(), nil)
			if protocol.CodeOf(err) != protocol.CodeInstallFailed || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
			if left, _ := filepath.Glob(filepath.Join(i.Dir, "pi", tempPrefix+"*")); len(left) > 0 {
				t.Errorf("left %v", left)
			}
		})
	}
	t.Run("no npm", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		if _, err := exec.LookPath("npm"); err == nil {
			t.Fatal("npm is still found")
		}
		err := Amp(t.TempDir()).Install(t.Context(), nil)
		if protocol.CodeOf(err) != protocol.CodeInstallFailed || !strings.Contains(err.Error(), "install Node 20") {
			t.Errorf("got %v", err)
		}
	})
}

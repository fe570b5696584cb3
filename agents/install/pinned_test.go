package install

import (
	"encoding/base64"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// served are the platforms that each native agent is installed on. Codex is
// one static binary for both libcs of Linux.
var served = []string{"linux-x64", "linux-arm64", "linux-x64-musl", "linux-arm64-musl", "darwin-x64", "darwin-arm64"}

// unpinned are the packages that could not be had when their version was
// pinned: the registry's word is taken for their hashes.
var unpinned = []string{
	"opencode-linux-arm64", "opencode-linux-x64-musl", "opencode-linux-arm64-musl", "opencode-darwin-x64", "opencode-darwin-arm64",
	"opencode-linux-x64-baseline-musl", "opencode-darwin-x64-baseline",
}

// natives are the installations of one executable each.
func natives(dir string) map[string]*Program {
	old := OpenCode(dir)
	old.Platforms = openCodePlatforms(false)
	modern := OpenCode(dir)
	modern.Platforms = openCodePlatforms(true)
	return map[string]*Program{
		"claude": Claude(dir), "codex": Codex(dir), "opencode": modern, "opencode without AVX2": old,
	}
}

// Each platform that we name has a package, with a hash of its own that a
// registry cannot change.
func TestPinnedPackages(t *testing.T) {
	for name, i := range natives("/agents") {
		t.Run(name, func(t *testing.T) {
			hashes := map[string]bool{}
			for _, platform := range served {
				p, err := i.on(platform)
				if err != nil {
					t.Error(err)
					continue
				}
				if p.Version == "" || p.File == "" || path.IsAbs(p.File) || path.Clean(p.File) != p.File || !strings.HasPrefix(p.Version, i.Version) {
					t.Errorf("%s: %+v", platform, p)
				}
				plain := strings.TrimSuffix(platform, "-musl")
				if whole := p.Name + " " + p.Version; !strings.Contains(whole, plain) || strings.Contains(whole, "musl") && plain == platform {
					t.Errorf("%s gets %s", platform, whole)
				}
				if slices.Contains(unpinned, p.Name) {
					if p.Integrity != "" {
						t.Errorf("%s is pinned; take it off the list", p.Name)
					}
					continue
				}
				sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(p.Integrity, "sha512-"))
				if err != nil || len(sum) != 64 || !strings.HasPrefix(p.Integrity, "sha512-") {
					t.Errorf("%s has the integrity %q", platform, p.Integrity)
				}
				if hashes[p.Integrity] && i.Agent != "codex" {
					t.Errorf("%s has the hash of another platform", platform)
				}
				hashes[p.Integrity] = true
			}
			for platform := range i.Platforms {
				if !slices.Contains(served, platform) {
					t.Errorf("%s is not among the platforms that are named", platform)
				}
			}
		})
	}
}

// Elsewhere one sentence says so, and what to do.
func TestPlatformWithoutPackage(t *testing.T) {
	for name, i := range natives("/agents") {
		for _, platform := range []string{"win32-x64", "freebsd-x64", "linux-riscv64", "linux-riscv64-musl"} {
			_, err := i.on(platform)
			want := i.Agent + " is not published for " + platform + "; give the path of an executable with --agent " + i.Agent + "=PATH"
			if protocol.CodeOf(err) != protocol.CodeInstallFailed || protocol.AsError(err).Message != want {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// Neither Node nor npm is needed, to install a native agent or to run it.
func TestInstallNativesWithoutNode(t *testing.T) {
	for name, i := range natives(t.TempDir()) {
		t.Run(name, func(t *testing.T) {
			i.Dir = t.TempDir()
			p, err := i.pkg()
			ensure(t, err)
			packed := packTarball(t, []tarEntry{
				{name: "package/package.json", content: "{}", mode: 0o644},
				{name: "package/" + p.File, content: testScript, mode: 0o755},
				{name: "package/" + path.Join(path.Dir(p.File), "beside"), content: testScript, mode: 0o755},
			})
			r := newRegistry(t, packed)
			r.name, r.version = p.Name, p.Version
			withoutNPM(t, r.URL)
			if p.Integrity != "" {
				// The pinned hash does not fit what this registry has.
				wantFailed(t, i, i.Install(t.Context(), nil), "hash")
			}
			p.Integrity = ""
			i.Platforms = map[string]Package{platform(): p}
			ensure(t, i.Install(t.Context(), nil))
			file, ok := i.Installed()
			if want := filepath.Join(i.Dir, i.Agent, i.Version, filepath.FromSlash(p.File)); !ok || file != want {
				t.Fatalf("Installed() = %s, %t; want %s", file, ok, want)
			}
			if version, err := agents.Version(t.Context(), file); err != nil || version != "tool 1.2.3" {
				t.Errorf("it says %q, %v", version, err)
			}
			mustRead(t, filepath.Join(filepath.Dir(file), "beside"))
		})
	}
}

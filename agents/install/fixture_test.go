package install

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/towline-dev/towline/protocol"
)

const (
	testPackage = "@example/tool-linux"
	testVersion = "1.2.3"
	testFile    = "bin/tool"
	testScript  = "#!/bin/sh\necho tool 1.2.3\n"
)

// tarEntry is one entry of a tarball.
type tarEntry struct {
	name    string
	content string
	mode    int64
	kind    byte
	link    string
}

// goodEntries is a package as it should be.
func goodEntries() []tarEntry {
	return []tarEntry{
		{name: "package/package.json", content: `{"name":"@example/tool-linux"}`, mode: 0o644},
		{name: "package/bin/tool", content: testScript, mode: 0o644},
		{name: "package/bin/helper", content: testScript, mode: 0o755},
	}
}

// packTarball packs entries.
func packTarball(t testing.TB, entries []tarEntry) []byte {
	t.Helper()
	var packed bytes.Buffer
	zipped := gzip.NewWriter(&packed)
	archive := tar.NewWriter(zipped)
	for _, e := range entries {
		if e.kind == 0 {
			e.kind = tar.TypeReg
		}
		ensure(t, archive.WriteHeader(&tar.Header{Name: e.name, Typeflag: e.kind, Linkname: e.link, Mode: e.mode, Size: int64(len(e.content))}))
		_, err := archive.Write([]byte(e.content))
		ensure(t, err)
	}
	ensure(t, archive.Close())
	ensure(t, zipped.Close())
	return packed.Bytes()
}

// integrityOf is a tarball's hash as registries write it.
func integrityOf(b []byte) string {
	sum := sha512.Sum512(b)
	return "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
}

// fakeRegistry is a package registry on loopback with one package.
type fakeRegistry struct {
	*httptest.Server
	// name and version are the package's.
	name, version string
	tarball       []byte
	integrity     string
	// serve, if set, answers requests for the tarball.
	serve http.HandlerFunc
	// downloads counts them.
	downloads atomic.Int32
}

func newRegistry(t *testing.T, packed []byte) *fakeRegistry {
	r := &fakeRegistry{name: testPackage, version: testVersion, tarball: packed, integrity: integrityOf(packed)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /tarballs/", func(w http.ResponseWriter, req *http.Request) {
		r.downloads.Add(1)
		if r.serve != nil {
			r.serve(w, req)
			return
		}
		_, _ = w.Write(r.tarball)
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, req *http.Request) {
		if req.URL.EscapedPath() != "/"+strings.ReplaceAll(r.name, "/", "%2f") {
			http.NotFound(w, req)
			return
		}
		fmt.Fprintf(w, `{"versions":{%q:{"dist":{"tarball":%q,"integrity":%q}}}}`, r.version, "http://"+req.Host+"/tarballs/tool.tgz", r.integrity)
	})
	r.Server = httptest.NewServer(mux)
	t.Cleanup(r.Close)
	return r
}

// withoutNPM makes the environment one without npm, with this registry.
func withoutNPM(t *testing.T, registry string) {
	t.Helper()
	t.Setenv("PATH", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	for _, name := range []string{"npm_config_userconfig", "NPM_CONFIG_USERCONFIG", "npm_config_registry", "http_proxy", "HTTP_PROXY"} {
		t.Setenv(name, "")
	}
	t.Setenv("NPM_CONFIG_REGISTRY", registry)
}

// withNPM puts a stand-in for npm on PATH that knows one package. It is a
// shell script: it notes its environment and arguments and does what body
// says for the commands view and pack.
func withNPM(t *testing.T, packed []byte, integrity string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	tar, dist := filepath.Join(dir, "tool.tgz"), filepath.Join(dir, "dist.json")
	ensure(t, os.WriteFile(tar, packed, 0o600))
	ensure(t, os.WriteFile(dist, []byte(`{"integrity":"`+integrity+`"}`), 0o600))
	npmScript(t, dir, `
echo "$@" >>`+dir+`/calls
env >`+dir+`/environment
case "$1" in
view) cat `+dist+` ;;
pack) cp `+tar+` "$4/tool-1.2.3.tgz" ;;
esac
`)
	return dir
}

// npmScript puts a script named npm, and nothing else, before the PATH.
func npmScript(t *testing.T, dir, body string) {
	t.Helper()
	ensure(t, os.WriteFile(filepath.Join(dir, "npm"), []byte("#!/bin/sh\n"+body), 0o755))
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	t.Setenv("HOME", t.TempDir())
}

// installation is the test package's, for the platform of the test.
func installation(t testing.TB) *Program {
	t.Helper()
	return &Program{
		Agent: "tool", Version: testVersion, Dir: t.TempDir(),
		Platforms: map[string]Package{platform(): {Name: testPackage, File: testFile}},
	}
}

// steps collects progress.
type steps []protocol.InstallProgress

func (s *steps) add(p protocol.InstallProgress) { *s = append(*s, p) }

// phases lists the phases in order, each once in a row.
func (s steps) phases() string {
	var names []string
	for _, p := range s {
		if len(names) == 0 || names[len(names)-1] != p.Phase {
			names = append(names, p.Phase)
		}
	}
	return strings.Join(names, " ")
}

// wantFailed checks for install_failed with a word of its sentence, and that
// nothing is left of the installation.
func wantFailed(t *testing.T, i *Program, err error, word string) {
	t.Helper()
	if protocol.CodeOf(err) != protocol.CodeInstallFailed || !strings.Contains(err.Error(), word) {
		t.Errorf("err = %v; want install_failed with %q", err, word)
	}
	wantClean(t, i)
	if _, ok := i.Installed(); ok {
		t.Error("a failed installation is found")
	}
}

// wantClean checks that only whole versions and the lock are in the folder.
func wantClean(t *testing.T, i *Program) {
	t.Helper()
	entries, err := os.ReadDir(i.home())
	ensure(t, err)
	for _, e := range entries {
		if e.Name() != ".lock" && e.Name() != i.Version {
			t.Errorf("left behind: %s", e.Name())
		}
	}
}

// wantInstalled checks that the package is there as it should be.
func wantInstalled(t *testing.T, i *Program) {
	t.Helper()
	path, ok := i.Installed()
	if want := filepath.Join(i.Dir, "tool", testVersion, "bin", "tool"); !ok || path != want {
		t.Fatalf("Installed() = %q, %v; want %q", path, ok, want)
	}
	content, err := os.ReadFile(path)
	ensure(t, err)
	if string(content) != testScript {
		t.Errorf("content = %q", content)
	}
	wantClean(t, i)
}

func ensure(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// mustRead reads a file.
func mustRead(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	ensure(t, err)
	return string(b)
}

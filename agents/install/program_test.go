package install

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/towline-dev/towline/protocol"
)

func TestInstallFromRegistry(t *testing.T) {
	r := newRegistry(t, packTarball(t, goodEntries()))
	withoutNPM(t, r.URL+"/")
	i := installation(t)
	if _, ok := i.Installed(); ok {
		t.Fatal("found before it is installed")
	}
	var s steps
	ensure(t, i.Install(t.Context(), s.add))
	wantInstalled(t, i)
	if got := s.phases(); got != "resolve download verify unpack done" {
		t.Errorf("phases = %s", got)
	}
	last := lastOf(s, "download")
	if want := int64(len(r.tarball)); last.Done != want || last.Total != want {
		t.Errorf("download ended with %+v, want %d bytes", last, want)
	}

	s = nil
	ensure(t, i.Install(t.Context(), s.add))
	if s.phases() != "done" || r.downloads.Load() != 1 {
		t.Errorf("a second call did %s and %d downloads", s.phases(), r.downloads.Load())
	}
}

func TestInstallWithNPM(t *testing.T) {
	packed := packTarball(t, goodEntries())
	dir := withNPM(t, packed, integrityOf(packed))
	t.Setenv("TOWLINE_TOKEN", "secret")
	t.Setenv("npm_config_registry", "https://registry.example/")
	i := installation(t)
	var s steps
	ensure(t, i.Install(t.Context(), s.add))
	wantInstalled(t, i)
	if got := s.phases(); got != "resolve download verify unpack done" {
		t.Errorf("phases = %s", got)
	}
	calls := mustRead(t, filepath.Join(dir, "calls"))
	if strings.Count(calls, "--ignore-scripts") != 2 {
		t.Errorf("npm was called with\n%s", calls)
	}
	environment := mustRead(t, filepath.Join(dir, "environment"))
	if strings.Contains(environment, "secret") || !strings.Contains(environment, "https://registry.example/") {
		t.Errorf("npm's environment was\n%s", environment)
	}
}

func TestInstallModes(t *testing.T) {
	r := newRegistry(t, packTarball(t, goodEntries()))
	withoutNPM(t, r.URL)
	i := installation(t)
	ensure(t, i.Install(t.Context(), nil))
	for name, want := range map[string]os.FileMode{"bin/tool": 0o755, "bin/helper": 0o755, "package.json": 0o644} {
		info, err := os.Stat(filepath.Join(i.folder(), name))
		ensure(t, err)
		if info.Mode() != want {
			t.Errorf("mode of %s = %v, want %v", name, info.Mode(), want)
		}
	}
}

func TestInstallIntegrity(t *testing.T) {
	packed := packTarball(t, goodEntries())
	other := integrityOf([]byte("something else"))
	for _, c := range []struct {
		name, pinned, told string
		word               string
	}{
		{"the registry's word is right", "", integrityOf(packed), ""},
		{"the registry's word is wrong", "", other, "hash"},
		{"the registry has no word", "", "", "sha512"},
		{"the registry has an old word", "", "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=", "sha512"},
		{"the pinned word wins, right", integrityOf(packed), other, ""},
		{"the pinned word wins, wrong", other, integrityOf(packed), "hash"},
	} {
		check := func(t *testing.T) {
			i := installation(t)
			i.Platforms[platform()] = Package{Name: testPackage, File: testFile, Integrity: c.pinned}
			err := i.Install(t.Context(), nil)
			if c.word != "" {
				wantFailed(t, i, err, c.word)
				return
			}
			ensure(t, err)
			wantInstalled(t, i)
		}
		t.Run(c.name+"/registry", func(t *testing.T) {
			r := newRegistry(t, packed)
			r.integrity = c.told
			withoutNPM(t, r.URL)
			check(t)
		})
		t.Run(c.name+"/npm", func(t *testing.T) {
			withNPM(t, packed, c.told)
			check(t)
		})
	}
}

func TestInstallRegistryFailures(t *testing.T) {
	packed := packTarball(t, goodEntries())
	for _, c := range []struct {
		name  string
		serve http.HandlerFunc
		word  string
	}{
		{"not found", http.NotFound, "has no " + testPackage},
		{"login", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }, "login"},
		{"broken", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, "network"},
		{"cut", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(packed)))
			_, _ = w.Write(packed[:len(packed)/2])
			panic(http.ErrAbortHandler)
		}, "network"},
		{"corrupted", func(w http.ResponseWriter, _ *http.Request) {
			bad := append([]byte(nil), packed...)
			bad[len(bad)/2] ^= 1
			_, _ = w.Write(bad)
		}, "hash"},
		{"too large", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(maxTarball+1))
		}, "1 GiB"},
		{"sent elsewhere without https", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://registry.example/tool.tgz", http.StatusFound)
		}, "https"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRegistry(t, packed)
			r.serve = c.serve
			withoutNPM(t, r.URL)
			i := installation(t)
			var s steps
			wantFailed(t, i, i.Install(t.Context(), s.add), c.word)
			if last := s[len(s)-1]; last.Phase != "failed" || last.Error == nil {
				t.Errorf("the last step is %+v", last)
			}
		})
	}
	t.Run("version not there", func(t *testing.T) {
		withoutNPM(t, newRegistry(t, packed).URL)
		i := installation(t)
		i.Version = "9.9.9"
		wantFailed(t, i, i.Install(t.Context(), nil), "has no "+testPackage+"@9.9.9")
	})
	t.Run("not a registry", func(t *testing.T) {
		r := newRegistry(t, packed)
		r.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") })
		withoutNPM(t, r.URL)
		i := installation(t)
		wantFailed(t, i, i.Install(t.Context(), nil), "document")
	})
	t.Run("nobody there", func(t *testing.T) {
		r := newRegistry(t, packed)
		r.Close()
		withoutNPM(t, r.URL)
		i := installation(t)
		wantFailed(t, i, i.Install(t.Context(), nil), "network")
	})
}

func TestInstallRegistryIsConfigured(t *testing.T) {
	r := newRegistry(t, packTarball(t, goodEntries()))
	for _, c := range []struct {
		name, environment, npmrc string
		word                     string
	}{
		{"nowhere", "", "", "npm is not on PATH"},
		{"nowhere in .npmrc", "", "color=true\n", "npm is not on PATH"},
		{"in .npmrc", "", "color=true\nregistry = " + r.URL + "/\n", ""},
		{"for the scope", "https://registry.example/", "@example:registry=\"" + r.URL + "\"\n", ""},
		{"for another scope", "", "@other:registry=" + r.URL + "\n", "npm is not on PATH"},
		{"environment before .npmrc", r.URL, "registry=https://registry.example/\n", ""},
		{"without https", "http://registry.example/", "", "https"},
		{"no address", "registry", "", "npm is not on PATH"},
	} {
		t.Run(c.name, func(t *testing.T) {
			withoutNPM(t, c.environment)
			ensure(t, os.WriteFile(filepath.Join(os.Getenv("HOME"), ".npmrc"), []byte(c.npmrc), 0o600))
			i := installation(t)
			err := i.Install(t.Context(), nil)
			if c.word != "" {
				wantFailed(t, i, err, c.word)
				return
			}
			ensure(t, err)
			wantInstalled(t, i)
		})
	}
}

func TestInstallNPMFailures(t *testing.T) {
	for _, c := range []struct{ name, script, word string }{
		{"not found, told in JSON", `echo '{"error":{"code":"E404","summary":"No match"}}'; exit 1`, "has no " + testPackage},
		{"not found, told on stderr", `echo "npm error code ETARGET" >&2; exit 1`, "has no " + testPackage},
		{"old npm", `echo "npm ERR! code ENOTFOUND" >&2; exit 1`, "network"},
		{"no space", `echo "npm error code ENOSPC" >&2; exit 1`, "no space left"},
		{"login", `echo "npm error code E401" >&2; exit 1`, "login"},
		{"something else", `echo "npm error code EWEIRD" >&2; exit 7`, "EWEIRD"},
		{"nothing said", `exit 7`, "npm pack"},
		{"an empty answer", `exit 0`, "has no " + testPackage},
		{"no tarball", `[ "$1" = pack ] || echo '{"integrity":"` + integrityOf(nil) + `"}'`, "could not be installed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			npmScript(t, t.TempDir(), c.script)
			i := installation(t)
			wantFailed(t, i, i.Install(t.Context(), nil), c.word)
		})
	}
}

func TestInstallUnknownPlatform(t *testing.T) {
	i := installation(t)
	i.Platforms = nil
	err := i.Install(t.Context(), nil)
	if protocol.CodeOf(err) != protocol.CodeInstallFailed || !strings.Contains(err.Error(), "--agent tool=PATH") {
		t.Errorf("err = %v", err)
	}
	if path, ok := i.Installed(); ok || path != "" {
		t.Errorf("Installed() = %q, %v", path, ok)
	}
}

// Two at once share one download, and both hear every step.
func TestInstallShared(t *testing.T) {
	r := newRegistry(t, packTarball(t, goodEntries()))
	first, open := make(chan struct{}), make(chan struct{})
	r.serve = func(w http.ResponseWriter, _ *http.Request) {
		close(first)
		<-open
		_, _ = w.Write(r.tarball)
	}
	withoutNPM(t, r.URL)
	i := installation(t)
	var all sync.WaitGroup
	var told [2]steps
	all.Go(func() { ensure(t, i.Install(t.Context(), told[0].add)) })
	<-first
	all.Go(func() {
		ensure(t, i.Install(t.Context(), func(p protocol.InstallProgress) {
			if told[1].add(p); p.Phase == "resolve" {
				close(open)
			}
		}))
	})
	all.Wait()
	wantInstalled(t, i)
	if r.downloads.Load() != 1 || told[0].phases() != told[1].phases() {
		t.Errorf("%d downloads; told %s and %s", r.downloads.Load(), told[0].phases(), told[1].phases())
	}
}

// Two Programs in one folder stand for two processes: the second waits
// for the first one's lock and then finds its work done.
func TestInstallAcrossProcesses(t *testing.T) {
	r := newRegistry(t, packTarball(t, goodEntries()))
	withoutNPM(t, r.URL)
	a, b := installation(t), installation(t)
	b.Dir = a.Dir
	unpacked, goOn := make(chan struct{}), make(chan struct{})
	a.atUnpacked = func() { close(unpacked); <-goOn }
	var all sync.WaitGroup
	all.Go(func() { ensure(t, a.Install(t.Context(), nil)) })
	<-unpacked
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Install(cancelled, nil); protocol.CodeOf(err) != protocol.CodeInstallFailed {
		t.Errorf("waiting for the lock with a context that is done: %v", err)
	}
	all.Go(func() { ensure(t, b.Install(t.Context(), nil)) })
	close(goOn)
	all.Wait()
	wantInstalled(t, b)
	if r.downloads.Load() != 1 {
		t.Errorf("%d downloads", r.downloads.Load())
	}
}

// A caller who goes away does not stop the run of another; the last one does.
func TestInstallGivenUp(t *testing.T) {
	r := newRegistry(t, packTarball(t, goodEntries()))
	asked := make(chan struct{}, 1)
	r.serve = func(_ http.ResponseWriter, req *http.Request) {
		asked <- struct{}{}
		<-req.Context().Done()
	}
	withoutNPM(t, r.URL)
	i := installation(t)
	one, stopOne := context.WithCancel(t.Context())
	two, stopTwo := context.WithCancel(t.Context())
	results := make(chan error, 2)
	joined := make(chan struct{})
	go func() { results <- i.Install(one, nil) }()
	<-asked
	var once sync.Once
	go func() {
		results <- i.Install(two, func(protocol.InstallProgress) { once.Do(func() { close(joined) }) })
	}()
	<-joined
	stopOne()
	if err := <-results; protocol.CodeOf(err) != protocol.CodeInstallFailed {
		t.Errorf("the first caller got %v", err)
	}
	i.mu.Lock()
	if i.run == nil || i.run.over() {
		t.Error("the run ended with its first caller")
	}
	i.mu.Unlock()
	stopTwo()
	wantFailed(t, i, <-results, "given up")

	r.serve = nil
	ensure(t, i.Install(t.Context(), nil))
	wantInstalled(t, i)
}

// npm and what it started end with the last caller.
func TestInstallGivenUpWithNPM(t *testing.T) {
	dir := t.TempDir()
	npmScript(t, dir, `mkfifo `+dir+`/never; echo on >`+dir+`/started; cat `+dir+`/never`)
	ensure(t, exec.Command("mkfifo", filepath.Join(dir, "started")).Run())
	i := installation(t)
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- i.Install(ctx, nil) }()
	mustRead(t, filepath.Join(dir, "started"))
	cancel()
	wantFailed(t, i, <-result, "given up")
}

// A folder without its executable, as a human may leave it, is replaced.
func TestInstallReplacesBrokenFolder(t *testing.T) {
	r := newRegistry(t, packTarball(t, goodEntries()))
	withoutNPM(t, r.URL)
	i := installation(t)
	ensure(t, os.MkdirAll(filepath.Join(i.folder(), "bin"), 0o755))
	ensure(t, os.WriteFile(filepath.Join(i.folder(), "bin", "tool"), []byte("not executable"), 0o644))
	if _, ok := i.Installed(); ok {
		t.Fatal("a file that cannot be run is found")
	}
	ensure(t, i.Install(t.Context(), nil))
	wantInstalled(t, i)
}

func lastOf(s steps, phase string) protocol.InstallProgress {
	var last protocol.InstallProgress
	for _, p := range s {
		if p.Phase == phase {
			last = p
		}
	}
	return last
}

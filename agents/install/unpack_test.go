package install

import (
	"archive/tar"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/towline-dev/towline/protocol"
)

func TestUnpackRefuses(t *testing.T) {
	good := goodEntries()
	for _, c := range []struct {
		name    string
		entries []tarEntry
		limits  unpackLimits
		word    string
	}{
		{"a symbolic link", append(good, tarEntry{name: "package/link", kind: tar.TypeSymlink, link: "/etc"}), unpackLimits{}, "neither"},
		{"a hard link", append(good, tarEntry{name: "package/link", kind: tar.TypeLink, link: "/etc/passwd"}), unpackLimits{}, "neither"},
		{"a device", append(good, tarEntry{name: "package/null", kind: tar.TypeChar}), unpackLimits{}, "neither"},
		{"a pipe", append(good, tarEntry{name: "package/pipe", kind: tar.TypeFifo}), unpackLimits{}, "neither"},
		{"a name with ..", append(good, tarEntry{name: "package/../../escaped"}), unpackLimits{}, "leads out"},
		{"a name with .. inside", append(good, tarEntry{name: "package/bin/../other"}), unpackLimits{}, "leads out"},
		{"a name that begins with ..", append(good, tarEntry{name: "../escaped"}), unpackLimits{}, "leads out"},
		{"an absolute name", append(good, tarEntry{name: "/package/escaped"}), unpackLimits{}, "leads out"},
		{"an absolute inner name", append(good, tarEntry{name: "package//etc/escaped"}), unpackLimits{}, "leads out"},
		{"a backslash", append(good, tarEntry{name: `package/bin\..\escaped`}), unpackLimits{}, "leads out"},
		{"a name without a folder", append(good, tarEntry{name: "escaped"}), unpackLimits{}, "outside"},
		{"a file twice", append(good, good[1]), unpackLimits{}, "twice"},
		{"no executable", good[:1], unpackLimits{}, "does not hold bin/tool"},
		{"too many files", good, unpackLimits{bytes: 1 << 20, ratio: 50, entries: 2}, "too many files"},
		{"too large", good, unpackLimits{bytes: 40, ratio: 50, entries: 10}, "more than is allowed"},
		{"a bomb", append(good, tarEntry{name: "package/bomb", content: strings.Repeat("\x00", 2<<20)}), unpackLimits{bytes: 1 << 30, ratio: 10, entries: 10}, "more than is allowed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRegistry(t, packTarball(t, c.entries))
			withoutNPM(t, r.URL)
			i := installation(t)
			i.limits = c.limits
			wantFailed(t, i, i.Install(t.Context(), nil), c.word)
			if found, _ := filepath.Glob(filepath.Join(i.Dir, "*", "escaped")); found != nil {
				t.Errorf("written outside: %v", found)
			}
		})
	}
}

func TestUnpackBrokenArchives(t *testing.T) {
	whole := packTarball(t, goodEntries())
	for name, packed := range map[string][]byte{
		"empty":     {},
		"no gzip":   []byte("this is not an archive, whatever its hash"),
		"truncated": whole[:len(whole)-30],
	} {
		t.Run(name, func(t *testing.T) {
			r := newRegistry(t, packed)
			withoutNPM(t, r.URL)
			i := installation(t)
			wantFailed(t, i, i.Install(t.Context(), nil), "not a package")
		})
	}
}

// Folders may have entries of their own or none.
func TestUnpackFolders(t *testing.T) {
	r := newRegistry(t, packTarball(t, []tarEntry{
		{name: "package/", kind: tar.TypeDir, mode: 0o700},
		{name: "package/bin/", kind: tar.TypeDir},
		{name: "package/bin/tool", content: testScript},
		{name: "package/a/b/c", content: "deep"},
	}))
	withoutNPM(t, r.URL)
	i := installation(t)
	ensure(t, i.Install(t.Context(), nil))
	wantInstalled(t, i)
	if got := mustRead(t, filepath.Join(i.folder(), "a", "b", "c")); got != "deep" {
		t.Errorf("a/b/c = %q", got)
	}
}

// Whatever an archive holds, nothing is written outside of its target.
func FuzzUnpack(f *testing.F) {
	f.Add("package/bin/tool", byte(tar.TypeReg), "content")
	f.Add("package/../x", byte(tar.TypeReg), "content")
	f.Add("/x", byte(tar.TypeSymlink), "../..")
	f.Add("package/./bin", byte(tar.TypeDir), "")
	f.Fuzz(func(t *testing.T, name string, kind byte, content string) {
		header := tar.Header{Name: name, Typeflag: kind}
		if strings.Contains(name, "\x00") || len(name) > 90 || kind != tar.TypeReg && kind != tar.TypeDir && kind != tar.TypeSymlink {
			return
		}
		e := tarEntry{name: header.Name, kind: kind, content: content}
		if kind != tar.TypeReg {
			e.content, e.link = "", content
			if strings.Contains(content, "\x00") || len(content) > 90 {
				return
			}
		}
		sample := &tar.Header{Name: e.name, Typeflag: e.kind, Linkname: e.link, Size: int64(len(e.content)), Mode: 0o755}
		if tar.NewWriter(io.Discard).WriteHeader(sample) != nil {
			return // no archive can hold such an entry
		}
		dir := t.TempDir()
		packed := filepath.Join(dir, "in.tgz")
		ensure(t, os.WriteFile(packed, packTarball(t, append(goodEntries(), e)), 0o600))
		target := filepath.Join(dir, "out")
		err := unpackLimits{}.unpack(t.Context(), packed, target, testFile, func(protocol.InstallProgress) {})
		entries, readErr := os.ReadDir(dir)
		ensure(t, readErr)
		if len(entries) > 2 {
			t.Errorf("%q: written outside: %v (%v)", name, entries, err)
		}
	})
}

func TestPlatformName(t *testing.T) {
	for _, c := range []struct {
		system, processor string
		musl              bool
		want              string
	}{
		{"linux", "amd64", false, "linux-x64"},
		{"linux", "arm64", true, "linux-arm64-musl"},
		{"darwin", "arm64", false, "darwin-arm64"},
		{"windows", "amd64", false, "win32-x64"},
	} {
		if got := platformName(c.system, c.processor, c.musl); got != c.want {
			t.Errorf("platformName(%s, %s, %v) = %s", c.system, c.processor, c.musl, got)
		}
	}
}

func TestMuslIn(t *testing.T) {
	for _, c := range []struct {
		name  string
		files []string
		want  bool
	}{
		{"glibc", []string{"lib64/ld-linux-x86-64.so.2"}, false},
		{"musl", []string{"lib/ld-musl-x86_64.so.1"}, true},
		{"both", []string{"lib/ld-musl-aarch64.so.1", "lib/ld-linux-aarch64.so.1"}, false},
		{"neither", nil, false},
	} {
		root := t.TempDir()
		for _, name := range c.files {
			ensure(t, os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o755))
			ensure(t, os.WriteFile(filepath.Join(root, name), nil, 0o755))
		}
		if got := muslIn(root); got != c.want {
			t.Errorf("%s: musl = %v", c.name, got)
		}
	}
}

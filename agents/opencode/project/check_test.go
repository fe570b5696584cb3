package project

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/towline-dev/towline/protocol"
)

// place makes a folder that holds files; a name that ends with / is a folder,
// a text that begins with -> a link.
func place(t *testing.T, files map[string]string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		to, link := strings.CutPrefix(text, "->")
		switch {
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(path, 0o700)
		case link:
			err = os.Symlink(to, path)
		default:
			err = os.WriteFile(path, []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// What ran in OpenCode 1.18.33 is refused, and what did not is not.
func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		// work is the folder of the session, found what the error names; empty
		// if the folder is fine.
		work, found string
	}{
		{"nothing", nil, "", ""},
		{"a plugin", map[string]string{".opencode/plugin/x.js": ""}, "", ".opencode/plugin/x.js"},
		{"in the other folder", map[string]string{".opencode/plugins/.x.ts": ""}, "", ".opencode/plugins/.x.ts"},
		{"of the folder above", map[string]string{".opencode/plugins/x.js": "", "sub/": ""}, "sub", ".opencode/plugins/x.js"},
		{"above a repository that is none", map[string]string{".opencode/plugins/x.js": "", "sub/.git/x": ""}, "sub", ".opencode/plugins/x.js"},
		{"a link to a plugin", map[string]string{".opencode/plugin/x.js": "->../../x", "x": ""}, "", ".opencode/plugin/x.js"},
		{"a link to plugins", map[string]string{".opencode/plugin": "->../src", "src/x.ts": ""}, "", ".opencode/plugin/x.ts"},
		{"a link to a configuration", map[string]string{".opencode": "->conf", "conf/plugins/x.ts": ""}, "", ".opencode/plugins/x.ts"},
		{"above where a link leads to", map[string]string{"a/.opencode/plugins/x.ts": "", "a/b/": "", "work": "->a/b"}, "work", "a/.opencode/plugins/x.ts"},
		{"named", map[string]string{"opencode.json": `{"plugin":["./p.js"]}`}, "", "opencode.json"},
		{"named with comments", map[string]string{"opencode.jsonc": "\ufeff{/**/\"plugins\":[\"x\"],}"}, "", "opencode.jsonc"},
		{"named in the folder", map[string]string{".opencode/opencode.json": `{"plugins":["x"]}`}, "", ".opencode/opencode.json"},
		{"named with escapes", map[string]string{"opencode.json": `{"\u0070lug\u0069ns":["x"]}`}, "", "opencode.json"},
		{"named above", map[string]string{"opencode.json": `{"plugins":["x"]}`, "a/b/": ""}, "a/b", "opencode.json"},
		{"too long to tell", map[string]string{"opencode.json": strings.Repeat(" ", maxFile+1)}, "", "opencode.json"},
		{"what is no plugin", map[string]string{
			".opencode/plugin/x.mjs": "", ".opencode/plugin/README.md": "", ".opencode/tool/x.js": "", "plugin/x.js": "", "opencode.json": `{"a":"\u0041\n","instructions":["plugin/README.md"]}`,
		}, "", ""},
		{"of a folder below", map[string]string{"sub/.opencode/plugin/x.js": ""}, "", ""},
		{"the user's own", map[string]string{"home/.opencode/plugin/x.js": "", "home/.config/opencode/opencode.json": `{"plugin":[]}`, "home/work/": ""}, "home/work", ""},
		{"in the user's home", map[string]string{"home/opencode.json": `{"plugin":[]}`, "home/work/": ""}, "home/work", "home/opencode.json"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := place(t, c.files)
			err := Check(filepath.Join(dir, c.work), []string{"HOME=" + filepath.Join(dir, "home")})
			if c.found == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if protocol.CodeOf(err) != protocol.CodeAgentStartFailed || !strings.Contains(err.Error(), filepath.Join(dir, c.found)+" brings plugins") {
				t.Errorf("refused with %v", err)
			}
		})
	}
}

// The user's own configuration is where the environment says.
func TestOwn(t *testing.T) {
	got := Own([]string{"HOME=/h", "XDG_CONFIG_HOME=/c"})
	if len(got) != 2 || got[0] != "/h/.opencode" || got[1] != "/c/opencode" {
		t.Errorf("own folders are %q", got)
	}
}

// A configuration that is no file holds nobody up.
func TestCheckPipe(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "opencode.json"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Check(dir, nil); err != nil {
		t.Error(err)
	}
}

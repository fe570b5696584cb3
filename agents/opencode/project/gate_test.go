package project

import (
	"path/filepath"
	"testing"
)

// What would change OpenCode's configuration is asked for, by whatever name or
// link, and so is what a link leads out of the folder.
func TestGate(t *testing.T) {
	dir := place(t, map[string]string{
		"work/src/x.ts": "", "work/.opencode/": "", "work/conf": "->.opencode", "work/later": "->.opencode/plugin/x.js", "work/in": "->src",
		"work/out": "->../home", "work/.opencode/plugins": "->../plugged", "work/plugged/": "", "work/opencode.json": "->settings", "work/settings": "",
		"home/.config/opencode/": "", "other/config": "->../home/.config/opencode", "other/x": "",
	})
	g := Gate{Dir: filepath.Join(dir, "work"), Own: Own([]string{"HOME=" + filepath.Join(dir, "home")})}
	for path, want := range map[string]bool{
		"work/src/x.ts": false, "work/in/x.ts": false, "work/new/y.ts": false, "work/my.opencode/y": false, "work/tsconfig.json": false,
		"work/.opencode/plugin/x.js": true, "work/sub/.OpenCode/plugin/x.js": true, "work/opencode.jsonc": true, "work/sub/OpenCode.json": true,
		"work/conf/plugin/x.js": true, "work/later": true, "work/plugged/x.js": true, "work/settings": true,
		"work/out/.bashrc": true, "home/.config/opencode/opencode.json": true, "other/config/x.js": true, "other/x": false,
	} {
		if got := g.Holds(filepath.Join(dir, path)); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
	for _, path := range []string{"", "src/x.ts", g.Dir + "/src/../x.ts"} {
		if !g.Holds(path) {
			t.Errorf("%q can be told", path)
		}
	}
}

package agents

import (
	"os"
	"path/filepath"
	"testing"
)

func TestPackageVersion(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"pkg/package.json": `{"name":"@a/b","version":"1.2.3"}`, "pkg/dist/package.json": `{"type":"module"}`, "pkg/dist/cli.js": "x", "bin/plain": "x",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(dir, "pkg/dist/cli.js"), filepath.Join(dir, "bin/cli")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"bin/cli": "1.2.3", "bin/plain": "", "bin/none": ""} {
		if got := PackageVersion(filepath.Join(dir, name)); got != want {
			t.Errorf("%s has version %q, want %q", name, got, want)
		}
	}
}
